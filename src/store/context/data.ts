/** The forms of a file's content, and how each becomes a blob. */
import { GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { ByteRange, ObjectWriter } from '../../storage/storage.ts';

/**
 * A file's content. Text is stored as UTF-8. A stream is read once, in fixed memory whatever its
 * size.
 */
export type FileData = string | Uint8Array | AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;

/**
 * Passes content to the writer and returns the blob's id.
 * @throws GitStoreError (`EINVAL`) for any other value, or a stream of anything but bytes
 */
export function storeData(
  writer: ObjectWriter,
  data: FileData,
  signal?: AbortSignal,
): Promise<ObjectId> {
  if (typeof data === 'string') return writer.write('blob', Buffer.from(data));
  if (data instanceof Uint8Array) return writer.write('blob', data);
  return writer.writeStream(byteChunks(checkStream(data), signal));
}

/** Whether the content is in memory and can be read again. */
export function isInMemory(data: FileData): data is string | Uint8Array {
  return typeof data === 'string' || data instanceof Uint8Array;
}

/** The stream's chunks, each checked to be bytes. The signal ends it even while it waits for a chunk. */
export async function* byteChunks(
  source: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  signal?.throwIfAborted();
  for await (const chunk of signal === undefined ? source : untilAborted(source, signal)) {
    yield typeof chunk === 'string' ? Buffer.from(chunk) : checkBytes(chunk);
  }
}

async function* untilAborted<Chunk>(
  source: AsyncIterable<Chunk>,
  signal: AbortSignal,
): AsyncGenerator<Chunk, void, undefined> {
  const iterator = source[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await orAborted(iterator.next(), signal);
      ended = done === true;
      if (ended) return;
      yield value as Chunk;
    }
  } finally {
    if (!ended) {
      const returned = Promise.resolve(iterator.return?.()).catch(() => {});
      // A source that still waits for its next chunk would delay the end.
      if (!signal.aborted) await returned;
    }
  }
}

/** @throws the reason of the signal when it comes first */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    const settle = () => signal.removeEventListener('abort', abort);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(settle);
  });
}

function checkStream(data: unknown): AsyncIterable<Uint8Array> {
  if (typeof data === 'object' && data !== null && Symbol.asyncIterator in data) {
    return data as AsyncIterable<Uint8Array>;
  }
  throw new GitStoreError('Content must be a string, bytes, or a stream of bytes', 'EINVAL');
}

function checkBytes(chunk: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new GitStoreError('A stream of content must give bytes', 'EINVAL');
}

/**
 * The range when it is valid; undefined when it means the whole file.
 * @throws GitStoreError (`EINVAL`) for a negative number or a fraction
 */
export function checkRange(range: ByteRange = {}): ByteRange | undefined {
  const { offset, size } = range;
  for (const [name, value] of Object.entries({ offset, size })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new GitStoreError(
        `The ${name} must be a whole number of 0 or more: ${value}`,
        'EINVAL',
      );
    }
  }
  return size === undefined && (offset ?? 0) === 0 ? undefined : range;
}
