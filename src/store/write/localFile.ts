/** Stores or hashes one file of the local disk. */

import { GitStoreError } from '../../errors.ts';
import { hashObject, type ObjectId } from '../../git/objectId.ts';
import { type FileMode, isTreeMode, MODE_LINK } from '../../git/objects/tree.ts';
import { type LocalName, localName } from '../../optionTypes.ts';
import { createReadStream } from '../../storage/disk/fs.ts';
import type { ObjectWriter } from '../../storage/storage.ts';
import { localError } from '../../systemFaults.ts';
import { readEntry, toDisk } from '../../transfer/disk/diskFiles.ts';
import {
  ChangedFileError,
  hashLocalFile,
  type Reading,
  readChunks,
  readTarget,
  readWhole,
  SMALL_FILE,
} from '../../transfer/disk/readLocal.ts';
import { MODE_NONE } from '../../transfer/rules/place.ts';
import { byteChunks } from '../context/data.ts';
import { isADirectory, notFound } from '../context/pathErrors.ts';

export interface StoredFile {
  readonly id: ObjectId;
  /** From the file's own execute bit; undefined where the system has none. */
  readonly mode: FileMode | undefined;
  /** Set when the file kept growing, and only its first bytes are stored. */
  readonly remark?: string | undefined;
}

/** Attempts to read a file that keeps changing. */
const ATTEMPTS = 3;

/**
 * Stores the content of a local file. Follows links, and reads pipes and devices to their end. Reads a file
 * again that changes during the read. Of one that only grows it finally takes the first bytes.
 * @throws FileNotFoundError, IsADirectoryError, NotADirectoryError
 * @throws GitStoreError (`EBUSY`) when the file keeps changing; otherwise with the system's code
 */
export async function storeLocalFile(
  writer: ObjectWriter,
  path: string,
  signal?: AbortSignal,
): Promise<StoredFile> {
  return whileSteady(path, signal, (mayGrow) => storeOnce(writer, path, mayGrow, signal));
}

/**
 * The blob id that a local file has, or would have, in a store. Stores nothing. The content of a symbolic
 * link is its target, as when it is copied in.
 * @throws as `storeLocalFile`
 */
export async function hashFile(file: LocalName, signal?: AbortSignal): Promise<ObjectId> {
  const path = localName(file, 'The local file');
  return whileSteady(path, signal, async (mayGrow) => {
    const state = readEntry(path, '', false);
    if (state === undefined) throw notFound(path);
    if (isTreeMode(state.mode)) throw isADirectory(path);
    if (state.mode === MODE_LINK) return hashObject('blob', readTarget(path));
    if (state.mode !== MODE_NONE) return hashLocalFile(path, state, false, { mayGrow });
    throw new GitStoreError(`${path}: not a file`, 'EINVAL', { path });
  });
}

/** Runs `work` on a local file, and retries when the file changed meanwhile. */
async function whileSteady<T>(
  path: string,
  signal: AbortSignal | undefined,
  work: (mayGrow: boolean) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work(attempt > 1);
    } catch (error) {
      if (!(error instanceof ChangedFileError)) {
        throw error instanceof Error && 'syscall' in error ? localError(error, path) : error;
      }
      if (attempt === ATTEMPTS) {
        throw new GitStoreError(`${path}: it changed while it was read`, 'EBUSY', { path });
      }
    }
  }
}

async function storeOnce(
  writer: ObjectWriter,
  path: string,
  mayGrow: boolean,
  signal: AbortSignal | undefined,
): Promise<StoredFile> {
  const state = readEntry(path, '', true);
  if (state === undefined) throw notFound(path);
  if (isTreeMode(state.mode)) throw isADirectory(path);
  if (state.mode === MODE_NONE) {
    const chunks = createReadStream(toDisk(path));
    return { id: await writer.writeStream(byteChunks(chunks, signal)), mode: undefined };
  }
  const reading: Reading = { mayGrow };
  const id =
    state.size <= SMALL_FILE
      ? await writer.write('blob', readWhole(path, state, true, reading))
      : await writer.writeStream(
          byteChunks(readChunks(path, state, true, reading), signal),
          state.size,
        );
  const remark = reading.hasGrown
    ? `stored up to its first ${state.size} bytes: it grew meanwhile`
    : undefined;
  return { id, mode: process.platform === 'win32' ? undefined : state.mode, remark };
}
