/** The comparison of a whole record with the disk, from the last directory down (comparisonThread.ts). */
import { lstatSync, statSync } from 'node:fs';
import type { RecordColumns } from './recordFormat.ts';

/** Marks of entries: none; a file that is unchanged; a directory with the recorded state. */
export const SAME_FILE = 1;
export const SAME_DIRECTORY = 2;

export interface ComparisonRequest {
  /** The directory, with a slash at the end. */
  readonly lead: string;
  readonly columns: Pick<RecordColumns, 'entries' | 'directories' | 'names'>;
  readonly device: number | undefined;
  readonly follow: boolean;
  /** The number of the directory that the caller has come to. */
  readonly reached: Int32Array<SharedArrayBuffer>;
  /** By directory: 1 when its entries have their final marks. */
  readonly done: Uint8Array<SharedArrayBuffer>;
  readonly marks: Uint8Array<SharedArrayBuffer>;
}

/** Marks what is unchanged. */
export function compare(request: ComparisonRequest): void {
  const { lead, columns, device, follow, reached, done, marks } = request;
  const { entries, directories, names } = columns;
  const text = Buffer.from(names.buffer, names.byteOffset, names.length);
  const quiet = { throwIfNoEntry: false } as const;
  // By directory: its path with a slash at the end, and its names; undefined where they are not UTF-8.
  const leads: (string | undefined)[] = [lead];
  const lists: string[][] = [];
  for (let directory = 0; directory < done.length; directory++) {
    const [first, count, start, length] = directories.subarray(4 * directory, 4 * directory + 4);
    const joined = text.toString('utf8', start, start! + length!);
    const list = joined === '' ? [] : joined.split('/');
    lists.push(list);
    if (joined.includes('\ufffd')) leads[directory] = undefined;
    for (let i = 0; i < count!; i++) {
      const at = 5 * (first! + i);
      if (entries[at + 4] !== 0o040000) continue;
      const above = leads[directory];
      leads[entries[at]!] = above === undefined ? undefined : `${above}${list[i]}/`;
    }
  }
  for (let directory = done.length - 1; directory > Atomics.load(reached, 0); directory--) {
    const above = leads[directory];
    if (above === undefined) continue;
    const first = directories[4 * directory]!;
    const list = lists[directory]!;
    try {
      for (let i = 0; i < list.length; i++) {
        const path = above + list[i];
        const stats = follow ? statSync(path, quiet) : lstatSync(path, quiet);
        if (stats === undefined) continue;
        const at = 5 * (first + i);
        const type = stats.mode & 0o170000;
        const isExecutable = (stats.mode & 0o100) !== 0;
        const mode = type !== 0o100000 ? type : isExecutable ? 0o100755 : 0o100644;
        const isSame =
          entries[at + 4] === mode &&
          entries[at + 1] === stats.mtimeMs &&
          entries[at + 2] === stats.ctimeMs &&
          entries[at + 3] === stats.ino;
        if (!isSame) continue;
        if (mode === 0o040000) marks[first + i] = stats.dev === device ? SAME_DIRECTORY : 0;
        else if (entries[at] === stats.size) marks[first + i] = SAME_FILE;
      }
    } catch {
      // The caller meets the error too, and reports it.
      continue;
    }
    Atomics.store(done, directory, 1);
  }
}
