/** The tables of Zstandard's entropy coders (RFC 8878, sections 4.1 and 4.2). */
import { BackwardBits, BadZstd, ForwardBits } from './bits.ts';

/** A finite state coder: for each state its symbol, and how to the next one. */
export interface FseTable {
  readonly log: number;
  readonly symbols: Uint8Array;
  readonly bits: Uint8Array;
  readonly bases: Uint16Array;
}

/** The table of symbols that have these shares of all states; -1 is less than one. */
export function fseTable(shares: ArrayLike<number>, log: number): FseTable {
  const size = 1 << log;
  const symbols = new Uint8Array(size);
  const next = new Uint16Array(shares.length);
  let high = size - 1;
  for (let symbol = 0; symbol < shares.length; symbol++) {
    if (shares[symbol] === -1) {
      symbols[high--] = symbol;
      next[symbol] = 1;
    } else {
      next[symbol] = shares[symbol]!;
    }
  }
  const step = (size >> 1) + (size >> 3) + 3;
  let at = 0;
  for (let symbol = 0; symbol < shares.length; symbol++) {
    for (let i = 0; i < shares[symbol]!; i++) {
      symbols[at] = symbol;
      do at = (at + step) & (size - 1);
      while (at > high);
    }
  }
  if (at !== 0) throw new BadZstd();
  const bits = new Uint8Array(size);
  const bases = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const symbol = symbols[state]!;
    const count = next[symbol]!;
    next[symbol] = count + 1;
    bits[state] = log - (31 - Math.clz32(count));
    bases[state] = (count << bits[state]!) - size;
  }
  return { log, symbols, bits, bases };
}

/** A table that always gives one symbol. */
export function rleTable(symbol: number): FseTable {
  return {
    log: 0,
    symbols: Uint8Array.of(symbol),
    bits: Uint8Array.of(0),
    bases: Uint16Array.of(0),
  };
}

/** Reads a table's shares; returns it and where it ends. */
export function readFseTable(
  bytes: Uint8Array,
  start: number,
  maxLog: number,
  maxSymbol: number,
): { table: FseTable; end: number } {
  const bits = new ForwardBits(bytes, start);
  const log = bits.take(4) + 5;
  if (log > maxLog) throw new BadZstd();
  const shares: number[] = [];
  let left = (1 << log) + 1;
  while (left > 1) {
    if (shares.length > maxSymbol) throw new BadZstd();
    // A value of at most `left`: the small ones are a bit shorter.
    const width = 32 - Math.clz32(left);
    const short = (1 << width) - 1 - left;
    const begin = bits.position;
    let value = bits.take(width - 1);
    if (value >= short) {
      bits.position = begin;
      value = bits.take(width);
      if (value >= 1 << (width - 1)) value -= short;
    }
    const share = value - 1;
    shares.push(share);
    left -= Math.abs(share);
    if (share === 0) {
      for (let more = 3; more === 3; ) {
        more = bits.take(2);
        for (let i = 0; i < more; i++) shares.push(0);
      }
    }
  }
  if (left !== 1 || shares.length > maxSymbol + 1) throw new BadZstd();
  return { table: fseTable(shares, log), end: (bits.position + 7) >> 3 };
}

/** A Huffman code by its longest code: each entry a symbol and how many bits it takes. */
export interface HuffmanTable {
  readonly bits: number;
  readonly symbols: Uint8Array;
  readonly lengths: Uint8Array;
}

const MAX_CODE = 11;

/** Reads a Huffman tree; returns its table and where it ends. */
export function readHuffman(
  bytes: Uint8Array,
  start: number,
): { table: HuffmanTable; end: number } {
  const head = bytes[start];
  if (head === undefined) throw new BadZstd();
  const weights: number[] = [];
  let end: number;
  if (head >= 128) {
    const count = head - 127;
    end = start + 1 + ((count + 1) >> 1);
    for (let i = 0; i < count; i++) {
      const pair = bytes[start + 1 + (i >> 1)]!;
      weights.push((i & 1) === 0 ? pair >> 4 : pair & 15);
    }
  } else {
    end = start + 1 + head;
    readWeights(bytes.subarray(0, end), start + 1, weights);
  }
  if (end > bytes.length) throw new BadZstd();
  return { table: huffmanTable(weights), end };
}

/** Weights that are coded themselves, by two states that take turns. */
function readWeights(bytes: Uint8Array, start: number, weights: number[]): void {
  const { table, end } = readFseTable(bytes, start, 6, 12);
  const bits = new BackwardBits(bytes, end, bytes.length);
  let now = bits.take(table.log);
  let other = bits.take(table.log);
  for (;;) {
    if (weights.length > 254) throw new BadZstd();
    weights.push(table.symbols[now]!);
    const width = table.bits[now]!;
    if (bits.left < width) {
      weights.push(table.symbols[other]!);
      return;
    }
    const next = table.bases[now]! + bits.take(width);
    now = other;
    other = next;
  }
}

/** The last weight is not stored: it fills the code. */
function huffmanTable(weights: number[]): HuffmanTable {
  let sum = 0;
  for (const weight of weights) {
    if (weight > MAX_CODE + 1) throw new BadZstd();
    if (weight > 0) sum += 1 << (weight - 1);
  }
  if (sum === 0) throw new BadZstd();
  const bits = 32 - Math.clz32(sum);
  const rest = (1 << bits) - sum;
  if (bits > MAX_CODE || (rest & (rest - 1)) !== 0) throw new BadZstd();
  const all = [...weights, 32 - Math.clz32(rest)];
  const symbols = new Uint8Array(1 << bits);
  const lengths = new Uint8Array(1 << bits);
  let at = 0;
  for (let weight = 1; weight <= bits; weight++) {
    const span = 1 << (weight - 1);
    for (const [symbol, own] of all.entries()) {
      if (own !== weight) continue;
      symbols.fill(symbol, at, at + span);
      lengths.fill(bits + 1 - weight, at, at + span);
      at += span;
    }
  }
  if (at !== 1 << bits) throw new BadZstd();
  return { bits, symbols, lengths };
}
