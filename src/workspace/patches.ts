/** The changes of a folder line by line. */
import { hashObject } from '../git/objectId.ts';
import { type FileMode, MODE_EXECUTABLE, MODE_FILE, MODE_LINK } from '../git/objects/tree.ts';
import { encodePath } from '../git/pathBytes.ts';
import { readFileSync, readlinkSync } from '../storage/disk/fs.ts';
import { FS } from '../store/fs.ts';
import { type FilePatch, LARGEST_TEXT, type PatchSide, patchOf } from '../store/read/patch.ts';
import { localError } from '../systemFaults.ts';
import { joinDisk } from '../transfer/disk/diskFiles.ts';
import type { FileType } from '../tree/types.ts';
import type { WorkspaceChange, WorkspaceChanges } from './options.ts';

const MODES: Readonly<Partial<Record<FileType, FileMode>>> = {
  blob: MODE_FILE,
  executable: MODE_EXECUTABLE,
  link: MODE_LINK,
};

export async function* patchesOnDisk(
  folder: string,
  { since, entries }: WorkspaceChanges,
): AsyncGenerator<FilePatch, void, undefined> {
  const { store, commit } = FS.snapshotOf(since);
  for (const change of entries) {
    const entry = await store.trees.lookup(commit.tree, change.path);
    const old = change.kind === 'added' ? undefined : entry;
    const next = change.kind === 'deleted' ? undefined : sideOnDisk(folder, change);
    if (change.kind === 'type') {
      yield patchOf(store, change.path, old, undefined);
      yield patchOf(store, change.path, undefined, next);
    } else yield patchOf(store, change.path, old, next);
  }
}

function sideOnDisk(folder: string, { path, type, size = 0 }: WorkspaceChange): PatchSide {
  const at = joinDisk(folder, path);
  const mode = MODES[type]!;
  try {
    if (type === 'link') {
      const body = encodePath(readlinkSync(at));
      return { mode, id: hashObject('blob', body), body };
    }
    // Too large to compare: the id does not matter.
    if (size > LARGEST_TEXT) return { mode, id: '0'.repeat(40), body: null };
    const body = readFileSync(at);
    return { mode, id: hashObject('blob', body), body };
  } catch (error) {
    throw localError(error, at);
  }
}
