#!/usr/bin/env node
/**
 * npm run bench [-- [NAME…] [--runs N] [--json FILE] [--strict] [--list]]
 *
 * Measures gitstore beside its rivals. A *figure* is one module in figures/: it sets up its input,
 * runs both sides by turns in this one run, checks that what came out is right, and gives back
 * rows. A *row* is one line of the table: a time (or a size) of ours, the rival's, the ratio of the
 * two and the bar it must stay under.
 *
 * Figures print their rows as they finish. --strict: exit 1 when a bar is missed. A figure whose
 * result is wrong always fails the run, whatever its speed.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkBuild } from './lib/build.mjs';
import { describeMachine } from './lib/machine.mjs';
import { printHead, printRow } from './lib/table.mjs';

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' },
    json: { type: 'string' },
    strict: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});

const figures = await Promise.all(
  readdirSync(join(import.meta.dirname, 'figures'))
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => import(`./figures/${file}`)),
);
figures.sort((a, b) => a.order - b.order);

if (options.list) {
  for (const { name, title } of figures) console.log(`${name.padEnd(14)} ${title}`);
  process.exit(0);
}
for (const name of names) {
  if (!figures.some((figure) => figure.name === name)) {
    console.error(`No figure '${name}'. There are: ${figures.map((f) => f.name).join(', ')}`);
    process.exit(2);
  }
}
const runs = options.runs === undefined ? undefined : Number(options.runs);
if (runs !== undefined && !(Number.isInteger(runs) && runs > 0)) {
  console.error('--runs takes a whole number of 1 or more');
  process.exit(2);
}

checkBuild();
const machine = describeMachine();
console.log(`${Object.values(machine).join(' · ')}\n`);
printHead();

const rows = [];
let wrong = false;
for (const figure of figures) {
  if (names.length > 0 && !names.includes(figure.name)) continue;
  try {
    await figure.run({ runs }, (row) => {
      rows.push({ figure: figure.name, ...row });
      printRow(row);
    });
  } catch (error) {
    wrong = true;
    rows.push({ figure: figure.name, work: figure.title, error: String(error) });
    console.log(`${figure.name}: FAILED\n${error.stack ?? error}`);
  }
}
console.log(
  '\nours, rival: median of the runs; ratio: median of the ratios of the pairs, run by turns.',
);

if (options.json !== undefined) {
  writeFileSync(options.json, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
}
const missed = rows.filter((row) => row.ok === false);
if (missed.length > 0) console.log(`${missed.length} bars missed.`);
process.exitCode = wrong || (options.strict && missed.length > 0) ? 1 : 0;
