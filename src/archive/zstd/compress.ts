/**
 * A Zstandard compressor for Nodes without one: libzstd as WebAssembly. Each piece of the source
 * becomes a frame of its own, which every reader takes for one stream.
 */
import { setImmediate } from 'node:timers/promises';
import { withChecksum } from './frames.ts';
import { newHash } from './xxhash.ts';

/** Bytes of one frame, and so about the memory it takes. */
const FRAME = 4 << 20;
const LEVEL = 3;

/** The source as Zstandard frames. */
export async function* compressZstd(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { Zstd } = await import('@hpcc-js/wasm-zstd');
  const zstd = await Zstd.load();
  /** The library's simple call leaves the checksum out. */
  const packed = async (content: Uint8Array): Promise<Buffer> => {
    const hash = await newHash();
    hash.update(content);
    return withChecksum(zstd.compress(content, LEVEL), hash.digest());
  };
  const frame = Buffer.alloc(FRAME);
  let filled = 0;
  let frames = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + FRAME - filled);
      frame.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled < FRAME) continue;
      yield await packed(frame);
      frames++;
      filled = 0;
      await setImmediate();
    }
  }
  if (filled > 0 || frames === 0) {
    yield await packed(frame.subarray(0, filled));
  }
}
