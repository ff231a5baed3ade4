/** The range coder of LZMA, writing. */
import { MOVE_BITS, PROB_BITS, TOP } from './lzma.ts';

export class RangeEncoder {
  readonly #bytes: Buffer;
  #length = 0;
  /** Up to 33 bits. */
  #low = 0;
  #range = 0xffffffff;
  #cache = 0;
  /** The cached byte and bytes of ones behind it, which a carry may still change. */
  #pending = 1;

  /** @param capacity bytes that one stream may have */
  constructor(capacity: number) {
    this.#bytes = Buffer.alloc(capacity);
  }

  /** Bytes that the stream would have if it ended now. */
  get length(): number {
    return this.#length + this.#pending + 4;
  }

  reset(): void {
    this.#length = 0;
    this.#low = 0;
    this.#range = 0xffffffff;
    this.#cache = 0;
    this.#pending = 1;
  }

  /** Ends the stream. The bytes are good until the next one. */
  finish(): Buffer {
    for (let i = 0; i < 5; i++) this.#shift();
    return this.#bytes.subarray(0, this.#length);
  }

  bit(probs: Uint16Array, index: number, bit: number): void {
    const prob = probs[index]!;
    const bound = (this.#range >>> PROB_BITS) * prob;
    if (bit === 0) {
      this.#range = bound;
      probs[index] = prob + (((1 << PROB_BITS) - prob) >> MOVE_BITS);
    } else {
      this.#low += bound;
      this.#range -= bound;
      probs[index] = prob - (prob >> MOVE_BITS);
    }
    if (this.#range < TOP) this.#widen();
  }

  tree(probs: Uint16Array, base: number, bits: number, value: number): void {
    let symbol = 1;
    for (let i = bits - 1; i >= 0; i--) {
      const bit = (value >> i) & 1;
      this.bit(probs, base + symbol, bit);
      symbol = (symbol << 1) | bit;
    }
  }

  reverseTree(probs: Uint16Array, base: number, bits: number, value: number): void {
    let symbol = 1;
    for (let i = 0; i < bits; i++) {
      const bit = (value >> i) & 1;
      this.bit(probs, base + symbol, bit);
      symbol = (symbol << 1) | bit;
    }
  }

  /** The lowest bits of a value as they are, the highest of them first. */
  direct(value: number, bits: number): void {
    for (let i = bits - 1; i >= 0; i--) {
      this.#range >>>= 1;
      if (((value >>> i) & 1) === 1) this.#low += this.#range;
      if (this.#range < TOP) this.#widen();
    }
  }

  #widen(): void {
    this.#range = (this.#range << 8) >>> 0;
    this.#shift();
  }

  #shift(): void {
    if (this.#low < 0xff000000 || this.#low >= 0x100000000) {
      const carry = this.#low >= 0x100000000 ? 1 : 0;
      this.#bytes[this.#length++] = this.#cache + carry;
      for (let i = 1; i < this.#pending; i++) this.#bytes[this.#length++] = 0xff + carry;
      this.#pending = 0;
      this.#cache = (this.#low >>> 24) & 0xff;
    }
    this.#pending++;
    this.#low = (this.#low & 0x00ffffff) * 256;
  }
}
