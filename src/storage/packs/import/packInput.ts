/**
 * The stream of a pack as it comes in: a stretch of it in memory to be parsed, and everything that was
 * parsed hashed and put away in the spool. It never asks for more than the parser needs, for behind a
 * pack on a connection nothing may come.
 */
import { createHash } from 'node:crypto';
import { asBuffer } from '../../../bytes.ts';
import { CorruptObjectError, GitStoreError } from '../../../errors.ts';
import type { Spool } from './spool.ts';

export class PackInput {
  /** The stretch in memory; what is to be parsed next begins at `at`. */
  held: Buffer = Buffer.alloc(0);
  at = 0;
  /** Offset in the pack of the first byte of `held`. */
  #start = 0;
  /** Bytes of `held` that are hashed and spooled. */
  #put = 0;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #spool: Spool;
  readonly #limit: number;
  readonly #signal: AbortSignal | undefined;
  readonly #hash = createHash('sha1');

  constructor(
    source: AsyncIterable<Uint8Array>,
    spool: Spool,
    limit = Number.POSITIVE_INFINITY,
    signal?: AbortSignal,
  ) {
    this.#source = source[Symbol.asyncIterator]();
    this.#spool = spool;
    this.#limit = limit;
    this.#signal = signal;
  }

  /** Offset in the pack of what is to be parsed next. */
  get offset(): number {
    return this.#start + this.at;
  }

  get available(): number {
    return this.held.length - this.at;
  }

  /** Waits for more bytes; what stands before `keep` in `held` is let go. False at the end. */
  async more(keep = this.at): Promise<boolean> {
    this.#signal?.throwIfAborted();
    this.#putAway(this.at);
    // A copy: the source may use its buffer again once it is asked for more.
    this.held = Buffer.from(this.held.subarray(keep));
    this.#start += keep;
    this.#put -= keep;
    this.at -= keep;
    const { done, value } = await this.#source.next();
    this.#signal?.throwIfAborted();
    if (done) return false;
    this.held = this.held.length === 0 ? asBuffer(value) : Buffer.concat([this.held, value]);
    if (this.#start + this.held.length > this.#limit) {
      throw new GitStoreError(`The pack is larger than the ${this.#limit} bytes allowed`, 'EFBIG');
    }
    return true;
  }

  /** @throws CorruptObjectError when the stream ends before that many bytes have come */
  async need(length: number): Promise<void> {
    while (this.available < length) {
      if (!(await this.more())) throw new CorruptObjectError('it is cut off');
    }
  }

  /** SHA-1 of all that was parsed. Nothing may be parsed afterwards but the checksum itself. */
  digest(): Buffer {
    this.#putAway(this.at);
    return this.#hash.digest();
  }

  /** Whether nothing follows what was parsed. */
  async ended(): Promise<boolean> {
    for (;;) {
      if (this.available > 0) return false;
      const { done, value } = await this.#source.next();
      if (done) return true;
      this.held = asBuffer(value);
      this.at = 0;
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  #putAway(end: number): void {
    if (end <= this.#put) return;
    const bytes = this.held.subarray(this.#put, end);
    this.#hash.update(bytes);
    this.#spool.append(bytes);
    this.#put = end;
  }
}
