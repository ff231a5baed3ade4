/** Makes one update of refs, or packs them, and kills itself at a given step of it. */

import type { TransactionStep } from '../../../src/storage/bare/refs/change/refPlace.ts';
import { BareRefs, type BareRefsOptions } from '../../../src/storage/bare/refs/refs.ts';
import type { RefUpdate } from '../../../src/storage/storage.ts';

export interface CrashTask {
  readonly store: string;
  readonly options: BareRefsOptions;
  /** Undefined: the refs are packed. */
  readonly updates?: readonly RefUpdate[];
  readonly step: TransactionStep;
  /** Which time that step is reached; default 1. */
  readonly nth?: number;
}

const { store, options, updates, step, nth = 1 } = JSON.parse(process.argv[2]!) as CrashTask;

let count = 0;
const refs = new BareRefs(store, {
  ...options,
  onStep(reached) {
    if (reached === step && ++count === nth) process.kill(process.pid, 'SIGKILL');
  },
});
if (updates === undefined) await refs.pack(async (id) => id);
else await refs.update(updates);
