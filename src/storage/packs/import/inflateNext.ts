/**
 * Inflates the next zlib stream (RFC 1950) of a pack that comes in. Nothing says where it ends but the
 * stream itself.
 */
import { crc32, createInflate } from 'node:zlib';
import { CorruptObjectError } from '../../../errors.ts';
import { compressedBound } from '../../../zlib/inflate.ts';
import { type Inflated, Inflater } from '../../../zlib/inflater.ts';
import type { PackInput } from './packInput.ts';

/** Below this many bytes it costs little to try again when more has come. */
const CHEAP = 16 << 10;
const CHUNK = 256 << 10;

let inflater: Inflater | undefined;

/** Whether a stream that is not complete yet is better looked at again than taken piece by piece. */
export function isWorthWaiting(size: number, available: number): boolean {
  return size <= CHEAP && available < compressedBound(size);
}

/**
 * Inflates the stream at `at` when all of it is in `held`.
 * @param size how many bytes it must hold
 * @returns undefined when more input is needed, or more than is sensible to look at in one go; the
 *   bytes are valid until the next call
 * @throws CorruptObjectError when it is broken or holds another number of bytes
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

/** Inflates a stream that was inflated before. The result is valid until the next call. */
export function inflateAgain(stream: Buffer, size: number): Buffer {
  inflater ??= new Inflater();
  const result = inflater.inflate(stream, 0, stream.length, size);
  if (typeof result === 'string') throw broken(size, result);
  return result.bytes;
}

/**
 * Inflates a stream of any length as it comes, and moves the input behind it.
 * @param crc CRC-32 of what lies before it; that of all comes back
 * @throws CorruptObjectError when it is broken, cut off or holds another number of bytes than `size`
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
      // What zlib leaves of its input lies behind the stream's end.
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
