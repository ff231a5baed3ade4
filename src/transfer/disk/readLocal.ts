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

/** Most bytes to read of a file that reports no size: such a file is held in memory. */
const LARGEST_WITHOUT_SIZE = 256 << 20;

/** Importing `node:fs/promises` makes Node load many stream modules. Reading a descriptor needs none. */
const readBeside = promisify(read);

/** The file has changed since it was listed. */
export class ChangedFileError extends Error {}

/** How to read a file, and facts about the result. */
export interface Reading {
  /** Accept a file that only grows, and take as many of its first bytes as its state says. */
  readonly mayGrow: boolean;
  /** Called for each chunk; it may throw. */
  readonly onChunk?: () => void;
  /** Set when the bytes read are only the start of the file. */
  hasGrown?: boolean;
}

/** A name that became a pipe must not block the open, and one that became a link must not be followed. */
function openFlags(follow: boolean): number {
  return (
    constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (follow ? 0 : (constants.O_NOFOLLOW ?? 0))
  );
}

/**
 * The whole file, which should be small. It may be longer than its state says only when that says 0,
 * as on file systems that report no sizes (`/proc`).
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

/** Reads a file of reported size 0 to its end. */
function readWithoutSize(fd: number, path: string | Buffer, state: DiskEntry): Buffer {
  const pieces: Buffer[] = [];
  for (let total = 0; ; ) {
    const piece = Buffer.allocUnsafe(total === 0 ? 4096 : CHUNK);
    const count = readSync(fd, piece, 0, piece.length, null);
    if (count === 0) break;
    pieces.push(piece.subarray(0, count));
    total += count;
    if (total > LARGEST_WITHOUT_SIZE) {
      // The path may go through a descriptor, which means nothing to a user.
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
 * The file in chunks, which share one buffer: each is valid until the next is requested.
 * @throws ChangedFileError at the end, or as soon as the file turns out to be shorter
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
 * Whether a changed file may only have grown. If a second read of its first bytes gives the same, the
 * file held them between the two reads.
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

/** Ignores the mode: a copy may store another one than the file has. */
function isSameFile(now: DiskEntry, state: DiskEntry): boolean {
  return isSameState({ ...now, mode: state.mode }, state);
}
