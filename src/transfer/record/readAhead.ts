/**
 * Files that are stored while the rest is still looked for, as long as the store has threads with
 * nothing to do.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { isFileMode } from '../../git/tree.ts';
import type { ObjectWriter } from '../../storage/storage.ts';
import { readWhole, SMALL_FILE } from '../disk/readLocal.ts';
import type { ScannedEntry } from './scannedDirectory.ts';

/** For fewer files a store has no use for threads. */
const FEW = 200;

/** A file that was read. */
export interface ReadFile {
  readonly id: ObjectId;
  /** When reading it began, in milliseconds since the epoch. */
  readonly since: number;
}

export class ReadAhead {
  readonly #writer: ObjectWriter;
  readonly #follow: boolean;
  #offered = 0;
  readonly #stored = new Map<ScannedEntry, Promise<ReadFile>>();

  /** @param follow read what links point to */
  constructor(writer: ObjectWriter, follow: boolean) {
    this.#writer = writer;
    this.#follow = follow;
  }

  /** Takes a file that is going to be copied, where there is time for it. */
  offer(path: string, file: ScannedEntry): Promise<void> | undefined {
    if (++this.#offered <= FEW || !this.#writer.hasIdleThreads) return undefined;
    if (file.id !== undefined || !isFileMode(file.mode) || file.size > SMALL_FILE) return undefined;
    const since = Date.now();
    let body: Uint8Array;
    try {
      body = readWhole(path, file, this.#follow);
    } catch {
      // Copying the file meets the error again, if it still exists, and reports it.
      return undefined;
    }
    if (body.length !== file.size) return undefined;
    const stored = this.#writer.write('blob', body).then((id) => ({ id, since }));
    this.#stored.set(file, stored);
    // The consumer of the promise gets the error.
    return stored.then(ignore, ignore);
  }

  /** The file, where it was taken. */
  take(file: ScannedEntry): Promise<ReadFile> | undefined {
    const stored = this.#stored.get(file);
    this.#stored.delete(file);
    return stored;
  }
}

function ignore(): void {}
