/** Resolution of conflicts by a program. */

import type { ConflictEntry, MergeConflict } from '../errors.ts';
import { GitStoreError } from '../errors.ts';
import {
  type FileMode,
  isFileMode,
  isTreeMode,
  MODE_FILE,
  MODE_GITLINK,
} from '../git/objects/tree.ts';
import { missingObject } from '../storage/missingObject.ts';
import type { ObjectReader, ObjectWriter } from '../storage/storage.ts';
import { checkWritablePath } from '../tree/paths.ts';
import { type FileType, fileModeOf } from '../tree/types.ts';
import type { TreeMerge } from './mergeTrees.ts';

/** A file that resolves a conflict. */
export interface ResolvedFile {
  readonly data: string | Uint8Array;
  /** Default: that of ours, else that of theirs. */
  readonly mode?: FileType | FileMode | undefined;
  /** Its path; default: the conflict's path, or ours for a file that both sides renamed. */
  readonly path?: string | undefined;
}

/**
 * Resolution of a conflict: the version of one of the three, a file, nothing (`null`), or undefined to
 * leave it unresolved.
 */
export type Resolution = 'base' | 'ours' | 'theirs' | ResolvedFile | null | undefined;

export type Resolve = (conflict: MergeConflict) => Resolution | Promise<Resolution>;

/** Asks for each conflict and applies the answers to the merge's edits. @returns unresolved conflicts */
export async function resolveConflicts(
  { edits, conflicts }: TreeMerge,
  resolve: Resolve,
  objects: ObjectReader,
  writer: ObjectWriter,
): Promise<MergeConflict[]> {
  const left: MergeConflict[] = [];
  const clear = (conflict: MergeConflict): void => {
    for (const path of conflict.paths) edits.set(path, null);
  };
  const put = (path: string, mode: FileMode, id: string): void => {
    for (const edited of edits.keys()) if (edited.startsWith(`${path}/`)) edits.delete(edited);
    edits.set(path, { mode, id });
  };
  const putEntry = async (path: string, entry: ConflictEntry): Promise<void> => {
    // The base of a merge with several bases is not in the store.
    const object = entry.mode === MODE_GITLINK ? undefined : await objects.read(entry.id);
    if (object !== undefined) await writer.write(object.type, object.body);
    else if (entry.mode !== MODE_GITLINK) {
      throw missingObject(objects, entry.id, 'Blob');
    }
    put(path, entry.mode, entry.id);
  };
  for (const conflict of conflicts) {
    const answer = await resolve(conflict);
    if (answer === undefined) {
      left.push(conflict);
      continue;
    }
    clear(conflict);
    if (answer === null) continue;
    if (typeof answer === 'string') {
      const entry = entryFor(conflict, answer);
      // A directory stays there. Only the file is removed.
      if (entry === undefined || isTreeMode(entry.mode)) continue;
      await putEntry(conflict.kind === 'renamed-twice' ? entry.path : conflict.path, entry);
      continue;
    }
    const path = answer.path === undefined ? usualPath(conflict) : checkWritablePath(answer.path);
    const { data } = answer;
    const bytes = typeof data === 'string' ? Buffer.from(data) : new Uint8Array(data);
    const mode = answer.mode === undefined ? usualMode(conflict) : fileModeOf(answer.mode);
    put(path, mode, await writer.write('blob', bytes));
  }
  return left;
}

function entryFor(conflict: MergeConflict, side: string): ConflictEntry | undefined {
  if (side === 'base' || side === 'ours' || side === 'theirs') return conflict[side];
  throw new GitStoreError(
    `A conflict is resolved by 'base', 'ours', 'theirs' or data, not '${side}'`,
    'EINVAL',
  );
}

function usualPath({ kind, path, paths, ours }: MergeConflict): string {
  if (kind === 'renamed-twice') return ours?.path ?? path;
  return kind === 'directory-and-file' ? paths[0]! : path;
}

function usualMode({ ours, theirs }: MergeConflict): FileMode {
  for (const entry of [ours, theirs]) {
    if (entry !== undefined && isFileMode(entry.mode)) return entry.mode;
  }
  return MODE_FILE;
}
