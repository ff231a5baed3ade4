/**
 * The few file system calls that crash safety depends on, with fallbacks for systems that lack one.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsync,
  fsyncSync,
  openSync,
  read,
  readSync,
  unlinkSync,
  writeSync,
} from './fs.ts';

/** Flushes a file's data to stable storage, without blocking the event loop. */
export function syncFile(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fsync(fd, (error) => (error ? reject(error) : resolve()));
  });
}

/**
 * Flushes a directory's entries (new names, renames) to stable storage. Windows cannot open directories
 * and journals them itself; some network file systems refuse. Both count as done.
 */
export async function syncDirectory(path: string | Buffer): Promise<void> {
  if (process.platform === 'win32') return;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'EISDIR')) return;
    throw error;
  }
  try {
    await syncFile(fd);
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM', 'ENOTSUP', 'EBADF')) throw error;
  } finally {
    closeSync(fd);
  }
}

/** As `syncDirectory`, blocking. */
export function syncDirectoryNow(path: string | Buffer): void {
  if (process.platform === 'win32') return;
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES', 'EISDIR')) return;
    throw error;
  }
  try {
    fsyncSync(fd);
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM', 'ENOTSUP', 'EBADF')) throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * Flushes a file that another process may have written to stable storage. A missing file counts as done:
 * its next reader notices that it is missing. So does a file that this user may not open.
 */
export async function syncFileAt(path: string): Promise<void> {
  let fd: number;
  try {
    // Windows flushes only files open for writing, and objects are read-only.
    fd = openSync(path, 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return;
    throw error;
  }
  try {
    await syncFile(fd);
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'EPERM', 'EROFS', 'ENOTSUP', 'EBADF')) throw error;
  } finally {
    closeSync(fd);
  }
}

/** Writes all of `data`, even when the system accepts it in parts. */
export function writeFully(fd: number, data: Uint8Array, position: number | null = null): void {
  let done = 0;
  while (done < data.length) {
    const at = position === null ? null : position + done;
    done += writeSync(fd, data, done, data.length - done, at);
  }
}

/** Reads up to `length` bytes at `position` into `target`; fewer only at the end of the file. */
export function readFullySync(
  fd: number,
  target: Uint8Array,
  length: number,
  position: number,
): number {
  let done = 0;
  while (done < length) {
    const got = readSync(fd, target, done, length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

/** As `readFullySync`, without blocking the event loop. */
export async function readFully(
  fd: number,
  target: Uint8Array,
  length: number,
  position: number,
): Promise<number> {
  let done = 0;
  while (done < length) {
    const got = await readPart(fd, target, done, length - done, position + done);
    if (got === 0) break;
    done += got;
  }
  return done;
}

function readPart(
  fd: number,
  target: Uint8Array,
  offset: number,
  length: number,
  position: number,
): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, target, offset, length, position, (error, got) => {
      if (error) reject(error);
      else resolve(got);
    });
  });
}

/** Removes a file if it exists. */
export function removeIfThere(path: string | Buffer): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}

/** A fresh name with one of Git's own prefixes for temporary files, which `git gc` cleans up. */
export function temporaryName(prefix: 'tmp_obj_' | 'tmp_pack_' | 'tmp_idx_'): string {
  temporaryStem ??= `${randomBytes(8).toString('hex')}_`;
  return prefix + temporaryStem + temporaryCount++;
}

/** Random per thread: random bytes for each name would take as long as creating the file. */
let temporaryStem: string | undefined;
let temporaryCount = 0;

/** Whether an error is a system error with one of these codes. */
export function isErrno(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return typeof code === 'string' && codes.includes(code);
}
