/** Passing a stream of bytes through one of Node's transforms. */
import type { Transform } from 'node:stream';

/** What the transform makes of the source. No more is read than is taken. */
export async function* through(
  source: AsyncIterable<Uint8Array>,
  transform: Transform,
): AsyncGenerator<Uint8Array, void, undefined> {
  let failure: { error: unknown } | undefined;
  const feed = (async () => {
    try {
      for await (const chunk of source) {
        if (transform.destroyed) return;
        // The source may use the chunk again once the next one is asked for.
        await new Promise<void>((resolve, reject) => {
          transform.once('close', resolve);
          transform.write(chunk, (error) => {
            transform.off('close', resolve);
            if (error) reject(error);
            else resolve();
          });
        });
      }
      transform.end();
    } catch (error) {
      failure ??= { error };
      transform.destroy();
    }
  })();
  try {
    for await (const part of transform) yield part as Buffer;
    await feed;
  } catch (error) {
    failure ??= { error };
  } finally {
    // Where the taker has left, the source may still wait for bytes that never come.
    transform.destroy();
  }
  if (failure !== undefined) throw failure.error;
}
