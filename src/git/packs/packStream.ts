/**
 * Assembles the bytes of a pack for sending: header, entries, and the SHA-1 of all before it
 * (gitformat-pack(5)). Small pieces are gathered into chunks.
 */
import { createHash } from 'node:crypto';
import { packHeader } from './pack.ts';

const CHUNK_SIZE = 128 << 10;

export class PackStream {
  readonly #hash = createHash('sha1');
  #chunk = Buffer.allocUnsafeSlow(CHUNK_SIZE);
  #filled = 0;
  #full: Buffer[] = [];
  #length = 0;

  /** @param count of the entries to come */
  constructor(count: number) {
    this.put(packHeader(count));
  }

  /** Bytes so far, and the offset of the next entry. */
  get length(): number {
    return this.#length;
  }

  /** Adds the bytes from `start` to `end`; they are copied. */
  put(bytes: Uint8Array, start = 0, end = bytes.length): void {
    this.#length += end - start;
    for (let at = start; at < end; ) {
      const size = Math.min(end - at, CHUNK_SIZE - this.#filled);
      if (size < 48) {
        for (let i = 0; i < size; i++) this.#chunk[this.#filled + i] = bytes[at + i]!;
      } else {
        this.#chunk.set(bytes.subarray(at, at + size), this.#filled);
      }
      this.#filled += size;
      at += size;
      if (this.#filled === CHUNK_SIZE) this.#cut();
    }
  }

  /** The full chunks. Returns each one once. */
  take(): Buffer[] {
    const full = this.#full;
    if (full.length > 0) this.#full = [];
    return full;
  }

  /** The rest, and the checksum. */
  end(): Buffer[] {
    this.#cut();
    return [...this.take(), this.#hash.digest()];
  }

  #cut(): void {
    if (this.#filled === 0) return;
    const chunk = this.#chunk.subarray(0, this.#filled);
    this.#hash.update(chunk);
    this.#full.push(chunk);
    this.#chunk = Buffer.allocUnsafeSlow(CHUNK_SIZE);
    this.#filled = 0;
  }
}
