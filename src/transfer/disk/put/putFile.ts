/** Writes files to disk: whole, by a rename of the file or of its new directory, or not at all. */
import type * as fs from 'node:fs';
import type { FileJob, FileStamp } from './fileJobs.ts';
import { isSpelled, mayFold, sameNameError } from './foldedNames.ts';
import { keptError, moveToFree, renameWhenFree } from './moveFile.ts';
import { replaceSeen } from './seenFile.ts';

/**
 * A time for Node's calls. Node takes a negative number for the present, but accepts it in a Date.
 * @param seconds since the epoch
 */
export function timeForNode(seconds: number): number | Date {
  return seconds < 0 ? new Date(seconds * 1000) : seconds;
}

/**
 * Writes the file, or the link with `data` as its target, and calls `finishFile`. Leaves no temporary
 * file when it throws.
 */
export function putFile(disk: typeof fs, job: FileJob, data: Uint8Array): FileStamp {
  // Windows cannot rename an open file. Elsewhere `fstat` of an open file is quicker.
  const keepsOpen = process.platform !== 'win32';
  const name = job.temporary ?? job.path;
  let isMade = false;
  try {
    if (job.isLink) {
      disk.symlinkSync(Buffer.from(data), name);
      isMade = true;
      const time = timeForNode(job.mtime);
      disk.lutimesSync(name, time, time);
      return finishFile(disk, job);
    }
    const fd = writeUnfinished(disk, job, data);
    isMade = true;
    try {
      if (keepsOpen) return finishFile(disk, job, fd);
    } finally {
      disk.closeSync(fd);
    }
    return finishFile(disk, job);
  } catch (error) {
    // It may have its final name already.
    if (isMade) disk.rmSync(name, { force: true });
    else if (job.temporary === undefined && (error as NodeJS.ErrnoException).code === 'EEXIST') {
      throw sameNameError();
    }
    throw error;
  }
}

/** Writes a regular file under its first name and returns it open. Leaves nothing when it throws. */
export function writeUnfinished(disk: typeof fs, job: FileJob, data: Uint8Array): number {
  const name = job.temporary ?? job.path;
  const fd = disk.openSync(name, 'wx', job.permissions);
  try {
    for (let at = 0; at < data.length; ) at += disk.writeSync(fd, data, at);
    if (job.exactPermissions !== undefined) disk.fchmodSync(fd, job.exactPermissions);
    const time = timeForNode(job.mtime);
    disk.futimesSync(fd, time, time);
    return fd;
  } catch (error) {
    try {
      disk.closeSync(fd);
    } catch {
      // It fails for the same reason, or with a less helpful error.
    }
    disk.unlinkSync(name);
    throw error;
  }
}

/**
 * Renames the file to its final path, unless it is there already.
 * @param fd the file, when it is open
 */
export function finishFile(disk: typeof fs, job: FileJob, fd?: number): FileStamp {
  if (job.temporary !== undefined) {
    if (job.isNew && disk.lstatSync(job.path, { throwIfNoEntry: false }) !== undefined) {
      // Another copy to the same destination was quicker, which is no reason to fail. But if two names
      // are the same to this disk, going on would lose one of the files silently.
      if (mayFold(disk, job.path) && !isSpelled(disk, job.path)) throw sameNameError();
      if (job.keepsOthers) {
        throw keptError();
      }
    }
    if (job.replaces !== undefined) {
      replaceSeen(disk, job.temporary, job.path, job.replaces, job.aside, fd);
    } else if (!job.isNew || !job.keepsOthers || job.isLink) {
      renameWhenFree(disk, job.temporary, job.path);
    } else {
      moveToFree(disk, job.temporary, job.path);
    }
  }
  const stats = fd === undefined ? disk.lstatSync(job.path) : disk.fstatSync(fd);
  const { size, mtimeMs, ctimeMs, ino, mode, dev } = stats;
  return [size, mtimeMs, ctimeMs, ino, mode, dev];
}
