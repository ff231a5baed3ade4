/** What reader and writer of bzip2 share. The format has no official description; bzip2's source is it. */

/** Marks of a block and of the end of a stream: the digits of pi, and of its square root. */
export const BLOCK_MARK = [0x314159, 0x265359] as const;
export const END_MARK = [0x177245, 0x385090] as const;

/** Bytes of a block for each step of the level. */
export const LEVEL_BYTES = 100_000;

/** Symbols that share one table, and how many of them use it in a row. */
export const GROUP = 50;

/** The two digits in which runs of the front symbol are written. */
export const RUN_A = 0;
export const RUN_B = 1;

/** CRC-32 with the highest bit first. */
const TABLE = new Int32Array(256).map((_, i) => {
  let crc = i << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc < 0 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc;
});

/** The checksum, begun with -1 and inverted at the end, carried on over some bytes. */
export function updateCrc(crc: number, bytes: Uint8Array, start: number, end: number): number {
  let value = crc;
  for (let i = start; i < end; i++) value = (value << 8) ^ TABLE[(value >>> 24) ^ bytes[i]!]!;
  return value;
}

/** The stream's checksum with one block's more. */
export function combineCrc(stream: number, block: number): number {
  return ((stream << 1) | (stream >>> 31)) ^ block;
}
