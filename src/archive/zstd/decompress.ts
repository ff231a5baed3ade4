/**
 * Reading Zstandard: by Node where it can (22.15 and later), else by libzstd as WebAssembly. What that
 * makes of a damaged block is nothing, without an error, so each block and each frame is checked here.
 * Either takes the memory of the window, which is 8 MiB for `zstd -19`.
 */
import { setImmediate } from 'node:timers/promises';
import type { Zstd } from '@hpcc-js/wasm-zstd';
import type { ArchiveError } from '../../errors.ts';
import { ByteReader } from '../bytes/byteReader.ts';
import { through } from '../bytes/through.ts';
import { refused } from '../errors.ts';
import { broken, type Frame, readFrames } from './frames.ts';
import { nodeZstd } from './node.ts';
import { newHash } from './xxhash.ts';

/** What zstd itself takes unasked. */
const MAX_WINDOW = 128 << 20;

/** No block unpacks to more (RFC 8878, 3.1.1.2.4). */
const MAX_BLOCK = 128 << 10;

/** @throws ArchiveError */
export async function* decompressZstd(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const create = nodeZstd.createZstdDecompress;
  const reader = new ByteReader(source);
  try {
    for await (const frame of readFrames(reader)) {
      if (frame.window > MAX_WINDOW) throw tooLarge(frame.window);
      if (create === undefined) yield* byLibrary(frame);
      else yield* through(frame.pieces(), create());
    }
  } finally {
    await reader.close();
  }
}

async function* byLibrary(frame: Frame): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = await newHash();
  let size = 0;
  for await (const chunk of unchecked(frame)) {
    hash.update(chunk);
    size += chunk.length;
    yield chunk;
  }
  if (frame.size !== undefined && frame.size !== size) {
    throw broken('a frame has another size than it says');
  }
  const checksum = frame.checksum();
  if (checksum !== undefined && checksum !== hash.digest()) {
    throw broken('a checksum does not fit');
  }
}

async function* unchecked(frame: Frame): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = await newDecoder();
  try {
    for await (const { bytes, unpacked } of frame.parts()) {
      const chunk = decoder.decompressChunk(bytes, MAX_BLOCK);
      const isWhole = unpacked === undefined ? chunk.length > 0 : chunk.length === unpacked;
      if (!isWhole) throw broken();
      if (chunk.length > 0) yield chunk;
      await setImmediate();
    }
  } finally {
    decoder._zstd.delete();
  }
}

/** What the library's object is made of. */
interface Parts {
  readonly _zstdClass: new () => { delete(): void };
  readonly _zstd: { delete(): void };
}

type Decoder = Pick<Zstd, 'decompressChunk'> & Parts;

/** The library has one stream for all who load it; this is one of its own. */
async function newDecoder(): Promise<Decoder> {
  const { Zstd } = await import('@hpcc-js/wasm-zstd');
  const shared = (await Zstd.load()) as unknown as Decoder;
  return Object.assign(Object.create(shared) as Decoder, { _zstd: new shared._zstdClass() });
}

function tooLarge(window: number): ArchiveError {
  const [needed, taken] = [window, MAX_WINDOW].map((size) => `${Math.ceil(size / 2 ** 20)} MiB`);
  return refused(`Its Zstandard data needs a window of ${needed}, more than ${taken}`);
}
