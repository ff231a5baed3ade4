/** Many changes given as one value. */
import type { FileMode } from '../git/tree.ts';
import type { FileType } from '../tree/types.ts';
import type { Batch } from './batch.ts';
import type { FileData } from './data.ts';

/** What a path is to become: content, a copy of a local file, or a symbolic link. */
export type WriteEntry =
  | string
  | Uint8Array
  | { readonly data: FileData; readonly mode?: FileType | FileMode | undefined }
  | { readonly file: string; readonly mode?: FileType | FileMode | undefined }
  | { readonly target: string };

export interface ApplyChanges {
  writes?: Readonly<Record<string, WriteEntry>> | undefined;
  /** A path or paths; a trailing `/` says that a directory is meant, with all it holds. */
  removes?: string | readonly string[] | undefined;
}

/** Puts the changes into a batch, removals first. */
export async function applyChanges(batch: Batch, changes: ApplyChanges): Promise<void> {
  const { removes = [] } = changes;
  for (const path of typeof removes === 'string' ? [removes] : removes) {
    await batch.remove(path, { recursive: path.endsWith('/') });
  }
  for (const [path, entry] of Object.entries(changes.writes ?? {})) {
    if (typeof entry === 'string' || entry instanceof Uint8Array) await batch.write(path, entry);
    else if ('data' in entry) await batch.write(path, entry.data, { mode: entry.mode });
    else if ('file' in entry) await batch.writeFromFile(path, entry.file, { mode: entry.mode });
    else if ('target' in entry) await batch.writeSymlink(path, entry.target);
    else throw new TypeError(`Nothing to write at ${path}: give data, file or target`);
  }
}
