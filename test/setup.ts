/** Before each test file: the same random inputs in every run, see `seed`. */
import fc from 'fast-check';
import { seed } from './crash/stress.ts';

fc.configureGlobal({ seed });
