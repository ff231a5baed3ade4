/**
 * A Zstandard compressor for Nodes without one: libzstd as WebAssembly. Each piece of the source
 * becomes a frame of its own, which every reader takes for one stream.
 */
import { setImmediate } from 'node:timers/promises';
import { XxHash64 } from './xxhash64.ts';

/** Bytes of one frame, and so about the memory it takes. */
const FRAME = 4 << 20;
const LEVEL = 3;

/** The source as Zstandard frames. */
export async function* compressZstd(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { Zstd } = await import('@hpcc-js/wasm-zstd');
  const zstd = await Zstd.load();
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
      yield withChecksum(zstd.compress(frame, LEVEL), frame);
      frames++;
      filled = 0;
      await setImmediate();
    }
  }
  if (filled > 0 || frames === 0) {
    const rest = frame.subarray(0, filled);
    yield withChecksum(zstd.compress(rest, LEVEL), rest);
  }
}

const CHECKSUM_FLAG = 4;

/** The frame with the checksum behind it that the library's simple call leaves out (RFC 8878, 3.1.1). */
function withChecksum(frame: Uint8Array, content: Uint8Array): Buffer {
  const hash = new XxHash64();
  hash.update(content);
  const whole = Buffer.alloc(frame.length + 4);
  whole.set(frame);
  whole[4]! |= CHECKSUM_FLAG;
  whole.writeUInt32LE(hash.digest(), frame.length);
  return whole;
}
