/**
 * Inflating (RFC 1950) data whose size is known, so that a lying stream can neither grow past it nor
 * fall short of it unnoticed.
 */
import { inflate as inflateCallback, inflateSync } from 'node:zlib';
import { asBuffer } from '../bytes.ts';
import { firstInflate, firstInflateStart } from './firstCodecs.ts';
import { Inflater } from './inflater.ts';

let inflater: Inflater | undefined;
/** Up to this size the inflater's own buffer, which has more room, and a copy are quicker. */
const COPIED = 16 << 10;

/** A stream of n compressed bytes cannot inflate to more than about 1032 n bytes (zlib's limit). */
const MAX_EXPANSION = 1040;

/** Whether `size` bytes can come out of `available` compressed bytes at all. */
export function isPlausibleSize(size: number, available: number): boolean {
  return size <= available * MAX_EXPANSION + 64;
}

/** How many compressed bytes hold an object of `size` bytes at the most, as zlib writes them. */
export function compressedBound(size: number): number {
  return size + Math.ceil(size / 1000) + 64;
}

// One byte more than expected: zlib then ends its stream within one output chunk, and a stream that
// holds more than it should shows.
function inflateOptions(size: number) {
  return { chunkSize: Math.max(64, size + 1), maxOutputLength: size + 1 };
}

function expectSize(data: Buffer, size: number): Buffer {
  if (data.length !== size) throw new Error(`inflates to ${data.length} bytes, not ${size}`);
  return data;
}

/**
 * Inflates the stream at the start of `input`; bytes after its end are ignored.
 * @throws Error when the stream is broken, cut short, or does not hold exactly `size` bytes
 */
export function inflateExactly(input: Uint8Array, size: number): Buffer {
  const first = firstInflate(asBuffer(input), 0, input.length, size);
  if (first !== undefined) return Buffer.from(first.bytes);
  inflater ??= new Inflater();
  const output = size <= COPIED ? undefined : Buffer.allocUnsafe(size + 1);
  const result = inflater.inflate(asBuffer(input), 0, input.length, size, output);
  if (typeof result !== 'string') return output ? result.bytes : Buffer.from(result.bytes);
  // Once more, for an error that says what is wrong.
  return expectSize(inflateSync(input, inflateOptions(size)), size);
}

/**
 * Fills `output` from the stream that begins at `at` and ends at `end` at the latest, and gives back
 * how many bytes of the input that took; undefined when the stream is broken or too short. A stream
 * that holds more than `output` takes does not show: the caller must know the stream's bytes.
 */
export function inflateFilling(
  input: Buffer,
  at: number,
  end: number,
  output: Buffer,
): number | undefined {
  inflater ??= new Inflater();
  return inflater.fill(input, at, end, output);
}

/** As `inflateExactly`, on zlib's thread pool. */
export function inflateExactlyAsync(input: Uint8Array, size: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    inflateCallback(input, inflateOptions(size), (error, data) => {
      if (error) return reject(error);
      try {
        resolve(expectSize(data, size));
      } catch (mismatch) {
        reject(mismatch);
      }
    });
  });
}

/**
 * The first bytes of what a stream holds; `input` may be only its beginning, of at most 16 KiB.
 * @returns at most 64 KiB, valid until anything else is inflated
 */
export function inflateStart(input: Uint8Array): Buffer {
  const first = firstInflateStart(asBuffer(input));
  if (first !== undefined) return first;
  inflater ??= new Inflater();
  return inflater.begin(asBuffer(input));
}
