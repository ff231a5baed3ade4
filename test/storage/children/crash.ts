/** Makes one update of refs and kills itself at a given step of it. */
import { BareRefs, type BareRefsOptions } from '../../../src/storage/bare/refs.ts';
import type { TransactionStep } from '../../../src/storage/bare/refTransaction.ts';
import type { RefUpdate } from '../../../src/storage/storage.ts';

export interface CrashTask {
  readonly store: string;
  readonly options: BareRefsOptions;
  readonly updates: readonly RefUpdate[];
  readonly step: TransactionStep;
}

const { store, options, updates, step } = JSON.parse(process.argv[2]!) as CrashTask;

const refs = new BareRefs(store, {
  ...options,
  onStep(reached) {
    if (reached === step) process.kill(process.pid, 'SIGKILL');
  },
});
await refs.update(updates);
