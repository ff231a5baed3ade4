/**
 * The local copy of a pack, a sparse file: blocks are fetched on demand. A map beside it has a checksum for
 * each present block, which reveals damaged ones. Several processes may fill the same file: each writes a
 * block before its entry in the map, and all write the same bytes.
 */

import { crc32 } from 'node:zlib';
import { readFullySync, writeFully } from '../../disk/durable.ts';
import { closeSync, fstatSync, ftruncateSync } from '../../disk/fs.ts';
import { Pace } from '../../pace.ts';
import { type Holes, MissingBytesError } from '../../packs/reading/holes.ts';
import type { Engine } from '../engine/engine.ts';
import type { PackEntry } from '../head/headRecord.ts';
import type { CacheFolder } from './cacheFolder.ts';
import { PackGoneError } from './shelf.ts';

export const BLOCK = 64 << 10;
/** Bytes of the map for each block: its CRC-32, and that once more to distinguish it from zeros. */
const ROW = 8;
const SALT = 0x9e3779b9;
/**
 * Bytes of the first fetch. A fetch near the last one takes twice as much, up to `LARGEST_FETCH`, any other one
 * half. So a read of the whole pack takes few requests, also in another order, and random reads take few
 * bytes.
 */
const FIRST_FETCH = 256 << 10;
const LARGEST_FETCH = 16 << 20;
/** Bytes between two fetches that are near each other, at most; or the length of the earlier one. */
const NEAR = 1 << 20;
/** Merge two fetches when the gap between them is at most this many bytes. */
const GAP = 256 << 10;
/** Bytes of the first expected part, which a read waits for. Each part is at most twice the one before. */
const FIRST_PART = 4 << 20;

/** Blocks to fetch in one request. */
export interface Part {
  readonly first: number;
  /** The block after the last. */
  readonly until: number;
}

export function cacheName(key: string): string {
  return key.replace('/', '-');
}

export class SparsePack implements Holes {
  readonly size: number;
  readonly #key: string;
  readonly #folder: CacheFolder;
  readonly #engine: Engine;
  #fd: number | undefined;
  #mapFd: number | undefined;
  #map: Buffer;
  /** One for each block: 1 once its checksum was compared. */
  readonly #proven: Uint8Array;
  readonly #fetching = new Map<number, Promise<void>>();
  /** Parts that are going to be read and are not under way yet. */
  readonly #expected = new Set<Part>();
  /** Where the last fetch began and ended. */
  #lastStart = Number.NEGATIVE_INFINITY;
  #lastEnd = Number.NEGATIVE_INFINITY;
  #lastLength = FIRST_FETCH;
  #users = 0;
  /** Fetches under way. */
  #fetches = 0;
  #isForgotten = false;
  #isClosing = false;
  #isReleased = false;

  constructor({ key, size }: PackEntry, folder: CacheFolder, engine: Engine) {
    this.#key = key;
    this.size = size;
    this.#folder = folder;
    this.#engine = engine;
    const blocks = Math.ceil(size / BLOCK);
    this.#map = Buffer.alloc(blocks * ROW);
    this.#proven = new Uint8Array(blocks);
  }

  open(): number {
    this.#users++;
    this.#isClosing = false;
    this.#isReleased = false;
    return this.#file();
  }

  /** Closes the files once what is under way has come in. */
  close(): void {
    this.#users--;
    this.#isClosing = this.#users === 0;
    this.#rest();
  }

  /** Closes the files as soon as they are not in use: now, and after each later use. */
  forget(): void {
    this.#isForgotten = true;
    this.#rest();
  }

  #rest(): void {
    const isOver = this.#isForgotten || this.#isClosing;
    if (isOver && this.#users === 0 && this.#fetches === 0) this.release();
  }

  /** Closes the files. Drops fetches that are still under way. */
  release(): void {
    this.#isReleased = true;
    if (this.#fd !== undefined) closeSync(this.#fd);
    if (this.#mapFd !== undefined) closeSync(this.#mapFd);
    this.#fd = undefined;
    this.#mapFd = undefined;
    this.#proven.fill(0);
  }

  has(start: number, end: number): boolean {
    return this.#firstMissing(start, end) === -1;
  }

  /** As `has`, for ranges that may be long: the first look at a block reads it. */
  async hasLong(start: number, end: number, pace: Pace): Promise<boolean> {
    this.#fetches++;
    try {
      for (let at = start; at < end; at += BLOCK) {
        if (!this.has(at, Math.min(end, at + BLOCK))) return false;
        if (pace.due()) await pace.pause();
      }
      return true;
    } finally {
      this.#fetches--;
      this.#rest();
    }
  }

  need(start: number, end: number): void {
    const block = this.#firstMissing(start, end);
    if (block !== -1) throw new MissingBytesError(this, Math.max(start, block * BLOCK), end);
  }

  async fetch(start: number, end: number): Promise<void> {
    this.#fetches++;
    this.#isReleased = false;
    try {
      await Promise.all(await this.#fetchMissing(start, Math.min(end, this.size)));
    } finally {
      this.#fetches--;
      this.#rest();
    }
  }

  /** @returns when all requests are under way; their errors are for the caller */
  async #fetchMissing(start: number, end: number): Promise<Promise<void>[]> {
    const pace = new Pace();
    const waiting: Promise<void>[] = [];
    for (let at = start; at < end; ) {
      const block = Math.floor(at / BLOCK);
      let fetched: Promise<void> | undefined;
      let until = block + 1;
      if (this.#firstMissing(at, Math.min(end, until * BLOCK)) !== -1) {
        fetched = this.#fetching.get(block) ?? this.#fetchExpected(block);
        if (fetched === undefined) {
          until = this.#endOfFetch(block, end);
          fetched = this.#fetchBlocks(block, until);
        }
        // The rest may take a while.
        fetched.catch(() => {});
        waiting.push(fetched);
      }
      at = until * BLOCK;
      if (pace.due()) await pace.pause();
    }
    return waiting;
  }

  /**
   * Fetches what is missing of several ranges, neighbours together.
   * @param ranges ascending; of each something is missing
   */
  async fetchAll(
    ranges: readonly { readonly start: number; readonly end: number }[],
  ): Promise<void> {
    const joined: { start: number; end: number }[] = [];
    for (const { start, end } of ranges) {
      const last = joined.at(-1);
      const fits = last !== undefined && start - last.end <= GAP;
      if (fits && end - last.start <= LARGEST_FETCH) last.end = Math.max(last.end, end);
      else joined.push({ start, end });
    }
    await Promise.all(joined.map(({ start, end }) => this.fetch(start, end)));
  }

  /**
   * The parts to fetch before these blocks are read, in few requests. Until `unexpect`, a fetch of one of their
   * blocks fetches the whole part.
   * @param wanted one for each block: 1 where it is going to be read
   */
  expect(wanted: Uint8Array): Part[] {
    const parts: Part[] = [];
    let largest = FIRST_PART / BLOCK;
    let first = -1;
    let until = -1;
    const end = () => {
      if (first === -1) return;
      parts.push({ first, until });
      largest = Math.min(LARGEST_FETCH / BLOCK, 2 * largest);
      first = -1;
    };
    for (let block = wanted.indexOf(1); block !== -1; block = wanted.indexOf(1, block + 1)) {
      if (this.#isRecorded(block) || this.#fetching.has(block)) continue;
      if (block - until > GAP / BLOCK || block - first >= largest) end();
      if (first === -1) first = block;
      until = block + 1;
    }
    end();
    for (const part of parts) this.#expected.add(part);
    return parts;
  }

  /** Fetches an expected part, unless that is under way or done. */
  async fetchPart(part: Part): Promise<void> {
    if (this.#expected.has(part)) await this.fetch(part.first * BLOCK, part.until * BLOCK);
  }

  unexpect(part: Part): void {
    this.#expected.delete(part);
  }

  /** Puts bytes in that came in another way. @param start of a block, or with bytes that reach over it */
  fill(start: number, bytes: Uint8Array): void {
    const fd = this.#file();
    const end = start + bytes.length;
    for (let block = Math.ceil(start / BLOCK); block * BLOCK < end; block++) {
      const at = block * BLOCK;
      const stop = Math.min(this.size, at + BLOCK);
      if (stop > end) break;
      const data = bytes.subarray(at - start, stop - start);
      writeFully(fd, data, at);
      const row = mapRow(crc32(data));
      row.copy(this.#map, block * ROW);
      writeFully(this.#mapFd!, row, block * ROW);
      this.#proven[block] = 1;
    }
  }

  /** Forgets damaged blocks. @returns whether there were any */
  recheck(): boolean {
    this.#proven.fill(0);
    let found = false;
    for (let block = 0; block < this.#proven.length; block++) {
      if (this.#isMapped(block) && !this.#prove(block)) found = true;
    }
    this.#rest();
    return found;
  }

  /** The block at which to stop when fetching from one on: with what is likely to be read next. */
  #endOfFetch(first: number, end: number): number {
    const start = first * BLOCK;
    const near = Math.max(NEAR, this.#lastLength);
    const isNear = start >= this.#lastStart - near && start <= this.#lastEnd + near;
    this.#lastLength = isNear
      ? Math.min(LARGEST_FETCH, this.#lastLength * 2)
      : Math.max(FIRST_FETCH, this.#lastLength / 2);
    const most = Math.min(
      this.size,
      Math.max(end, start + this.#lastLength),
      start + LARGEST_FETCH,
    );
    let until = first + 1;
    while (until * BLOCK < most && !this.#isThere(until) && !this.#fetching.has(until)) until++;
    this.#lastStart = start;
    this.#lastEnd = until * BLOCK;
    return until;
  }

  /** Fetches the expected part that a block belongs to, if there is one. */
  #fetchExpected(block: number): Promise<void> | undefined {
    for (const part of this.#expected) {
      if (block < part.first || block >= part.until) continue;
      this.#expected.delete(part);
      return this.#fetchBlocks(part.first, part.until);
    }
    return undefined;
  }

  #fetchBlocks(first: number, until: number): Promise<void> {
    const start = first * BLOCK;
    const end = Math.min(this.size, until * BLOCK);
    const fetched = (async () => {
      try {
        const answer = await this.#engine.get(this.#key, { range: { start, end } });
        if (answer.kind !== 'ok') throw new PackGoneError(this.#key);
        if (answer.body.length < end - start) throw new PackGoneError(this.#key);
        if (this.#isReleased) throw new PackGoneError(this.#key, true);
        this.fill(start, answer.body);
      } finally {
        for (let block = first; block < until; block++) this.#fetching.delete(block);
      }
    })();
    for (let block = first; block < until; block++) this.#fetching.set(block, fetched);
    return fetched;
  }

  #firstMissing(start: number, end: number): number {
    const last = Math.min(this.#proven.length, Math.ceil(end / BLOCK));
    for (let block = Math.floor(start / BLOCK); block < last; block++) {
      if (this.#proven[block] === 0 && !this.#isThere(block)) return block;
    }
    return -1;
  }

  #isThere(block: number): boolean {
    if (this.#proven[block] === 1) return true;
    return this.#isRecorded(block) && this.#prove(block);
  }

  /** Whether the map has the block. Its bytes may be damaged. */
  #isRecorded(block: number): boolean {
    this.#file();
    if (!this.#isMapped(block)) {
      // Another process may have fetched it.
      readFullySync(
        this.#mapFd!,
        this.#map.subarray(block * ROW, (block + 1) * ROW),
        ROW,
        block * ROW,
      );
    }
    return this.#isMapped(block);
  }

  #isMapped(block: number): boolean {
    const crc = this.#map.readUInt32LE(block * ROW);
    return this.#map.readUInt32LE(block * ROW + 4) === (crc ^ SALT) >>> 0;
  }

  #prove(block: number): boolean {
    const start = block * BLOCK;
    const data = Buffer.allocUnsafe(Math.min(BLOCK, this.size - start));
    const got = readFullySync(this.#file(), data, data.length, start);
    if (got === data.length && crc32(data) === this.#map.readUInt32LE(block * ROW)) {
      this.#proven[block] = 1;
      return true;
    }
    this.#map.fill(0, block * ROW, (block + 1) * ROW);
    writeFully(this.#mapFd!, this.#map.subarray(block * ROW, (block + 1) * ROW), block * ROW);
    return false;
  }

  #file(): number {
    if (this.#fd !== undefined) return this.#fd;
    const name = cacheName(this.#key);
    const fd = this.#folder.open(`${name}.pack`);
    try {
      if (fstatSync(fd).size < this.size) ftruncateSync(fd, this.size);
      this.#mapFd = this.#folder.open(`${name}.map`);
      this.#map.fill(0);
      readFullySync(this.#mapFd, this.#map, this.#map.length, 0);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#fd = fd;
    return fd;
  }
}

export function mapRow(crc: number): Buffer {
  const row = Buffer.alloc(ROW);
  row.writeUInt32LE(crc, 0);
  row.writeUInt32LE((crc ^ SALT) >>> 0, 4);
  return row;
}

/** The map of a complete pack. */
export function wholeMap(size: number, read: (start: number, end: number) => Buffer): Buffer {
  const rows: Buffer[] = [];
  for (let at = 0; at < size; at += BLOCK)
    rows.push(mapRow(crc32(read(at, Math.min(size, at + BLOCK)))));
  return Buffer.concat(rows);
}
