/** Decodes LZMA: a range coder over the model, and a window that matches copy from. */
import type { Window } from '../bytes/window.ts';
import {
  AFTER_LITERAL,
  AFTER_MATCH,
  AFTER_REP,
  AFTER_SHORT_REP,
  ALIGN_BITS,
  END_POSITION_MODEL,
  HIGH_BITS,
  type LengthModel,
  LOW_BITS,
  LOW_LENGTHS,
  LzmaModel,
  MIN_MATCH,
  MOVE_BITS,
  PROB_BITS,
  TOP,
} from './lzma.ts';

/** The data is not LZMA, or not whole. */
export class BadLzma extends Error {}

const NOTHING = new Uint8Array(0);

export class LzmaDecoder {
  readonly model = new LzmaModel();
  readonly #window: Window;
  #input: Uint8Array = NOTHING;
  #at = 0;
  #range = 0;
  #code = 0;
  #state = 0;
  #rep0 = 0;
  #rep1 = 0;
  #rep2 = 0;
  #rep3 = 0;
  /** Bytes decoded since the window was last forgotten, for the position's low bits. */
  #count = 0;

  constructor(window: Window) {
    this.#window = window;
  }

  resetState(): void {
    this.model.reset();
    this.#state = 0;
    this.#rep0 = 0;
    this.#rep1 = 0;
    this.#rep2 = 0;
    this.#rep3 = 0;
  }

  resetPosition(): void {
    this.#count = 0;
  }

  /** Counts bytes that did not come through the coder. */
  pass(length: number): void {
    this.#count += length;
  }

  /**
   * Decodes exactly `length` bytes from all of `input` into the window, which has room for them.
   * @throws BadLzma
   */
  decode(input: Uint8Array, length: number): void {
    const end = this.#window.position + length;
    this.feed(input);
    this.begin();
    this.run(length);
    this.#normalize();
    if (this.#window.position !== end || this.#code !== 0 || this.#at !== input.length) {
      throw new BadLzma();
    }
  }

  /** Gives the input from where the last one was taken. */
  feed(input: Uint8Array): void {
    this.#input = input;
    this.#at = 0;
  }

  /** How many bytes of the input were taken. */
  get taken(): number {
    return this.#at;
  }

  /** Begins a stream with the first bytes of the input. */
  begin(): void {
    const input = this.#input;
    if (input.length < 5 || input[0] !== 0) throw new BadLzma();
    this.#code = ((input[1]! << 24) | (input[2]! << 16) | (input[3]! << 8) | input[4]!) >>> 0;
    this.#range = 0xffffffff;
    this.#at = 5;
  }

  /**
   * Decodes at least `length` bytes into the window, which has room for as many and `MAX_MATCH` more.
   * @throws BadLzma
   */
  run(length: number): void {
    const window = this.#window;
    const { bytes } = window;
    const { model } = this;
    const end = window.position + length;
    const positionMask = (1 << model.pb) - 1;
    const literalMask = (1 << model.lp) - 1;
    const base = this.#count - window.position;
    let at = window.position;
    let state = this.#state;
    while (at < end) {
      const positionState = (at + base) & positionMask;
      if (this.#bit(model.isMatch, (state << 4) + positionState) === 0) {
        const before = at > window.oldest ? bytes[at - 1]! : 0;
        const row =
          0x300 * ((((at + base) & literalMask) << model.lc) + (before >> (8 - model.lc)));
        let symbol = 1;
        if (state >= 7) {
          let match = bytes[this.#from(at)]!;
          while (symbol < 0x100) {
            const matchBit = (match >> 7) & 1;
            match <<= 1;
            const bit = this.#bit(model.literal, row + ((1 + matchBit) << 8) + symbol);
            symbol = (symbol << 1) | bit;
            if (matchBit !== bit) break;
          }
        }
        while (symbol < 0x100) symbol = (symbol << 1) | this.#bit(model.literal, row + symbol);
        bytes[at++] = symbol & 0xff;
        state = AFTER_LITERAL[state]!;
        continue;
      }
      let count: number;
      if (this.#bit(model.isRep, state) === 0) {
        this.#rep3 = this.#rep2;
        this.#rep2 = this.#rep1;
        this.#rep1 = this.#rep0;
        count = this.#length(model.length, positionState);
        state = AFTER_MATCH[state]!;
        this.#rep0 = this.#distance(count);
        // An end mark, which streams that say their length do not have.
        if (this.#rep0 === 0xffffffff) throw new BadLzma();
      } else {
        if (this.#bit(model.isRep0, state) === 0) {
          if (this.#bit(model.isRep0Long, (state << 4) + positionState) === 0) {
            bytes[at] = bytes[this.#from(at)]!;
            at++;
            state = AFTER_SHORT_REP[state]!;
            continue;
          }
        } else {
          let distance: number;
          if (this.#bit(model.isRep1, state) === 0) {
            distance = this.#rep1;
          } else {
            if (this.#bit(model.isRep2, state) === 0) {
              distance = this.#rep2;
            } else {
              distance = this.#rep3;
              this.#rep3 = this.#rep2;
            }
            this.#rep2 = this.#rep1;
          }
          this.#rep1 = this.#rep0;
          this.#rep0 = distance;
        }
        count = this.#length(model.repLength, positionState);
        state = AFTER_REP[state]!;
      }
      count += MIN_MATCH;
      let from = this.#from(at);
      for (; count > 0; count--) bytes[at++] = bytes[from++]!;
    }
    this.#count += at - window.position;
    this.#state = state;
    window.position = at;
  }

  /** Where the byte is that the last distance leads to. */
  #from(at: number): number {
    const from = at - this.#rep0 - 1;
    if (from < this.#window.oldest) throw new BadLzma();
    return from;
  }

  #normalize(): void {
    if (this.#range < TOP) {
      if (this.#at === this.#input.length) throw new BadLzma();
      this.#range = (this.#range << 8) >>> 0;
      this.#code = ((this.#code << 8) | this.#input[this.#at++]!) >>> 0;
    }
  }

  #bit(probs: Uint16Array, index: number): 0 | 1 {
    if (this.#range < TOP) this.#normalize();
    const prob = probs[index]!;
    const bound = (this.#range >>> PROB_BITS) * prob;
    if (this.#code < bound) {
      this.#range = bound;
      probs[index] = prob + (((1 << PROB_BITS) - prob) >> MOVE_BITS);
      return 0;
    }
    this.#range -= bound;
    this.#code -= bound;
    probs[index] = prob - (prob >> MOVE_BITS);
    return 1;
  }

  #tree(probs: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    for (let i = 0; i < bits; i++) symbol = (symbol << 1) | this.#bit(probs, base + symbol);
    return symbol - (1 << bits);
  }

  #reverseTree(probs: Uint16Array, base: number, bits: number): number {
    let symbol = 1;
    let value = 0;
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(probs, base + symbol);
      symbol = (symbol << 1) | bit;
      value |= bit << i;
    }
    return value;
  }

  #length(model: LengthModel, positionState: number): number {
    if (this.#bit(model.choice, 0) === 0) {
      return this.#tree(model.low, positionState << LOW_BITS, LOW_BITS);
    }
    if (this.#bit(model.choice, 1) === 0) {
      return LOW_LENGTHS + this.#tree(model.mid, positionState << LOW_BITS, LOW_BITS);
    }
    return 2 * LOW_LENGTHS + this.#tree(model.high, 0, HIGH_BITS);
  }

  #distance(length: number): number {
    const { model } = this;
    const slot = this.#tree(model.slot, Math.min(length, 3) << 6, 6);
    if (slot < 4) return slot;
    const bits = (slot >> 1) - 1;
    const distance = ((2 | (slot & 1)) << bits) >>> 0;
    if (slot < END_POSITION_MODEL) {
      return distance + this.#reverseTree(model.special, distance - slot, bits);
    }
    let direct = 0;
    for (let i = bits - ALIGN_BITS; i > 0; i--) {
      this.#normalize();
      this.#range >>>= 1;
      direct = direct * 2;
      if (this.#code >= this.#range) {
        this.#code -= this.#range;
        direct += 1;
      }
    }
    return distance + direct * 16 + this.#reverseTree(model.align, 0, ALIGN_BITS);
  }
}
