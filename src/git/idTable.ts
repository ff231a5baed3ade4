/**
 * The table of ids in pack indexes and multi-pack-indexes (gitformat-pack(5)): ids in ascending order, each
 * at the beginning of a row of `stride` bytes. A *fan-out* of 256 numbers precedes it. The n-th is the number
 * of ids that begin with a byte of n or less.
 */
import { createHash } from 'node:crypto';
import { CorruptObjectError } from '../errors.ts';
import type { ObjectId } from './objectId.ts';

export const ID_LENGTH = 20;
export const FANOUT_LENGTH = 256 * 4;

/** Interpolation steps before a search switches to bisection. */
const MAX_GUESSES = 4;
/** Rows around the guess to search first: the id is rarely elsewhere. */
const REACH = 64;

/** Bytes of the last id looked up, because one lookup searches the tables of many packs. */
const wanted = Buffer.alloc(ID_LENGTH);
let wantedId: ObjectId = '0'.repeat(2 * ID_LENGTH);

/** @returns false for a malformed id */
function setWanted(id: ObjectId): boolean {
  if (id === wantedId) return true;
  const isId = id.length === 2 * ID_LENGTH && wanted.write(id, 'hex') === ID_LENGTH;
  wantedId = isId ? id : '';
  return isId;
}

export class IdTable {
  readonly count: number;
  readonly #bytes: Buffer;
  readonly #fanout: Uint32Array;
  readonly #start: number;
  readonly #stride: number;

  /**
   * @param bytes the whole file, or a part of it with all rows
   * @param rowsAt offset of the first id
   * @param fanout buffer with the fan-out, when it is not in `bytes`
   * @throws CorruptObjectError when the fan-out decreases or the rows exceed the bytes
   */
  constructor(bytes: Buffer, fanoutAt: number, rowsAt: number, stride: number, fanout = bytes) {
    if (fanoutAt + FANOUT_LENGTH > fanout.length) {
      throw new CorruptObjectError('its fan-out is cut off');
    }
    this.#bytes = bytes;
    this.#fanout = new Uint32Array(256);
    let before = 0;
    for (let i = 0; i < 256; i++) {
      const count = fanout.readUInt32BE(fanoutAt + i * 4);
      if (count < before) throw new CorruptObjectError('its fan-out is not in order');
      this.#fanout[i] = count;
      before = count;
    }
    this.count = before;
    if (rowsAt + before * stride > bytes.length) {
      throw new CorruptObjectError('its ids are cut off');
    }
    this.#start = rowsAt;
    this.#stride = stride;
  }

  /** The row of an id, or -1. */
  indexOf(id: ObjectId): number {
    return setWanted(id) ? this.indexOfBytes(wanted, 0) : -1;
  }

  /**
   * As `indexOf`, for rows that are partly in memory. Calls `need` with a range of rows before it reads them.
   */
  indexOfNeeding(id: ObjectId, need: (from: number, to: number) => void): number {
    if (!setWanted(id)) return -1;
    const first = wanted[0]!;
    const low = this.#before(first);
    const high = this.#fanout[first]!;
    // Ids are uniformly distributed.
    const guess = low + Math.floor(((high - low) * wanted.readUIntBE(1, 3)) / 0x1000000);
    for (let reach = REACH; low < high; reach *= 8) {
      const from = Math.max(low, guess - reach);
      const to = Math.min(high, guess + reach);
      need(from, to);
      const isBehind = from === low || this.#compare(from, wanted) <= 0;
      if (isBehind && (to === high || this.#compare(to - 1, wanted) >= 0)) {
        const row = this.#halve(from, to, wanted, 0);
        return row < to && this.#compare(row, wanted) === 0 ? row : -1;
      }
    }
    return -1;
  }

  /** The row of the id that is the 20 bytes at `at`, or -1. */
  indexOfBytes(ids: Uint8Array, at: number): number {
    const row = this.#lowerBound(ids, at);
    return row < this.count && this.#compare(row, ids, at) === 0 ? row : -1;
  }

  /** Offset of a row's id in the file. */
  placeOf(row: number): number {
    return this.#start + row * this.#stride;
  }

  idAt(row: number): ObjectId {
    const at = this.#start + row * this.#stride;
    return this.#bytes.toString('hex', at, at + ID_LENGTH);
  }

  /** At most `limit` ids that begin with `prefix` (lowercase hex digits), in order. */
  findPrefix(prefix: string, limit: number): ObjectId[] {
    const key = Buffer.from(prefix.padEnd(2 * ID_LENGTH, '0'), 'hex');
    const found: ObjectId[] = [];
    if (key.length !== ID_LENGTH) return found;
    for (let row = this.#lowerBound(key); row < this.count && found.length < limit; row++) {
      const id = this.idAt(row);
      if (!id.startsWith(prefix)) break;
      found.push(id);
    }
    return found;
  }

  /** Whether the SHA-1 at the end of the file matches its content. */
  get checksumFits(): boolean {
    const sum = createHash('sha1').update(this.#bytes.subarray(0, -ID_LENGTH)).digest();
    return sum.equals(this.#bytes.subarray(-ID_LENGTH));
  }

  /**
   * Checks the SHA-1 at the end of the file, and the order of the ids.
   * @throws CorruptObjectError
   */
  verify(): void {
    if (!this.checksumFits) throw new CorruptObjectError('its checksum does not fit');
    for (let row = 0; row < this.count; row++) {
      const at = this.#start + row * this.#stride;
      const first = this.#bytes[at]!;
      const inFanout = row < this.#fanout[first]! && row >= this.#before(first);
      const next = this.#bytes.subarray(at + this.#stride, at + this.#stride + ID_LENGTH);
      if (!inFanout || (row + 1 < this.count && this.#compare(row, next) > 0)) {
        throw new CorruptObjectError('its ids are not in order');
      }
    }
  }

  /**
   * The first row whose id is not below `key`. Interpolates, because ids are uniformly distributed, and falls
   * back to bisection when they are not.
   */
  #lowerBound(key: Uint8Array, keyAt = 0): number {
    const first = key[keyAt]!;
    let low = this.#before(first);
    let high = this.#fanout[first]!;
    const wanted = (key[keyAt + 1]! << 16) | (key[keyAt + 2]! << 8) | key[keyAt + 3]!;
    let lowest = 0;
    let highest = 0x1000000;
    for (let guesses = 0; high - low > 8 && guesses < MAX_GUESSES; guesses++) {
      const share = (wanted - lowest) / (highest - lowest);
      const middle = low + Math.floor((high - low) * share);
      const at = this.#start + middle * this.#stride + 1;
      const found = (this.#bytes[at]! << 16) | (this.#bytes[at + 1]! << 8) | this.#bytes[at + 2]!;
      if (found === wanted || found < lowest || found > highest) break;
      if (found < wanted) {
        low = middle + 1;
        lowest = found;
      } else {
        high = middle;
        highest = found;
      }
    }
    return this.#halve(low, high, key, keyAt);
  }

  /** As `#lowerBound` by bisection. The last row may be below `key`. */
  #halve(from: number, to: number, key: Uint8Array, keyAt: number): number {
    let low = from;
    let high = to;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#compare(middle, key, keyAt) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #before(byte: number): number {
    return byte === 0 ? 0 : this.#fanout[byte - 1]!;
  }

  /** Compares the id in that row with the key. Ids usually differ in their first bytes. */
  #compare(row: number, key: Uint8Array, keyAt = 0): number {
    const at = this.#start + row * this.#stride;
    for (let i = 0; i < ID_LENGTH; i++) {
      const difference = this.#bytes[at + i]! - key[keyAt + i]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }
}

/** Runs `work` on a file, and adds the name of the file to a CorruptObjectError. */
export function readingFile<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error;
    throw new CorruptObjectError(`${file} is corrupt: ${error.message}`);
  }
}
