/**
 * How a file gets to its place on disk: whole, by a rename, or not at all. These functions use
 * nothing from outside themselves: a worker thread runs them from their source text.
 */
import type * as fs from 'node:fs';

export interface FileJob {
  /** Where it goes, as `fs` takes it. */
  readonly path: string | Buffer;
  /** Name to write it under first, in the same directory. */
  readonly temporary: string | Buffer;
  readonly isLink: boolean;
  /** Permissions for a new file, before the umask. */
  readonly permissions: number;
  /** Permissions to set in spite of the umask, where a file is replaced. */
  readonly exactPermissions: number | undefined;
  /** Nothing was there when the copy looked. */
  readonly isNew: boolean;
  /** With `isNew`: what somebody else has put there since is left alone, which is an error `KEPT`. */
  readonly keepsOthers: boolean;
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/** What `lstat` says of a file once it is in its place. */
export type FileStamp = readonly [
  size: number,
  mtimeMs: number,
  ctimeMs: number,
  ino: number,
  mode: number,
  dev: number,
];

/**
 * Writes the file, or the link to the target that `data` spells, under its temporary name and then
 * calls `finish`. When it throws, no temporary file is left.
 */
export function putFile(
  disk: typeof fs,
  write: typeof writeTemporary,
  finish: typeof finishFile,
  job: FileJob,
  data: Uint8Array,
): FileStamp {
  // Windows renames no file that is open; elsewhere an open file is quicker to look at.
  const keepsOpen = process.platform !== 'win32';
  let isMade = false;
  try {
    if (job.isLink) {
      disk.symlinkSync(Buffer.from(data), job.temporary);
      isMade = true;
      disk.lutimesSync(job.temporary, job.mtime, job.mtime);
      return finish(disk, job);
    }
    const fd = write(disk, job, data);
    isMade = true;
    try {
      if (keepsOpen) return finish(disk, job, fd);
    } finally {
      disk.closeSync(fd);
    }
    return finish(disk, job);
  } catch (error) {
    if (isMade) disk.unlinkSync(job.temporary);
    throw error;
  }
}

/** Writes the file, which is no link, under its temporary name and leaves it open, or nothing. */
export function writeTemporary(disk: typeof fs, job: FileJob, data: Uint8Array): number {
  const fd = disk.openSync(job.temporary, 'wx', job.permissions);
  try {
    for (let at = 0; at < data.length; ) at += disk.writeSync(fd, data, at);
    if (job.exactPermissions !== undefined) disk.fchmodSync(fd, job.exactPermissions);
    disk.futimesSync(fd, job.mtime, job.mtime);
    return fd;
  } catch (error) {
    disk.closeSync(fd);
    disk.unlinkSync(job.temporary);
    throw error;
  }
}

/**
 * Renames the temporary file to its place.
 * @param fd the file, where it is open
 */
export function finishFile(disk: typeof fs, job: FileJob, fd?: number): FileStamp {
  if (job.isNew && disk.lstatSync(job.path, { throwIfNoEntry: false }) !== undefined) {
    // Another copy to the same place has been quicker, which is no reason to fail. But a disk that
    // takes `Readme` and `README` for one name would lose one of them silently.
    const path = Buffer.from(job.path);
    const start = path.lastIndexOf('/') + 1;
    const directory = start === 0 ? Buffer.from('./') : path.subarray(0, start);
    const name = path.subarray(start);
    const temporary = Buffer.from(job.temporary).toString('latin1', start).toUpperCase();
    const tellsCase =
      disk.lstatSync(Buffer.concat([directory, Buffer.from(temporary)]), {
        throwIfNoEntry: false,
      }) === undefined;
    const isSameName =
      (tellsCase && name.every((byte) => byte < 0x80)) ||
      disk.readdirSync(directory, { encoding: 'buffer' }).some((other) => other.equals(name));
    if (!isSameName) {
      const reason =
        'something stands there already, under a name that this disk takes for the same';
      throw Object.assign(new Error(`EEXIST: ${reason}`), { code: 'EEXIST' });
    }
    if (job.keepsOthers) {
      throw Object.assign(new Error('left as somebody else has made it'), { code: 'KEPT' });
    }
  }
  disk.renameSync(job.temporary, job.path);
  const stats = fd === undefined ? disk.lstatSync(job.path) : disk.fstatSync(fd);
  const { size, mtimeMs, ctimeMs, ino, mode, dev } = stats;
  return [size, mtimeMs, ctimeMs, ino, mode, dev];
}
