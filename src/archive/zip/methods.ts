/** The compression methods inside a zip archive (APPNOTE, 4.4.5). */
import { createInflateRaw } from 'node:zlib';
import { through } from '../bytes/through.ts';
import { decompress } from '../compression.ts';
import { refused } from '../errors.ts';
import { type CentralEntry, METHOD_DEFLATED, METHOD_STORED } from './records.ts';

const NAMES: Readonly<Record<number, string>> = {
  1: 'Shrink',
  6: 'Implode',
  9: 'Deflate64',
  97: 'WavPack',
  98: 'PPMd',
  99: 'AES encryption',
};

/** What lies packed in the source. @throws ArchiveError for a method that is not read here */
export function unpackMethod(
  method: number,
  source: AsyncIterable<Uint8Array>,
  { path, size }: CentralEntry,
): AsyncIterable<Uint8Array> {
  switch (method) {
    case METHOD_STORED:
      return source;
    case METHOD_DEFLATED:
      return through(source, createInflateRaw());
    case 12:
      return decompress(source, 'bz2');
    case 14:
      return unpackLzma(source, size);
    case 93:
      return decompress(source, 'zst');
    case 95:
      return decompress(source, 'xz');
    default: {
      const name = NAMES[method] ?? `number ${method}`;
      throw refused(`${path}: its compression method, ${name}, is not supported`, path);
    }
  }
}

async function* unpackLzma(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { decompressLzma } = await import('../xz/lzmaStream.ts');
  yield* decompressLzma(source, size);
}
