/** XXH64 with seed 0 (the xxHash specification, 0.2), in halves of 32 bits; its lower half is enough. */

const P1: Half = [0x9e3779b1, 0x85ebca87];
const P2: Half = [0xc2b2ae3d, 0x27d4eb4f];
const P3: Half = [0x165667b1, 0x9e3779f9];
const P4: Half = [0x85ebca77, 0xc2b2ae63];
const P5: Half = [0x27d4eb2f, 0x165667c5];

/** The high and the low half of a constant. */
type Half = readonly [number, number];

/** One number of 64 bits that is worked on in place. */
class Word {
  high: number;
  low: number;

  constructor(high = 0, low = 0) {
    this.high = high;
    this.low = low;
  }

  add(high: number, low: number): void {
    const sum = (this.low >>> 0) + (low >>> 0);
    this.low = sum | 0;
    this.high = (this.high + high + (sum > 0xffffffff ? 1 : 0)) | 0;
  }

  xor(high: number, low: number): void {
    this.high ^= high;
    this.low ^= low;
  }

  multiply([high, low]: Half): void {
    const a = this.low >>> 16;
    const b = this.low & 0xffff;
    const c = low >>> 16;
    const d = low & 0xffff;
    const bd = Math.imul(b, d) >>> 0;
    const ad = Math.imul(a, d) >>> 0;
    const middle = (Math.imul(b, c) >>> 0) + (bd >>> 16) + (ad & 0xffff);
    const carry = Math.imul(a, c) + (ad >>> 16) + Math.floor(middle / 0x10000);
    this.high = (Math.imul(this.high, low) + Math.imul(this.low, high) + carry) | 0;
    this.low = ((middle & 0xffff) << 16) | (bd & 0xffff);
  }

  /** @param bits 1 to 31 */
  rotate(bits: number): void {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
  }

  /** Mixes with itself, moved right. @param bits 29, or 32 and more */
  fold(bits: number): void {
    const { high, low } = this;
    if (bits >= 32) this.low ^= high >>> (bits - 32);
    else this.xor(high >>> bits, (low >>> bits) | (high << (32 - bits)));
  }
}

const lane = new Word();

/** One step of an accumulator. */
function round(word: Word, high: number, low: number): void {
  lane.high = high;
  lane.low = low;
  lane.multiply(P2);
  word.add(lane.high, lane.low);
  word.rotate(31);
  word.multiply(P1);
}

export class XxHash64 {
  readonly #lanes = [
    new Word(P1[0], P1[1]),
    new Word(P2[0], P2[1]),
    new Word(0, 0),
    new Word(0, 0),
  ] as const;
  readonly #rest = Buffer.alloc(32);
  #held = 0;
  #total = 0;

  constructor() {
    const [first, , , last] = this.#lanes;
    first.add(P2[0], P2[1]);
    // Minus the first prime.
    last.add(~P1[0], ~P1[1]);
    last.add(0, 1);
  }

  update(data: Uint8Array): void {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    this.#total += bytes.length;
    let at = 0;
    if (this.#held > 0) {
      at = Math.min(32 - this.#held, bytes.length);
      bytes.copy(this.#rest, this.#held, 0, at);
      this.#held += at;
      if (this.#held < 32) return;
      this.#stripe(this.#rest, 0);
      this.#held = 0;
    }
    for (; at + 32 <= bytes.length; at += 32) this.#stripe(bytes, at);
    bytes.copy(this.#rest, 0, at);
    this.#held = bytes.length - at;
  }

  /** The lower 32 bits. */
  digest(): number {
    const hash = new Word();
    if (this.#total < 32) {
      hash.add(P5[0], P5[1]);
    } else {
      for (const [i, turn] of [1, 7, 12, 18].entries()) {
        const { high, low } = this.#lanes[i]!;
        const part = new Word(high, low);
        part.rotate(turn);
        hash.add(part.high, part.low);
      }
      for (const { high, low } of this.#lanes) {
        const part = new Word();
        round(part, high, low);
        hash.xor(part.high, part.low);
        hash.multiply(P1);
        hash.add(P4[0], P4[1]);
      }
    }
    hash.add(Math.floor(this.#total / 0x100000000), this.#total | 0);
    let at = 0;
    for (; at + 8 <= this.#held; at += 8) {
      const part = new Word();
      round(part, this.#rest.readInt32LE(at + 4), this.#rest.readInt32LE(at));
      hash.xor(part.high, part.low);
      hash.rotate(27);
      hash.multiply(P1);
      hash.add(P4[0], P4[1]);
    }
    if (at + 4 <= this.#held) {
      const part = new Word(0, this.#rest.readInt32LE(at));
      part.multiply(P1);
      hash.xor(part.high, part.low);
      hash.rotate(23);
      hash.multiply(P2);
      hash.add(P3[0], P3[1]);
      at += 4;
    }
    for (; at < this.#held; at++) {
      const part = new Word(0, this.#rest[at]!);
      part.multiply(P5);
      hash.xor(part.high, part.low);
      hash.rotate(11);
      hash.multiply(P1);
    }
    hash.fold(33);
    hash.multiply(P2);
    hash.fold(29);
    hash.multiply(P3);
    hash.fold(32);
    return hash.low >>> 0;
  }

  #stripe(bytes: Buffer, at: number): void {
    const [a, b, c, d] = this.#lanes;
    round(a, bytes.readInt32LE(at + 4), bytes.readInt32LE(at));
    round(b, bytes.readInt32LE(at + 12), bytes.readInt32LE(at + 8));
    round(c, bytes.readInt32LE(at + 20), bytes.readInt32LE(at + 16));
    round(d, bytes.readInt32LE(at + 28), bytes.readInt32LE(at + 24));
  }
}
