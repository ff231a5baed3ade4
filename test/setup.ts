/** Before each test file: the same random inputs in every run, see `seed`, and how many of them. */
import fc from 'fast-check';
import { runs, seed } from './crash/stress.ts';

fc.configureGlobal({ seed, numRuns: runs(100) });
