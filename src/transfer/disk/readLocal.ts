/**
 * Reads local files that another process may be writing. A *state* is what `lstat` said of a file. Bytes
 * count only when the file had the same state before and after the read.
 */
import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, read, readlinkSync, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { GitStoreError } from '../../errors.ts';
import { hashObject, type ObjectId, startObjectHash } from '../../git/objectId.ts';
import { fromDisk } from '../../git/pathBytes.ts';
import { type DiskEntry, entryOf, isSameState, toDisk } from './diskFiles.ts';

/** Files up to this size are read in one go. Bytes. */
export const SMALL_FILE = 1 << 20;

/** Bytes. */
const CHUNK = 512 << 10;

/** A file that gives no size is held in memory. Bytes. */
const LARGEST_WITHOUT_SIZE = 256 << 20;

/** Node loads a quarter of its streams with the promises of `node:fs`; a descriptor needs none. */
const readBeside = promisify(read);

/** The file is no longer what it was when it was listed. */
export class ChangedFileError extends Error {}

/** How a file is read, and what came of it. */
export interface Reading {
  /** Take the first bytes of a file that does nothing but grow, as many as its state says. */
  readonly mayGrow: boolean;
  /** Called for each chunk; it may throw. */
  readonly onChunk?: () => void;
  /** Set where what was read is no more than the start of the file. */
  hasGrown?: boolean;
}

/** A name that became a pipe must not block us, and one that became a link not lead elsewhere. */
function openFlags(follow: boolean): number {
  return (
    constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (follow ? 0 : (constants.O_NOFOLLOW ?? 0))
  );
}

/**
 * The whole file, which should be small. It is longer than its state says only where that says 0 and
 * the file system gives no sizes (`/proc`).
 * @throws ChangedFileError
 */
export function readWhole(
  path: string | Buffer,
  state: DiskEntry,
  follow: boolean,
  reading?: Reading,
): Buffer {
  const fd = openSync(asDisk(path), openFlags(follow));
  try {
    if (state.size === 0) return readWithoutSize(fd, path, state);
    const bytes = readStart(fd, state.size);
    const now = entryOf(state.name, fstatSync(fd));
    if (isSameFile(now, state)) return bytes;
    if (!mayBeStart(now, state, reading) || !readStart(fd, state.size).equals(bytes)) {
      throw new ChangedFileError();
    }
    reading!.hasGrown = true;
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** The first bytes of a file. */
function readStart(fd: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let filled = 0; filled < size; ) {
    const count = readSync(fd, bytes, filled, size - filled, filled);
    if (count === 0) throw new ChangedFileError();
    filled += count;
  }
  return bytes;
}

/** All that a file of size 0 gives. */
function readWithoutSize(fd: number, path: string | Buffer, state: DiskEntry): Buffer {
  const pieces: Buffer[] = [];
  for (let total = 0; ; ) {
    const piece = Buffer.allocUnsafe(total === 0 ? 4096 : CHUNK);
    const count = readSync(fd, piece, 0, piece.length, null);
    if (count === 0) break;
    pieces.push(piece.subarray(0, count));
    total += count;
    if (total > LARGEST_WITHOUT_SIZE) {
      // The path may be one by a directory's descriptor.
      const shown = state.name === '' ? String(path) : state.name;
      const message = `${shown}: too large for a file whose size is given as 0`;
      throw new GitStoreError(message, 'EFBIG', { path: shown });
    }
  }
  const now = entryOf(state.name, fstatSync(fd));
  const isSame =
    pieces.length === 0 ? isSameFile(now, state) : now.size === 0 && now.ino === state.ino;
  if (!isSame) throw new ChangedFileError();
  return Buffer.concat(pieces);
}

/**
 * The file in chunks. They share one buffer: each is good until the next is asked for.
 * @throws ChangedFileError at its end, or as soon as it turns out to be shorter
 */
export async function* readChunks(
  path: string | Buffer,
  state: DiskEntry,
  follow: boolean,
  reading?: Reading,
): AsyncGenerator<Uint8Array, void, undefined> {
  const fd = openSync(asDisk(path), openFlags(follow));
  try {
    const hash = reading?.mayGrow ? createHash('sha1') : undefined;
    for await (const chunk of startInChunks(fd, state.size)) {
      reading?.onChunk?.();
      hash?.update(chunk);
      yield chunk;
    }
    const now = entryOf(state.name, fstatSync(fd));
    if (isSameFile(now, state)) return;
    if (hash === undefined || !mayBeStart(now, state, reading)) throw new ChangedFileError();
    const again = createHash('sha1');
    for await (const chunk of startInChunks(fd, state.size)) {
      reading?.onChunk?.();
      again.update(chunk);
    }
    if (!again.digest().equals(hash.digest())) throw new ChangedFileError();
    reading!.hasGrown = true;
  } finally {
    closeSync(fd);
  }
}

async function* startInChunks(
  fd: number,
  size: number,
): AsyncGenerator<Uint8Array, void, undefined> {
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, size));
  for (let position = 0; position < size; ) {
    const wanted = Math.min(buffer.length, size - position);
    const { bytesRead } = await readBeside(fd, buffer, 0, wanted, position);
    if (bytesRead === 0) throw new ChangedFileError();
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/**
 * Whether a file that has changed may have done no more than grow. If its first bytes are read again
 * and are the same, they are what it held between the two readings.
 */
function mayBeStart(now: DiskEntry, state: DiskEntry, reading: Reading | undefined): boolean {
  return reading?.mayGrow === true && now.ino === state.ino && now.size > state.size;
}

/**
 * The blob id of a file of any size.
 * @throws ChangedFileError
 */
export async function hashLocalFile(
  path: string | Buffer,
  state: DiskEntry,
  follow: boolean,
  reading?: Reading,
): Promise<ObjectId> {
  if (state.size <= SMALL_FILE) return hashObject('blob', readWhole(path, state, follow, reading));
  const hash = startObjectHash('blob', state.size);
  for await (const chunk of readChunks(path, state, follow, reading)) hash.update(chunk);
  return hash.digest('hex');
}

/** The raw target of a link. */
export function readTarget(path: string | Buffer): Buffer {
  const target: Buffer | string = readlinkSync(asDisk(path), { encoding: 'buffer' });
  return Buffer.isBuffer(target) ? target : Buffer.from(fromDisk(target));
}

function asDisk(path: string | Buffer): string | Buffer {
  return typeof path === 'string' ? toDisk(path) : path;
}

/** The mode is left out: a copy may store another than the file has. */
function isSameFile(now: DiskEntry, state: DiskEntry): boolean {
  return isSameState({ ...now, mode: state.mode }, state);
}
