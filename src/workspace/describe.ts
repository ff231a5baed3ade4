/** Describes the changes of a folder: kinds and sizes. */

import { comparePaths } from '../git/pathBytes.ts';
import { lstatSync } from '../storage/disk/fs.ts';
import { FS } from '../store/fs.ts';
import { joinDisk } from '../transfer/disk/diskFiles.ts';
import type { ChangeReport } from '../tree/changes.ts';
import { fileTypeOf } from '../tree/types.ts';
import type { WorkspaceChange, WorkspaceChanges } from './options.ts';

/** @param report the changes that storing the folder at `path` would make to `since` */
export async function describeChanges(
  path: string,
  since: FS,
  { add, update, delete: gone, errors, warnings }: ChangeReport,
): Promise<WorkspaceChanges> {
  const { store, commit } = FS.snapshotOf(since);
  const before = async (file: string) => {
    const entry = await store.trees.lookup(commit.tree, file);
    const header = entry && (await store.objects.header(entry.id));
    return { type: entry && fileTypeOf(entry.mode), oldSize: header?.size };
  };
  const sizeNow = (file: string): number | undefined => {
    return lstatSync(joinDisk(path, file), { throwIfNoEntry: false })?.size;
  };
  const entries: WorkspaceChange[] = [];
  for (const { path: file, type } of add) {
    entries.push({ path: file, kind: 'added', type, size: sizeNow(file) });
  }
  for (const { path: file, type } of update) {
    const { type: was, oldSize } = await before(file);
    const isSameType = was === type || (isPlain(was) && isPlain(type));
    const kind = isSameType ? 'modified' : 'type';
    entries.push({ path: file, kind, type, size: sizeNow(file), oldSize });
  }
  for (const { path: file, type } of gone) {
    entries.push({ path: file, kind: 'deleted', type, oldSize: (await before(file)).oldSize });
  }
  entries.sort((a, b) => comparePaths(a.path, b.path));
  return { since, entries, errors, warnings };
}

/** Whether it is a file, executable or not. */
function isPlain(type: string | undefined): boolean {
  return type === 'blob' || type === 'executable';
}
