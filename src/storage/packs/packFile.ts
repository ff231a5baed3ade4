/**
 * Reads objects out of one pack file (gitformat-pack(5)). An *entry* lies at an offset and is either
 * whole or a *delta* against a *base*; a base may be a delta again: the *delta chain*.
 */

import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { CorruptObjectError, storeClosed } from '../../errors.ts';
import { applyDelta } from '../../git/delta.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { PackBitmap } from '../../git/packBitmap.ts';
import type { PackIndex } from '../../git/packIndex.ts';
import { PackOrder } from '../../git/packOrder.ts';
import { isErrno, readFullySync } from '../disk/durable.ts';
import { closeSync, fstatSync, openSync } from '../disk/fs.ts';
import { readBitmap } from '../shortcuts/packReach.ts';
import type { BodyRoom, GitObject, ObjectHeader } from '../storage.ts';
import type { Holes } from './holes.ts';
import { corruptEntry, type Entry, isDelta, PackEntries } from './packEntries.ts';
import { PackIndexFile } from './packIndexFile.ts';
import { readProven, readProvenBeside } from './provenEntry.ts';
import type { ReadCache } from './readCache.ts';

/** Objects above this many bytes are read and inflated without blocking the event loop. */
export const LARGE_OBJECT = 1 << 20;

/** Up to this many bytes an object's packed form is held in memory beside it. */
const LARGEST_AT_ONCE = 16 << 20;

/**
 * Git makes no longer chain than this (git-pack-objects(1), --depth). A longer one may be sound, but is
 * compared with the number of objects in the pack: more bases than objects go in a circle.
 */
const USUAL_CHAIN = 4096;

/** Objects read from a pack before its index is checked as a whole. */
const READS_BEFORE_PROOF = 32;
/** Finds the base of a delta that is not in the same pack. */
export type FindBase = (id: ObjectId) => Promise<GitObject | undefined>;

/** An entry that holds its object whole: where its zlib stream lies. */
export interface WholeEntry extends ObjectHeader {
  readonly fd: number;
  readonly dataStart: number;
  /** End of the pack's entries: the stream ends here at the latest. */
  readonly dataEnd: number;
}

/** A delta, inflated, and the offset of its entry. */
interface Delta {
  readonly at: number;
  readonly data: Buffer;
}

/** Whether a pack's file ends as its index says: one that a crash cut short or emptied does not. */
export function isWholePack(pack: PackFile): boolean {
  const trailer = Buffer.alloc(TRAILER_LENGTH);
  try {
    const fd = openSync(pack.path, 'r');
    try {
      const { size } = fstatSync(fd);
      if (size < TRAILER_LENGTH) return false;
      readFullySync(fd, trailer, TRAILER_LENGTH, size - TRAILER_LENGTH);
    } finally {
      closeSync(fd);
    }
    return trailer.equals(pack.packChecksum);
  } catch (error) {
    if (error instanceof CorruptObjectError) return false;
    if (isErrno(error, 'ENOENT', 'EIO', 'EACCES', 'EPERM')) return false;
    throw error;
  }
}

/** The checksum at a pack's end. */
const TRAILER_LENGTH = 20;

export class PackFile {
  readonly #cache: ReadCache;
  readonly #index: PackIndexFile;
  readonly #holes: Holes | undefined;
  #entries: PackEntries | undefined;
  #users = 0;
  #closing = false;
  #order: PackOrder | undefined;
  /** Null: it was looked for. */
  #bitmap: PackBitmap | null | undefined;
  #indexProven = false;
  #reads = 0;
  #isEnded = false;

  /**
   * @param path of the `.pack` file; its index lies beside it
   * @param holes where not all of the file need be there
   */
  constructor(
    readonly path: string,
    cache: ReadCache,
    holes?: Holes,
  ) {
    this.#cache = cache;
    this.#holes = holes;
    this.#index = new PackIndexFile(path.replace(/\.pack$/, '.idx'));
  }

  get name(): string {
    return basename(this.path);
  }

  /** @throws CorruptObjectError; a system error with code ENOENT when the pack is gone */
  get index(): PackIndex {
    return this.#index.whole;
  }

  /** The checksum with which the file has to end. @throws as `index` */
  get packChecksum(): Buffer {
    return this.#index.packChecksum;
  }

  /** Whether `openIndex` has nothing more to do. */
  get isIndexOpen(): boolean {
    return this.#index.isOpen;
  }

  /** Reads as much of the index as tells whether it is one. @throws as `index` */
  openIndex(): true {
    this.#index.open();
    return true;
  }

  /** Where the entry of an object lies, by an index of which only a part may be read. @throws as `index` */
  find(id: ObjectId): ReturnType<PackIndex['find']> {
    return this.#index.find(id);
  }

  /** Its entries in the order in which they lie. */
  get order(): PackOrder {
    const { end } = this.#open();
    this.#order ??= new PackOrder(this.index, end);
    return this.#order;
  }

  /** Its reachability bitmap; undefined when it has none. */
  get bitmap(): PackBitmap | undefined {
    if (this.#bitmap === undefined) this.#bitmap = readBitmap(this) ?? null;
    return this.#bitmap ?? undefined;
  }

  /** The file, for reading entries as they lie; hold it with `retain()`. */
  openFile(): number {
    return this.#open().fd;
  }

  /** Keeps the file open until the returned function is called, whatever happens to the pack. */
  retain(): () => void {
    this.#users++;
    return () => {
      if (--this.#users === 0 && this.#closing) this.close();
    };
  }

  /**
   * Type and size of the object `id` at `offset`, from entries that are proven: small ones by their
   * checksum in the index, large ones are taken at their word when the index itself is whole.
   * @throws CorruptObjectError also where only that proof is missing
   */
  async provenHeader(id: ObjectId, offset: number, findBase: FindBase): Promise<ObjectHeader> {
    const { index } = this;
    if (index.find(id)?.offset !== offset) throw this.#corrupt(offset, 'its index has another');
    const { order } = this;
    let entry = this.#open().at(offset);
    this.#prove(order, offset, index.indexOf(id));
    for (let depth = 0; !this.#isCircle(depth) && isDelta(entry); depth++) {
      const base = this.#baseOffset(entry);
      if (base === undefined) break;
      entry = this.#open().at(base);
      this.#prove(order, base, order.rowOf(base));
    }
    return this.header(offset, findBase);
  }

  #isCircle(depth: number): boolean {
    return depth > USUAL_CHAIN && depth > this.index.count;
  }

  #prove(order: PackOrder, offset: number, row: number): void {
    if (row === -1) throw this.#corrupt(offset, 'its index does not have it');
    const length = order.endOf(offset) - offset;
    const crc = this.index.crcAt(row);
    if (crc !== undefined && length <= LARGE_OBJECT) {
      if (crc32(this.#open().bytes(offset, length)) === crc) return;
      throw this.#corrupt(offset, 'its checksum does not fit');
    }
    this.#indexProven ||= this.index.checksumFits;
    if (!this.#indexProven) throw this.#corrupt(offset, 'its index is damaged');
  }

  /** Type and size of the object at `offset`; a delta chain is followed, but not applied. */
  async header(offset: number, findBase: FindBase): Promise<ObjectHeader> {
    let entry = this.#open().at(offset);
    let size = entry.size;
    if (isDelta(entry)) size = this.#open().deltaResultSize(entry);
    for (let depth = 0; isDelta(entry); depth++) {
      if (this.#isCircle(depth)) throw this.#corrupt(offset, 'delta chain without end');
      const base = this.#baseOffset(entry);
      if (base === undefined) {
        const outside = await findBase(entry.baseId as ObjectId);
        if (outside === undefined)
          throw this.#corrupt(offset, `delta base ${entry.baseId} missing`);
        return { type: outside.type, size };
      }
      entry = this.#open().at(base);
    }
    return { type: this.#open().typeOf(entry, offset), size };
  }

  /** Where the object at `offset` lies when it is no delta; undefined when it is one. */
  whole(offset: number): WholeEntry | undefined {
    const entries = this.#open();
    const entry = entries.at(offset);
    if (isDelta(entry)) return undefined;
    entries.compressedLength(entry, offset);
    return {
      type: entries.typeOf(entry, offset),
      size: entry.size,
      fd: entries.fd,
      dataStart: entry.dataStart,
      dataEnd: entries.end,
    };
  }

  /** The object at `offset`, its delta chain applied. Its id is not checked here. */
  async read(offset: number, findBase: FindBase): Promise<GitObject> {
    const release = this.retain();
    try {
      return await this.#readChain(offset, findBase);
    } finally {
      release();
    }
  }

  /**
   * As `readNow`, for an object that is no delta (provenEntry.ts). Undefined also while the index has
   * not proven itself, which is worth its while only when many objects are read.
   * @param crc CRC-32 of the entry, from the index
   * @param room see `TryReadOptions`
   * @param limit size of the largest object that is read so
   */
  readProven(
    offset: number,
    crc: number | undefined,
    room?: BodyRoom,
    limit = LARGE_OBJECT,
  ): GitObject | undefined {
    if (crc === undefined || (!this.#indexProven && !this.#proveIndex())) return undefined;
    return readProven(this.#open().windows, offset, crc, limit, room);
  }

  /** As `readProven`, on another thread, for objects of up to 16 MiB. */
  readProvenBeside(
    offset: number,
    crc: number | undefined,
  ): Promise<GitObject | undefined> | undefined {
    if (crc === undefined || !this.#indexProven || this.whole(offset) === undefined)
      return undefined;
    const { windows } = this.#open();
    return readProvenBeside(windows, offset, crc, LARGEST_AT_ONCE).finally(this.retain());
  }

  #proveIndex(): boolean {
    if (++this.#reads !== READS_BEFORE_PROOF) return false;
    this.#indexProven = this.index.checksumFits;
    return this.#indexProven;
  }

  /**
   * As `read`, synchronously. `undefined` when the object or a base of it is larger than `limit`, or a
   * base lies outside of this pack.
   */
  readNow(offset: number, limit = LARGE_OBJECT): GitObject | undefined {
    const chain: Delta[] = [];
    for (let at = offset; ; ) {
      const known = this.#cache.get(this, at);
      if (known !== undefined) return this.#applyChain(known, at, chain, offset);
      const entries = this.#open();
      const entry = entries.at(at);
      if (entry.size > limit || chain.length > USUAL_CHAIN) return undefined;
      const data = entries.inflate(entry, at);
      if (!isDelta(entry)) {
        return this.#applyChain({ type: entries.typeOf(entry, at), body: data }, at, chain, offset);
      }
      chain.push({ at, data });
      const base = this.#baseOffset(entry);
      if (base === undefined) return undefined;
      at = base;
    }
  }

  /** Fills `out` with entries as they lie, from `offset` on. @returns how many bytes there were */
  readInto(out: Buffer, offset: number): number {
    return this.#open().readInto(out, offset);
  }

  /** The same for its index. */
  readIndexInto(out: Buffer, at: number): number {
    return this.#index.readInto(out, at);
  }

  get isIndexPlain(): boolean {
    return this.#index.open().isPlain;
  }

  async #readChain(offset: number, findBase: FindBase): Promise<GitObject> {
    const chain: Delta[] = [];
    for (let at = offset; ; ) {
      const known = this.#cache.get(this, at);
      if (known !== undefined) return this.#applyChain(known, at, chain, offset);
      const entries = this.#open();
      const entry = entries.at(at);
      const data =
        entry.size > LARGE_OBJECT
          ? await entries.inflateLarge(entry, at)
          : entries.inflate(entry, at);
      if (!isDelta(entry)) {
        return this.#applyChain({ type: entries.typeOf(entry, at), body: data }, at, chain, offset);
      }
      chain.push({ at, data });
      if (this.#isCircle(chain.length)) throw this.#corrupt(offset, 'delta chain without end');
      const base = this.#baseOffset(entry);
      if (base === undefined) {
        const outside = await findBase(entry.baseId as ObjectId);
        if (outside !== undefined) return this.#applyChain(outside, -1, chain, offset);
        throw this.#corrupt(offset, `delta base ${entry.baseId} missing`);
      }
      at = base;
    }
  }

  /**
   * Applies deltas, the last one first, to the object at `baseAt` (-1: not in this pack) and keeps
   * the bases. A tree is kept too when it is no base: it is likely to be that of its neighbour in
   * history.
   */
  #applyChain(base: GitObject, baseAt: number, chain: Delta[], offset: number): GitObject {
    let object = base;
    let at = baseAt;
    for (let i = chain.length - 1; i >= 0; i--) {
      const delta = chain[i]!;
      if (at >= 0) this.#cache.set(this, at, object);
      object = { type: object.type, body: this.#apply(object.body, delta.data, offset) };
      at = delta.at;
    }
    if (object.type === 'tree' && at >= 0) this.#cache.set(this, at, object);
    return object;
  }

  /** Closes the file as soon as no caller retains it. */
  close(): void {
    this.#closing = true;
    if (this.#users > 0) return;
    this.#index.close();
    this.#entries?.close();
    this.#entries = undefined;
  }

  /** Closes it for good: who still wants to read gets an error. */
  end(): void {
    this.#isEnded = true;
    this.#index.end();
    this.close();
  }

  #open(): PackEntries {
    if (this.#entries === undefined && this.#isEnded) throw storeClosed(this.path);
    this.#entries ??= PackEntries.open(
      this.path,
      this.#index.packChecksum,
      this.#cache.windows,
      this.#holes,
    );
    return this.#entries;
  }

  #baseOffset(entry: Entry): number | undefined {
    if (entry.baseOffset !== undefined) return entry.baseOffset;
    return this.index.find(entry.baseId as ObjectId)?.offset;
  }

  #apply(base: Uint8Array, delta: Buffer, offset: number): Buffer {
    try {
      return applyDelta(base, delta);
    } catch (cause) {
      throw this.#corrupt(offset, 'its delta does not fit its base', cause);
    }
  }

  #corrupt(offset: number, what: string, cause?: unknown): CorruptObjectError {
    return corruptEntry(this.path, offset, what, cause);
  }
}
