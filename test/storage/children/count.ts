/** Adds 1 to the number that a ref stands for, again and again, retrying when others were quicker. */
import { writeSync } from 'node:fs';
import { StaleSnapshotError } from '../../../src/errors.ts';
import { BareRefs, type BareRefsOptions } from '../../../src/storage/bare/refs/refs.ts';

export interface CountTask {
  readonly store: string;
  readonly options: BareRefsOptions;
  readonly ref: string;
  readonly times: number;
  readonly turns: boolean;
  /** Each change is acknowledged on stdout by one byte. */
  readonly isTold?: boolean;
}

const { store, options, ref, times, turns, isTold } = JSON.parse(process.argv[2]!) as CountTask;
const refs = new BareRefs(store, options);

for (let done = 0; done < times; ) {
  const giveBack = turns ? await refs.turn(ref, 1000) : () => {};
  const old = await refs.get(ref);
  if (old === undefined) throw new Error(`${ref} is missing`);
  const next = (BigInt(`0x${old}`) + 1n).toString(16).padStart(40, '0');
  try {
    await refs.update([{ ref, old, new: next }]);
    done++;
    if (isTold === true) writeSync(1, '.');
  } catch (error) {
    if (!(error instanceof StaleSnapshotError)) throw error;
  } finally {
    giveBack();
  }
}
refs.close();
