/**
 * Reading Zstandard: by Node where it can (22.15 and later), else by fzstd, which compares no
 * checksums and no sizes, so that is done here. Either takes the memory of the window, which is
 * 8 MiB for `zstd -19`.
 */
import { setImmediate } from 'node:timers/promises';
import type { ArchiveError } from '../../errors.ts';
import { ByteReader } from '../byteReader.ts';
import { refused } from '../errors.ts';
import { through } from '../through.ts';
import { broken, type Frame, readFrames } from './frames.ts';
import { nodeZstd } from './node.ts';
import { newHash } from './xxhash.ts';

/** What zstd itself takes unasked, and how far fzstd can refer back. */
const MAX_WINDOW = { node: 128 << 20, fzstd: 32 << 20 } as const;

/** @throws ArchiveError */
export async function* decompressZstd(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const create = nodeZstd.createZstdDecompress;
  const most = create === undefined ? MAX_WINDOW.fzstd : MAX_WINDOW.node;
  const reader = new ByteReader(source);
  try {
    for await (const frame of readFrames(reader)) {
      if (frame.window > most) throw tooLarge(frame.window, most);
      if (create === undefined) yield* byFzstd(frame);
      else yield* through(frame.pieces(), create());
    }
  } finally {
    await reader.close();
  }
}

async function* byFzstd(frame: Frame): AsyncGenerator<Uint8Array, void, undefined> {
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
  const { Decompress } = await import('fzstd');
  const ready: Uint8Array[] = [];
  const decoder = new Decompress((chunk) => ready.push(chunk));
  const decode = (piece: Uint8Array, last: boolean): Uint8Array[] => {
    try {
      decoder.push(piece, last);
    } catch (error) {
      throw broken(undefined, error);
    }
    return ready.splice(0);
  };
  for await (const piece of frame.pieces()) {
    yield* decode(piece, false);
    await setImmediate();
  }
  yield* decode(new Uint8Array(0), true);
}

function tooLarge(window: number, most: number): ArchiveError {
  const [needed, taken] = [window, most].map((size) => `${Math.ceil(size / 2 ** 20)} MiB`);
  const hint = window > MAX_WINDOW.node || most === MAX_WINDOW.node ? '' : ' (Node 22.15 reads it)';
  return refused(`Its Zstandard data needs a window of ${needed}, more than ${taken}${hint}`);
}
