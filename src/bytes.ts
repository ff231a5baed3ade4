/** Small helpers over bytes that several formats share. */

/** The same bytes as a Buffer, without a copy. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A big-endian number of 64 bits. Above 2^53 - 1 it is not exact: the caller looks. */
export function readUint64(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at) * 0x100000000 + bytes.readUInt32BE(at + 4);
}

/** Whether the machine puts the low byte of a number first, as `os.endianness` says. */
export const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** Whether two stretches of bytes are the same. Both lie within their bytes. */
export function sameBytes(
  a: Uint8Array,
  startA: number,
  endA: number,
  b: Uint8Array,
  startB: number,
  endB: number,
): boolean {
  return COMPARES_RANGES
    ? asBuffer(a).compare(b, startB, endB, startA, endA) === 0
    : Buffer.compare(a.subarray(startA, endA), b.subarray(startB, endB)) === 0;
}

/** Deno holds the range in the one against the length of the other. */
const COMPARES_RANGES = comparesRanges();

function comparesRanges(): boolean {
  try {
    const [long, short] = [Buffer.of(1, 2, 3), Buffer.of(3)];
    return long.compare(short, 0, 1, 2, 3) === 0 && short.compare(long, 2, 3, 0, 1) === 0;
  } catch {
    return false;
  }
}

/** Bytes that are compared in a loop before the engine's own comparison takes over. */
const IN_LOOP = 64;
/** Bytes of one comparison by the engine; after a difference the next smaller number. */
const STRETCHES = [4096, 512, 64];

/** How many bytes are the same from `startA` and `startB` on, `most` at most, which both must have. */
export function sharedLength(
  a: Buffer,
  startA: number,
  b: Buffer,
  startB: number,
  most: number,
): number {
  let at = 0;
  const near = Math.min(most, IN_LOOP);
  while (at < near && a[startA + at] === b[startB + at]) at++;
  if (at < near) return at;
  for (const stretch of STRETCHES) {
    while (most - at >= stretch) {
      const end = at + stretch;
      if (!sameBytes(a, startA + at, startA + end, b, startB + at, startB + end)) break;
      at = end;
    }
  }
  while (at < most && a[startA + at] === b[startB + at]) at++;
  return at;
}

/** Length of the common end of two texts, at most `most`. */
export function sharedEnding(a: Uint8Array, b: Uint8Array, most: number): number {
  let length = 0;
  const [endA, endB] = [a.length, b.length];
  for (const stretch of STRETCHES) {
    while (most - length >= stretch) {
      const next = length + stretch;
      if (!sameBytes(a, endA - next, endA - length, b, endB - next, endB - length)) break;
      length = next;
    }
  }
  while (length < most && a[endA - length - 1] === b[endB - length - 1]) length++;
  return length;
}
