/// <reference path="./unbzip2.d.ts" />
/**
 * Reading bzip2 with what unbzip2-stream is made of. Its stream keeps a block's bytes in an array of
 * numbers, 1.5 GB for 100 MB of zeros; here they go straight into buffers.
 */
import { setImmediate } from 'node:timers/promises';
import bitIterator from 'unbzip2-stream/lib/bit_iterator.js';
import bzip2 from 'unbzip2-stream/lib/bzip2.js';
import { ArchiveError } from '../../errors.ts';
import { ByteReader } from '../bytes/byteReader.ts';
import { corrupt, truncated } from '../errors.ts';
import { LEVEL_BYTES } from './format.ts';

/** More bytes than the longest block can have: each of its symbols has at most 20 bits. */
const LONGEST_BLOCK = Math.ceil((9 * LEVEL_BYTES * 20) / 8) + 65536;

const PIECE = 256 << 10;

/** Any number of streams one behind the other. @throws ArchiveError */
export async function* decompressBzip2(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(source);
  let given = 0;
  const next = (): Uint8Array => {
    const piece = Buffer.from(reader.take(Math.min(PIECE, reader.available)));
    if (piece.length === 0) throw truncated('its bzip2 data ends too early');
    given += piece.length;
    return piece;
  };
  try {
    await reader.fill(LONGEST_BLOCK);
    const bits = bitIterator(next);
    for (let first = true; ; first = false) {
      await reader.fill(LONGEST_BLOCK);
      if (!first && given === bits.bytesRead && reader.available === 0) return;
      let size: number;
      try {
        size = LEVEL_BYTES * bzip2.header(bits);
      } catch (error) {
        // Zeros and other filling behind the last stream is what bzip2 passes over too.
        if (first) throw error;
        return;
      }
      const table = new Int32Array(size);
      for (let checksum: number | null = 0; ; ) {
        await reader.fill(LONGEST_BLOCK);
        const output = new Output();
        checksum = bzip2.decompress(bits, output.take, table, size, checksum);
        if (checksum === null) break;
        yield* output.pieces();
        await setImmediate();
      }
    }
  } catch (error) {
    throw error instanceof ArchiveError
      ? error
      : corrupt('its bzip2 data cannot be read', undefined, error);
  } finally {
    await reader.close();
  }
}

/** The bytes of one block. */
class Output {
  readonly #full: Buffer[] = [];
  #piece = Buffer.allocUnsafe(PIECE);
  #length = 0;

  readonly take = (byte: number): void => {
    if (this.#length === PIECE) {
      this.#full.push(this.#piece);
      this.#piece = Buffer.allocUnsafe(PIECE);
      this.#length = 0;
    }
    this.#piece[this.#length++] = byte;
  };

  *pieces(): Generator<Uint8Array, void, undefined> {
    yield* this.#full;
    if (this.#length > 0) yield this.#piece.subarray(0, this.#length);
  }
}
