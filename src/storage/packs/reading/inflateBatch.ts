/** Pack entries read, inflated and verified together: a batch, on any thread. */
import { hash } from 'node:crypto';
import { asBuffer } from '../../../bytes.ts';
import { objectHeader } from '../../../git/objectId.ts';
import { packObjectType } from '../../../git/packs/pack.ts';
import { Inflater } from '../../../zlib/inflater.ts';
import { readFullySync } from '../../disk/durable.ts';

/** Entries in some stretches of a pack file. */
export interface InflateJob {
  /** The pack, which must stay open during the job. */
  readonly fd: number;
  /** Two numbers for each stretch to read: its offset in the pack and its length. */
  readonly stretches: Float64Array<ArrayBuffer>;
  /** Total length of the stretches, which are read one behind the other. */
  readonly length: number;
  /**
   * Three numbers for each entry: the offset of its zlib stream in the bytes read, its inflated size, and
   * its type number in packs.
   */
  readonly numbers: Float64Array<ArrayBuffer>;
  /** The expected ids, 20 bytes each. */
  readonly ids: Uint8Array;
}

export interface InflateRequest extends InflateJob {
  /** Memory for the answer, if large enough. */
  readonly room?: ArrayBuffer;
}

export interface InflatedBatch {
  /** The bodies, one behind the other, `HEAD` bytes before each. */
  readonly data: Uint8Array;
  /** Indexes of entries that could not be read. Their parts of `data` are undefined. */
  readonly failed: readonly number[];
}

/** Bytes before each body in an answer. */
export const HEAD = 32;

let input = Buffer.alloc(0);
let inflater: Inflater | undefined;

export function inflateBatch(request: InflateRequest): InflatedBatch {
  const { fd, stretches, length, numbers, ids, room } = request;
  if (input.length < length) input = Buffer.allocUnsafeSlow(length);
  let end = 0;
  for (let i = 0; i < stretches.length; i += 2) {
    const size = stretches[i + 1]!;
    const got = readFullySync(fd, input.subarray(end), size, stretches[i]!);
    // What is missing at the end of a pack leaves no old bytes to be taken for it.
    input.fill(0, end + got, end + size);
    end += size;
  }
  inflater ??= new Inflater();
  const wanted = asBuffer(ids).toString('hex');
  let total = 1;
  for (let i = 1; i < numbers.length; i += 3) total += HEAD + numbers[i]!;
  const fits = room !== undefined && total <= room.byteLength;
  const data = fits ? Buffer.from(room) : Buffer.allocUnsafeSlow(total);
  const failed: number[] = [];
  let at = 0;
  for (let i = 0; 3 * i < numbers.length; i++) {
    const size = numbers[3 * i + 1]!;
    at += HEAD;
    const output = data.subarray(at, at + size + 1);
    const result = inflater.inflate(input, numbers[3 * i]!, end, size, output);
    let good = typeof result !== 'string';
    if (typeof result !== 'string') {
      // Without our own inflater the result is in another buffer.
      if (result.bytes.buffer !== data.buffer) output.set(result.bytes);
      // Git's header goes before each body, so that the hashed bytes are contiguous.
      const header = objectHeader(packObjectType(numbers[3 * i + 2]!)!, size);
      const start = at - header.length;
      data.write(header, start, 'latin1');
      const id = hash('sha1', data.subarray(start, at + size), 'hex');
      good = wanted.startsWith(id, 40 * i);
    }
    if (!good) failed.push(i);
    at += size;
  }
  return { data, failed };
}
