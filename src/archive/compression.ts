/**
 * The compressions of tars. Each is loaded when it is first needed. A compressed stream must end
 * where its format says so: one that is cut short is an error.
 */
import * as zlib from 'node:zlib';
import { through } from './bytes/through.ts';
import { corrupt, truncated } from './errors.ts';
import type { Compression } from './formats.ts';
import { nodeZstd } from './zstd/node.ts';

const NAMES: Readonly<Record<Compression, string>> = {
  gz: 'gzip',
  bz2: 'bzip2',
  xz: 'xz',
  zst: 'Zstandard',
};

const PIECE = 256 << 10;

/** ZSTD_c_checksumFlag, so that a reader notices what was damaged. */
const ZSTD_CHECKSUM = { 201: 1 };

/** The source compressed. The same bytes come out for the same bytes, in whatever chunks they come. */
export async function* compress(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array, void, undefined> {
  switch (compression) {
    case 'gz':
      yield* gzip(source);
      return;
    case 'bz2':
      yield* (await import('./bzip2/compress.ts')).compressBzip2(source);
      return;
    case 'xz':
      yield* (await import('./xz/compress.ts')).compressXz(source);
      return;
    case 'zst':
      if (nodeZstd.createZstdCompress !== undefined) {
        yield* through(source, nodeZstd.createZstdCompress({ params: ZSTD_CHECKSUM }));
      } else {
        yield* (await import('./zstd/compress.ts')).compressZstd(source);
      }
  }
}

/** What the source holds compressed. @throws ArchiveError when it is broken or cut short */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    switch (compression) {
      case 'gz':
        yield* through(source, zlib.createGunzip({ chunkSize: PIECE }));
        return;
      case 'bz2':
        yield* (await import('./bzip2/decompress.ts')).decompressBzip2(source);
        return;
      case 'xz':
        yield* (await import('./xz/decompress.ts')).decompressXz(source);
        return;
      case 'zst':
        yield* (await import('./zstd/decompress.ts')).decompressZstd(source);
    }
  } catch (error) {
    throw broken(error, NAMES[compression]);
  }
}

function broken(error: unknown, name: string): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'Z_BUF_ERROR') return truncated(`its ${name} data ends too early`);
  if (/^Z(STD)?_/.test(code)) return corrupt(`its ${name} data cannot be read`, undefined, error);
  return error;
}

/** A header without time, name and system: it tells nothing about its maker (RFC 1952). */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff]);

async function* gzip(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let crc = 0;
  let size = 0;
  const content = async function* () {
    for await (const chunk of source) {
      crc = zlib.crc32(chunk, crc);
      size = (size + chunk.length) % 0x100000000;
      yield chunk;
    }
  };
  yield GZIP_HEADER;
  const deflate = zlib.createDeflateRaw({
    level: zlib.constants.Z_DEFAULT_COMPRESSION,
    chunkSize: PIECE,
  });
  yield* through(content(), deflate);
  const end = Buffer.alloc(8);
  end.writeUInt32LE(crc, 0);
  end.writeUInt32LE(size, 4);
  yield end;
}
