/** Storing one file of the local disk. */
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import {
  FileNotFoundError,
  GitStoreError,
  IsADirectoryError,
  NotADirectoryError,
} from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { encodePath, hasLoneSurrogate } from '../git/pathBytes.ts';
import { type FileMode, MODE_EXECUTABLE, MODE_FILE } from '../git/tree.ts';
import type { ObjectWriter } from '../storage/storage.ts';
import { byteChunks } from './data.ts';

/** Files up to this size in bytes are read in one piece. */
const ONE_PIECE = 1 << 20;

export interface StoredFile {
  readonly id: ObjectId;
  /** By the file's own execute bit; undefined where the system has none. */
  readonly mode: FileMode | undefined;
}

/**
 * Stores the content of a local file; links are followed, pipes and devices read to their end. A
 * file that changes while it is read is read once more.
 * @throws FileNotFoundError, IsADirectoryError, NotADirectoryError
 * @throws GitStoreError (`ECHANGED`) when the file goes on changing; else with the system's own code
 */
export async function storeLocalFile(
  writer: ObjectWriter,
  path: string,
  signal?: AbortSignal,
): Promise<StoredFile> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(hasLoneSurrogate(path) ? encodePath(path) : path, 'r');
    const first = await storeOnce(writer, handle, signal);
    const stored = first ?? (await storeOnce(writer, handle, signal));
    if (stored !== undefined) return stored;
    throw new GitStoreError(`File changed while it was read: ${path}`, 'ECHANGED', { path });
  } catch (error) {
    throw localError(path, error);
  } finally {
    await handle?.close();
  }
}

/** Undefined when the file changed meanwhile. */
async function storeOnce(
  writer: ObjectWriter,
  handle: FileHandle,
  signal: AbortSignal | undefined,
): Promise<StoredFile | undefined> {
  const before = await handle.stat({ bigint: true });
  const mode = modeOfFile(before);
  const stream = (place: { start?: number }): AsyncIterable<Uint8Array> => {
    const options = { ...place, autoClose: false, highWaterMark: ONE_PIECE };
    return byteChunks(handle.createReadStream(options), signal);
  };
  if (before.isDirectory()) {
    throw Object.assign(new Error('It is a directory'), { code: 'EISDIR' });
  }
  if (!before.isFile()) return { id: await writer.writeStream(stream({})), mode };
  const size = Number(before.size);
  signal?.throwIfAborted();
  try {
    const id =
      size <= ONE_PIECE
        ? await writer.write('blob', await readPiece(handle, size))
        : await writer.writeStream(stream({ start: 0 }), size);
    return isSame(before, await handle.stat({ bigint: true })) ? { id, mode } : undefined;
  } catch (error) {
    // The stream had another length than the file when it was opened.
    if (!isSame(before, await handle.stat({ bigint: true }))) return undefined;
    throw error;
  }
}

async function readPiece(handle: FileHandle, size: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  while (filled < size) {
    const { bytesRead } = await handle.read(bytes, filled, size - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return bytes.subarray(0, filled);
}

function isSame(a: BigIntStats, b: BigIntStats): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs;
}

function modeOfFile(stat: BigIntStats): FileMode | undefined {
  if (process.platform === 'win32') return undefined;
  return (Number(stat.mode) & constants.S_IXUSR) !== 0 ? MODE_EXECUTABLE : MODE_FILE;
}

function localError(path: string, cause: unknown): unknown {
  if (cause instanceof GitStoreError || !(cause instanceof Error && 'code' in cause)) return cause;
  const details = { path, cause };
  switch (cause.code) {
    case 'ENOENT':
      return new FileNotFoundError(`No such file: ${path}`, details);
    case 'EISDIR':
      return new IsADirectoryError(`Is a directory: ${path}`, details);
    case 'ENOTDIR':
      return new NotADirectoryError(`Not a directory: ${path}`, details);
    default:
      return new GitStoreError(
        `Cannot read ${path}: ${cause.message}`,
        String(cause.code),
        details,
      );
  }
}
