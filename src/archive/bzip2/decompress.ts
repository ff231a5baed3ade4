/** A bzip2 decompressor: any number of streams one behind the other, every checksum compared. */
import { setImmediate } from 'node:timers/promises';
import { ByteReader } from '../byteReader.ts';
import { corrupt, truncated } from '../errors.ts';
import {
  BLOCK_MARK,
  combineCrc,
  END_MARK,
  GROUP,
  LEVEL_BYTES,
  RUN_B,
  updateCrc,
} from './format.ts';

const MAX_LENGTH = 20;

/** More bytes than the longest block can have: each of its symbols has at most 20 bits. */
const LONGEST_BLOCK = Math.ceil((9 * LEVEL_BYTES * MAX_LENGTH) / 8) + 65536;

/** @throws ArchiveError */
export async function* decompressBzip2(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(source);
  try {
    for (let first = true; ; first = false) {
      await reader.fill(4);
      if (reader.available === 0 && !first) return;
      const header = reader.peek(4);
      const level = (header[3] ?? 0) - 0x30;
      const isStream = header.toString('latin1', 0, 3) === 'BZh' && level >= 1 && level <= 9;
      if (!isStream) {
        // Zeros and other filling behind the last stream is what bzip2 passes over too.
        if (first) throw broken();
        return;
      }
      reader.take(4);
      yield* decompressStream(reader, level * LEVEL_BYTES);
    }
  } finally {
    await reader.close();
  }
}

async function* decompressStream(
  reader: ByteReader,
  blockSize: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const table = new Uint32Array(blockSize);
  let streamCrc = 0;
  let offset = 0;
  for (;;) {
    await reader.fill(LONGEST_BLOCK);
    const bits = new BitReader(reader.peek(LONGEST_BLOCK), offset);
    const mark = [bits.take(24), bits.take(24)];
    const crc = (bits.take(16) << 16) | bits.take(16);
    if (mark[0] === END_MARK[0] && mark[1] === END_MARK[1]) {
      if (crc !== streamCrc) throw broken('the checksum does not fit');
      reader.take(Math.ceil(bits.position / 8));
      return;
    }
    if (mark[0] !== BLOCK_MARK[0] || mark[1] !== BLOCK_MARK[1]) throw broken();
    const block = readBlock(bits, table);
    reader.take(bits.position >> 3);
    offset = bits.position & 7;
    let blockCrc = -1;
    for (const piece of expand(block, table)) {
      blockCrc = updateCrc(blockCrc, piece, 0, piece.length);
      yield piece;
    }
    if (~blockCrc !== crc) throw broken('a checksum does not fit');
    streamCrc = combineCrc(streamCrc, crc);
    await setImmediate();
  }
}

interface BlockShape {
  readonly length: number;
  /** Where the chain through the table begins. */
  readonly start: number;
}

/** Reads a block into the table: each byte in the low bits, the place of the next one above. */
function readBlock(bits: BitReader, table: Uint32Array): BlockShape {
  if (bits.take(1) !== 0) throw broken('it is of a kind that only very old programs wrote');
  const origin = bits.take(24);
  const groups = bits.take(16);
  const alphabet: number[] = [];
  for (let group = 0; group < 16; group++) {
    if ((groups & (0x8000 >> group)) === 0) continue;
    const map = bits.take(16);
    for (let i = 0; i < 16; i++) if ((map & (0x8000 >> i)) !== 0) alphabet.push(group * 16 + i);
  }
  const size = alphabet.length + 2;
  if (alphabet.length === 0) throw broken();
  const tableCount = bits.take(3);
  const selectorCount = bits.take(15);
  if (tableCount < 2 || tableCount > 6 || selectorCount === 0) throw broken();
  const front = [0, 1, 2, 3, 4, 5].slice(0, tableCount);
  const selectors = new Uint8Array(selectorCount);
  for (let i = 0; i < selectorCount; i++) {
    let place = 0;
    while (bits.take(1) === 1) if (++place >= tableCount) throw broken();
    const selector = front[place]!;
    front.splice(place, 1);
    front.unshift(selector);
    selectors[i] = selector;
  }
  const tables: HuffmanTable[] = [];
  for (let i = 0; i < tableCount; i++) {
    const lengths = new Uint8Array(size);
    let length = bits.take(5);
    for (let symbol = 0; symbol < size; symbol++) {
      for (;;) {
        if (length < 1 || length > MAX_LENGTH) throw broken();
        if (bits.take(1) === 0) break;
        length += bits.take(1) === 0 ? 1 : -1;
      }
      lengths[symbol] = length;
    }
    tables.push(new HuffmanTable(lengths));
  }

  const places = Uint8Array.from(alphabet);
  const counts = new Uint32Array(257);
  const end = size - 1;
  let count = 0;
  let run = 0;
  let weight = 1;
  const flush = (): void => {
    if (count + run > table.length) throw broken();
    const byte = places[0]!;
    counts[byte + 1]! += run;
    table.fill(byte, count, count + run);
    count += run;
    run = 0;
    weight = 1;
  };
  symbols: for (let group = 0; ; group++) {
    if (group >= selectorCount) throw broken();
    const huffman = tables[selectors[group]!]!;
    for (let i = 0; i < GROUP; i++) {
      const symbol = huffman.read(bits);
      if (symbol <= RUN_B) {
        if (weight > table.length) throw broken();
        run += weight << symbol;
        weight <<= 1;
        continue;
      }
      if (run > 0) flush();
      if (symbol === end) break symbols;
      if (count >= table.length) throw broken();
      const place = symbol - 1;
      const byte = places[place]!;
      places.copyWithin(1, 0, place);
      places[0] = byte;
      counts[byte + 1]! += 1;
      table[count++] = byte;
    }
  }
  if (origin >= count) throw broken();
  for (let byte = 0; byte < 256; byte++) counts[byte + 1]! += counts[byte]!;
  for (let i = 0; i < count; i++) {
    const byte = table[i]! & 0xff;
    table[counts[byte]!]! |= i << 8;
    counts[byte]! += 1;
  }
  return { length: count, start: table[origin]! >>> 8 };
}

const PIECE = 256 << 10;

/** Follows the chain and undoes the run-length coding. */
function* expand(
  { length, start }: BlockShape,
  table: Uint32Array,
): Generator<Uint8Array, void, undefined> {
  let piece = Buffer.allocUnsafe(PIECE);
  let filled = 0;
  let at = start;
  let last = -1;
  let same = 0;
  for (let i = 0; i < length; i++) {
    const entry = table[at]!;
    const byte = entry & 0xff;
    at = entry >>> 8;
    if (same === 4) {
      if (filled + byte > PIECE) {
        yield piece.subarray(0, filled);
        piece = Buffer.allocUnsafe(PIECE);
        filled = 0;
      }
      piece.fill(last, filled, filled + byte);
      filled += byte;
      same = 0;
      last = -1;
      continue;
    }
    same = byte === last ? same + 1 : 1;
    last = byte;
    if (filled === PIECE) {
      yield piece;
      piece = Buffer.allocUnsafe(PIECE);
      filled = 0;
    }
    piece[filled++] = byte;
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** Reads symbols: those with short codes from a table, longer ones by the codes' limits. */
class HuffmanTable {
  static readonly #QUICK = 10;
  /** Symbol and length for the next bits; 0 where the code is longer. */
  readonly #quick = new Uint16Array(1 << HuffmanTable.#QUICK);
  /** For each length the code behind its last one, moved to 20 bits, and the index of its first. */
  readonly #limits = new Int32Array(MAX_LENGTH + 2);
  readonly #firsts = new Int32Array(MAX_LENGTH + 2);
  readonly #symbols: Uint16Array;

  constructor(lengths: Uint8Array) {
    this.#symbols = new Uint16Array(lengths.length);
    let code = 0;
    let count = 0;
    for (let length = 1; length <= MAX_LENGTH; length++) {
      this.#firsts[length] = count - code;
      for (let symbol = 0; symbol < lengths.length; symbol++) {
        if (lengths[symbol] !== length) continue;
        if (length <= HuffmanTable.#QUICK) {
          const shift = HuffmanTable.#QUICK - length;
          this.#quick.fill((symbol << 5) | length, code << shift, (code + 1) << shift);
        }
        this.#symbols[count++] = symbol;
        code++;
      }
      if (code > 1 << length) throw broken();
      this.#limits[length] = code << (MAX_LENGTH - length);
      code <<= 1;
    }
  }

  read(bits: BitReader): number {
    const next = bits.peek20();
    const quick = this.#quick[next >>> (MAX_LENGTH - HuffmanTable.#QUICK)]!;
    if (quick !== 0) {
      bits.skip(quick & 31);
      return quick >>> 5;
    }
    for (let length = HuffmanTable.#QUICK + 1; length <= MAX_LENGTH; length++) {
      if (next < this.#limits[length]!) {
        bits.skip(length);
        return this.#symbols[this.#firsts[length]! + (next >>> (MAX_LENGTH - length))]!;
      }
    }
    throw broken();
  }
}

/** Bits, the highest first. Behind the end there are none: the data is cut short. */
class BitReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  position: number;

  constructor(bytes: Uint8Array, position: number) {
    this.#bytes = bytes;
    this.#end = 8 * bytes.length;
    this.position = position;
  }

  /** The next 20 bits, zeros behind the end. */
  peek20(): number {
    const at = this.position >> 3;
    const bytes = this.#bytes;
    const word =
      at + 4 <= bytes.length
        ? (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
        : ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8);
    return (word << (this.position & 7)) >>> 12;
  }

  skip(count: number): void {
    this.position += count;
    if (this.position > this.#end) throw truncated('its bzip2 data ends too early');
  }

  /** @param count at most 24 */
  take(count: number): number {
    if (count > 16) return this.take(count - 16) * 0x10000 + this.take(16);
    const value = this.peek20() >>> (20 - count);
    this.skip(count);
    return value;
  }
}

function broken(what = 'it does not follow its format') {
  return corrupt(`its bzip2 data cannot be read: ${what}`);
}
