/**
 * Inflates the next zlib stream (RFC 1950) of an incoming pack. Only the stream itself shows where it
 * ends.
 */
import { crc32, createInflate } from 'node:zlib';
import { CorruptObjectError } from '../../../errors.ts';
import { compressedBound } from '../../../zlib/inflate.ts';
import { type Inflated, Inflater } from '../../../zlib/inflater.ts';
import type { PackInput } from './packInput.ts';

/** Below this many bytes a new attempt with more input costs little. */
const CHEAP = 16 << 10;
const CHUNK = 256 << 10;

let inflater: Inflater | undefined;

/** Whether to retry an incomplete stream with more input, instead of inflating it piece by piece. */
export function isWorthWaiting(size: number, available: number): boolean {
  return size <= CHEAP && available < compressedBound(size);
}

/**
 * Inflates the stream at `at` when all of it is in `held`.
 * @param size expected inflated size in bytes
 * @returns undefined when more input is needed, or the stream is too large for one call; the bytes are
 *   valid until the next call
 * @throws CorruptObjectError when it is broken or has another size
 */
export function inflateNext(held: Buffer, at: number, size: number): Inflated | undefined {
  const bound = compressedBound(size);
  if (held.length - at < bound && size > CHEAP) return undefined;
  inflater ??= new Inflater();
  const result = inflater.inflate(held, at, Math.min(held.length, at + bound), size);
  if (result === 'cut') return undefined;
  if (result === 'size') throw broken(size);
  if (result === 'broken') throw broken(size, result);
  return result;
}

/** Inflates a stream again. The result is valid until the next call. */
export function inflateAgain(stream: Buffer, size: number): Buffer {
  inflater ??= new Inflater();
  const result = inflater.inflate(stream, 0, stream.length, size);
  if (typeof result === 'string') throw broken(size, result);
  return result.bytes;
}

/**
 * Inflates a stream of any length as it arrives, and moves the input behind it.
 * @param crc CRC-32 of the bytes before it; the result includes the stream
 * @throws CorruptObjectError when it is broken or truncated, or has another size than `size`
 */
export async function inflateStream(
  input: PackInput,
  size: number,
  crc: number,
  take: (part: Buffer) => void,
): Promise<number> {
  const inflate = createInflate({ chunkSize: Math.max(64, Math.min(CHUNK, size + 1)) });
  let failure: unknown;
  let got = 0;
  let goOn = (): void => {};
  inflate.on('error', (error) => {
    failure ??= broken(size, error);
    goOn();
  });
  inflate.on('data', (part: Buffer) => {
    got += part.length;
    if (got <= size) take(part);
    else failure ??= broken(size);
  });
  const ended = new Promise<void>((resolve) => {
    inflate.on('end', resolve);
  });
  let sum = crc;
  let fed = 0;
  try {
    for (let left = 0; left === 0; ) {
      if (input.available === 0 && !(await input.more())) {
        throw new CorruptObjectError('it is cut off');
      }
      const chunk = input.held.subarray(input.at, input.at + CHUNK);
      fed += chunk.length;
      await new Promise<void>((resolve) => {
        goOn = resolve;
        inflate.write(chunk, () => resolve());
      });
      if (failure !== undefined) throw failure;
      // Input that zlib did not consume is after the stream's end.
      left = fed - inflate.bytesWritten;
      const used = chunk.subarray(0, chunk.length - left);
      sum = crc32(used, sum);
      input.at += used.length;
    }
    await ended;
    if (failure !== undefined) throw failure;
    if (got !== size) throw broken(size);
    return sum;
  } finally {
    inflate.destroy();
  }
}

function broken(size: number, cause?: unknown): CorruptObjectError {
  return new CorruptObjectError(
    cause === undefined
      ? `an entry does not hold the ${size} bytes that it says`
      : 'an entry does not inflate',
    { cause },
  );
}
