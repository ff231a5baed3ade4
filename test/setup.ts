/**
 * Before each test file: the same random inputs in every run, see `seed`, and how many of them. After
 * it: what its helpers are to put away, and the environment as it was. Files share a process.
 */
import fc from 'fast-check';
import { afterAll } from 'vitest';
import { runs, seed } from './crash/stress.ts';
import { endFile } from './helpers/endOfFile.ts';

fc.configureGlobal({ seed, numRuns: runs(100) });

const { env } = process;
// All servers of the tests are on this machine.
for (const name of Object.keys(env)) if (/_proxy$/i.test(name)) delete env[name];
const before = { ...env };

afterAll(() => {
  endFile();
  process.env = env;
  for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
  for (const [name, value] of Object.entries(before)) if (env[name] !== value) env[name] = value;
});
