/**
 * Changed-path Bloom filters (gitformat-commit-graph(5), "Bloom Filter Data"): a few bits per commit that
 * rule out nearly every path that it did not change compared with its first parent.
 */
import { encodePath } from '../pathBytes.ts';

/** Parameters of the filters of one file. */
export interface FilterSettings {
  /** 1: bytes of 0x80 and above were hashed depending on the writer's machine; 2: as unsigned bytes. */
  readonly version: number;
  readonly hashCount: number;
  /** Bits in a filter for each path. */
  readonly bitsPerPath?: number;
}

/** Git's own. */
const SEED_A = 0x293ae76f;
const SEED_B = 0x7e646e2c;

/**
 * The hashes to look up for a path: those of the path and of all directories on it, which are all in a
 * filter when the path is. Undefined when filters with these settings cannot be used.
 */
export function pathHashes(path: string, settings: FilterSettings): Uint32Array[] | undefined {
  const bytes = encodePath(path);
  if (bytes.length === 0 || (settings.version !== 1 && settings.version !== 2)) return undefined;
  // In version 1 the hash of other bytes depends on the machine that wrote it.
  if (settings.version === 1 && bytes.some((byte) => byte >= 0x80)) return undefined;
  const all: Uint32Array[] = [];
  for (let end = bytes.length; end > 0; end = bytes.lastIndexOf(SLASH, end - 1)) {
    const part = bytes.subarray(0, end);
    const a = murmur3(SEED_A, part);
    const b = murmur3(SEED_B, part);
    all.push(Uint32Array.from({ length: settings.hashCount }, (_, i) => a + Math.imul(i, b)));
  }
  return all;
}

const SLASH = 0x2f;

/**
 * Whether the filter `bytes[start … end]` may hold all of `hashes`. True for an empty filter, which rules
 * out nothing.
 */
export function filterMayHold(
  bytes: Uint8Array,
  start: number,
  end: number,
  hashes: readonly Uint32Array[],
): boolean {
  const bits = (end - start) * 8;
  if (bits === 0) return true;
  for (const key of hashes) {
    for (let i = 0; i < key.length; i++) {
      const bit = key[i]! % bits;
      if ((bytes[start + (bit >>> 3)]! & (1 << (bit & 7))) === 0) return false;
    }
  }
  return true;
}

/** Parameters of our filters: Git's defaults. */
export const FILTER_VERSION = 1;
export const FILTER_HASHES = 7;
/** Bits in a filter for each path. */
export const FILTER_BITS = 10;

/** Puts a path, or a directory of one, into a filter. Its bytes must be below 0x80. */
export function addToFilter(filter: Buffer, path: Uint8Array): void {
  const a = murmur3(SEED_A, path);
  const b = murmur3(SEED_B, path);
  const bits = filter.length * 8;
  for (let i = 0; i < FILTER_HASHES; i++) {
    const bit = ((a + Math.imul(i, b)) >>> 0) % bits;
    filter[bit >>> 3]! |= 1 << (bit & 7);
  }
}

/** MurmurHash3 of 32 bits. */
function murmur3(seed: number, bytes: Uint8Array): number {
  let hash = seed;
  const whole = bytes.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const word = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    hash ^= scramble(word);
    hash = Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe6546b64;
  }
  let rest = 0;
  for (let i = bytes.length - 1; i >= whole; i--) rest = (rest << 8) | bytes[i]!;
  if (bytes.length > whole) hash ^= scramble(rest);
  hash ^= bytes.length;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}
