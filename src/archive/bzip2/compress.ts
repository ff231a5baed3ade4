/**
 * A bzip2 compressor. A block is run-length coded, sorted (Burrows and Wheeler), moved to front, and
 * written with up to six Huffman tables, as bzip2 does; how rotations are sorted is our own.
 */
import { setImmediate } from 'node:timers/promises';
import {
  BLOCK_MARK,
  combineCrc,
  END_MARK,
  GROUP,
  LEVEL_BYTES,
  RUN_A,
  RUN_B,
  updateCrc,
} from './format.ts';
import { codeLengths } from './huffman.ts';
import { suffixArray } from './suffixArray.ts';

const LEVEL = 9;
/** As bzip2 leaves it: room for a run that is being counted. */
const BLOCK_SIZE = LEVEL * LEVEL_BYTES - 19;
const MAX_TABLES = 6;
const ITERATIONS = 4;
const MAX_LENGTH = 17;

/** The source as one bzip2 stream. */
export async function* compressBzip2(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const bits = new BitWriter();
  const block = new Block();
  let streamCrc = 0;
  const end = (): void => {
    block.flushRun();
    const crc = ~block.crc;
    writeBlock(bits, block.bytes.subarray(0, block.length), crc);
    streamCrc = combineCrc(streamCrc, crc);
    block.reset();
  };
  for (const byte of Buffer.from(`BZh${LEVEL}`)) bits.put(byte, 8);
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      at = block.add(chunk, at);
      if (block.length < BLOCK_SIZE) continue;
      end();
      yield bits.take();
      await setImmediate();
    }
  }
  if (!block.isEmpty) end();
  for (const part of END_MARK) bits.put(part, 24);
  bits.put(streamCrc >>> 16, 16);
  bits.put(streamCrc & 0xffff, 16);
  bits.flush();
  yield bits.take();
}

/** One block as it fills: four equal bytes are followed by how many more there are, up to 251. */
class Block {
  readonly bytes = new Uint8Array(BLOCK_SIZE + 19);
  length = 0;
  crc = -1;
  #last = -1;
  #run = 0;

  get isEmpty(): boolean {
    return this.length === 0 && this.#run === 0;
  }

  reset(): void {
    this.length = 0;
    this.crc = -1;
  }

  /** Takes bytes until the block is full; returns where it stopped. */
  add(chunk: Uint8Array, start: number): number {
    let at = start;
    for (; at < chunk.length && this.length < BLOCK_SIZE; at++) {
      const byte = chunk[at]!;
      if (byte === this.#last && this.#run < 255) {
        this.#run++;
      } else {
        this.flushRun();
        this.#last = byte;
        this.#run = 1;
      }
    }
    this.crc = updateCrc(this.crc, chunk, start, at);
    return at;
  }

  flushRun(): void {
    for (let i = Math.min(this.#run, 4); i > 0; i--) this.bytes[this.length++] = this.#last;
    if (this.#run >= 4) this.bytes[this.length++] = this.#run - 4;
    this.#run = 0;
    this.#last = -1;
  }
}

function writeBlock(bits: BitWriter, bytes: Uint8Array, crc: number): void {
  const { last, origin } = sortRotations(bytes);
  for (const part of BLOCK_MARK) bits.put(part, 24);
  bits.put(crc >>> 16, 16);
  bits.put(crc & 0xffff, 16);
  bits.put(0, 1);
  bits.put(origin, 24);

  const used = new Uint8Array(256);
  for (const byte of bytes) used[byte] = 1;
  const alphabet: number[] = [];
  for (let byte = 0; byte < 256; byte++) if (used[byte] === 1) alphabet.push(byte);
  let groups = 0;
  for (const byte of alphabet) groups |= 0x8000 >> (byte >> 4);
  bits.put(groups, 16);
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    let map = 0;
    for (let i = 0; i < 16; i++) map |= used[group * 16 + i]! << (15 - i);
    bits.put(map, 16);
  }
  writeSymbols(bits, moveToFront(last, alphabet), alphabet.length + 2);
}

/**
 * The last column of the sorted rotations, and the row of the block itself. The block is turned to
 * its smallest rotation first: there the order of suffixes is the order of rotations.
 */
function sortRotations(bytes: Uint8Array): { last: Uint8Array; origin: number } {
  const n = bytes.length;
  const shift = leastRotation(bytes);
  const turned = new Uint8Array(n);
  turned.set(bytes.subarray(shift));
  turned.set(bytes.subarray(0, shift), n - shift);
  const order = suffixArray(turned, 255);
  const last = new Uint8Array(n);
  const own = (n - shift) % n;
  let origin = 0;
  for (let i = 0; i < n; i++) {
    const start = order[i]!;
    last[i] = turned[start === 0 ? n - 1 : start - 1]!;
    if (start === own) origin = i;
  }
  return { last, origin };
}

/** Where the smallest rotation begins, in linear time. */
function leastRotation(bytes: Uint8Array): number {
  const n = bytes.length;
  let a = 0;
  let b = 1;
  let same = 0;
  while (a < n && b < n && same < n) {
    const x = bytes[(a + same) % n]!;
    const y = bytes[(b + same) % n]!;
    if (x === y) {
      same++;
      continue;
    }
    if (x > y) a += same + 1;
    else b += same + 1;
    if (a === b) b++;
    same = 0;
  }
  return Math.min(a, b);
}

/** Symbols: runs of the front byte in two digits, other bytes by their place plus one, then the end. */
function moveToFront(bytes: Uint8Array, alphabet: readonly number[]): Uint16Array {
  const symbols = new Uint16Array(bytes.length + 1);
  const front = Uint8Array.from(alphabet);
  let count = 0;
  let run = 0;
  const flush = (): void => {
    for (; run > 0; run = (run - 1) >> 1) symbols[count++] = (run & 1) === 1 ? RUN_A : RUN_B;
  };
  for (const byte of bytes) {
    if (front[0] === byte) {
      run++;
      continue;
    }
    flush();
    let place = 1;
    while (front[place] !== byte) place++;
    front.copyWithin(1, 0, place);
    front[0] = byte;
    symbols[count++] = place + 1;
  }
  flush();
  symbols[count++] = alphabet.length + 1;
  return symbols.subarray(0, count);
}

function writeSymbols(bits: BitWriter, symbols: Uint16Array, size: number): void {
  const groups = Math.ceil(symbols.length / GROUP);
  const { tables, selectors } = chooseTables(symbols, size, groups);
  bits.put(tables.length, 3);
  bits.put(groups, 15);
  const front = tables.map((_, i) => i);
  for (const selector of selectors) {
    const place = front.indexOf(selector);
    front.splice(place, 1);
    front.unshift(selector);
    for (let i = 0; i < place; i++) bits.put(1, 1);
    bits.put(0, 1);
  }
  for (const lengths of tables) {
    let current = lengths[0]!;
    bits.put(current, 5);
    for (const length of lengths) {
      for (; current < length; current++) bits.put(2, 2);
      for (; current > length; current--) bits.put(3, 2);
      bits.put(0, 1);
    }
  }
  const codes = tables.map(codesOf);
  for (let group = 0; group < groups; group++) {
    const lengths = tables[selectors[group]!]!;
    const code = codes[selectors[group]!]!;
    const end = Math.min(symbols.length, (group + 1) * GROUP);
    for (let i = group * GROUP; i < end; i++) bits.put(code[symbols[i]!]!, lengths[symbols[i]!]!);
  }
}

/** Begins with tables for equal parts of all symbols and lets each fit the groups that choose it. */
function chooseTables(
  symbols: Uint16Array,
  size: number,
  groups: number,
): { tables: Uint8Array[]; selectors: Uint8Array } {
  const count =
    symbols.length < 200
      ? 2
      : symbols.length < 600
        ? 3
        : symbols.length < 1200
          ? 4
          : symbols.length < 2400
            ? 5
            : MAX_TABLES;
  const frequencies = new Uint32Array(size);
  for (const symbol of symbols) frequencies[symbol]! += 1;
  let tables: Uint8Array[] = [];
  let from = 0;
  let left = symbols.length;
  for (let parts = count; parts > 0; parts--) {
    let end = from;
    let sum = 0;
    while (end < size && (end === from || sum < left / parts)) sum += frequencies[end++]!;
    if (parts === 1) end = size;
    tables.push(new Uint8Array(size).map((_, i) => (i >= from && i < end ? 0 : 15)));
    from = end;
    left -= sum;
  }
  const selectors = new Uint8Array(groups);
  for (let round = 0; round < ITERATIONS; round++) {
    const counts = tables.map(() => new Uint32Array(size));
    for (let group = 0; group < groups; group++) {
      const start = group * GROUP;
      const end = Math.min(symbols.length, start + GROUP);
      let best = 0;
      let bestCost = Number.POSITIVE_INFINITY;
      for (let table = 0; table < count; table++) {
        const lengths = tables[table]!;
        let cost = 0;
        for (let i = start; i < end; i++) cost += lengths[symbols[i]!]!;
        if (cost < bestCost) {
          bestCost = cost;
          best = table;
        }
      }
      selectors[group] = best;
      const own = counts[best]!;
      for (let i = start; i < end; i++) own[symbols[i]!]! += 1;
    }
    tables = counts.map((own) => codeLengths(own, MAX_LENGTH));
  }
  return { tables, selectors };
}

/** Codes in the order of their lengths, then of their symbols. */
function codesOf(lengths: Uint8Array): Uint32Array {
  const codes = new Uint32Array(lengths.length);
  let code = 0;
  for (let length = 1; length <= MAX_LENGTH; length++) {
    for (let symbol = 0; symbol < lengths.length; symbol++) {
      if (lengths[symbol] === length) codes[symbol] = code++;
    }
    code <<= 1;
  }
  return codes;
}

/** Bits, the highest first. */
class BitWriter {
  #bytes = Buffer.alloc(256 << 10);
  #length = 0;
  #held = 0;
  #count = 0;

  /** @param count at most 24 */
  put(value: number, count: number): void {
    this.#held = (this.#held << count) | value;
    this.#count += count;
    while (this.#count >= 8) {
      this.#count -= 8;
      if (this.#length === this.#bytes.length) {
        this.#bytes = Buffer.concat([this.#bytes, Buffer.alloc(this.#bytes.length)]);
      }
      this.#bytes[this.#length++] = this.#held >>> this.#count;
    }
    this.#held &= (1 << this.#count) - 1;
  }

  /** Fills the last byte. */
  flush(): void {
    if (this.#count > 0) this.put(0, 8 - this.#count);
  }

  /** All whole bytes so far. */
  take(): Buffer {
    const bytes = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return bytes;
  }
}
