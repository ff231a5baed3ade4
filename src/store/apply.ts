/** Many changes as one value. */
import { GitStoreError } from '../errors.ts';
import { type FileMode, MODE_LINK } from '../git/objects/tree.ts';
import { checkText } from '../optionTypes.ts';
import { type FileType, fileModeOf } from '../tree/types.ts';
import type { Batch } from './batch.ts';
import type { FileData } from './context/data.ts';
import { listOf } from './context/givenPaths.ts';

/** New value of a path: content, a copy of a local file, or a symbolic link. */
export type WriteEntry = string | Uint8Array | DataEntry | LocalEntry | LinkEntry;

interface DataEntry {
  readonly data: FileData;
  readonly mode?: FileType | FileMode | undefined;
  readonly file?: undefined;
  readonly target?: undefined;
}

interface LocalEntry {
  readonly file: string;
  readonly mode?: FileType | FileMode | undefined;
  readonly data?: undefined;
  readonly target?: undefined;
}

interface LinkEntry {
  readonly target: string;
  readonly mode?: 'link' | FileMode | undefined;
  readonly data?: undefined;
  readonly file?: undefined;
}

export interface ApplyChanges {
  writes?: Readonly<Record<string, WriteEntry>> | undefined;
  /** A path or paths; a trailing `/` means a directory with all its contents. */
  removes?: string | readonly string[] | undefined;
}

/**
 * Adds the changes to a batch, removals first.
 * @throws GitStoreError (`EINVAL`) for an entry with no content, or several
 */
export async function applyChanges(batch: Batch, changes: ApplyChanges): Promise<void> {
  const { removes = [] } = changes;
  for (const path of listOf(removes)) {
    checkText(path, 'A path');
    await batch.remove(path, { recursive: path.endsWith('/') });
  }
  for (const [path, entry] of Object.entries(changes.writes ?? {})) {
    if (typeof entry === 'string' || entry instanceof Uint8Array) {
      await batch.write(path, entry);
      continue;
    }
    checkEntry(path, entry);
    const { data, file, target, mode } = entry;
    if (data !== undefined) await batch.write(path, data, { mode });
    else if (file !== undefined) await batch.writeFromFile(path, file, { mode });
    else await batch.writeSymlink(path, target);
  }
}

/** Checks at run time, for callers in JavaScript. */
function checkEntry(
  path: string,
  { data, file, target, mode }: DataEntry | LocalEntry | LinkEntry,
) {
  const given = [data, file, target].filter((content) => content !== undefined).length;
  if (given === 0)
    throw new GitStoreError(`Nothing to write at ${path}: give data, file or target`, 'EINVAL');
  if (given > 1)
    throw new GitStoreError(`${path}: give only one of data, file and target`, 'EINVAL');
  if (target !== undefined && mode !== undefined && fileModeOf(mode) !== MODE_LINK) {
    throw new GitStoreError(`${path}: a link to a target has no other mode`, 'EINVAL');
  }
}
