/** Bits of Zstandard: tables read them from the front, symbols from the back. */

/** The data does not follow the format (RFC 8878). */
export class BadZstd extends Error {}

/** From the front, the lowest bit of each byte first. */
export class ForwardBits {
  readonly #bytes: Uint8Array;
  position: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.position = 8 * start;
  }

  /** @param count at most 16 */
  take(count: number): number {
    const at = this.position >> 3;
    const word =
      (this.#bytes[at] ?? 0) |
      ((this.#bytes[at + 1] ?? 0) << 8) |
      ((this.#bytes[at + 2] ?? 0) << 16);
    this.position += count;
    if (this.position > 8 * this.#bytes.length) throw new BadZstd();
    return (word >> ((this.position - count) & 7)) & ((1 << count) - 1);
  }
}

/** From the back. The highest bit that is set in the last byte marks where the stream begins. */
export class BackwardBits {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  /** Bits that are left; below 0 when more were taken than there were. */
  left: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    const last = bytes[end - 1];
    if (end <= start || last === undefined || last === 0) throw new BadZstd();
    this.#bytes = bytes;
    this.#start = start;
    this.left = 8 * (end - start) - 1 - (Math.clz32(last) - 24);
  }

  /** The next bits without taking them; zeros where there are none. @param count at most 16 */
  peek(count: number): number {
    const low = this.left - count;
    if (low < 0) {
      return this.left <= 0 ? 0 : (this.#at(0) & ((1 << this.left) - 1)) << -low;
    }
    return this.#at(low) & ((1 << count) - 1);
  }

  /** @param count at most 32 */
  take(count: number): number {
    if (count > 16) return this.take(count - 16) * 0x10000 + this.take(16);
    const value = this.peek(count);
    this.left -= count;
    return value;
  }

  /** At least 17 bits from a bit on. */
  #at(bit: number): number {
    const at = this.#start + (bit >> 3);
    const bytes = this.#bytes;
    return (bytes[at]! | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16)) >> (bit & 7);
  }
}
