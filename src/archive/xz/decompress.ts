/**
 * An xz decompressor: any number of streams and blocks with LZMA2, their checks and indexes compared.
 * It needs the memory of the dictionary, which is 8 MiB for `xz -6` and 64 MiB for `xz -9`.
 */
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { ByteReader } from '../bytes/byteReader.ts';
import { Window } from '../bytes/window.ts';
import { corrupt, refused } from '../errors.ts';
import {
  CHECK_SIZES,
  checkOf,
  encodeNumber,
  FILTER_NAMES,
  FOOTER_MAGIC,
  LZMA2,
  STREAM_MAGIC,
} from './format.ts';
import { MAX_MATCH } from './lzma.ts';
import { BadLzma, LzmaDecoder } from './lzmaDecoder.ts';

/** Larger dictionaries than xz's largest preset needs are refused: they are memory. */
const MAX_DICTIONARY = 128 << 20;

/** @throws ArchiveError */
export async function* decompressXz(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const reader = new ByteReader(source);
  try {
    for (let first = true; ; first = false) {
      if (!first) {
        // Between streams there may be zeros, four at a time.
        while ((await reader.fill(4)) && reader.peek(4).readUInt32LE() === 0) reader.take(4);
        if (reader.available === 0) return;
      }
      yield* decompressStream(reader);
    }
  } finally {
    await reader.close();
  }
}

async function* decompressStream(reader: ByteReader): AsyncGenerator<Uint8Array, void, undefined> {
  const header = await reader.read(12);
  const flags = header.subarray(6, 8);
  if (!header.subarray(0, 6).equals(STREAM_MAGIC) || header.readUInt32LE(8) !== crc32(flags)) {
    throw broken('a stream header does not follow the format');
  }
  const check = flags[1]! & 0x0f;
  const index: Buffer[] = [];
  let blocks = 0;
  for (;;) {
    const sizeByte = (await reader.read(1))[0]!;
    if (sizeByte === 0) break;
    const start = reader.position - 1;
    const { dictionary, sizes } = await readBlockHeader(reader, sizeByte);
    const dataStart = reader.position;
    const sum = checkOf(check);
    let length = 0;
    for await (const piece of decompressLzma2(reader, dictionary)) {
      sum.update(piece);
      length += piece.length;
      yield piece;
    }
    const packed = reader.position - dataStart;
    if ((sizes.packed ?? packed) !== packed || (sizes.unpacked ?? length) !== length) {
      throw broken('a block has another size than it says');
    }
    const padding = await reader.read((4 - (packed % 4)) % 4);
    if (padding.some((byte) => byte !== 0)) throw broken('a block is not filled with zeros');
    const stored = await reader.read(CHECK_SIZES[check]!);
    const digest = sum.digest();
    if (digest !== undefined && !digest.equals(stored)) throw broken('a checksum does not fit');
    blocks += 1;
    const unpadded = reader.position - start - padding.length;
    index.push(Buffer.concat([encodeNumber(unpadded), encodeNumber(length)]));
  }
  await checkEnd(reader, Buffer.concat([Buffer.of(0), encodeNumber(blocks), ...index]), flags);
}

/** The index must say what was read, and the footer where the index is. */
async function checkEnd(reader: ByteReader, expected: Buffer, flags: Buffer): Promise<void> {
  const filled = Buffer.concat([expected, Buffer.alloc((4 - (expected.length % 4)) % 4)]);
  const index = await reader.read(filled.length - 1 + 4);
  const sum = index.readUInt32LE(index.length - 4);
  if (!index.subarray(0, -4).equals(filled.subarray(1)) || sum !== crc32(filled)) {
    throw broken('the index does not fit the data');
  }
  const footer = await reader.read(12);
  const isFooter =
    footer.subarray(10).equals(FOOTER_MAGIC) &&
    footer.readUInt32LE(0) === crc32(footer.subarray(4, 10)) &&
    footer.readUInt32LE(4) === (filled.length + 4) / 4 - 1 &&
    footer.subarray(8, 10).equals(flags);
  if (!isFooter) throw broken('a stream footer does not follow the format');
}

interface BlockHeader {
  /** Bytes of the dictionary. */
  readonly dictionary: number;
  readonly sizes: { packed?: number; unpacked?: number };
}

async function readBlockHeader(reader: ByteReader, sizeByte: number): Promise<BlockHeader> {
  const rest = await reader.read(sizeByte * 4 + 3);
  const header = Buffer.concat([Buffer.of(sizeByte), rest.subarray(0, -4)]);
  if (rest.readUInt32LE(rest.length - 4) !== crc32(header)) throw broken('a block header is bad');
  const flags = header[1]!;
  if ((flags & 0x3c) !== 0) throw broken('a block header has unknown flags');
  let at = 2;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 56; factor *= 0x80) {
      const byte = header[at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if (Number.isSafeInteger(value)) return value;
        break;
      }
    }
    throw broken('a block header is bad');
  };
  const sizes: BlockHeader['sizes'] = {};
  if ((flags & 0x40) !== 0) sizes.packed = number();
  if ((flags & 0x80) !== 0) sizes.unpacked = number();
  const filter = number();
  if (filter !== LZMA2) {
    const name = FILTER_NAMES[filter] ?? `number ${filter}`;
    throw refused(`Its xz data uses the filter ${name}, which is not supported`);
  }
  if ((flags & 3) !== 0 || number() !== 1) throw broken('a block header is bad');
  const bits = header[at]! & 0x3f;
  if (bits > 40) throw broken('a block header is bad');
  const dictionary = bits === 40 ? 0xffffffff : (2 | (bits & 1)) * 2 ** ((bits >> 1) + 11);
  if (dictionary > MAX_DICTIONARY) {
    throw refused(
      `Its xz data needs a dictionary of ${dictionary / 2 ** 20} MiB, more than ${MAX_DICTIONARY / 2 ** 20} MiB`,
    );
  }
  return { dictionary, sizes };
}

/** One LZMA2 stream: chunks of at most 2 MiB, each compressed or not, each with what it resets. */
async function* decompressLzma2(
  reader: ByteReader,
  dictionary: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const window = new Window(dictionary);
  const decoder = new LzmaDecoder(window);
  let needs = 'dictionary' as 'dictionary' | 'properties' | 'state' | 'nothing';
  for (;;) {
    const control = (await reader.read(1))[0]!;
    if (control === 0) return;
    if (control >= 0xe0 || control === 1) {
      window.forget();
      decoder.resetPosition();
      needs = 'properties';
    } else if (needs === 'dictionary') throw broken();
    const isPacked = control >= 0x80;
    if (!isPacked && control > 2) throw broken();
    const head = await reader.read(!isPacked ? 2 : control >= 0xc0 ? 5 : 4);
    const length = (isPacked ? (control & 0x1f) << 16 : 0) + head.readUInt16BE(0) + 1;
    if (isPacked) {
      if (control >= 0xc0) {
        if (!decoder.model.setProperties(head[4]!)) throw broken();
        if (decoder.model.lc + decoder.model.lp > 4) throw broken();
      } else if (needs === 'properties') throw broken();
      if (control >= 0xa0) decoder.resetState();
      else if (needs !== 'nothing') throw broken();
      needs = 'nothing';
    } else if (needs === 'nothing') needs = 'state';
    const data = await reader.read(isPacked ? head.readUInt16BE(2) + 1 : length);
    window.reserve(length + MAX_MATCH);
    const start = window.position;
    if (isPacked) decode(decoder, data, length);
    else {
      window.copyIn(data);
      decoder.pass(length);
    }
    // A copy: the window goes on changing.
    yield window.bytes.slice(start, window.position);
    await setImmediate();
  }
}

function decode(decoder: LzmaDecoder, data: Uint8Array, length: number): void {
  try {
    decoder.decode(data, length);
  } catch (error) {
    throw error instanceof BadLzma ? broken() : error;
  }
}

function broken(what = 'it does not follow its format') {
  return corrupt(`its xz data cannot be read: ${what}`);
}
