/**
 * Reading local files of which nobody knows whether somebody writes to them. A *state* is what
 * `lstat` said of a file; what is read counts only when the file had that state before and after.
 */
import { closeSync, constants, fstatSync, openSync, read, readlinkSync, readSync } from 'node:fs';
import { promisify } from 'node:util';
import { type ObjectId, startObjectHash } from '../git/objectId.ts';
import { type DiskEntry, entryOf, isSameState, toDisk } from './diskFiles.ts';

/** Files up to this size are read in one go. Bytes. */
export const SMALL_FILE = 1 << 20;

/** Bytes. */
const CHUNK = 512 << 10;

/** Node loads a quarter of its streams with the promises of `node:fs`; a descriptor needs none. */
const readBeside = promisify(read);

/** The file is no longer what it was when it was listed. */
export class ChangedFileError extends Error {}

/** A name that became a pipe must not block us, and one that became a link not lead elsewhere. */
function openFlags(follow: boolean): number {
  return (
    constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (follow ? 0 : (constants.O_NOFOLLOW ?? 0))
  );
}

/**
 * The whole file, which should be small.
 * @throws ChangedFileError
 */
export function readWhole(path: string, state: DiskEntry, follow: boolean): Buffer {
  const fd = openSync(toDisk(path), openFlags(follow));
  try {
    const bytes = Buffer.allocUnsafe(state.size);
    let filled = 0;
    while (filled < bytes.length) {
      const count = readSync(fd, bytes, filled, bytes.length - filled, null);
      if (count === 0) break;
      filled += count;
    }
    if (filled < bytes.length || !isSameFile(entryOf(state.name, fstatSync(fd)), state)) {
      throw new ChangedFileError();
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/**
 * The file in chunks. They share one buffer: each is good until the next is asked for.
 * @throws ChangedFileError at its end, or as soon as it turns out to be shorter
 */
export async function* readChunks(
  path: string,
  state: DiskEntry,
  follow: boolean,
): AsyncGenerator<Uint8Array, void, undefined> {
  const fd = openSync(toDisk(path), openFlags(follow));
  try {
    const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, state.size));
    for (let position = 0; position < state.size; ) {
      const wanted = Math.min(buffer.length, state.size - position);
      const { bytesRead } = await readBeside(fd, buffer, 0, wanted, position);
      if (bytesRead === 0) throw new ChangedFileError();
      position += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
    if (!isSameFile(entryOf(state.name, fstatSync(fd)), state)) throw new ChangedFileError();
  } finally {
    closeSync(fd);
  }
}

/**
 * The blob id of a file of any size.
 * @param onChunk called for each chunk of a large one; it may throw
 * @throws ChangedFileError
 */
export async function hashLocalFile(
  path: string,
  state: DiskEntry,
  follow: boolean,
  onChunk = () => {},
): Promise<ObjectId> {
  const hash = startObjectHash('blob', state.size);
  if (state.size <= SMALL_FILE) return hash.update(readWhole(path, state, follow)).digest('hex');
  for await (const chunk of readChunks(path, state, follow)) {
    onChunk();
    hash.update(chunk);
  }
  return hash.digest('hex');
}

/** Where a link points to, as it is written. */
export function readTarget(path: string): Buffer {
  return readlinkSync(toDisk(path), { encoding: 'buffer' });
}

/** The mode is left out: a copy may store another than the file has. */
function isSameFile(now: DiskEntry, state: DiskEntry): boolean {
  return isSameState({ ...now, mode: state.mode }, state);
}
