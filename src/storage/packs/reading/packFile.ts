/**
 * Reads objects from one pack file (gitformat-pack(5)). An *entry* begins at an offset and is either whole
 * or a *delta* against a *base*. A base may be a delta again, which makes a *delta chain*.
 */

import { basename } from 'node:path';
import { crc32 } from 'node:zlib';
import { type CorruptObjectError, storeClosed } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { applyDelta, deltaSizes } from '../../../git/packs/delta.ts';
import type { PackBitmap } from '../../../git/packs/packBitmap.ts';
import type { PackIndex } from '../../../git/packs/packIndex.ts';
import { PackOrder } from '../../../git/packs/packOrder.ts';
import { readBitmap } from '../../shortcuts/packReach.ts';
import type { BodyRoom, GitObject, ObjectHeader } from '../../storage.ts';
import type { Holes } from './holes.ts';
import { corruptEntry, type Entry, isDelta, PackEntries } from './packEntries.ts';
import { PackIndexFile } from './packIndexFile.ts';
import { readProven, readProvenBeside, readProvenDelta } from './provenEntry.ts';
import type { ReadCache } from './readCache.ts';

/** Objects above this many bytes are read and inflated without blocking the event loop. */
export const LARGE_OBJECT = 1 << 20;

/** Up to this many bytes, keep an object's packed form in memory along with it. */
const LARGEST_AT_ONCE = 16 << 20;

/**
 * Git makes no longer chains (git-pack-objects(1), --depth). A longer one may be valid, but is compared
 * with the number of objects in the pack: more bases than objects mean a cycle.
 */
const USUAL_CHAIN = 4096;

/** Objects to read from a pack, at least, before its index is verified as a whole. */
const READS_BEFORE_PROOF = 32;
/** Verifying this many bytes of an index takes about as long as verifying one object by its id. */
const INDEX_BYTES_A_READ = 16 << 10;

/** Finds the base of a delta outside its pack. */
export type FindBase = (id: ObjectId) => Promise<GitObject | undefined>;

/** An entry that is not a delta: the location of its zlib stream. */
export interface WholeEntry extends ObjectHeader {
  readonly fd: number;
  readonly dataStart: number;
  /** End of the pack's entries: an upper bound for the end of the stream. */
  readonly dataEnd: number;
}

/** A delta, inflated, and the offset of its entry. */
interface Delta {
  readonly at: number;
  readonly data: Buffer;
}

export class PackFile {
  readonly #cache: ReadCache;
  readonly #index: PackIndexFile;
  readonly #holes: Holes | undefined;
  #entries: PackEntries | undefined;
  #users = 0;
  #closing = false;
  #order: PackOrder | undefined;
  /** Null when there is none. */
  #bitmap: PackBitmap | null | undefined;
  #indexProven = false;
  /** Reads left before the index is verified. */
  #readsLeft: number | undefined;
  #isEnded = false;

  /**
   * @param path of the `.pack` file; its index is beside it
   * @param holes set for a partial copy
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

  /** The expected checksum at the end of the file. @throws as `index` */
  get packChecksum(): Buffer {
    return this.#index.packChecksum;
  }

  /** Whether the index is open. */
  get isIndexOpen(): boolean {
    return this.#index.isOpen;
  }

  /** Reads enough of the index to validate its format. @throws as `index` */
  openIndex(): true {
    this.#index.open();
    return true;
  }

  /** The position of an object's entry. May read only part of the index. @throws as `index` */
  find(id: ObjectId): ReturnType<PackIndex['find']> {
    return this.#index.find(id);
  }

  /** Its entries in order of their offsets. @throws as `index` */
  get order(): PackOrder {
    this.#order ??= new PackOrder(this.index, this.#open().end);
    return this.#order;
  }

  /** Its reachability bitmap; undefined when it has none. */
  get bitmap(): PackBitmap | undefined {
    if (this.#bitmap === undefined) this.#bitmap = readBitmap(this) ?? null;
    return this.#bitmap ?? undefined;
  }

  /** The file, for reading raw entries. Keep it open with `retain()`. */
  openFile(): number {
    return this.#open().fd;
  }

  /** Keeps the file open until the returned function is called, even if the pack is closed. */
  retain(): () => void {
    this.#users++;
    return () => {
      if (--this.#users === 0 && this.#closing) this.close();
    };
  }

  /**
   * Type and size of the object `id` at `offset`, from verified entries: small ones by their checksum in
   * the index. The header of a large one is trusted when the index itself is valid.
   * @throws CorruptObjectError also when the entry cannot be verified
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

  /** Type and size of the object at `offset`. Follows a delta chain without applying it. */
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

  /** The entry at `offset`; undefined for a delta. */
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

  /** The object at `offset`, with its delta chain applied. Does not verify the id. */
  async read(offset: number, findBase: FindBase): Promise<GitObject> {
    const release = this.retain();
    try {
      return await this.#readChain(offset, findBase);
    } finally {
      release();
    }
  }

  /**
   * As `tryRead`, for an object that is not a delta (provenEntry.ts). Undefined also while the index is not
   * verified, which pays only when many objects are read.
   * @param crc CRC-32 of the entry, from the index
   * @param room see `TryReadOptions`
   * @param limit size of the largest object to read
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

  /**
   * As `tryRead`, for a delta on a cached base with verified bytes. The delta is verified by its checksum, which
   * covers the position of the base. So the result is what the index names, and its id is not computed.
   */
  tryReadDelta(
    id: ObjectId,
    offset: number,
    crc: number | undefined,
    { limit, keep }: { limit: number; keep: boolean },
  ): GitObject | undefined {
    if (crc === undefined || !this.#indexProven) return undefined;
    let base: GitObject | undefined;
    const hasBase = (at: number): boolean => {
      base = this.#cache.get(this, at);
      return base?.provenId !== undefined;
    };
    const delta = readProvenDelta(this.#open().windows, offset, crc, hasBase);
    if (delta === undefined || base === undefined) return undefined;
    if (deltaSizes(delta).resultSize > limit) return undefined;
    const { type } = base;
    const object = { type, body: this.#apply(base.body, delta, offset), provenId: id };
    if (keep || type === 'tree') this.#cache.set(this, offset, object);
    return object;
  }

  #proveIndex(): boolean {
    this.#readsLeft ??= Math.max(
      READS_BEFORE_PROOF,
      Math.floor(this.#index.open().bytes.length / INDEX_BYTES_A_READ),
    );
    if (--this.#readsLeft !== 0) return false;
    this.#indexProven = this.index.checksumFits;
    return this.#indexProven;
  }

  /**
   * As `read`, synchronously. `undefined` when the object or one of its bases is larger than `limit`, or a
   * base is outside this pack.
   * @param keep whether to cache the result, as a base of others
   */
  tryRead(offset: number, limit = LARGE_OBJECT, keep = false): GitObject | undefined {
    const chain: Delta[] = [];
    for (let at = offset; ; ) {
      const known = this.#cache.get(this, at);
      if (known !== undefined) return this.#applyChain(known, at, chain, offset, keep);
      const entries = this.#open();
      const entry = entries.at(at);
      if (entry.size > limit || chain.length > USUAL_CHAIN) return undefined;
      const data = entries.inflate(entry, at);
      if (!isDelta(entry)) {
        const whole = { type: entries.typeOf(entry, at), body: data };
        return this.#applyChain(whole, at, chain, offset, keep);
      }
      chain.push({ at, data });
      const base = this.#baseOffset(entry);
      if (base === undefined) return undefined;
      at = base;
    }
  }

  /** The object at `offset`, if it is cached. */
  cached(offset: number): GitObject | undefined {
    return this.#cache.get(this, offset);
  }

  /** Caches an object that was read from `offset`. */
  keep(offset: number, object: GitObject): void {
    this.#cache.set(this, offset, object);
  }

  /** Fills `out` with raw bytes from `offset` on. @returns the number of bytes read */
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
   * Applies deltas, the last one first, to the object at `baseAt` (-1: not in this pack) and caches the
   * bases. Caches the result too with `keep` and when it is a tree: it is probably the base of the tree next
   * to it in history.
   */
  #applyChain(
    base: GitObject,
    baseAt: number,
    chain: Delta[],
    offset: number,
    keep = false,
  ): GitObject {
    let object = base;
    let at = baseAt;
    for (let i = chain.length - 1; i >= 0; i--) {
      const delta = chain[i]!;
      if (at >= 0) this.#cache.set(this, at, object);
      object = { type: object.type, body: this.#apply(object.body, delta.data, offset) };
      at = delta.at;
    }
    if ((keep || object.type === 'tree') && at >= 0) this.#cache.set(this, at, object);
    return object;
  }

  /** Closes the file once no caller retains it. */
  close(): void {
    this.#closing = true;
    if (this.#users > 0) return;
    this.#index.close();
    this.#entries?.close();
    this.#entries = undefined;
  }

  /** Closes it permanently: later reads fail. */
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
