/** Commits through `store.update`, each of one file; prints the hash of each that is acknowledged. */
import { writeSync } from 'node:fs';
import { GitStore } from '../../../src/index.ts';
import { type BareStorageOptions, openBareStorage } from '../../../src/storage/bare/bareStorage.ts';

export interface UpdateTask {
  readonly store: string;
  readonly options: BareStorageOptions;
  readonly name: string;
  readonly times: number;
}

const { store: path, options, name, times } = JSON.parse(process.argv[2]!) as UpdateTask;
const storage = await openBareStorage(path, options);
const store = await GitStore.over(storage);
for (let i = 0; i < times; i++) {
  const fs = await store.update('main', (tip) => tip.write(`${name}/${i}`, `${name} ${i}\n`));
  writeSync(1, `${fs.commitHash}\n`);
}
await store.close();
