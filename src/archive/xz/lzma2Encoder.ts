/**
 * Encodes LZMA2. It looks one byte ahead before it takes a match, as the fast modes of the LZMA SDK
 * do; the rules of when to wait are theirs.
 */
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
  MAX_MATCH,
  MIN_MATCH,
} from './lzma.ts';
import { MatchFinder } from './matchFinder.ts';
import { RangeEncoder } from './rangeEncoder.ts';

/** lc=3, lp=0, pb=2 in one byte. */
const PROPERTIES = (2 * 5 + 0) * 9 + 3;

/** What a chunk may hold, unpacked and packed. */
const MAX_UNPACKED = 2 << 20;
const MAX_PACKED = 1 << 16;
/** A symbol takes no more bytes than this. */
const SYMBOL_ROOM = 64;

const NICE = 64;
const DEPTH = 24;

export class Lzma2Encoder {
  readonly #finder: MatchFinder;
  readonly #range = new RangeEncoder(MAX_PACKED + 2 * SYMBOL_ROOM);
  readonly #model = new LzmaModel();
  #state = 0;
  /** The last four distances, 1 for the byte before. */
  #reps = [1, 1, 1, 1];
  /** A match that was found when its position was looked at ahead of time. */
  #ahead: { length: number; distance: number } | undefined;
  #needs: 'dictionary' | 'state' | 'nothing' = 'dictionary';
  #count = 0;

  /** @param dictionary in bytes, a power of 2 */
  constructor(dictionary: number) {
    this.#finder = new MatchFinder(dictionary, DEPTH, NICE);
    this.#model.setProperties(PROPERTIES);
  }

  /** Takes bytes, at most 1 MiB, and gives the chunks that are finished. */
  *push(bytes: Uint8Array): Generator<Buffer, void, undefined> {
    const finder = this.#finder;
    if (finder.room < bytes.length) finder.slide();
    finder.append(bytes);
    while (finder.end - this.#position > MAX_UNPACKED + 2 * MAX_MATCH) yield this.#chunk();
  }

  *finish(): Generator<Buffer, void, undefined> {
    while (this.#finder.end > this.#position) yield this.#chunk();
    yield Buffer.of(0);
  }

  /** The first byte that is not encoded. The finder may have looked at it already. */
  get #position(): number {
    return this.#finder.position - (this.#ahead === undefined ? 0 : 1);
  }

  #chunk(): Buffer {
    const finder = this.#finder;
    const start = this.#position;
    const last = Math.min(finder.end, start + MAX_UNPACKED - MAX_MATCH);
    if (this.#needs !== 'nothing') this.#resetState();
    this.#range.reset();
    while (this.#position < last && this.#range.length < MAX_PACKED - SYMBOL_ROOM) this.#symbol();
    const unpacked = this.#position - start;
    const packed = this.#range.finish();
    if (packed.length >= unpacked) return this.#stored(start, unpacked);
    const reset = this.#needs === 'dictionary' ? 0xe0 : this.#needs === 'state' ? 0xc0 : 0x80;
    this.#needs = 'nothing';
    const header = Buffer.alloc(reset >= 0xc0 ? 6 : 5);
    header[0] = reset | ((unpacked - 1) >> 16);
    header.writeUInt16BE((unpacked - 1) & 0xffff, 1);
    header.writeUInt16BE(packed.length - 1, 3);
    if (reset >= 0xc0) header[5] = PROPERTIES;
    return Buffer.concat([header, packed]);
  }

  /** What does not shrink, as it is. */
  #stored(start: number, length: number): Buffer {
    const parts: Buffer[] = [];
    for (let at = 0; at < length; at += MAX_PACKED) {
      const size = Math.min(MAX_PACKED, length - at);
      const header = Buffer.of(this.#needs === 'dictionary' ? 1 : 2, 0, 0);
      header.writeUInt16BE(size - 1, 1);
      parts.push(header, Buffer.from(this.#finder.bytes.subarray(start + at, start + at + size)));
      this.#needs = 'state';
    }
    return Buffer.concat(parts);
  }

  #resetState(): void {
    this.#model.reset();
    this.#state = 0;
    this.#reps = [1, 1, 1, 1];
  }

  /** Encodes a literal, a match, or a repeated match. */
  #symbol(): void {
    const finder = this.#finder;
    const at = this.#position;
    if (this.#ahead === undefined) {
      finder.find();
      this.#ahead = { length: finder.length, distance: finder.distance };
    }
    const { length, distance } = this.#ahead;
    let rep = 0;
    let repLength = 0;
    for (let i = 0; i < 4; i++) {
      const same = finder.matchLength(at, this.#reps[i]!);
      if (same > repLength) {
        repLength = same;
        rep = i;
      }
    }
    const takesRep =
      repLength >= MIN_MATCH &&
      (repLength + 1 >= length ||
        (repLength + 2 >= length && distance > 1 << 9) ||
        (repLength + 3 >= length && distance > 1 << 15));
    if (repLength >= NICE || takesRep) {
      this.#take(repLength, () => this.#encodeRep(rep, repLength));
      return;
    }
    if (length >= NICE) {
      this.#take(length, () => this.#encodeMatch(distance, length));
      return;
    }
    if (length < MIN_MATCH || finder.end - at <= MIN_MATCH || (length === 2 && distance >= 128)) {
      this.#single(at);
      return;
    }
    finder.find();
    const next = { length: finder.length, distance: finder.distance };
    if (isBetter(next, { length, distance }) || this.#repIsBetter(at + 1, length)) {
      this.#single(at);
      this.#ahead = next;
      return;
    }
    this.#encodeMatch(distance, length);
    finder.skip(length - 2);
    this.#count += length;
    this.#ahead = undefined;
  }

  #take(length: number, encode: () => void): void {
    encode();
    this.#finder.skip(length - 1);
    this.#count += length;
    this.#ahead = undefined;
  }

  /** Whether a repeated match one byte later covers as much. */
  #repIsBetter(at: number, length: number): boolean {
    const limit = Math.max(2, length - 1);
    return this.#reps.some((distance) => this.#finder.matchLength(at, distance) >= limit);
  }

  #single(at: number): void {
    const { bytes } = this.#finder;
    const model = this.#model;
    const range = this.#range;
    const positionState = this.#count & ((1 << model.pb) - 1);
    const row = (this.#state << 4) + positionState;
    const byte = bytes[at]!;
    const match = this.#reps[0]! <= at ? bytes[at - this.#reps[0]!]! : -1;
    if (this.#count > 0 && match === byte) {
      range.bit(model.isMatch, row, 1);
      range.bit(model.isRep, this.#state, 1);
      range.bit(model.isRep0, this.#state, 0);
      range.bit(model.isRep0Long, row, 0);
      this.#state = AFTER_SHORT_REP[this.#state]!;
    } else {
      range.bit(model.isMatch, row, 0);
      const before = this.#count > 0 ? bytes[at - 1]! : 0;
      const literal =
        0x300 * (((this.#count & ((1 << model.lp) - 1)) << model.lc) + (before >> (8 - model.lc)));
      let symbol = 1;
      let bit = 7;
      if (this.#state >= 7) {
        for (let same = true; same && bit >= 0; bit--) {
          const matchBit = (match >> bit) & 1;
          const own = (byte >> bit) & 1;
          range.bit(model.literal, literal + ((1 + matchBit) << 8) + symbol, own);
          symbol = (symbol << 1) | own;
          same = matchBit === own;
        }
      }
      for (; bit >= 0; bit--) {
        const own = (byte >> bit) & 1;
        range.bit(model.literal, literal + symbol, own);
        symbol = (symbol << 1) | own;
      }
      this.#state = AFTER_LITERAL[this.#state]!;
    }
    this.#count += 1;
    this.#ahead = undefined;
  }

  #encodeMatch(distance: number, length: number): void {
    const model = this.#model;
    const range = this.#range;
    const positionState = this.#count & ((1 << model.pb) - 1);
    range.bit(model.isMatch, (this.#state << 4) + positionState, 1);
    range.bit(model.isRep, this.#state, 0);
    this.#state = AFTER_MATCH[this.#state]!;
    this.#encodeLength(model.length, length - MIN_MATCH, positionState);
    const value = distance - 1;
    const slot = slotOf(value);
    range.tree(model.slot, Math.min(length - MIN_MATCH, 3) << 6, 6, slot);
    if (slot >= 4) {
      const bits = (slot >> 1) - 1;
      const base = (2 | (slot & 1)) << bits;
      const rest = value - base;
      if (slot < END_POSITION_MODEL) {
        range.reverseTree(model.special, base - slot, bits, rest);
      } else {
        range.direct(rest >>> ALIGN_BITS, bits - ALIGN_BITS);
        range.reverseTree(model.align, 0, ALIGN_BITS, rest & 15);
      }
    }
    this.#reps = [distance, this.#reps[0]!, this.#reps[1]!, this.#reps[2]!];
  }

  #encodeRep(rep: number, length: number): void {
    const model = this.#model;
    const range = this.#range;
    const state = this.#state;
    const positionState = this.#count & ((1 << model.pb) - 1);
    range.bit(model.isMatch, (state << 4) + positionState, 1);
    range.bit(model.isRep, state, 1);
    if (rep === 0) {
      range.bit(model.isRep0, state, 0);
      range.bit(model.isRep0Long, (state << 4) + positionState, 1);
    } else {
      range.bit(model.isRep0, state, 1);
      range.bit(model.isRep1, state, rep === 1 ? 0 : 1);
      if (rep > 1) range.bit(model.isRep2, state, rep - 2);
      const [distance] = this.#reps.splice(rep, 1);
      this.#reps.unshift(distance!);
    }
    this.#encodeLength(model.repLength, length - MIN_MATCH, positionState);
    this.#state = AFTER_REP[state]!;
  }

  #encodeLength(model: LengthModel, value: number, positionState: number): void {
    const range = this.#range;
    const row = positionState << LOW_BITS;
    if (value < LOW_LENGTHS) {
      range.bit(model.choice, 0, 0);
      range.tree(model.low, row, LOW_BITS, value);
      return;
    }
    range.bit(model.choice, 0, 1);
    if (value < 2 * LOW_LENGTHS) {
      range.bit(model.choice, 1, 0);
      range.tree(model.mid, row, LOW_BITS, value - LOW_LENGTHS);
    } else {
      range.bit(model.choice, 1, 1);
      range.tree(model.high, 0, HIGH_BITS, value - 2 * LOW_LENGTHS);
    }
  }
}

/** Two bits for the size of a distance and one for its second highest bit. */
function slotOf(value: number): number {
  if (value < 4) return value;
  const high = 31 - Math.clz32(value);
  return 2 * high + ((value >>> (high - 1)) & 1);
}

interface Match {
  readonly length: number;
  readonly distance: number;
}

/** Whether it is worth a literal to take the match one byte later. */
function isBetter(next: Match, now: Match): boolean {
  if (next.length < MIN_MATCH) return false;
  return (
    (next.length >= now.length && next.distance < now.distance) ||
    (next.length === now.length + 1 && next.distance >> 7 <= now.distance) ||
    next.length > now.length + 1 ||
    (next.length + 1 >= now.length && now.length >= 3 && now.distance >> 7 > next.distance)
  );
}
