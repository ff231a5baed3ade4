/**
 * The stream of an incoming pack: a window in memory to parse. Parsed bytes are hashed and spooled. Never
 * reads more than the parser needs, because on a connection no bytes may follow the pack.
 */
import { createHash } from 'node:crypto';
import { asBuffer } from '../../../bytes.ts';
import { CorruptObjectError, GitStoreError } from '../../../errors.ts';
import type { Spool } from './spool.ts';

export class PackInput {
  /** The window in memory. Parsing continues at `at`. */
  held: Buffer = Buffer.alloc(0);
  at = 0;
  /** Offset in the pack of the first byte of `held`. */
  #start = 0;
  /** Bytes of `held` that are already hashed and spooled. */
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

  /** Offset in the pack where parsing continues. */
  get offset(): number {
    return this.#start + this.at;
  }

  get available(): number {
    return this.held.length - this.at;
  }

  /** Waits for more bytes, and drops those before `keep` in `held`. False at the end. */
  async more(keep = this.at): Promise<boolean> {
    this.#signal?.throwIfAborted();
    this.#putAway(this.at);
    // Copy: the source may reuse its buffer for the next chunk.
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

  /** @throws CorruptObjectError when the stream ends before that many bytes */
  async need(length: number): Promise<void> {
    while (this.available < length) {
      if (!(await this.more())) throw new CorruptObjectError('it is cut off');
    }
  }

  /** SHA-1 of all parsed bytes. Afterwards only the checksum itself may be parsed. */
  digest(): Buffer {
    this.#putAway(this.at);
    return this.#hash.digest();
  }

  /** Whether the stream ends after the parsed bytes. */
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
