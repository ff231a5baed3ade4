/** From members to the bytes of an archive of any format, and from those to where they are to go. */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setImmediate } from 'node:timers/promises';
import {
  closeSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  write,
} from '../storage/disk/fs.ts';
import { writeAllSync } from './bytes/randomAccess.ts';
import { compress } from './compression.ts';
import { type ArchiveFormat, compressionOf } from './formats.ts';
import type { ArchiveOrigin, NewMember } from './member.ts';
import type { NamedSink } from './options.ts';
import { PieceMemory, writeTar } from './tar/writer.ts';
import { writeZip } from './zip/writer.ts';

/**
 * Writes the archive of the members, in groups of any size, to the sink. The same members and origin
 * give the same bytes.
 */
export async function writeArchive(
  members: AsyncIterable<readonly NewMember[]>,
  format: ArchiveFormat,
  origin: ArchiveOrigin,
  sink: NamedSink,
  signal: AbortSignal | undefined,
): Promise<void> {
  const compression = compressionOf(format);
  const memory = new PieceMemory();
  const plain = format === 'zip' ? writeZip(members, origin) : writeTar(members, origin, memory);
  const bytes = compression === undefined ? plain : compress(plain, compression);
  if ('file' in sink) {
    const written = (piece: Uint8Array): void => {
      signal?.throwIfAborted();
      // Compressed bytes come from elsewhere.
      if (compression === undefined) memory.giveBack(piece);
    };
    await writeWholeFile(sink.file, bytes, written);
  } else if ('getWriter' in sink) {
    await ReadableStream.from(bytes).pipeTo(sink, signal === undefined ? {} : { signal });
  } else
    await pipeline(bytes, sink as NodeJS.WritableStream, signal === undefined ? {} : { signal });
}

/** Writes beside the file and renames; a device or a pipe is written to as it is. */
async function writeWholeFile(
  path: string,
  bytes: AsyncGenerator<Uint8Array, void, undefined>,
  written: (piece: Uint8Array) => void,
): Promise<void> {
  const standing = statSync(path, { throwIfNoEntry: false });
  if (standing !== undefined && !standing.isFile()) {
    await writeTo(openSync(path, 'w'), bytes, written, 0);
    return;
  }
  const file = standing === undefined ? path : realpathSync(path);
  const suffix = randomBytes(6).toString('hex');
  const temporary = join(dirname(file), `.${basename(file)}.${suffix}.tmp`);
  const fd = openSync(temporary, 'wx');
  try {
    await writeTo(fd, bytes, written, AT_ONCE);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Up to this size a piece is written to a file while it is still in the processor's cache. */
const AT_ONCE = 1 << 20;

/** Yields to the event loop after this many bytes. */
const REST_AFTER = 8 << 20;

/**
 * Writes all and closes. While a piece is written the next one is made.
 * @param atOnce pieces of at most this many bytes are written before the next one is made
 */
async function writeTo(
  fd: number,
  bytes: AsyncGenerator<Uint8Array, void, undefined>,
  written: (piece: Uint8Array) => void,
  atOnce: number,
): Promise<void> {
  let writing: Promise<void> | undefined;
  let sinceRest = 0;
  try {
    for await (const piece of bytes) {
      await writing;
      writing = undefined;
      if (piece.length <= atOnce) {
        writeAllSync(fd, piece);
        written(piece);
        sinceRest += piece.length;
        if (sinceRest < REST_AFTER) continue;
        sinceRest = 0;
        await setImmediate();
        continue;
      }
      writing = writeAll(fd, piece).then(() => written(piece));
      // It is awaited later: until then a failure must not count as unhandled.
      writing.catch(() => {});
    }
    await writing;
  } finally {
    await writing?.catch(() => {});
    closeSync(fd);
  }
}

async function writeAll(fd: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += await new Promise<number>((resolve, reject) => {
      write(fd, bytes, done, bytes.length - done, null, (error, count) => {
        if (error) reject(error);
        else resolve(count);
      });
    });
  }
}
