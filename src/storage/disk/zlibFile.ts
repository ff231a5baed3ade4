/**
 * Streams the inflated content of a zlib stream inside a file, in fixed memory. A stream of full-length
 * stored blocks (which gitstore writes for incompressible data) is read in place, so that the cost of a
 * range depends only on its length.
 */
import { Readable } from 'node:stream';
import { createInflate } from 'node:zlib';
import {
  STORED_BLOCK_HEADER_LENGTH,
  STORED_BLOCK_SIZE,
  storedOffset,
} from '../../zlib/storedDeflate.ts';
import { readFully } from './durable.ts';

/** A zlib stream in an open file. */
export interface ZlibRegion {
  readonly fd: number;
  readonly start: number;
  /** Upper bound for the end of the stream. */
  readonly end: number;
  /** Inflated size in bytes. */
  readonly size: number;
  /** For a partial file: fetches bytes before they are read. */
  readonly fetch?: ((start: number, end: number) => Promise<void>) | undefined;
}

/** Bytes `from` to `to` (exclusive) of the inflated content. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Whole blocks in one chunk: about 512 KiB, as a server may have a thousand streams open. */
const BLOCKS_A_CHUNK = Math.floor((1 << 19) / STORED_BLOCK_SIZE);

/** In bytes. */
interface Buffers {
  readonly input: number;
  readonly output: number;
  /** How far to inflate ahead of the consumer. */
  readonly ahead: number;
}

/** While few streams are open: saves a quarter of the time, because each step waits for a thread. */
const LARGE_BUFFERS: Buffers = { input: 256 << 10, output: 512 << 10, ahead: 1 << 20 };
const SMALL_BUFFERS: Buffers = { input: 64 << 10, output: 128 << 10, ahead: 256 << 10 };
const FEW_STREAMS = 16;
let openStreams = 0;

/** @throws Error when the stream is broken or too short */
export async function* streamZlib(region: ZlibRegion, span: Span): AsyncGenerator<Uint8Array> {
  if (span.from >= span.to) return;
  if (await isStored(region)) {
    let at = span.from;
    for await (const chunk of readStored(region, span)) {
      at += chunk.length;
      yield chunk;
    }
    if (at === span.to) return;
    // The stream has left the regular form: inflate the rest.
    yield* inflateSpan(region, { from: at, to: span.to });
    return;
  }
  yield* inflateSpan(region, span);
}

async function isStored(region: ZlibRegion): Promise<boolean> {
  const head = Buffer.alloc(2 + STORED_BLOCK_HEADER_LENGTH);
  await region.fetch?.(region.start, Math.min(region.end, region.start + head.length));
  if ((await readFully(region.fd, head, head.length, region.start)) < head.length) return false;
  const zlibHeader = head.readUInt16BE(0);
  const plain = (head[0]! & 0x0f) === 8 && zlibHeader % 31 === 0 && (head[1]! & 0x20) === 0;
  return plain && isRegularBlock(head, 2, 0, region.size);
}

/** Whether there is a header at `at` of stored block number `block` in the regular form. */
function isRegularBlock(bytes: Buffer, at: number, block: number, size: number): boolean {
  const begin = block * STORED_BLOCK_SIZE;
  const length = Math.min(STORED_BLOCK_SIZE, size - begin);
  const last = begin + length === size;
  const stored = bytes.readUInt16LE(at + 1);
  return (
    stored === length &&
    bytes.readUInt16LE(at + 3) === (stored ^ 0xffff) &&
    // A writer may end its stream with a separate empty block.
    (bytes[at] === (last ? 1 : 0) || (last && bytes[at] === 0))
  );
}

/** Ends early, without an error, when the stream leaves the regular form. */
async function* readStored(region: ZlibRegion, span: Span): AsyncGenerator<Uint8Array> {
  let at = span.from;
  while (at < span.to) {
    const first = Math.floor(at / STORED_BLOCK_SIZE);
    const lastByte = Math.min(span.to, (first + BLOCKS_A_CHUNK) * STORED_BLOCK_SIZE);
    const begin =
      region.start + storedOffset(first * STORED_BLOCK_SIZE) - STORED_BLOCK_HEADER_LENGTH;
    const end = region.start + storedOffset(lastByte - 1) + 1;
    if (end > region.end) return;
    await region.fetch?.(begin, end);
    const raw = Buffer.allocUnsafe(end - begin);
    if ((await readFully(region.fd, raw, raw.length, begin)) < raw.length) return;
    let filled = 0;
    for (let block = first, pos = 0; pos + STORED_BLOCK_HEADER_LENGTH <= raw.length; block++) {
      if (!isRegularBlock(raw, pos, block, region.size)) {
        if (filled > 0) yield raw.subarray(0, filled);
        return;
      }
      const dataStart =
        pos + STORED_BLOCK_HEADER_LENGTH + Math.max(0, at - block * STORED_BLOCK_SIZE);
      const dataEnd = Math.min(raw.length, pos + STORED_BLOCK_HEADER_LENGTH + STORED_BLOCK_SIZE);
      // Close the gaps of the block headers, which are no longer needed.
      raw.copyWithin(filled, dataStart, dataEnd);
      filled += dataEnd - dataStart;
      pos = dataEnd;
    }
    at = lastByte;
    yield raw.subarray(0, filled);
  }
}

async function* inflateSpan(region: ZlibRegion, span: Span): AsyncGenerator<Uint8Array> {
  const buffers = openStreams < FEW_STREAMS ? LARGE_BUFFERS : SMALL_BUFFERS;
  openStreams++;
  const source = Readable.from(readRegion(region, buffers.input), { highWaterMark: 1 });
  const options = { chunkSize: buffers.output, readableHighWaterMark: buffers.ahead };
  const inflate = createInflate(options);
  source.on('error', (error) => inflate.destroy(error));
  source.pipe(inflate);
  let at = 0;
  try {
    for await (const data of inflate as AsyncIterable<Buffer>) {
      const begin = Math.max(0, span.from - at);
      const end = Math.min(data.length, span.to - at);
      at += data.length;
      if (at > region.size) break;
      if (begin < end) yield data.subarray(begin, end);
      if (at >= span.to && span.to < region.size) return;
    }
  } finally {
    openStreams--;
    source.unpipe(inflate);
    source.destroy();
    inflate.destroy();
  }
  if (at !== region.size) throw new Error(`holds another number of bytes than ${region.size}`);
}

/** The compressed bytes, and further bytes up to the region's end. */
async function* readRegion(
  { fd, start, end, fetch }: ZlibRegion,
  atOnce: number,
): AsyncGenerator<Buffer> {
  for (let at = start; at < end; ) {
    const chunk = Buffer.allocUnsafe(Math.min(atOnce, end - at));
    await fetch?.(at, at + chunk.length);
    const got = await readFully(fd, chunk, chunk.length, at);
    if (got === 0) return;
    yield chunk.subarray(0, got);
    at += got;
  }
}
