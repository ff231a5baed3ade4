/**
 * Pack indexes (gitformat-pack(5), "Pack *.idx files"): for each object of a pack its id, the
 * offset of its entry and, in version 2, the CRC-32 of the entry in the pack. Version 2
 * is written; it keeps offsets of 2^31 and more in a table of 64-bit numbers. Version 1 is read too.
 */
import { createHash } from 'node:crypto';
import { asBuffer, LITTLE_ENDIAN, readUint64 } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';
import { FANOUT_LENGTH, ID_LENGTH, IdTable, readingFile } from '../idTable.ts';
import type { ObjectId } from '../objectId.ts';

export interface PackIndexEntry {
  readonly id: ObjectId;
  /** Of the entry's first byte in the pack. */
  readonly offset: number;
  /** CRC-32 of the entry's bytes, header and zlib stream. */
  readonly crc: number;
}

const MAGIC = 0xff744f63;
const VERSION = 2;
const V2_HEADER_LENGTH = 8;
const V1_ROW_LENGTH = 4 + ID_LENGTH;
const TRAILER_LENGTH = 2 * ID_LENGTH;
/** Bytes of the beginning and the end of a file that `parse` and `packChecksum` read. */
export const INDEX_HEAD_LENGTH = V2_HEADER_LENGTH + FANOUT_LENGTH;
export const INDEX_TRAILER_LENGTH = TRAILER_LENGTH;
/** In the table of 32-bit offsets: the other bits are a row of the table of 64-bit offsets. */
const IS_LARGE = 0x80000000;
const TWO_32 = 0x100000000;

/**
 * An index over bytes that are already in memory; they must not change while it is used. Structure
 * is checked when it is parsed, checksum and order only by `verify()`.
 */
export class PackIndex {
  readonly version: number;
  readonly #file: string;
  readonly #bytes: Buffer;
  readonly #ids: IdTable;
  readonly #crcsAt: number;
  readonly #offsetsAt: number;
  readonly #largeAt: number;
  readonly #largeCount: number;

  /**
   * @param name of the file, for errors
   * @throws CorruptObjectError when the bytes do not have the structure of an index
   */
  static parse(bytes: Uint8Array, name = ''): PackIndex {
    const file = name === '' ? 'Pack index' : `Pack index ${name}`;
    return readingFile(file, () => new PackIndex(asBuffer(bytes), file));
  }

  private constructor(bytes: Buffer, file: string) {
    this.#bytes = bytes;
    this.#file = file;
    const length = bytes.length - TRAILER_LENGTH;
    if (length < FANOUT_LENGTH) throw new CorruptObjectError('it is cut off');
    if (bytes.readUInt32BE(0) === MAGIC) {
      this.version = bytes.readUInt32BE(4);
      if (this.version !== VERSION) {
        throw new CorruptObjectError(`version ${this.version} is not known`);
      }
      const idsAt = V2_HEADER_LENGTH + FANOUT_LENGTH;
      this.#ids = new IdTable(bytes, V2_HEADER_LENGTH, idsAt, ID_LENGTH);
      this.#crcsAt = idsAt + this.count * ID_LENGTH;
      this.#offsetsAt = this.#crcsAt + this.count * 4;
      this.#largeAt = this.#offsetsAt + this.count * 4;
      this.#largeCount = (length - this.#largeAt) / 8;
    } else {
      this.version = 1;
      this.#ids = new IdTable(bytes, 0, FANOUT_LENGTH + 4, V1_ROW_LENGTH);
      this.#crcsAt = -1;
      this.#offsetsAt = FANOUT_LENGTH;
      this.#largeAt = FANOUT_LENGTH + this.count * V1_ROW_LENGTH;
      this.#largeCount = length === this.#largeAt ? 0 : -1;
    }
    if (!Number.isInteger(this.#largeCount) || this.#largeCount < 0) {
      throw new CorruptObjectError('its length does not fit its number of objects');
    }
    if (this.#largeCount > this.count) throw new CorruptObjectError('it has too many offsets');
  }

  /** Number of objects. */
  get count(): number {
    return this.#ids.count;
  }

  /** The checksum at the end of the pack that it belongs to. */
  get packChecksum(): Buffer {
    return this.#bytes.subarray(-TRAILER_LENGTH, -ID_LENGTH);
  }

  /** Whether it is of version 2 and without offsets of 2^31 and more. */
  get isPlain(): boolean {
    return this.version === VERSION && this.#largeCount === 0;
  }

  /**
   * The entry of an object. `crc` is undefined in version 1.
   * @throws CorruptObjectError when its offset cannot be right
   */
  find(id: ObjectId): { offset: number; crc: number | undefined } | undefined {
    const row = this.#ids.indexOf(id);
    return row === -1 ? undefined : { offset: this.offsetAt(row), crc: this.crcAt(row) };
  }

  /**
   * As `find`, for a plain index that is partly in memory. Calls `need` with a range of bytes before it reads
   * them.
   */
  findNeeding(
    id: ObjectId,
    need: (start: number, end: number) => void,
  ): ReturnType<PackIndex['find']> {
    const row = this.#ids.indexOfNeeding(id, (from, to) => {
      need(this.placeOf(from), this.placeOf(to));
    });
    if (row === -1) return undefined;
    for (const at of [this.#offsetsAt, this.#crcsAt]) need(at + row * 4, at + row * 4 + 4);
    return { offset: this.offsetAt(row), crc: this.crcAt(row) };
  }

  /**
   * The ids in the file, for work on all of them: the first at `at`, each `stride` bytes after the
   * one before.
   */
  get idRows(): { bytes: Buffer; at: number; stride: number } {
    const at = this.version === 1 ? FANOUT_LENGTH + 4 : V2_HEADER_LENGTH + FANOUT_LENGTH;
    return { bytes: this.#bytes, at, stride: this.version === 1 ? V1_ROW_LENGTH : ID_LENGTH };
  }

  /** The position of an object in the order of ids, or -1. */
  indexOf(id: ObjectId): number {
    return this.#ids.indexOf(id);
  }

  /** As `indexOf`, for the 20 bytes at `at`. */
  indexOfBytes(ids: Uint8Array, at: number): number {
    return this.#ids.indexOfBytes(ids, at);
  }

  /** The index itself; the id of a row is the 20 bytes at `placeOf(row)`. */
  get bytes(): Buffer {
    return this.#bytes;
  }

  placeOf(row: number): number {
    return this.#ids.placeOf(row);
  }

  /** At most `limit` ids that begin with `prefix` (1 to 40 lowercase hex digits), in order. */
  findPrefix(prefix: string, limit: number): ObjectId[] {
    return this.#ids.findPrefix(prefix, limit);
  }

  /** The id at a position in the order of ids, 0 to `count - 1`. */
  idAt(row: number): ObjectId {
    this.#checkRow(row);
    return this.#ids.idAt(row);
  }

  /** @throws CorruptObjectError when the offset cannot be right */
  offsetAt(row: number): number {
    this.#checkRow(row);
    if (this.version === 1) return this.#bytes.readUInt32BE(this.#offsetsAt + row * V1_ROW_LENGTH);
    const offset = this.#bytes.readUInt32BE(this.#offsetsAt + row * 4);
    if (offset < IS_LARGE) return offset;
    const large = offset - IS_LARGE;
    if (large >= this.#largeCount) throw this.#wrongOffset(row);
    const exact = readUint64(this.#bytes, this.#largeAt + large * 8);
    if (!Number.isSafeInteger(exact)) throw this.#wrongOffset(row);
    return exact;
  }

  /** CRC-32 of the entry's bytes in the pack; undefined in version 1. */
  crcAt(row: number): number | undefined {
    this.#checkRow(row);
    return this.#crcsAt === -1 ? undefined : this.#bytes.readUInt32BE(this.#crcsAt + row * 4);
  }

  /** Whether the checksum at its end fits: a small part of the work of `verifyChecksum`. */
  get checksumFits(): boolean {
    return this.#ids.checksumFits;
  }

  /** @throws CorruptObjectError when the checksum at its end does not fit, or ids are not in order */
  verifyChecksum(): void {
    readingFile(this.#file, () => this.#ids.verify());
  }

  #wrongOffset(row: number): CorruptObjectError {
    const objectId = this.#ids.idAt(row);
    return new CorruptObjectError(`${this.#file} is corrupt: no offset for ${objectId}`, {
      objectId,
    });
  }

  #checkRow(row: number): void {
    if (!(row >= 0 && row < this.count)) throw new RangeError(`No row ${row} in a pack index`);
  }
}

/** The entries of a pack in columns, for packs of millions of objects. */
export interface PackIndexColumns {
  readonly count: number;
  /** 20 bytes an entry. */
  readonly ids: Buffer;
  readonly offsets: ArrayLike<number>;
  readonly crcs: ArrayLike<number>;
}

/**
 * An index of version 2 for entries in any order.
 * @param packChecksum the 20 bytes at the end of the pack
 */
export function serializePackIndex(
  entries: readonly PackIndexEntry[],
  packChecksum: Uint8Array,
): Buffer {
  const count = entries.length;
  const ids = Buffer.allocUnsafe(count * ID_LENGTH);
  for (let i = 0; i < count; i++) {
    const { id } = entries[i]!;
    if (ids.write(id, i * ID_LENGTH, 'hex') !== ID_LENGTH) {
      throw new TypeError(`Not an object id: ${id}`);
    }
  }
  const offsets = entries.map(({ offset }) => offset);
  const crcs = entries.map(({ crc }) => crc);
  return serializePackIndexColumns({ count, ids, offsets, crcs }, packChecksum);
}

/** As `serializePackIndex`, for entries in columns. */
export function serializePackIndexColumns(
  { count, ids, offsets, crcs }: PackIndexColumns,
  packChecksum: Uint8Array,
): Buffer {
  let large = 0;
  for (let i = 0; i < count; i++) if (offsets[i]! >= IS_LARGE) large++;

  const idsAt = V2_HEADER_LENGTH + FANOUT_LENGTH;
  const crcsAt = idsAt + count * ID_LENGTH;
  const offsetsAt = crcsAt + count * 4;
  let largeAt = offsetsAt + count * 4;
  const index = Buffer.alloc(largeAt + large * 8 + TRAILER_LENGTH);
  index.writeUInt32BE(MAGIC, 0);
  index.writeUInt32BE(VERSION, 4);

  const fanout = new Uint32Array(256);
  const order = sortIds(ids, count);
  large = 0;
  for (let row = 0; row < count; row++) {
    const entry = order[row]!;
    const offset = offsets[entry]!;
    const from = entry * ID_LENGTH;
    const to = idsAt + row * ID_LENGTH;
    for (let i = 0; i < ID_LENGTH; i++) index[to + i] = ids[from + i]!;
    fanout[ids[from]!]!++;
    index.writeUInt32BE(crcs[entry]!, crcsAt + row * 4);
    if (offset < IS_LARGE) {
      index.writeUInt32BE(offset, offsetsAt + row * 4);
    } else {
      index.writeUInt32BE(IS_LARGE + large++, offsetsAt + row * 4);
      index.writeUInt32BE(Math.floor(offset / TWO_32), largeAt);
      index.writeUInt32BE(offset % TWO_32, largeAt + 4);
      largeAt += 8;
    }
  }
  let total = 0;
  for (let byte = 0; byte < 256; byte++) {
    total += fanout[byte]!;
    index.writeUInt32BE(total, V2_HEADER_LENGTH + byte * 4);
  }
  index.set(packChecksum, largeAt);
  const body = index.subarray(0, largeAt + ID_LENGTH);
  index.set(createHash('sha1').update(body).digest(), body.length);
  return index;
}

/**
 * The order of ids in consecutive bytes. They are sorted as 64-bit numbers, the first four
 * bytes of an id above its position, by the platform's own sort of numbers: a million strings would
 * take seconds. The few ids that begin alike are then put in order among themselves.
 */
export function sortIds(ids: Buffer, count: number): Uint32Array {
  const keys = new BigUint64Array(count);
  const halves = new Uint32Array(keys.buffer);
  const high = LITTLE_ENDIAN ? 1 : 0;
  for (let i = 0; i < count; i++) {
    halves[2 * i + high] = ids.readUInt32BE(i * ID_LENGTH);
    halves[2 * i + 1 - high] = i;
  }
  keys.sort();
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = halves[2 * i + 1 - high]!;
  const idOf = (i: number): Buffer => ids.subarray(i * ID_LENGTH, (i + 1) * ID_LENGTH);
  for (let start = 0; start < count; ) {
    let end = start + 1;
    while (end < count && halves[2 * end + high] === halves[2 * start + high]) end++;
    if (end - start > 1) {
      order.subarray(start, end).sort((a, b) => Buffer.compare(idOf(a), idOf(b)));
    }
    start = end;
  }
  return order;
}
