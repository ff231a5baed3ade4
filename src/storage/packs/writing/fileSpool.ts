/**
 * The bytes of an incoming pack, or of a streamed object of unknown size: few stay in memory, more go into
 * a temporary file beside the packs. Readers never see that file, and `git gc` removes it when its writer
 * was killed.
 */

import { join } from 'node:path';
import {
  readFully,
  readFullySync,
  removeIfThere,
  temporaryName,
  writeFully,
} from '../../disk/durable.ts';
import { closeSync, openSync } from '../../disk/fs.ts';
import { whileWritable } from '../../disk/readOnly.ts';
import { share } from '../../disk/sharing.ts';
import { MemorySpool, type Spool } from '../import/spool.ts';

const MAX_IN_MEMORY = 4 << 20;
/** Size of buffered writes. */
const WRITE_SIZE = 256 << 10;
/** Smallest read: related entries are usually adjacent. */
const READ_SIZE = 64 << 10;

export class FileSpool implements Spool {
  readonly #folder: () => string;
  #memory: MemorySpool | undefined = new MemorySpool();
  #file: { readonly path: string; readonly fd: number } | undefined;
  #closed = false;
  /** Bytes that are not in the file yet. */
  #tail = new MemorySpool();
  /** Bytes in the file. */
  #written = 0;
  #window = Buffer.alloc(0);
  #windowStart = 0;

  /** @param folder for the file, asked once there is one */
  constructor(folder: () => string) {
    this.#folder = folder;
  }

  append(bytes: Uint8Array): void {
    if (this.#memory !== undefined) {
      this.#memory.append(bytes);
      if (this.#memory.bytes.length > MAX_IN_MEMORY) this.toFile();
      return;
    }
    this.#tail.append(bytes);
    if (this.#tail.bytes.length >= WRITE_SIZE) this.#flush();
  }

  read(offset: number, length: number): Buffer {
    if (this.#memory !== undefined) return this.#memory.read(offset, length);
    if (offset + length > this.#written) this.#flush();
    const within = offset - this.#windowStart;
    if (within >= 0 && within + length <= this.#window.length) {
      return this.#window.subarray(within, within + length);
    }
    const { fd } = this.toFile();
    const window = Buffer.allocUnsafeSlow(Math.max(length, READ_SIZE));
    const got = readFullySync(fd, window, window.length, offset);
    this.#window = window.subarray(0, got);
    this.#windowStart = offset;
    return this.#window.subarray(0, length);
  }

  async readLarge(offset: number, length: number): Promise<Buffer> {
    if (this.#memory !== undefined) return this.#memory.readLarge(offset, length);
    this.#flush();
    const bytes = Buffer.allocUnsafeSlow(length);
    return bytes.subarray(0, await readFully(this.toFile().fd, bytes, length, offset));
  }

  /** Writes all remaining bytes to the file, and returns it. */
  toFile(): { readonly path: string; readonly fd: number } {
    if (this.#file === undefined) {
      const path = join(this.#folder(), temporaryName('tmp_pack_'));
      this.#file = { path, fd: whileWritable(path, () => openSync(path, 'wx+', 0o444)) };
      share(path, this.#file.fd);
      this.#tail = this.#memory as MemorySpool;
      this.#memory = undefined;
    }
    this.#flush();
    return this.#file;
  }

  /** Closes the file without removing it. */
  close(): void {
    if (this.#file !== undefined && !this.#closed) closeSync(this.#file.fd);
    this.#closed = true;
  }

  /** Closes and removes the file. */
  discard(): void {
    this.close();
    if (this.#file !== undefined) removeIfThere(this.#file.path);
  }

  #flush(): void {
    const { bytes } = this.#tail;
    if (bytes.length === 0 || this.#file === undefined) return;
    writeFully(this.#file.fd, bytes, this.#written);
    this.#written += bytes.length;
    this.#tail = new MemorySpool();
    // The window may end where the file has grown since.
    this.#window = Buffer.alloc(0);
  }
}
