/**
 * Stores files while the scan of the rest goes on, as long as the store has idle threads.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { isFileMode } from '../../git/objects/tree.ts';
import type { ObjectWriter } from '../../storage/storage.ts';
import { readWhole, SMALL_FILE } from '../disk/readLocal.ts';
import type { ScannedEntry } from './scannedDirectory.ts';

/** Below this number of files threads do not pay. */
const FEW = 200;

/** A file that was read. */
export interface ReadFile {
  readonly id: ObjectId;
  /** Start of the read, in milliseconds since the epoch. */
  readonly since: number;
}

export class ReadAhead {
  readonly #writer: ObjectWriter;
  readonly #follow: boolean;
  #offered = 0;
  readonly #stored = new Map<ScannedEntry, Promise<ReadFile>>();

  /** @param follow read the targets of links */
  constructor(writer: ObjectWriter, follow: boolean) {
    this.#writer = writer;
    this.#follow = follow;
  }

  /** Starts storing a file that will be copied, if a thread is idle. */
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

  /** The stored file; undefined when `offer` did not accept it. */
  take(file: ScannedEntry): Promise<ReadFile> | undefined {
    const stored = this.#stored.get(file);
    this.#stored.delete(file);
    return stored;
  }
}

function ignore(): void {}
