/**
 * Inflates (RFC 1950) data of a known size, and detects streams that are longer or shorter.
 */
import { inflate as inflateCallback, inflateSync } from 'node:zlib';
import { asBuffer } from '../bytes.ts';
import { firstInflate, firstInflateStart } from './firstCodecs.ts';
import { Inflater } from './inflater.ts';

let inflater: Inflater | undefined;
/** Up to this size it is quicker to inflate into the inflater's own larger buffer and copy. */
const COPIED = 16 << 10;

/** A stream of n compressed bytes cannot inflate to more than about 1032 n bytes (zlib's limit). */
const MAX_EXPANSION = 1040;

/** Whether `available` compressed bytes can inflate to `size` bytes. */
export function isPlausibleSize(size: number, available: number): boolean {
  return size <= available * MAX_EXPANSION + 64;
}

/** Upper bound for the compressed size of `size` bytes, as zlib writes them. */
export function compressedBound(size: number): number {
  return size + Math.ceil(size / 1000) + 64;
}

// One byte more than expected: then zlib ends its stream within one output chunk, and a longer stream
// is detected.
function inflateOptions(size: number) {
  return { chunkSize: Math.max(64, size + 1), maxOutputLength: size + 1 };
}

function expectSize(data: Buffer, size: number): Buffer {
  if (data.length !== size) throw new Error(`inflates to ${data.length} bytes, not ${size}`);
  return data;
}

/**
 * Inflates the stream at the start of `input`, and ignores bytes after its end.
 * @throws Error when the stream is broken or truncated, or does not hold exactly `size` bytes
 */
export function inflateExactly(input: Uint8Array, size: number): Buffer {
  const first = firstInflate(asBuffer(input), 0, input.length, size);
  if (first !== undefined) return Buffer.from(first.bytes);
  inflater ??= new Inflater();
  const output = size <= COPIED ? undefined : Buffer.allocUnsafe(size + 1);
  const result = inflater.inflate(asBuffer(input), 0, input.length, size, output);
  if (typeof result !== 'string') return output ? result.bytes : Buffer.from(result.bytes);
  // Inflate again for a descriptive error.
  return expectSize(inflateSync(input, inflateOptions(size)), size);
}

/**
 * Fills `output` from the stream that begins at `at` and ends at `end` or before, and returns the number
 * of input bytes consumed; undefined when the stream is broken or too short. Does not detect a stream
 * that is longer than `output`: the caller must have verified the stream's bytes.
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

/** Compressed bytes that usually show the beginning of a stream. */
const USUAL_START = 128;
/** Compressed bytes after which a stream that has shown too little counts as broken. */
const LONGEST_START = 1 << 20;

/**
 * The first inflated bytes of a stream of `available` bytes or fewer. A Huffman table of up to about 300 bytes
 * comes before a block's data (RFC 1951, 3.2.7), and empty blocks may come before that: reads on until
 * the data `isEnough` or the stream has ended.
 * @param bytesOf the first `length` compressed bytes
 * @returns at most 64 KiB, valid until anything else is inflated
 * @throws Error when the stream is broken
 */
export function inflateStart(
  bytesOf: (length: number) => Uint8Array,
  available: number,
  isEnough: (data: Buffer) => boolean,
): Buffer {
  const longest = Math.min(available, LONGEST_START);
  for (let length = Math.min(USUAL_START, longest); ; length = Math.min(length * 8, longest)) {
    const data = beginning(asBuffer(bytesOf(length)));
    if (length === longest || isEnough(data)) return data;
  }
}

function beginning(input: Buffer): Buffer {
  const first = firstInflateStart(input);
  if (first !== undefined) return first;
  inflater ??= new Inflater();
  return inflater.begin(input);
}
