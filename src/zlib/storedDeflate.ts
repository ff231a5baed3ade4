/**
 * Zlib streams with uncompressed data in *stored blocks* (RFC 1950; RFC 1951, 3.2.4). Any zlib reads them.
 * All blocks but the last have the same length, so that the offset of every byte can be computed, and a
 * range of the data can be read without inflating the data before it.
 *
 * Layout: 2 bytes of zlib header; blocks of 5 bytes of header and up to 65,535 of data; 4 bytes of
 * Adler-32. Empty data is one empty block.
 */

/** The largest length that a stored block can have. */
export const STORED_BLOCK_SIZE = 65_535;
export const STORED_BLOCK_HEADER_LENGTH = 5;
/** Deflate with a window of 32 KiB, at the fastest level. */
export const STORED_STREAM_HEADER: Uint8Array = Uint8Array.of(0x78, 0x01);

const CHECKSUM_LENGTH = 4;
const ADLER_MODULUS = 65_521;
/** Bytes that can be summed before the sums exceed 2^31 (RFC 1950, 8.2, has 5552 for 2^32). */
const ADLER_RUN = 3_800;

/** The length of the stream for `size` bytes of data. */
export function storedSize(size: number): number {
  const headers = blockCount(size) * STORED_BLOCK_HEADER_LENGTH;
  return STORED_STREAM_HEADER.length + headers + size + CHECKSUM_LENGTH;
}

/** Offset in the stream of the byte at `position` of the data. */
export function storedOffset(position: number): number {
  const headers = (Math.floor(position / STORED_BLOCK_SIZE) + 1) * STORED_BLOCK_HEADER_LENGTH;
  return STORED_STREAM_HEADER.length + headers + position;
}

/**
 * The 5 bytes before block `index` (from 0) of a stream for `size` bytes of data. Other bytes there mean
 * that the stream has another layout.
 */
export function storedBlockHeader(size: number, index: number): Buffer {
  const length = Math.min(STORED_BLOCK_SIZE, size - index * STORED_BLOCK_SIZE);
  const header = Buffer.allocUnsafe(STORED_BLOCK_HEADER_LENGTH);
  header[0] = index === blockCount(size) - 1 ? 1 : 0;
  header.writeUInt16LE(length, 1);
  header.writeUInt16LE(length ^ 0xffff, 3);
  return header;
}

/** Makes such a stream from data in pieces, without copying. */
export class StoredDeflate {
  readonly #size: number;
  #position = 0;
  #checksum = 1;

  /** @param size of the whole data in bytes */
  constructor(size: number) {
    this.#size = size;
  }

  /** The beginning of the stream; for empty data including the empty block. */
  start(): Uint8Array[] {
    const header = [STORED_STREAM_HEADER];
    if (this.#size === 0) header.push(storedBlockHeader(0, 0));
    return header;
  }

  /**
   * The next parts of the stream, in order: block headers, and parts of `data` itself.
   * @throws RangeError when there is more data than was announced
   */
  push(data: Uint8Array): Uint8Array[] {
    if (this.#position + data.length > this.#size) throw new RangeError('More data than announced');
    this.#checksum = adler32(data, this.#checksum);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < data.length; ) {
      const inBlock = this.#position % STORED_BLOCK_SIZE;
      if (inBlock === 0) {
        parts.push(storedBlockHeader(this.#size, this.#position / STORED_BLOCK_SIZE));
      }
      const part = data.subarray(at, at + STORED_BLOCK_SIZE - inBlock);
      parts.push(part);
      at += part.length;
      this.#position += part.length;
    }
    return parts;
  }

  /**
   * The end of the stream.
   * @throws RangeError when there was less data than announced
   */
  end(): Uint8Array[] {
    if (this.#position !== this.#size) throw new RangeError('Less data than announced');
    const checksum = Buffer.allocUnsafe(CHECKSUM_LENGTH);
    checksum.writeUInt32BE(this.#checksum);
    return [checksum];
  }
}

/** The whole stream for data in memory: text in Latin-1, followed by bytes. */
export function deflateStored(header: string, body: Uint8Array): Buffer {
  const size = header.length + body.length;
  if (size <= STORED_BLOCK_SIZE) return deflateOneBlock(header, body, size);
  const stream = new StoredDeflate(size);
  const parts = [
    ...stream.start(),
    ...stream.push(Buffer.from(header, 'latin1')),
    ...stream.push(body),
    ...stream.end(),
  ];
  return Buffer.concat(parts, storedSize(size));
}

/** As `deflateStored`, for data that fits into one block, as every small object does. */
function deflateOneBlock(header: string, body: Uint8Array, size: number): Buffer {
  const stream = Buffer.allocUnsafe(storedSize(size));
  stream.set(STORED_STREAM_HEADER, 0);
  const blockAt = STORED_STREAM_HEADER.length;
  stream[blockAt] = 1;
  stream.writeUInt16LE(size, blockAt + 1);
  stream.writeUInt16LE(size ^ 0xffff, blockAt + 3);
  const dataAt = blockAt + STORED_BLOCK_HEADER_LENGTH;
  const end = dataAt + size;
  stream.write(header, dataAt, 'latin1');
  stream.set(body, end - body.length);
  stream.writeUInt32BE(adler32(stream, 1, dataAt, end), end);
  return stream;
}

/** Adler-32 (RFC 1950) of the bytes from `from` to `to`, which follow others whose checksum is `start`. */
export function adler32(bytes: Uint8Array, start = 1, from = 0, to = bytes.length): number {
  let a = start & 0xffff;
  let b = start >>> 16;
  for (let at = from; at < to; ) {
    const end = Math.min(at + ADLER_RUN, to);
    for (; at < end; at++) {
      a += bytes[at]!;
      b += a;
    }
    a %= ADLER_MODULUS;
    b %= ADLER_MODULUS;
  }
  return b * 0x10000 + a;
}

function blockCount(size: number): number {
  return Math.max(1, Math.ceil(size / STORED_BLOCK_SIZE));
}
