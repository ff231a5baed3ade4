/**
 * Moves two refs together, and creates and deletes a third, until it is killed. Prints the number of
 * each round when its updates have returned.
 */
import { writeSync } from 'node:fs';
import { BareRefs, type BareRefsOptions } from '../../../src/storage/bare/refs/refs.ts';

export interface WriteTask {
  readonly store: string;
  readonly options: BareRefsOptions;
  readonly ids: readonly string[];
}

const { store, options, ids } = JSON.parse(process.argv[2]!) as WriteTask;
const refs = new BareRefs(store, options);

for (let round = 0; ; round++) {
  const id = ids[round % ids.length]!;
  await refs.update([
    { ref: 'refs/heads/main', new: id },
    { ref: 'refs/heads/twin', new: id },
  ]);
  await refs.update([{ ref: 'refs/heads/deep/er', new: id }]);
  await refs.update([{ ref: 'refs/heads/deep/er', new: null }]);
  writeSync(1, `${round}\n`);
}
