/**
 * Finds deltas (delta.ts applies them). The base is split into *blocks* of 16 bytes, whose rolling
 * hashes are indexed. The same hash rolls over the target. On a match, bytes are compared in both
 * directions. As in Git's `diff-delta.c`, with another hash.
 */
import { asBuffer } from '../../bytes.ts';

const BLOCK = 16;
/** Base of the rolling hash, a polynomial modulo 2^32. */
const MULTIPLIER = 0x2c1b3c6d;
/** Weight of the first byte of a block, which leaves the hash when the next byte enters. */
const LEAVING = power(MULTIPLIER, BLOCK - 1);
/** Blocks per bucket, at most. A repetitive base exceeds it, and some are dropped. */
const BUCKET_LIMIT = 64;
/** Accept a match of at least this many bytes without searching for a longer one. */
const GOOD_ENOUGH = 4096;
const LONGEST_COPY = 0x10000;
const LONGEST_INSERT = 0x7f;
/** Room for two sizes of up to 8 bytes each, and one instruction beyond the limit. */
const HEADROOM = 32;
/** Offsets in deltas have 32 bits. */
const LARGEST_BASE = 0xffffffff;

function power(base: number, exponent: number): number {
  let result = 1;
  for (let i = 0; i < exponent; i++) result = Math.imul(result, base);
  return result;
}

/** Hashes and positions of the blocks being indexed. Shared, because indexing is synchronous. */
let blockHashes = new Int32Array(1024);

/** A base, ready for deltas to be made against it. */
export class DeltaIndex {
  #base: Buffer = Buffer.alloc(0);
  /** Start of each bucket's entries, with one more element for the end. */
  #buckets = new Int32Array(17);
  #hashes = new Int32Array(16);
  /** Offset of each block's last byte. */
  #ends = new Int32Array(16);
  #shift = 28;

  get base(): Buffer {
    return this.#base;
  }

  /** Bytes of the index without the base. */
  get size(): number {
    return (this.#buckets.length + this.#hashes.length + this.#ends.length) * 4;
  }

  /**
   * Indexes a base. The bytes must not change as long as deltas are made against it.
   * @throws RangeError for one of 4 GiB or more
   */
  set(base: Uint8Array): void {
    if (base.length > LARGEST_BASE) throw new RangeError('A delta base of 4 GiB or more');
    this.#base = asBuffer(base);
    const blocks = base.length === 0 ? 0 : Math.floor((base.length - 1) / BLOCK);
    let bucketBits = 4;
    while (bucketBits < 26 && 1 << bucketBits < blocks >> 2) bucketBits++;
    const shift = 32 - bucketBits;
    const bucketCount = 1 << bucketBits;
    this.#shift = shift;
    if (this.#buckets.length < bucketCount + 1) this.#buckets = new Int32Array(bucketCount + 1);
    const buckets = this.#buckets;
    buckets.fill(0, 0, bucketCount + 1);
    if (blockHashes.length < blocks) blockHashes = new Int32Array(blocks * 2);

    const hashes = blockHashes;
    for (let block = 0, at = 1; block < blocks; block++) {
      let hash = 0;
      for (const end = at + BLOCK; at < end; at++)
        hash = (Math.imul(hash, MULTIPLIER) + base[at]!) | 0;
      hashes[block] = hash;
      buckets[hash >>> shift]!++;
    }
    let crowded = false;
    let total = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const count = buckets[bucket]!;
      if (count > BUCKET_LIMIT) crowded = true;
      total += count;
      buckets[bucket] = total;
    }
    buckets[bucketCount] = total;
    if (this.#hashes.length < total) {
      this.#hashes = new Int32Array(total + (total >> 2));
      this.#ends = new Int32Array(total + (total >> 2));
    }
    // Backwards, so that a bucket's first entries are from the front of the base.
    for (let block = blocks - 1; block >= 0; block--) {
      const hash = hashes[block]!;
      const row = --buckets[hash >>> shift]!;
      this.#hashes[row] = hash;
      this.#ends[row] = (block + 1) * BLOCK;
    }
    if (crowded) this.#thinOut(bucketCount);
  }

  /** Keeps the first of a run of equal blocks, and then every n-th block of an overfull bucket. */
  #thinOut(bucketCount: number): void {
    const buckets = this.#buckets;
    const hashes = this.#hashes;
    const ends = this.#ends;
    let kept = 0;
    let start = 0;
    for (let bucket = 0; bucket < bucketCount; bucket++) {
      const end = buckets[bucket + 1]!;
      const from = kept;
      buckets[bucket] = kept;
      for (let row = start; row < end; row++) {
        const repeats =
          kept > from && hashes[kept - 1] === hashes[row] && ends[row]! - ends[row - 1]! === BLOCK;
        if (end - start > BUCKET_LIMIT && repeats) {
          continue;
        }
        hashes[kept] = hashes[row]!;
        ends[kept++] = ends[row]!;
      }
      const count = kept - from;
      if (count > BUCKET_LIMIT) {
        for (let i = 0; i < BUCKET_LIMIT; i++) {
          const row = from + Math.floor((i * count) / BUCKET_LIMIT);
          hashes[from + i] = hashes[row]!;
          ends[from + i] = ends[row]!;
        }
        kept = from + BUCKET_LIMIT;
      }
      start = end;
    }
    buckets[bucketCount] = kept;
  }

  /**
   * Makes the delta that turns the base into `target`.
   * @param limit in bytes
   * @param into receives the delta; must hold `deltaRoom(limit)` bytes
   * @returns the length of the delta in `into`, or -1 when it would be longer than `limit`
   */
  encode(target: Uint8Array, limit: number, into: Uint8Array): number {
    const base = this.#base;
    const buckets = this.#buckets;
    const hashes = this.#hashes;
    const ends = this.#ends;
    const shift = this.#shift;
    const baseLength = base.length;
    const length = target.length;
    let out = writeSize(into, writeSize(into, 0, baseLength), length);
    if (out >= limit) return -1;

    /** Number of pending insert bytes, which follow the byte for their number. */
    let inserting = 0;
    let at = 0;
    let hash = 0;
    out++;
    for (; at < BLOCK - 1 && at < length; at++) {
      into[out++] = target[at]!;
      hash = (Math.imul(hash, MULTIPLIER) + target[at]!) | 0;
      inserting++;
    }
    // The next byte completes the hash of a block, and no byte leaves it yet.
    let full = false;
    let matchLength = 0;
    let matchAt = 0;
    while (at < length) {
      if (matchLength < GOOD_ENOUGH) {
        if (full) hash = (hash - Math.imul(target[at - BLOCK]!, LEAVING)) | 0;
        hash = (Math.imul(hash, MULTIPLIER) + target[at]!) | 0;
        full = true;
        const bucket = hash >>> shift;
        const rowEnd = buckets[bucket + 1]!;
        for (let row = buckets[bucket]!; row < rowEnd; row++) {
          if (hashes[row] !== hash) continue;
          const start = ends[row]!;
          const most = Math.min(baseLength - start, length - at);
          if (most <= matchLength) continue;
          let same = 0;
          while (same < most && base[start + same] === target[at + same]) same++;
          if (same > matchLength) {
            matchLength = same;
            matchAt = start;
            if (same >= GOOD_ENOUGH) break;
          }
        }
      }
      if (matchLength < 4) {
        if (inserting === 0) out++;
        into[out++] = target[at++]!;
        matchLength = 0;
        if (++inserting === LONGEST_INSERT) {
          into[out - inserting - 1] = inserting;
          inserting = 0;
        }
        if (out > limit) return -1;
        continue;
      }
      if (inserting > 0) {
        while (inserting > 0 && matchAt > 0 && base[matchAt - 1] === target[at - 1]) {
          matchLength++;
          matchAt--;
          at--;
          out--;
          inserting--;
        }
        if (inserting > 0) into[out - inserting - 1] = inserting;
        else out--;
        inserting = 0;
      }
      const rest = matchLength > LONGEST_COPY ? matchLength - LONGEST_COPY : 0;
      const size = matchLength - rest;
      const opAt = out++;
      let op = 0x80;
      if (matchAt & 0xff) {
        into[out++] = matchAt;
        op |= 0x01;
      }
      if (matchAt & 0xff00) {
        into[out++] = matchAt >>> 8;
        op |= 0x02;
      }
      if (matchAt & 0xff0000) {
        into[out++] = matchAt >>> 16;
        op |= 0x04;
      }
      if (matchAt > 0xffffff) {
        into[out++] = matchAt / 0x1000000;
        op |= 0x08;
      }
      if (size & 0xff) {
        into[out++] = size;
        op |= 0x10;
      }
      if (size & 0xff00) {
        into[out++] = size >>> 8;
        op |= 0x20;
      }
      into[opAt] = op;
      if (out > limit) return -1;
      at += size;
      matchAt += size;
      matchLength = rest;
      if (matchLength < GOOD_ENOUGH && at < length) {
        hash = 0;
        for (let i = at - BLOCK; i < at; i++) hash = (Math.imul(hash, MULTIPLIER) + target[i]!) | 0;
      }
    }
    if (inserting > 0) into[out - inserting - 1] = inserting;
    else if (length === 0) out--;
    return out > limit ? -1 : out;
  }
}

/** Required size of `into` for deltas of up to `limit` bytes. */
export function deltaRoom(limit: number): number {
  return limit + HEADROOM + LONGEST_INSERT + BLOCK;
}

/** Writes a number of 7 bits per byte, lowest first. Returns its end. */
function writeSize(into: Uint8Array, at: number, size: number): number {
  let rest = size;
  let end = at;
  while (rest >= 0x80) {
    into[end++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  into[end++] = rest;
  return end;
}
