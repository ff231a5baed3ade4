/**
 * The index file of a pack, of which only as much is read as is asked for: a program that looks for one
 * or two objects in a large pack does not wait for megabytes of index.
 */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { basename } from 'node:path';
import { CorruptObjectError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { INDEX_HEAD_LENGTH, INDEX_TRAILER_LENGTH, PackIndex } from '../../git/packIndex.ts';
import { readFullySync } from './durable.ts';

/** A smaller index is read at once. */
const LARGE = 256 << 10;
/** After so many parts the rest is read too. */
const MOST_PARTS = 8;

export class PackIndexFile {
  readonly #path: string;
  #index: PackIndex | undefined;
  /** As long as the file; undefined once all of it is read. */
  #bytes: Buffer | undefined;
  /** First bytes of ids whose part of the index is read. */
  readonly #parts = new Set<number>();

  /** @param path of the `.idx` file */
  constructor(path: string) {
    this.#path = path;
  }

  /** All of it. @throws CorruptObjectError; a system error with code ENOENT when it is gone */
  get whole(): PackIndex {
    const index = this.open();
    const bytes = this.#bytes;
    if (bytes !== undefined) {
      this.#read((fd) => fill(fd, bytes, 0, bytes.length));
      this.#bytes = undefined;
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
    const bytes = this.#bytes;
    if (bytes !== undefined) {
      const first = Number.parseInt(id.slice(0, 2), 16);
      if (this.#parts.size === MOST_PARTS) return this.whole.find(id);
      if (first >= 0 && !this.#parts.has(first)) {
        this.#read((fd) => {
          for (const { start, end } of index.partsOf(first)) fill(fd, bytes, start, end);
        });
        this.#parts.add(first);
      }
    }
    return index.find(id);
  }

  get isOpen(): boolean {
    return this.#index !== undefined;
  }

  /** The index, of whose file at least the beginning and the end are read. @throws as `whole` */
  open(): PackIndex {
    this.#index ??= this.#read((fd) => {
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
      if (size >= LARGE) {
        this.#bytes = bytes;
        // Their offsets may lie in another table.
        if (!index.isPlain) {
          fill(fd, bytes, 0, size);
          this.#bytes = undefined;
        }
      }
      return index;
    });
    return this.#index;
  }

  #read<T>(work: (fd: number) => T): T {
    const fd = openSync(this.#path, 'r');
    try {
      return work(fd);
    } finally {
      closeSync(fd);
    }
  }
}

function fill(fd: number, bytes: Buffer, start: number, end: number): void {
  const part = bytes.subarray(start, end);
  if (readFullySync(fd, part, part.length, start) < part.length) {
    throw new CorruptObjectError('Pack index is corrupt: it is cut off');
  }
}
