/** Writes one file: from the caller's data to a tree entry and its commit. */

import { InvalidPathError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { type FileMode, MODE_EXECUTABLE, MODE_FILE, MODE_LINK } from '../../git/objects/tree.ts';
import { encodePath } from '../../git/pathBytes.ts';
import { checkText } from '../../optionTypes.ts';
import type { ObjectWriter } from '../../storage/storage.ts';
import { checkWritablePath } from '../../tree/paths.ts';
import { type FileType, fileModeOf, fileTypeOf } from '../../tree/types.ts';
import { type CommitChoices, commitEdits, inSession, type Outcome } from '../commit/commit.ts';
import { type FileData, storeData } from '../context/data.ts';
import { branchOf, type Snapshot } from '../context/snapshot.ts';
import { storeLocalFile } from './localFile.ts';
import { Staging, type Standing } from './staging.ts';

/** Where a file's content comes from. */
export type FileSource =
  | { readonly data: FileData }
  /** A file on the local disk. Its execute bit counts unless a mode is given. */
  | { readonly file: string }
  /** The target of a symbolic link. */
  | { readonly target: string }
  /** An existing blob. */
  | { readonly blob: ObjectId };

/** A blob, and the mode that its source implies, if any. */
export interface StoredSource {
  readonly id: ObjectId;
  readonly mode?: FileMode | undefined;
  /** A warning for the report. */
  readonly remark?: string | undefined;
}

/** Passes the content to the writer. */
export async function storeSource(
  writer: ObjectWriter,
  source: FileSource,
  signal?: AbortSignal,
): Promise<StoredSource> {
  if ('data' in source) return { id: await storeData(writer, source.data, signal) };
  if ('file' in source) return storeLocalFile(writer, source.file, signal);
  if ('blob' in source) return { id: source.blob };
  return { id: await writer.write('blob', targetBytes(source.target)), mode: MODE_LINK };
}

/**
 * The mode of a written file: the given one, else the source's, else the existing file's (a link is
 * replaced by a plain file).
 */
export function modeFor(
  given: FileMode | undefined,
  asked: FileMode | undefined,
  standing: Standing,
): FileMode {
  if (given !== undefined) return given;
  if (asked !== undefined) return asked;
  const executable = standing.kind === 'file' && fileTypeOf(standing.mode) === 'executable';
  return executable ? MODE_EXECUTABLE : MODE_FILE;
}

/** Writes one file or link and commits it. */
export function writeFile(
  snapshot: Snapshot,
  path: string,
  source: FileSource,
  mode: FileType | FileMode | undefined,
  choices: CommitChoices,
): Promise<Outcome> {
  branchOf(snapshot);
  const { store } = snapshot;
  const target = checkWritablePath(path);
  const given = mode === undefined ? undefined : fileModeOf(mode);
  return inSession(store, async (writer) => {
    const staging = new Staging(store.trees, snapshot.commit.tree);
    const standing = await staging.checkFile(target);
    const stored = await storeSource(writer, source, choices.signal);
    staging.put(target, modeFor(given, stored.mode, standing), stored.id, standing);
    staging.remark(target, stored.remark);
    return await commitEdits(snapshot, writer, staging.edits, staging.report(), choices);
  });
}

function targetBytes(target: string): Buffer {
  checkText(target, 'The target of a link');
  if (target === '' || target.includes('\0')) {
    throw new InvalidPathError(`Not a link target: ${JSON.stringify(target)}`, { path: target });
  }
  return encodePath(target);
}
