/**
 * Bytes that can be read in any order: a local file, or bytes in memory. A stream of a zip archive is
 * put into a temporary file first, because its directory stands at its end.
 */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asBuffer } from '../../bytes.ts';
import {
  closeSync,
  fstatSync,
  mkdtempSync,
  openSync,
  read,
  readSync,
  rmSync,
  writeSync,
} from '../../storage/disk/fs.ts';

export interface RandomAccess {
  /** In bytes. */
  readonly size: number;
  /** The bytes from `at`; fewer than `length` only at the end. */
  read(at: number, length: number): Promise<Buffer> | Buffer;
  close(): void;
}

/** Up to this many bytes a blocking read costs less than a round through the thread pool. */
const SYNC_LIMIT = 256 << 10;

export class FileAccess implements RandomAccess {
  readonly size: number;
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
    this.size = fstatSync(fd).size;
  }

  read(at: number, length: number): Promise<Buffer> | Buffer {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, this.size - at)));
    if (buffer.length > SYNC_LIMIT) return this.#readLarge(buffer, at);
    let done = 0;
    while (done < buffer.length) {
      const got = readSync(this.#fd, buffer, done, buffer.length - done, at + done);
      if (got === 0) break;
      done += got;
    }
    return buffer.subarray(0, done);
  }

  async #readLarge(buffer: Buffer, at: number): Promise<Buffer> {
    let done = 0;
    while (done < buffer.length) {
      const got = await new Promise<number>((resolve, reject) => {
        read(this.#fd, buffer, done, buffer.length - done, at + done, (error, count) => {
          if (error) reject(error);
          else resolve(count);
        });
      });
      if (got === 0) break;
      done += got;
    }
    return buffer.subarray(0, done);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

export class BytesAccess implements RandomAccess {
  readonly #bytes: Buffer;

  constructor(bytes: Uint8Array) {
    this.#bytes = asBuffer(bytes);
  }

  get size(): number {
    return this.#bytes.length;
  }

  read(at: number, length: number): Buffer {
    return this.#bytes.subarray(at, at + length);
  }

  close(): void {}
}

/** Streams of at most this many bytes stay in memory. */
const IN_MEMORY = 8 << 20;

/** All of a stream, in memory or in a temporary file that is gone when it is closed. */
export async function gather(source: AsyncIterable<Uint8Array>): Promise<RandomAccess> {
  const held: Buffer[] = [];
  let size = 0;
  let file: { fd: number; folder: string } | undefined;
  try {
    for await (const chunk of source) {
      size += chunk.length;
      if (file === undefined && size <= IN_MEMORY) {
        held.push(Buffer.from(chunk));
        continue;
      }
      if (file === undefined) {
        file = temporaryFile();
        for (const part of held.splice(0)) writeAllSync(file.fd, part);
      }
      writeAllSync(file.fd, chunk);
    }
  } catch (error) {
    if (file !== undefined) discard(file);
    throw error;
  }
  if (file === undefined) return new BytesAccess(Buffer.concat(held));
  const { fd, folder } = file;
  const access = new FileAccess(fd);
  return {
    size: access.size,
    read: (at, length) => access.read(at, length),
    close: () => discard({ fd, folder }),
  };
}

/** In a folder of its own that only this user can read, and gone even when this process is killed. */
function temporaryFile(): { fd: number; folder: string } {
  const folder = mkdtempSync(join(tmpdir(), 'gitstore-'));
  const fd = openSync(join(folder, 'archive'), 'wx+', 0o600);
  try {
    rmSync(folder, { recursive: true });
  } catch {
    // Windows keeps what is open: it is removed when it is closed.
  }
  return { fd, folder };
}

function discard({ fd, folder }: { fd: number; folder: string }): void {
  closeSync(fd);
  rmSync(folder, { recursive: true, force: true });
}

export function writeAllSync(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done);
  }
}
