/** An xz compressor: one stream of blocks that share nothing, LZMA2 with a dictionary of 8 MiB. */
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { CHECK_CRC32, checkOf, encodeNumber, FOOTER_MAGIC, LZMA2, STREAM_MAGIC } from './format.ts';
import { Lzma2Encoder } from './lzma2Encoder.ts';

/** The dictionary as a power of 2, and as the block header says it. */
const DICTIONARY_BITS = 23;
const DICTIONARY_CODE = (DICTIONARY_BITS - 12) * 2;

const PIECE = 256 << 10;

/** The source as one xz stream. */
export async function* compressXz(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const flags = Buffer.of(0, CHECK_CRC32);
  yield Buffer.concat([STREAM_MAGIC, flags, sumOf(flags)]);

  const encoder = new Lzma2Encoder(1 << DICTIONARY_BITS);
  const sum = checkOf(CHECK_CRC32);
  const header = blockHeader();
  let length = 0;
  let packed = 0;
  const counted = (chunk: Buffer): Buffer => {
    packed += chunk.length;
    return chunk;
  };
  for await (const chunk of source) {
    if (length === 0 && chunk.length > 0) yield header;
    for (let at = 0; at < chunk.length; at += PIECE) {
      const piece = chunk.subarray(at, at + PIECE);
      sum.update(piece);
      length += piece.length;
      for (const done of encoder.push(piece)) {
        yield counted(done);
        await setImmediate();
      }
    }
  }
  const records: Buffer[] = [];
  if (length > 0) {
    for (const done of encoder.finish()) {
      yield counted(done);
      await setImmediate();
    }
    yield Buffer.concat([Buffer.alloc((4 - (packed % 4)) % 4), sum.digest()!]);
    const unpadded = header.length + packed + 4;
    records.push(encodeNumber(unpadded), encodeNumber(length));
  }

  const index = filled(Buffer.concat([Buffer.of(0), encodeNumber(records.length / 2), ...records]));
  const end = Buffer.alloc(6);
  end.writeUInt32LE((index.length + 4) / 4 - 1, 0);
  flags.copy(end, 4);
  yield Buffer.concat([index, sumOf(index), sumOf(end), end, FOOTER_MAGIC]);
}

function blockHeader(): Buffer {
  const header = filled(Buffer.of(0, 0, LZMA2, 1, DICTIONARY_CODE));
  header[0] = header.length / 4;
  return Buffer.concat([header, sumOf(header)]);
}

function filled(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}

function sumOf(bytes: Buffer): Buffer {
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(crc32(bytes));
  return sum;
}
