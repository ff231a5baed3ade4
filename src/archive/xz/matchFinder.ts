/**
 * Finds earlier copies of what comes next: positions with the same first bytes are chained by hash,
 * the newest first. Text slides through a buffer of twice the dictionary.
 */
import { MAX_MATCH } from './lzma.ts';

const HASH_BITS = 21;
const HASH3_BITS = 15;

/** Bytes looked at ahead of the position, so that no match is cut. */
const AHEAD = MAX_MATCH + 8;

export class MatchFinder {
  readonly #reach: number;
  readonly #depth: number;
  readonly #nice: number;
  /** Heads and links are positions plus one; 0 is none. */
  readonly #head4 = new Int32Array(1 << HASH_BITS);
  readonly #head3 = new Int32Array(1 << HASH3_BITS);
  readonly #head2 = new Int32Array(1 << 16);
  readonly #link: Int32Array;
  readonly bytes: Uint8Array;
  /** End of the text in memory. */
  end = 0;
  position = 0;
  /** What `find` has found: length 0 is nothing; the distance is 1 for the byte before. */
  length = 0;
  distance = 0;

  /**
   * @param reach how far back a match may be, a power of 2
   * @param depth how many candidates are looked at
   * @param nice a match of this length ends the search
   */
  constructor(reach: number, depth: number, nice: number) {
    this.#reach = reach;
    this.#depth = depth;
    this.#nice = nice;
    this.#link = new Int32Array(reach);
    this.bytes = new Uint8Array(2 * reach + (4 << 20));
  }

  /** How many bytes `append` can take now. */
  get room(): number {
    return this.bytes.length - this.end;
  }

  append(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.end);
    this.end += bytes.length;
  }

  /** Drops what lies out of reach. Returns by how much all positions have moved. */
  slide(): number {
    const shift = this.position - this.#reach;
    if (shift <= 0) return 0;
    // The links are found by position modulo reach: whole turns keep their places.
    const by = shift - (shift % this.#reach);
    if (by === 0) return 0;
    this.bytes.copyWithin(0, by, this.end);
    this.end -= by;
    this.position -= by;
    for (const table of [this.#head4, this.#head3, this.#head2, this.#link]) {
      for (let i = 0; i < table.length; i++) table[i] = Math.max(0, table[i]! - by);
    }
    return by;
  }

  /** Looks for the longest match at the position and moves on by one byte. */
  find(): void {
    const at = this.position;
    const { bytes } = this;
    const most = Math.min(MAX_MATCH, this.end - at);
    this.length = 0;
    if (most < 4) {
      this.position++;
      return;
    }
    const two = bytes[at]! | (bytes[at + 1]! << 8);
    const three = two | (bytes[at + 2]! << 16);
    const four = three | (bytes[at + 3]! << 24);
    const hash3 = Math.imul(three, 0x9e3779b1) >>> (32 - HASH3_BITS);
    const hash4 = Math.imul(four, 0x9e3779b1) >>> (32 - HASH_BITS);
    const oldest = Math.max(0, at - this.#reach + AHEAD);
    let best = 1;
    let from = this.#head2[two]! - 1;
    if (from >= oldest && at - from < 128) {
      best = 2;
      this.distance = at - from;
    }
    from = this.#head3[hash3]! - 1;
    if (
      from >= oldest &&
      at - from < 1 << 15 &&
      bytes[from] === bytes[at] &&
      bytes[from + 1] === bytes[at + 1] &&
      bytes[from + 2] === bytes[at + 2]
    ) {
      best = 3;
      this.distance = at - from;
    }
    const link = this.#link;
    const mask = this.#reach - 1;
    from = this.#head4[hash4]! - 1;
    for (let tries = this.#depth; from >= oldest && tries > 0; tries--) {
      if (bytes[from + best] === bytes[at + best] && bytes[from] === bytes[at]) {
        let length = 1;
        while (length < most && bytes[from + length] === bytes[at + length]) length++;
        if (length > best) {
          best = length;
          this.distance = at - from;
          if (length >= this.#nice || length === most) break;
        }
      }
      from = link[from & mask]! - 1;
    }
    if (best >= 2) this.length = best;
    link[at & mask] = this.#head4[hash4]!;
    this.#head4[hash4] = at + 1;
    this.#head3[hash3] = at + 1;
    this.#head2[two] = at + 1;
    this.position++;
  }

  /** Moves on without looking. */
  skip(count: number): void {
    const { bytes } = this;
    const mask = this.#reach - 1;
    for (let left = count; left > 0; left--) {
      const at = this.position++;
      if (this.end - at < 4) continue;
      const two = bytes[at]! | (bytes[at + 1]! << 8);
      const three = two | (bytes[at + 2]! << 16);
      const four = three | (bytes[at + 3]! << 24);
      const hash4 = Math.imul(four, 0x9e3779b1) >>> (32 - HASH_BITS);
      this.#link[at & mask] = this.#head4[hash4]!;
      this.#head4[hash4] = at + 1;
      this.#head3[Math.imul(three, 0x9e3779b1) >>> (32 - HASH3_BITS)] = at + 1;
      this.#head2[two] = at + 1;
    }
  }

  /** How many bytes at `at` are the same as those `distance` before. */
  matchLength(at: number, distance: number): number {
    const { bytes } = this;
    if (distance > at) return 0;
    const most = Math.min(MAX_MATCH, this.end - at);
    let length = 0;
    while (length < most && bytes[at + length] === bytes[at + length - distance]) length++;
    return length;
  }
}
