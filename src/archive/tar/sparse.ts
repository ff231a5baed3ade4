/**
 * Sparse files in tars: only the parts that are no holes lie in the archive, with a map of where they
 * belong. Four forms of the map, as GNU tar's manual describes them ("Storing Sparse Files"): in old
 * GNU headers, in pax records (0.0, 0.1), and before the data (1.0). bsdtar writes the last by itself.
 */
import type { ByteReader } from '../bytes/byteReader.ts';
import { BadHeader, BLOCK, parseNumber } from './header.ts';
import { decimal, type ParsedPax } from './pax.ts';

/** Where parts of a sparse file belong, and how large it is with its holes. */
export interface SparseMap {
  readonly size: number;
  /** Offset and length of each part, in turn. */
  readonly parts: readonly number[];
}

const MAX_NUMBERS = 2_000_000;

/** The map of an old GNU header (type `S`), which may go on in blocks of its own. */
export async function readGnuSparse(header: Buffer, reader: ByteReader): Promise<SparseMap> {
  const parts: number[] = [];
  const add = (block: Buffer, at: number, entries: number): void => {
    for (let i = 0; i < entries; i++, at += 24) {
      if (block[at] === 0) return;
      parts.push(parseNumber(block, at, 12), parseNumber(block, at + 12, 12));
    }
  };
  const size = parseNumber(header, 483, 12);
  add(header, 386, 4);
  for (let more = header[482] !== 0; more; ) {
    const block = await reader.read(BLOCK);
    add(block, 0, 21);
    more = block[504] !== 0;
    if (parts.length > MAX_NUMBERS) throw new BadHeader('a sparse map is too long');
  }
  return { size, parts };
}

/** The map that pax records hold or announce; undefined when the member is not sparse. */
export async function readPaxSparse(
  { records, sparsePairs }: ParsedPax,
  reader: ByteReader,
): Promise<SparseMap | undefined> {
  const number = (key: string): number => {
    const value = records.get(key);
    if (value === undefined) throw new BadHeader('a sparse file has no size');
    return decimal(value);
  };
  if (records.get('GNU.sparse.major')?.toString() === '1') {
    return { size: number('GNU.sparse.realsize'), parts: await readLeadingMap(reader) };
  }
  const map = records.get('GNU.sparse.map');
  if (map !== undefined) {
    const texts = map.length === 0 ? [] : map.toString('latin1').split(',');
    return {
      size: number('GNU.sparse.size'),
      parts: texts.map((text) => decimal(Buffer.from(text))),
    };
  }
  if (!records.has('GNU.sparse.size')) return undefined;
  return { size: number('GNU.sparse.size'), parts: sparsePairs };
}

/** The map of format 1.0: decimal lines before the data, the first their number, in whole blocks. */
async function readLeadingMap(reader: ByteReader): Promise<number[]> {
  let block: Buffer = Buffer.alloc(0);
  let at = 0;
  const next = async (): Promise<number> => {
    let text = '';
    for (;;) {
      if (at === block.length) {
        block = await reader.read(BLOCK);
        at = 0;
      }
      const byte = block[at++]!;
      if (byte === 0x0a) return decimal(Buffer.from(text));
      text += String.fromCharCode(byte);
      if (text.length > 16) throw new BadHeader('a sparse map cannot be read');
    }
  };
  const parts: number[] = [];
  const entries = await next();
  if (2 * entries > MAX_NUMBERS) throw new BadHeader('a sparse map is too long');
  for (let i = 0; i < 2 * entries; i++) parts.push(await next());
  return parts;
}

/** @throws BadHeader when the parts are out of order, or are not what the archive holds */
export function checkSparse({ size, parts }: SparseMap, stored: number): void {
  let end = 0;
  let sum = 0;
  for (let i = 0; i < parts.length; i += 2) {
    const offset = parts[i]!;
    const length = parts[i + 1];
    if (length === undefined || offset < end || offset + length > size) {
      throw new BadHeader('a sparse map does not fit its file');
    }
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) throw new BadHeader('a sparse map does not fit its data');
}

const HOLE = new Uint8Array(256 << 10);

/** The file with its holes filled. */
export async function* fillHoles(
  { size, parts }: SparseMap,
  reader: ByteReader,
): AsyncGenerator<Uint8Array, void, undefined> {
  let at = 0;
  function* hole(end: number): Generator<Uint8Array, void, undefined> {
    for (; at < end; at += HOLE.length) yield HOLE.subarray(0, end - at);
    at = end;
  }
  for (let i = 0; i < parts.length; i += 2) {
    yield* hole(parts[i]!);
    const length = parts[i + 1]!;
    yield* reader.stream(length);
    at += length;
  }
  yield* hole(size);
}
