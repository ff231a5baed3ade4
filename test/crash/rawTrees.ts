/** Trees of any bytes, and stores that have them on a branch. */
import { GitStore, type Storage } from '../../src/index.ts';
import { steadyOptions } from '../store/stores.ts';

/** An entry as it lies in a tree. @param id 40 hex digits */
export function rawEntry(mode: string, name: string | Buffer, id: string): Buffer {
  return Buffer.concat([
    Buffer.from(`${mode} `),
    Buffer.from(name),
    Buffer.of(0),
    Buffer.from(id, 'hex'),
  ]);
}

/** Writes a file in so many directories `a`, each in the one before it, and gives the root's tree. */
export async function nestedTree(storage: Storage, depth: number, text: string): Promise<string> {
  const writer = storage.objects.writer();
  let id = await writer.write('blob', Buffer.from(text));
  id = await writer.write('tree', rawEntry('100644', 'leaf', id));
  for (let i = 0; i < depth; i++) id = await writer.write('tree', rawEntry('40000', 'a', id));
  await writer.finish();
  return id;
}

/** Makes a tree the next commit of a branch. */
export async function commitTree(storage: Storage, tree: string, branch = 'main'): Promise<string> {
  const { refs, objects } = storage;
  const ref = `refs/heads/${branch}`;
  const old = await refs.get(ref);
  const who = 'Ada <ada@example.org> 1700000000 +0000';
  const parent = old === undefined ? '' : `parent ${old}\n`;
  const writer = objects.writer();
  const text = `tree ${tree}\n${parent}author ${who}\ncommitter ${who}\n\nraw\n`;
  const id = await writer.write('commit', Buffer.from(text));
  await writer.finish();
  await refs.update([{ ref, old: old ?? null, new: id }]);
  return id;
}

/** A store on disk, and the storage below it. */
export async function openStore(path: string): Promise<{ store: GitStore; storage: Storage }> {
  const store = await GitStore.open(path, { ...steadyOptions(), durability: 'fast' });
  return { store, storage: store.context.storage };
}
