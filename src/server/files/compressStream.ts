/** Compressing a body of any size while it is sent, in little memory. */
import { Readable } from 'node:stream';
import { constants, createBrotliCompress, createGzip } from 'node:zlib';
import type { Coding } from './negotiation.ts';

const CHUNK = 64 << 10;
/** Each takes one or two megabytes, and a part of a core. */
export const COMPRESSED_AT_ONCE = 64;

/** Ends its source when it is left before its end, and fails as its source fails. */
export async function* compressStream(
  source: AsyncIterable<Uint8Array>,
  coding: Exclude<Coding, 'identity'>,
): AsyncGenerator<Uint8Array> {
  const input = Readable.from(source, { objectMode: false, highWaterMark: CHUNK });
  const output =
    coding === 'gzip'
      ? createGzip({ level: 5, chunkSize: CHUNK })
      : createBrotliCompress({
          chunkSize: CHUNK,
          // A large window would take 16 MB a client.
          params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 18 },
        });
  input.on('error', (error) => output.destroy(error));
  input.pipe(output);
  try {
    yield* output;
  } finally {
    input.destroy();
    output.destroy();
  }
}
