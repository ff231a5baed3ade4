/**
 * Before each test file: the same random inputs in every run, see `seed`, and how many of them. After
 * it: what its helpers are to put away.
 */
import fc from 'fast-check';
import { afterAll } from 'vitest';
import { runs, seed } from './crash/stress.ts';
import { endFile } from './helpers/endOfFile.ts';

fc.configureGlobal({ seed, numRuns: runs(100) });
afterAll(endFile);
