/** Trees for tests: made from plain lists of files, in a store in memory. */

import { EMPTY_TREE_ID } from '../../src/git/objectId.ts';
import { MODE_FILE } from '../../src/git/objects/tree.ts';
import { createMemoryStorage } from '../../src/storage/memory/memoryStorage.ts';
import type { ObjectStore } from '../../src/storage/storage.ts';
import { applyEdits, type TreeEdit } from '../../src/tree/edit.ts';
import { TreeReader } from '../../src/tree/reader.ts';

/** An object store that counts the reads of each object. */
export class CountingObjects {
  readonly objects: ObjectStore;
  readonly reads: string[] = [];

  constructor() {
    const { objects } = createMemoryStorage();
    this.objects = {
      header: (id) => objects.header(id),
      read: (id) => {
        this.reads.push(id);
        return objects.read(id);
      },
      readStream: (id, range) => objects.readStream(id, range),
      readMany: (ids) => objects.readMany(ids),
      has: (id) => objects.has(id),
      resolve: (prefix, limit) => objects.resolve(prefix, limit),
      tryRead: (id) => {
        this.reads.push(id);
        return objects.tryRead(id);
      },
      exportPack: (ids, options) => objects.exportPack(ids, options),
      writer: () => objects.writer(),
      importPack: (source, options) => objects.importPack(source, options),
    };
  }
}

/** Edits a tree as `applyEdits` does, with the contents themselves for the blobs. */
export async function edited(
  trees: TreeReader,
  root: string,
  changes: Record<string, string | TreeEdit>,
): Promise<string> {
  const writer = trees.objects.writer();
  const edits = new Map<string, TreeEdit>();
  for (const [path, change] of Object.entries(changes)) {
    if (typeof change !== 'string') edits.set(path, change);
    else edits.set(path, { mode: MODE_FILE, id: await writer.write('blob', Buffer.from(change)) });
  }
  const made = await applyEdits(trees, writer, root, edits);
  await writer.finish();
  return made;
}

/** A tree with these files, and a reader for it. */
export async function treeWith(
  files: Record<string, string>,
  trees = new TreeReader(createMemoryStorage().objects),
): Promise<{ trees: TreeReader; root: string }> {
  return { trees, root: await edited(trees, EMPTY_TREE_ID, files) };
}
