/** One compressed block of Zstandard: literals, and sequences that copy them and earlier text. */
import type { Window } from '../window.ts';
import { BackwardBits, BadZstd } from './bits.ts';
import {
  type FseTable,
  fseTable,
  type HuffmanTable,
  readFseTable,
  readHuffman,
  rleTable,
} from './tables.ts';

/** Largest block, before and after. */
export const MAX_BLOCK = 128 << 10;

/** Where the lengths of literals and matches begin that a code stands for, and its further bits. */
const LITERAL_BITS = Uint8Array.from([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12,
  13, 14, 15, 16,
]);
const MATCH_BITS = Uint8Array.from([
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
  1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
]);
const LITERAL_BASES = basesOf(LITERAL_BITS, 0);
const MATCH_BASES = basesOf(MATCH_BITS, 3);

function basesOf(bits: Uint8Array, first: number): Int32Array {
  const bases = new Int32Array(bits.length);
  let base = first;
  for (let code = 0; code < bits.length; code++) {
    // The longest three begin at powers of two, one after the other.
    bases[code] = base;
    base += 1 << bits[code]!;
  }
  return bases;
}

const DEFAULT_LITERALS = fseTable(
  [
    4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
    -1, -1, -1, -1,
  ],
  6,
);
const DEFAULT_MATCHES = fseTable(
  [
    1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
  ],
  6,
);
const DEFAULT_OFFSETS = fseTable(
  [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
  5,
);

interface Kind {
  readonly standard: FseTable;
  readonly maxLog: number;
  readonly maxSymbol: number;
}

const LITERALS: Kind = { standard: DEFAULT_LITERALS, maxLog: 9, maxSymbol: 35 };
const OFFSETS: Kind = { standard: DEFAULT_OFFSETS, maxLog: 8, maxSymbol: 31 };
const MATCHES: Kind = { standard: DEFAULT_MATCHES, maxLog: 9, maxSymbol: 52 };

/** What one block leaves to the next ones of its frame. */
export class BlockDecoder {
  readonly #window: Window;
  #huffman: HuffmanTable | undefined;
  #literalLengths: FseTable | undefined;
  #offsets: FseTable | undefined;
  #matchLengths: FseTable | undefined;
  #rep0 = 1;
  #rep1 = 4;
  #rep2 = 8;
  readonly #literals = new Uint8Array(MAX_BLOCK);
  #literalCount = 0;

  constructor(window: Window) {
    this.#window = window;
  }

  /** Decodes into the window, which has room for a block. @throws BadZstd */
  decode(block: Uint8Array): void {
    const at = this.#readLiterals(block);
    this.#readSequences(block, at);
  }

  #readLiterals(block: Uint8Array): number {
    const head = block[0];
    if (head === undefined) throw new BadZstd();
    const type = head & 3;
    const form = (head >> 2) & 3;
    const number = (bytes: number): number => {
      if (block.length < bytes) throw new BadZstd();
      let value = 0;
      for (let i = bytes - 1; i >= 0; i--) value = value * 256 + block[i]!;
      return value;
    };
    if (type < 2) {
      const bytes = form === 1 ? 2 : form === 3 ? 3 : 1;
      const size = number(bytes) >> (bytes === 1 ? 3 : 4);
      if (size > MAX_BLOCK) throw new BadZstd();
      this.#literalCount = size;
      if (type === 0) {
        if (bytes + size > block.length) throw new BadZstd();
        this.#literals.set(block.subarray(bytes, bytes + size));
        return bytes + size;
      }
      if (bytes >= block.length) throw new BadZstd();
      this.#literals.fill(block[bytes]!, 0, size);
      return bytes + 1;
    }
    const width = form < 2 ? 10 : form === 2 ? 14 : 18;
    const bytes = form < 2 ? 3 : form === 2 ? 4 : 5;
    const value = number(bytes);
    const size = Math.floor(value / 16) % 2 ** width;
    const packed = Math.floor(value / 2 ** (4 + width));
    const end = bytes + packed;
    if (size > MAX_BLOCK || end > block.length) throw new BadZstd();
    let at = bytes;
    const data = block.subarray(0, end);
    if (type === 2) {
      const tree = readHuffman(data, at);
      this.#huffman = tree.table;
      at = tree.end;
    }
    if (this.#huffman === undefined) throw new BadZstd();
    this.#literalCount = size;
    if (form === 0) {
      readStream(data, at, end, this.#huffman, this.#literals, 0, size);
      return end;
    }
    if (at + 6 > end) throw new BadZstd();
    const quarter = (size + 3) >> 2;
    let from = at + 6;
    for (let i = 0; i < 4; i++) {
      const to = i === 3 ? end : from + (data[at + 2 * i]! | (data[at + 2 * i + 1]! << 8));
      const start = i * quarter;
      const stop = i === 3 ? size : start + quarter;
      if (to > end || stop > size || start > stop) throw new BadZstd();
      readStream(data, from, to, this.#huffman, this.#literals, start, stop);
      from = to;
    }
    return end;
  }

  #readSequences(block: Uint8Array, start: number): void {
    const window = this.#window;
    const limit = window.position + MAX_BLOCK;
    let at = start;
    let count = block[at++];
    if (count === undefined) throw new BadZstd();
    if (count >= 128) {
      if (count < 255) count = ((count - 128) << 8) + (block[at++] ?? 0);
      else {
        count = (block[at] ?? 0) + ((block[at + 1] ?? 0) << 8) + 0x7f00;
        at += 2;
      }
    }
    let taken = 0;
    if (count > 0) {
      const modes = block[at++];
      if (modes === undefined || (modes & 3) !== 0) throw new BadZstd();
      const table = (mode: number, kind: Kind, last: FseTable | undefined): FseTable => {
        if (mode === 0) return kind.standard;
        if (mode === 1) {
          const symbol = block[at++];
          if (symbol === undefined || symbol > kind.maxSymbol) throw new BadZstd();
          return rleTable(symbol);
        }
        if (mode === 2) {
          const read = readFseTable(block, at, kind.maxLog, kind.maxSymbol);
          at = read.end;
          return read.table;
        }
        if (last === undefined) throw new BadZstd();
        return last;
      };
      this.#literalLengths = table(modes >> 6, LITERALS, this.#literalLengths);
      this.#offsets = table((modes >> 4) & 3, OFFSETS, this.#offsets);
      this.#matchLengths = table((modes >> 2) & 3, MATCHES, this.#matchLengths);
      taken = this.#execute(new BackwardBits(block, at, block.length), count, limit);
    } else if (at !== block.length) throw new BadZstd();
    if (window.position + this.#literalCount - taken > limit) throw new BadZstd();
    window.copyIn(this.#literals.subarray(taken, this.#literalCount));
  }

  /** Carries out the sequences; returns how many literals they have taken. */
  #execute(bits: BackwardBits, count: number, limit: number): number {
    const window = this.#window;
    const { bytes, oldest } = window;
    const literals = this.#literals;
    const literalTable = this.#literalLengths!;
    const offsetTable = this.#offsets!;
    const matchTable = this.#matchLengths!;
    let literalState = bits.take(literalTable.log);
    let offsetState = bits.take(offsetTable.log);
    let matchState = bits.take(matchTable.log);
    let taken = 0;
    let at = window.position;
    for (let left = count; left > 0; left--) {
      const literalCode = literalTable.symbols[literalState]!;
      const matchCode = matchTable.symbols[matchState]!;
      const offsetCode = offsetTable.symbols[offsetState]!;
      const offsetValue = 2 ** offsetCode + bits.take(offsetCode);
      const matchLength = MATCH_BASES[matchCode]! + bits.take(MATCH_BITS[matchCode]!);
      const literalLength = LITERAL_BASES[literalCode]! + bits.take(LITERAL_BITS[literalCode]!);
      const offset = this.#offset(offsetValue, literalLength);
      if (left > 1) {
        literalState =
          literalTable.bases[literalState]! + bits.take(literalTable.bits[literalState]!);
        matchState = matchTable.bases[matchState]! + bits.take(matchTable.bits[matchState]!);
        offsetState = offsetTable.bases[offsetState]! + bits.take(offsetTable.bits[offsetState]!);
      }
      if (bits.left < 0 || taken + literalLength > this.#literalCount) throw new BadZstd();
      if (at + literalLength + matchLength > limit) throw new BadZstd();
      for (let i = literalLength; i > 0; i--) bytes[at++] = literals[taken++]!;
      let from = at - offset;
      if (from < oldest) throw new BadZstd();
      if (offset >= matchLength && matchLength > 32) {
        bytes.copyWithin(at, from, from + matchLength);
        at += matchLength;
      } else {
        for (let i = matchLength; i > 0; i--) bytes[at++] = bytes[from++]!;
      }
    }
    if (bits.left !== 0) throw new BadZstd();
    window.position = at;
    return taken;
  }

  /** The distance that a value stands for: up to 3 one of the last three distances. */
  #offset(value: number, literalLength: number): number {
    let offset: number;
    if (value > 3) {
      offset = value - 3;
      this.#rep2 = this.#rep1;
      this.#rep1 = this.#rep0;
    } else {
      const which = value - 1 + (literalLength === 0 ? 1 : 0);
      if (which === 0) return this.#rep0;
      if (which === 1) {
        offset = this.#rep1;
      } else {
        offset = which === 2 ? this.#rep2 : this.#rep0 - 1;
        this.#rep2 = this.#rep1;
      }
      this.#rep1 = this.#rep0;
    }
    if (offset <= 0) throw new BadZstd();
    this.#rep0 = offset;
    return offset;
  }
}

/** Decodes literals of a Huffman code until the stream is at its end. */
function readStream(
  data: Uint8Array,
  from: number,
  to: number,
  { bits: width, symbols, lengths }: HuffmanTable,
  target: Uint8Array,
  start: number,
  stop: number,
): void {
  const bits = new BackwardBits(data, from, to);
  for (let at = start; at < stop; at++) {
    const index = bits.peek(width);
    target[at] = symbols[index]!;
    bits.left -= lengths[index]!;
  }
  if (bits.left !== 0) throw new BadZstd();
}
