/** Reads a stream in pieces of the size that is asked for. */

import { asBuffer } from '../../bytes.ts';
import type { ArchiveError } from '../../errors.ts';
import { truncated } from '../errors.ts';

const NOTHING = Buffer.alloc(0);

export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Buffer = NOTHING;
  #at = 0;
  #ended = false;
  #position = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** How many bytes have been taken. */
  get position(): number {
    return this.#position;
  }

  /** Bytes in memory. */
  get available(): number {
    return this.#chunk.length - this.#at;
  }

  /** Reads until `length` bytes are in memory. False when the stream ends before. */
  async fill(length: number): Promise<boolean> {
    if (this.available >= length) return true;
    // What must outlast the next chunk is copied: a source may use its buffer again.
    const parts: Buffer[] =
      this.available === 0 ? [] : [Buffer.from(this.#chunk.subarray(this.#at))];
    let have = this.available;
    while (have < length && !this.#ended) {
      const next = await this.#source.next();
      if (next.done === true) this.#ended = true;
      else if (next.value.length > 0) {
        const chunk = asBuffer(next.value);
        have += chunk.length;
        parts.push(have < length ? Buffer.from(chunk) : chunk);
      }
    }
    this.#chunk = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
    this.#at = 0;
    return have >= length;
  }

  /** The next `length` bytes, which must be in memory. Valid until the next call. */
  take(length: number): Buffer {
    const bytes = this.#chunk.subarray(this.#at, this.#at + length);
    this.#at += length;
    this.#position += length;
    return bytes;
  }

  /** The bytes in memory, without consuming them. */
  peek(length: number): Buffer {
    return this.#chunk.subarray(this.#at, this.#at + length);
  }

  /** The next `length` bytes, the caller's own. @throws ArchiveError when there are fewer */
  async read(length: number): Promise<Buffer> {
    if (this.available < length && !(await this.fill(length))) throw endsEarly();
    return Buffer.from(this.take(length));
  }

  /** The next `length` bytes as they come. @throws ArchiveError when there are fewer */
  async *stream(length: number): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = length; left > 0; ) {
      if (this.available === 0 && !(await this.fill(1))) throw endsEarly();
      const chunk = this.take(Math.min(left, this.available));
      left -= chunk.length;
      yield chunk;
    }
  }

  /** Passes over `length` bytes. @throws ArchiveError when there are fewer */
  async skip(length: number): Promise<void> {
    for (let left = length; left > 0; ) {
      if (this.available === 0 && !(await this.fill(1))) throw endsEarly();
      left -= this.take(Math.min(left, this.available)).length;
    }
  }

  /** All that is left, as it comes. */
  async *rest(): AsyncGenerator<Uint8Array, void, undefined> {
    while (this.available > 0 || (await this.fill(1))) yield this.take(this.available);
  }

  /** Tells the source that no more is wanted. */
  async close(): Promise<void> {
    this.#chunk = NOTHING;
    this.#at = 0;
    if (this.#ended) return;
    this.#ended = true;
    await this.#source.return?.();
  }
}

function endsEarly(): ArchiveError {
  return truncated('it ends inside a member');
}
