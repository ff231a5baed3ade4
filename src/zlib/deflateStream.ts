/** Deflates a stream in fixed memory. */
import { createDeflate } from 'node:zlib';

/**
 * @param source may reuse a chunk once the next one is requested
 * @param put gets the deflated bytes
 * @throws what the source or `put` throws
 */
export async function deflateStream(
  source: AsyncIterable<Uint8Array>,
  level: number,
  put: (bytes: Buffer) => void,
): Promise<void> {
  const deflate = createDeflate({ level, chunkSize: 256 << 10 });
  let failure: unknown;
  let isPutting = false;
  const feed = (async () => {
    try {
      for await (const chunk of source) {
        await new Promise<void>((resolve, reject) => {
          deflate.write(chunk, (error) => (error ? reject(error) : resolve()));
        });
      }
      deflate.end();
    } catch (error) {
      failure = error;
      deflate.destroy(error as Error);
    }
  })();
  try {
    for await (const part of deflate as AsyncIterable<Buffer>) {
      isPutting = true;
      put(part);
      isPutting = false;
    }
  } catch (error) {
    deflate.destroy();
    await feed;
    // When `put` fails, the feed fails as well, because the stream is destroyed.
    throw isPutting ? error : (failure ?? error);
  }
  await feed;
  if (failure !== undefined) throw failure;
}
