/** Pack entries deflated together: a batch, on any thread. */
import { type Compressor, zlib } from './compressor.ts';

/** One entry to make: the header before the zlib stream, and the data to deflate. */
export interface DeflateJob {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** Finished entries one behind the other, each a header and a zlib stream. */
export interface DeflatedBatch {
  readonly data: Uint8Array;
  /** Length of each entry in bytes. */
  readonly lengths: readonly number[];
  /** CRC-32 of each entry, as a pack index holds it. */
  readonly crcs: readonly number[];
}

export interface DeflateRequest {
  readonly data: Uint8Array;
  /** Header length and body length of each entry, in turn. */
  readonly lengths: readonly number[];
  readonly level: number;
}

/** Deflates a request's entries. The reply's data is the beginning of a separate buffer. */
export type Deflater = (request: DeflateRequest) => DeflatedBatch;

export function requestFor(
  jobs: readonly DeflateJob[],
  level: number,
): DeflateRequest & { data: Uint8Array<ArrayBuffer> } {
  const lengths: number[] = [];
  let total = 0;
  for (const { header, body } of jobs) {
    lengths.push(header.length, body.length);
    total += header.length + body.length;
  }
  const data = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (const { header, body } of jobs) {
    data.set(header, at);
    data.set(body, at + header.length);
    at += header.length + body.length;
  }
  return { data, lengths, level };
}

export function createDeflater({ bound, compress }: Compressor): Deflater {
  const { crc32 } = zlib();
  return ({ data, lengths, level }) => {
    let room = 0;
    for (let i = 0; i < lengths.length; i += 2) room += lengths[i]! + bound(lengths[i + 1]!);
    const out = Buffer.allocUnsafeSlow(room);
    const entryLengths: number[] = [];
    const crcs: number[] = [];
    let from = 0;
    let at = 0;
    for (let i = 0; i < lengths.length; i += 2) {
      const start = at;
      const header = data.subarray(from, from + lengths[i]!);
      from += header.length;
      const body = data.subarray(from, from + lengths[i + 1]!);
      from += body.length;
      out.set(header, at);
      at += header.length;
      at += compress(body, level, out, at);
      entryLengths.push(at - start);
      crcs.push(crc32(out.subarray(start, at)));
    }
    return { data: new Uint8Array(out.buffer, 0, at), lengths: entryLengths, crcs };
  };
}
