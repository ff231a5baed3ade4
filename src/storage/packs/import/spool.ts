/** Holds the bytes of an incoming pack, which are read again for delta bases. */

export interface Spool {
  /** Appends bytes. The caller may change them afterwards. @throws system errors, such as a full disk */
  append(bytes: Uint8Array): void;
  /** `length` bytes at `offset`, fewer at the end. Valid until the next call. */
  read(offset: number, length: number): Buffer;
  /** As `read`, for many bytes: does not block the event loop, and the result stays valid. */
  readLarge(offset: number, length: number): Promise<Buffer>;
}

/** Keeps everything in memory. */
export class MemorySpool implements Spool {
  #bytes = Buffer.alloc(0);
  #length = 0;

  /** All appended bytes. Valid until more is appended. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  append(bytes: Uint8Array): void {
    const end = this.#length + bytes.length;
    if (end > this.#bytes.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(end, this.#bytes.length * 2, 4096));
      larger.set(this.bytes);
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, this.#length);
    this.#length = end;
  }

  read(offset: number, length: number): Buffer {
    return this.#bytes.subarray(offset, Math.min(this.#length, offset + length));
  }

  async readLarge(offset: number, length: number): Promise<Buffer> {
    return Buffer.from(this.read(offset, length));
  }
}
