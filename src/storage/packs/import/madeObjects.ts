/**
 * The objects of an incoming pack: its entries, the ids and links of the resolved ones, and as many of
 * their bodies as memory allows. Resolves a delta as soon as its base is in memory. All bytes produced
 * count as work, and a pack must not cause more work than its own length justifies.
 */
import { ByteCache } from '../../../byteCache.ts';
import { CorruptObjectError, GitStoreError } from '../../../errors.ts';
import { hashObject, type ObjectId, type ObjectType } from '../../../git/objectId.ts';
import { applyDelta, deltaSizes } from '../../../git/packs/delta.ts';
import { PackType } from '../../../git/packs/pack.ts';
import { Arena } from './arena.ts';
import { Entries, NAMED } from './entries.ts';
import { PackLinks } from './links.ts';

/** Entries and objects above this many bytes are processed without blocking the event loop. */
export const LARGE = 1 << 20;
const DEFAULT_OBJECT_BYTES = 512 << 20;
/** Bytes of bodies in memory, at most. */
const BODY_BYTES = 128 << 20;
/** Larger bodies are not kept: one would evict too many others. */
const LARGEST_BODY = 16 << 20;
/** Memory of a body in addition to its bytes. */
const OVERHEAD = 200;
/** Longest supported delta chain. Git writes none above 4095. */
const MAX_DEPTH = 4095;
/**
 * Bytes of objects that a pack may produce: a fixed number, and more for each byte of it. zlib produces
 * at most 1032 bytes from one; small changes to large directories produce more.
 */
const FREE_WORK = 16 * 2 ** 30;
const WORK_A_BYTE = 4096;

export class MadeObjects {
  readonly entries = new Entries();
  readonly links = new PackLinks();
  readonly arena = new Arena();
  /** Position of the base's id, for deltas that name their base by id. */
  readonly namedBases = new Map<number, number>();
  readonly #survivors = new Arena();
  /** By entry. A body that stays longer is copied, because its block also holds evicted ones. */
  readonly #bodies = new ByteCache<Buffer, number>(BODY_BYTES, memoryOf, LARGEST_BODY, (body) =>
    this.#survivors.copy(body),
  );
  /** Some object was too large for memory. */
  #hasElsewhere = false;
  readonly #packBytes: () => number;
  readonly #objectBytes: number;
  /** The last resolved object, of any size: the next delta may build on it. */
  #last: { entry: number; bytes: Buffer } | undefined;
  #worked = 0;

  /**
   * @param packBytes returns the number of bytes received
   * @param objectBytes limit for objects built in memory
   */
  constructor(packBytes: () => number, objectBytes = DEFAULT_OBJECT_BYTES) {
    this.#packBytes = packBytes;
    this.#objectBytes = objectBytes;
  }

  /** Whether all objects are in memory, as for a small pack. */
  get inMemory(): boolean {
    return !this.#hasElsewhere && this.#bodies.isComplete;
  }

  /** Records the object of an entry that was too large for memory. */
  madeElsewhere(entry: number, type: ObjectType, size: number, id: ObjectId): void {
    this.enter(entry, type, size, id);
    this.#hasElsewhere = true;
  }

  /**
   * Adds an entry.
   * @param base entry of the delta base, `WHOLE` or `NAMED`
   * @param named id of the delta base, when it is `NAMED`
   */
  addEntry(offset: number, kind: number, size: number, base: number, named?: Buffer): number {
    if (kind !== PackType.blob) this.checkSize(size);
    this.work(size);
    const entry = this.entries.add(offset, base);
    if (named !== undefined) this.namedBases.set(entry, this.links.positionOfBytes(named, 0));
    return entry;
  }

  /** Resolves a delta when its base is in memory and the result is small. */
  resolveNow(entry: number, namedBase: number, delta: Buffer): boolean {
    const base = namedBase === NAMED ? this.#namedBase(entry) : namedBase;
    if (base === -1) return false;
    const body = this.#bodies.get(base);
    if (body === undefined) return false;
    const { resultSize } = deltaSizes(delta);
    if (resultSize > LARGE) return false;
    this.work(resultSize);
    this.setBase(entry, base);
    const type = this.entries.typeOf(base);
    this.finish(entry, type, applyDelta(body, delta, this.arena.allocate), body);
    return true;
  }

  /** The entry of the base that a delta names; -1 while it is unknown. */
  #namedBase(entry: number): number {
    return this.links.entryAt(this.namedBases.get(entry)!);
  }

  setBase(entry: number, base: number): void {
    const { bases, depths } = this.entries;
    bases[entry] = base;
    depths[entry] = depths[base]! + 1;
    if (depths[entry]! > MAX_DEPTH) throw new CorruptObjectError('a chain of deltas is too long');
  }

  /** @param base its delta base, when that is in the pack */
  finish(entry: number, type: ObjectType, bytes: Buffer, base?: Buffer): void {
    this.enter(entry, type, bytes.length, hashObject(type, bytes));
    this.links.scan(type, bytes, base);
    this.keep(entry, bytes);
  }

  /** Records the id of an entry's object. */
  enter(entry: number, type: ObjectType, size: number, id: ObjectId): void {
    const position = this.links.positionOf(id);
    if (this.links.entryAt(position) !== -1) {
      throw new CorruptObjectError(`object ${id} is in it twice`);
    }
    this.links.setEntry(position, entry);
    this.entries.resolve(entry, type, position, size);
  }

  keep(entry: number, bytes: Buffer): void {
    this.#last = { entry, bytes };
    this.#bodies.set(entry, bytes);
  }

  /** The body of an entry's object, if it is cached. */
  kept(entry: number): Buffer | undefined {
    return this.#bodies.get(entry);
  }

  /** As `kept`, or the body of the last resolved object. */
  atHand(entry: number): Buffer | undefined {
    return this.#last?.entry === entry ? this.#last.bytes : this.#bodies.get(entry);
  }

  /** Releases the last resolved object before memory is allocated for a large one. */
  forgetLast(): void {
    this.#last = undefined;
  }

  /** Call for all bytes produced from the pack. @throws GitStoreError (`EFBIG`) */
  work(bytes: number): void {
    this.#worked += bytes;
    if (this.#worked > FREE_WORK + WORK_A_BYTE * this.#packBytes()) {
      throw tooBig('The pack makes more data than a pack of its size should');
    }
  }

  /** @throws GitStoreError (`EFBIG`) for an object above the memory limit */
  checkSize(size: number): void {
    if (size <= this.#objectBytes) return;
    throw tooBig(
      `The pack holds an object of ${size} bytes, more than the ${this.#objectBytes} that are taken`,
    );
  }
}

function memoryOf(body: Buffer): number {
  return body.length + OVERHEAD;
}

export function tooBig(message: string): GitStoreError {
  return new GitStoreError(message, 'EFBIG');
}
