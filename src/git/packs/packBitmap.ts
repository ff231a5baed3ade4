/**
 * Reachability bitmaps (Documentation/technical/bitmap-format.txt of Git): for some commits of a pack, one
 * bit for each object of the pack, in the order of offsets, that is set if the object is reachable from the
 * commit. Git writes the file when it packs a bare repository. The bits are compressed in words of 64 (EWAH).
 */
import { createHash } from 'node:crypto';
import { asBuffer } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';

const SIGNATURE = 'BITM';
const VERSION = 1;
const HEADER_LENGTH = 12;
const CHECKSUM_LENGTH = 20;
/** Set if the pack contains all objects reachable from its own. */
const FULL_DAG = 0x1;
const HASH_CACHE = 0x4;
/** Bytes before and after the words: the numbers of bits and words, and the position of the last marker. */
const EWAH_FRAME = 12;

/** The types of objects in the order of their bitmaps. */
export const BITMAP_TYPES = ['commit', 'tree', 'blob', 'tag'] as const;

interface Entry {
  /** Where its compressed bits begin. */
  readonly at: number;
  /** How many entries back the bitmap is with which the bits are combined; 0: none. */
  readonly xorOffset: number;
}

/** A bitmap file over bytes that are already in memory and must not change. */
export class PackBitmap {
  readonly #bytes: Buffer;
  readonly #count: number;
  readonly #types: readonly Uint32Array[];
  readonly #entries: Entry[] = [];
  /** Rows of the pack's index → entries. */
  readonly #byRow = new Map<number, number>();
  readonly #hashesAt: number;

  /**
   * @param count of the pack's objects
   * @param packChecksum the last 20 bytes of the pack
   * @throws CorruptObjectError when it is damaged, of another pack, or of a kind not known
   */
  constructor(bytes: Uint8Array, count: number, packChecksum: Uint8Array) {
    const file = asBuffer(bytes);
    this.#bytes = file;
    this.#count = count;
    const end = file.length - CHECKSUM_LENGTH;
    if (end < HEADER_LENGTH + CHECKSUM_LENGTH || file.toString('latin1', 0, 4) !== SIGNATURE) {
      throw corrupt('it is cut off');
    }
    const sum = createHash('sha1').update(file.subarray(0, end)).digest();
    if (!sum.equals(file.subarray(end))) throw corrupt('its checksum does not fit');
    const flags = file.readUInt16BE(6);
    if (file.readUInt16BE(4) !== VERSION || (flags & FULL_DAG) === 0) throw corrupt('its kind');
    if (!file.subarray(HEADER_LENGTH, HEADER_LENGTH + CHECKSUM_LENGTH).equals(packChecksum)) {
      throw corrupt('it is of another pack');
    }
    let at = HEADER_LENGTH + CHECKSUM_LENGTH;
    this.#types = BITMAP_TYPES.map(() => {
      const bits = this.#empty();
      at = this.#combine(at, bits);
      return bits;
    });
    for (let entry = 0; entry < file.readUInt32BE(8); entry++) {
      const row = this.#number(at);
      const xorOffset = file[at + 4]!;
      if (row >= count || xorOffset > entry) throw corrupt('an entry is wrong');
      this.#entries.push({ at: at + 6, xorOffset });
      this.#byRow.set(row, entry);
      at += 6 + EWAH_FRAME + this.#number(at + 10) * 8;
      if (at > end) throw corrupt('it is cut off');
    }
    this.#hashesAt = (flags & HASH_CACHE) !== 0 && at + count * 4 <= end ? at : -1;
  }

  /** Whether there are bits for the commit in that row of the pack's index. */
  has(row: number): boolean {
    return this.#byRow.has(row);
  }

  /**
   * The bits of the commit in that row of the pack's index. Bit n is for the n-th object of the pack in the
   * order of offsets. A number has 32 of them, the lowest first.
   * @throws CorruptObjectError
   */
  bitsOf(row: number): Uint32Array {
    const bits = this.#empty();
    let entry = this.#byRow.get(row);
    while (entry !== undefined) {
      const { at, xorOffset } = this.#entries[entry]!;
      this.#combine(at, bits);
      entry = xorOffset === 0 ? undefined : entry - xorOffset;
    }
    return bits;
  }

  /** The bits of all objects of a type, by its place in `BITMAP_TYPES`. */
  bitsOfType(type: number): Uint32Array {
    return this.#types[type]!;
  }

  /** Git's hash of a path (nameHash.ts) of the object in that row of the pack's index; 0: not known. */
  nameHashAt(row: number): number {
    return this.#hashesAt === -1 ? 0 : this.#bytes.readUInt32BE(this.#hashesAt + row * 4);
  }

  #empty(): Uint32Array {
    return new Uint32Array(Math.ceil(this.#count / 64) * 2);
  }

  /**
   * Combines (exclusive or) the compressed bits that begin at `start` with `bits`.
   * @returns the offset after them
   */
  #combine(start: number, bits: Uint32Array): number {
    const bytes = this.#bytes;
    const words = this.#number(start + 4);
    const end = start + 8 + words * 8;
    if (end + 4 > bytes.length - CHECKSUM_LENGTH) throw corrupt('it is cut off');
    let to = 0;
    for (let at = start + 8; at < end; ) {
      // A marker: a repeated bit, its number of words, and the number of literal words that follow.
      const high = bytes.readUInt32BE(at);
      const low = bytes.readUInt32BE(at + 4);
      at += 8;
      const repeated = (high & 1) * 0x80000000 + (low >>> 1);
      const literal = high >>> 1;
      if (to + (repeated + literal) * 2 > bits.length || at + literal * 8 > end) {
        throw corrupt('its bits do not fit the pack');
      }
      const runEnd = to + repeated * 2;
      if ((low & 1) === 0) to = runEnd;
      else for (; to < runEnd; to++) bits[to]! ^= 0xffffffff;
      for (let i = 0; i < literal; i++, at += 8) {
        bits[to++]! ^= bytes.readUInt32BE(at + 4);
        bits[to++]! ^= bytes.readUInt32BE(at);
      }
    }
    // Clear the bits after the last object.
    const rest = this.#count % 64;
    if (rest !== 0 && bits.length > 0) {
      const last = bits.length - 2;
      if (rest < 32) {
        bits[last]! &= 2 ** rest - 1;
        bits[last + 1] = 0;
      } else bits[last + 1]! &= 2 ** (rest - 32) - 1;
    }
    return end + 4;
  }

  #number(at: number): number {
    if (at + 4 > this.#bytes.length - CHECKSUM_LENGTH) throw corrupt('it is cut off');
    return this.#bytes.readUInt32BE(at);
  }
}

function corrupt(why: string): CorruptObjectError {
  return new CorruptObjectError(`A pack's bitmap cannot be used: ${why}`);
}
