/**
 * The index file of a pack, read on demand: a program that needs one or two objects of a large pack does
 * not wait for megabytes of index.
 */

import { basename } from 'node:path';
import { CorruptObjectError, storeClosed } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import {
  INDEX_HEAD_LENGTH,
  INDEX_TRAILER_LENGTH,
  PackIndex,
} from '../../../git/packs/packIndex.ts';
import { readFullySync } from '../../disk/durable.ts';
import { closeSync, fstatSync, openSync } from '../../disk/fs.ts';

/** Read a smaller index whole. */
const LARGE = 256 << 10;
/** Bytes to read at a time from a larger one. */
const PAGE = 4 << 10;
/** Reading this many bytes in one piece takes as long as one search by pages. */
const SEARCH = 32 << 10;

export class PackIndexFile {
  readonly #path: string;
  #index: PackIndex | undefined;
  /** Buffer of the file's length, partly filled; undefined when the index is read whole. */
  #bytes: Buffer | undefined;
  /** One byte for each page: 1 once it is read. */
  #pages = new Uint8Array(0);
  /** Searches left before the rest is read. */
  #searches = 0;
  #fd: number | undefined;
  #isEnded = false;

  /** @param path of the `.idx` file */
  constructor(path: string) {
    this.#path = path;
  }

  /** The whole index. @throws CorruptObjectError; a system error with code ENOENT when it is gone */
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

  /** The checksum of its pack. @throws as `whole` */
  get packChecksum(): Buffer {
    return this.open().packChecksum;
  }

  /** The position of an object's entry. @throws as `whole` */
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

  /** Fills `out` with bytes from `at` on. @returns the number of bytes read. @throws as `whole` */
  readInto(out: Buffer, at: number): number {
    const index = this.open();
    return this.#bytes === undefined
      ? index.bytes.copy(out, 0, at)
      : readFullySync(this.#file(), out, out.length, at);
  }

  get isOpen(): boolean {
    return this.#index !== undefined;
  }

  /** The index, with at least the beginning and the end of the file read. @throws as `whole` */
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
        // Large offsets are in another table.
        fill(fd, bytes, 0, size);
      }
      return index;
    } finally {
      if (!isPart) this.close();
    }
  }

  /** Closes the file until more of it is needed. */
  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Closes the file permanently. */
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
