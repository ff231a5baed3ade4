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
