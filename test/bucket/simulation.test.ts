/**
 * The code of the protocol on the bucket in memory, in histories that a seed drives. `GITSTORE_SEEDS=200000`
 * runs so many of them, `GITSTORE_SEED=7` begins with another; a seed that fails is printed, and repeats.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RULES, type Rules } from '../../src/storage/bucket/head/rules.ts';
import { History } from './simulation/history.ts';

const FIRST = Number(process.env.GITSTORE_SEED ?? 1);
const STRESS = process.env.GITSTORE_STRESS === '1';
const SEEDS = Number(process.env.GITSTORE_SEEDS ?? (STRESS ? 2000 : 40));
/** Within so many seeds each broken rule has to be found. */
const SEEDS_TO_FIND = 20_000;
const TIME = 60_000 + SEEDS * 1000;

/** What the code would be without one of its rules. */
const BROKEN: readonly [string, Rules][] = [
  ['rule W', { ...RULES, mayAdopt: () => true }],
  ['rule D', { ...RULES, mayDelete: (epoch, raised) => epoch <= raised }],
  ['one epoch of rule D', { ...RULES, mayDelete: (epoch, raised) => epoch <= raised - 1 }],
  ['rule B', { ...RULES, looksAgain: false }],
  ['the nonce, taking unknown for conflict', { ...RULES, settlesUnknown: false }],
];

let traces: number;

// Errors are part of every history; where each was made takes as long as much of the rest.
beforeAll(() => {
  traces = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
});

afterAll(() => {
  Error.stackTraceLimit = traces;
});

/** @returns the first seed whose history is wrong, and why */
async function firstFault(seeds: number, rules: Rules): Promise<string | undefined> {
  for (let seed = FIRST; seed < FIRST + seeds; seed++) {
    const faults = await new History(seed, rules).run();
    if (faults.length > 0) return `seed ${seed}: ${faults.join('; ')}`;
  }
  return undefined;
}

describe('simulated histories', () => {
  it('lose nothing', { timeout: TIME }, async () => {
    expect(await firstFault(SEEDS, RULES)).toBeUndefined();
  });

  it.each(BROKEN)('find out that %s is left out', { timeout: TIME }, async (_, rules) => {
    expect(await firstFault(SEEDS_TO_FIND, rules)).toMatch(/^seed \d+: /);
  });
});
