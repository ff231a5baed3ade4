/**
 * What decoder and encoder of LZMA share: the model of what a symbol depends on. The format is the one
 * of the LZMA SDK's `lzma-specification.txt`.
 */

/** Probabilities have 11 bits and move by a 32nd part. */
export const PROB_BITS = 11;
export const PROB_INIT = 1 << (PROB_BITS - 1);
export const MOVE_BITS = 5;
/** Below this the range is widened by a byte. */
export const TOP = 1 << 24;

export const STATES = 12;
export const MIN_MATCH = 2;
export const MAX_MATCH = 273;
const POSITION_STATES = 16;

/** Distances up to this many have their lower bits modelled, larger ones only the lowest four. */
export const END_POSITION_MODEL = 14;
export const FULL_DISTANCES = 1 << (END_POSITION_MODEL >> 1);
export const ALIGN_BITS = 4;

export const LOW_BITS = 3;
export const HIGH_BITS = 8;
export const LOW_LENGTHS = 1 << LOW_BITS;

function probabilities(count: number): Uint16Array {
  return new Uint16Array(count).fill(PROB_INIT);
}

/** Model of match lengths: 8 short ones and 8 middle ones for each position, 256 long ones. */
export class LengthModel {
  readonly choice = probabilities(2);
  readonly low = probabilities(POSITION_STATES << LOW_BITS);
  readonly mid = probabilities(POSITION_STATES << LOW_BITS);
  readonly high = probabilities(1 << HIGH_BITS);

  reset(): void {
    for (const probs of [this.choice, this.low, this.mid, this.high]) probs.fill(PROB_INIT);
  }
}

export class LzmaModel {
  literal = new Uint16Array(0);
  readonly isMatch = probabilities(STATES * POSITION_STATES);
  readonly isRep = probabilities(STATES);
  readonly isRep0 = probabilities(STATES);
  readonly isRep1 = probabilities(STATES);
  readonly isRep2 = probabilities(STATES);
  readonly isRep0Long = probabilities(STATES * POSITION_STATES);
  readonly slot = probabilities(4 << 6);
  readonly special = probabilities(FULL_DISTANCES - END_POSITION_MODEL + 1);
  readonly align = probabilities(1 << ALIGN_BITS);
  readonly length = new LengthModel();
  readonly repLength = new LengthModel();
  lc = 3;
  lp = 0;
  pb = 2;

  /** @param properties one byte that packs lc, lp and pb; false when it is none */
  setProperties(properties: number): boolean {
    if (properties >= 9 * 5 * 5) return false;
    this.lc = properties % 9;
    this.lp = Math.floor(properties / 9) % 5;
    this.pb = Math.floor(properties / 45);
    this.literal = new Uint16Array(0x300 << (this.lc + this.lp));
    return true;
  }

  reset(): void {
    for (const probs of [
      this.literal,
      this.isMatch,
      this.isRep,
      this.isRep0,
      this.isRep1,
      this.isRep2,
      this.isRep0Long,
      this.slot,
      this.special,
      this.align,
    ]) {
      probs.fill(PROB_INIT);
    }
    this.length.reset();
    this.repLength.reset();
  }
}

/** The state after a literal, a match, a repeated match, and a repeated byte. */
export const AFTER_LITERAL = Uint8Array.of(0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5);
export const AFTER_MATCH = Uint8Array.of(7, 7, 7, 7, 7, 7, 7, 10, 10, 10, 10, 10);
export const AFTER_REP = Uint8Array.of(8, 8, 8, 8, 8, 8, 8, 11, 11, 11, 11, 11);
export const AFTER_SHORT_REP = Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 11, 11, 11, 11, 11);
