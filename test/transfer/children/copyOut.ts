/** A process that copies a tree to disk, to be killed: `copyOut STORE ROOT DEST`. */
import { openBareStorage } from '../../../src/storage/bare/bareStorage.ts';
import { copyOut } from '../../../src/transfer/out/copyOut.ts';
import { TreeReader } from '../../../src/tree/reader.ts';

const [store, root, dest] = process.argv.slice(2);
const storage = await openBareStorage(store!);
process.stdout.write('ready\n');
const trees = new TreeReader(storage.objects);
await copyOut({ trees }, [{ root: root!, time: new Date(0), sources: [''] }], dest!);
await storage.close();
