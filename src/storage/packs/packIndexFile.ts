/**
 * The index file of a pack, of which only as much is read as is asked for: a program that looks for one
 * or two objects in a large pack does not wait for megabytes of index.
 */

import { basename } from 'node:path';
import { CorruptObjectError, storeClosed } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { INDEX_HEAD_LENGTH, INDEX_TRAILER_LENGTH, PackIndex } from '../../git/packIndex.ts';
import { readFullySync } from '../disk/durable.ts';
import { closeSync, fstatSync, openSync } from '../disk/fs.ts';

/** A smaller index is read at once. */
const LARGE = 256 << 10;
/** What is read of a larger one. */
const PAGE = 4 << 10;
/** Reading this many bytes at once takes as long as a search that reads pages. */
const SEARCH = 32 << 10;

export class PackIndexFile {
  readonly #path: string;
  #index: PackIndex | undefined;
  /** As long as the file, of which not all is read; else undefined. */
  #bytes: Buffer | undefined;
  /** One for each page of it: 1 once that is read. */
  #pages = new Uint8Array(0);
  /** Searches left before the rest is read too. */
  #searches = 0;
  #fd: number | undefined;
  #isEnded = false;

  /** @param path of the `.idx` file */
  constructor(path: string) {
    this.#path = path;
  }

  /** All of it. @throws CorruptObjectError; a system error with code ENOENT when it is gone */
  get whole(): PackIndex {
    const index = this.open();
    const bytes = this.#bytes;
    if (bytes !== undefined) {
      fill(this.#file(), bytes, 0, bytes.length);
      this.#bytes = undefined;
      this.close();
    }
    return index;
  }

  /** The checksum of the pack that it belongs to. @throws as `whole` */
  get packChecksum(): Buffer {
    return this.open().packChecksum;
  }

  /** Where the entry of an object lies. @throws as `whole` */
  find(id: ObjectId): ReturnType<PackIndex['find']> {
    const index = this.open();
    if (this.#bytes === undefined) return index.find(id);
    if (this.#searches-- === 0) return this.whole.find(id);
    return index.findNeeding(id, this.#need);
  }

  readonly #need = (start: number, end: number): void => {
    const pages = this.#pages;
    const last = Math.floor((end - 1) / PAGE);
    for (let page = Math.floor(start / PAGE); page <= last; page++) {
      if (pages[page] === 1) continue;
      let next = page + 1;
      while (next <= last && pages[next] === 0) next++;
      const bytes = this.#bytes!;
      fill(this.#file(), bytes, page * PAGE, Math.min(next * PAGE, bytes.length));
      pages.fill(1, page, next);
    }
  };

  /** Fills `out` with its bytes from `at` on. @returns how many: fewer at its end. @throws as `whole` */
  readInto(out: Buffer, at: number): number {
    const index = this.open();
    return this.#bytes === undefined
      ? index.bytes.copy(out, 0, at)
      : readFullySync(this.#file(), out, out.length, at);
  }

  get isOpen(): boolean {
    return this.#index !== undefined;
  }

  /** The index, of whose file at least the beginning and the end are read. @throws as `whole` */
  open(): PackIndex {
    this.#index ??= this.#open();
    return this.#index;
  }

  #open(): PackIndex {
    const fd = this.#file();
    let isPart = false;
    try {
      const { size } = fstatSync(fd);
      const bytes = Buffer.allocUnsafeSlow(size);
      const tail = size - INDEX_TRAILER_LENGTH;
      if (size < LARGE) {
        fill(fd, bytes, 0, size);
      } else {
        fill(fd, bytes, 0, INDEX_HEAD_LENGTH);
        fill(fd, bytes, tail, size);
      }
      const index = PackIndex.parse(bytes, basename(this.#path));
      isPart = size >= LARGE && index.isPlain;
      if (isPart) {
        this.#bytes = bytes;
        this.#pages = new Uint8Array(Math.ceil(size / PAGE));
        this.#searches = Math.floor(size / SEARCH);
      } else if (size >= LARGE) {
        // Its offsets may lie in another table.
        fill(fd, bytes, 0, size);
      }
      return index;
    } finally {
      if (!isPart) this.close();
    }
  }

  /** Closes the file until more of it is asked for. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Closes the file for good. */
  end(): void {
    this.#isEnded = true;
    this.close();
  }

  #file(): number {
    if (this.#isEnded) throw storeClosed(this.#path);
    this.#fd ??= openSync(this.#path, 'r');
    return this.#fd;
  }
}

function fill(fd: number, bytes: Buffer, start: number, end: number): void {
  const part = bytes.subarray(start, end);
  if (readFullySync(fd, part, part.length, start) < part.length) {
    throw new CorruptObjectError('Pack index is corrupt: it is cut off');
  }
}
