/** writer.mjs NAME COUNT: commits COUNT small files to $GITSTORE_REPO, and prints each path when it is there. */
import { writeSync } from 'node:fs';
import { GitStore } from '../../dist/index.js';

const [name, count] = process.argv.slice(2);
const store = await GitStore.open(process.env.GITSTORE_REPO, { create: false });
for (let i = 0; i < Number(count); i++) {
  const path = `${name}/${i}.txt`;
  await store.update('main', (fs) => fs.write(path, `${name} was here, ${i}\n`));
  writeSync(1, `${path}\n`);
}
await store.close();
