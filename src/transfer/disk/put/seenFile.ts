/** Files that are replaced or removed only while they are as they were seen. */
import { isUtf8 } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type * as fs from 'node:fs';
import { nativeFiles } from '../../../storage/disk/nativeFiles.ts';
import type { FsPath } from '../anchors.ts';
import type { SeenFile } from './fileJobs.ts';
import { dropTemporary, moveToFree, renameWhenFree } from './moveFile.ts';

/**
 * Replaces a file that is as it was seen. What a process writes into the old file until then is put back, also
 * another file that takes its place: the check and the rename are two calls.
 * @param from free afterwards
 * @param aside another temporary name, under which the old file outlives its replacement, also for a
 * process that goes on writing into it; undefined for a link
 * @param fd the new file, when it is open
 * @throws an error `MOVED_ON`
 */
export function replaceSeen(
  disk: typeof fs,
  from: FsPath,
  to: FsPath,
  seen: SeenFile,
  aside: FsPath | undefined,
  fd: number | undefined,
): void {
  const mine = fd === undefined || aside === undefined ? disk.lstatSync(from) : disk.fstatSync(fd);
  requireSeen(disk, to, seen);
  if (aside !== undefined && isSwapped(from, to)) {
    requireReplaced(disk, from, to, seen, mine);
    dropSwapped(disk, from, to, aside);
    return;
  }
  if (aside === undefined || !isLinked(disk, to, aside, seen)) {
    replaceByCopy(disk, from, to, seen);
    return;
  }
  try {
    renameWhenFree(disk, from, to);
  } catch (error) {
    dropTemporary(disk, aside);
    throw error;
  }
  requireReplaced(disk, aside, to, seen, mine);
  dropTemporary(disk, aside);
}

/**
 * Exchanges the names of two files at once: nothing can take the place of the file that is replaced before
 * it is looked at for the last time.
 * @returns false where that is not possible
 * @throws an error `MOVED_ON` when it is gone
 */
function isSwapped(from: FsPath, to: FsPath): boolean {
  if (process.platform === 'win32') return false;
  const [one, other] = [textOf(from), textOf(to)];
  const native = one !== undefined && other !== undefined ? nativeFiles() : null;
  if (native === null) return false;
  try {
    native.swapSync(one!, other!);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw movedOnError();
    // File systems that cannot do it say so in many ways. The calls that follow report every other fault.
    if (code === undefined) throw error;
    return false;
  }
}

/** The path as a string, which is all that the native module takes; undefined for bytes that are no text. */
function textOf(path: FsPath): string | undefined {
  if (typeof path === 'string') return path;
  return isUtf8(path) ? path.toString() : undefined;
}

/**
 * Drops the file that was replaced by a rename of the new one over it: some file systems (ext4, btrfs) write
 * the data of a file that replaces another before that counts, so a crash of the machine leaves no empty file.
 */
function dropSwapped(disk: typeof fs, old: FsPath, to: FsPath, aside: FsPath): void {
  try {
    disk.linkSync(to, aside);
    renameWhenFree(disk, aside, old);
  } catch (error) {
    // There are no hard links here, or a person has removed the file meanwhile.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
  }
  dropTemporary(disk, old);
}

/**
 * Gives the file that was replaced its name back when it is not as it was seen.
 * @param old the name that it has now
 * @param mine the file that has taken its place
 * @throws an error `MOVED_ON`
 */
function requireReplaced(
  disk: typeof fs,
  old: FsPath,
  to: FsPath,
  seen: SeenFile,
  mine: SeenFile,
): void {
  if (isStill(disk.lstatSync(old), seen)) return;
  if (isThere(disk, to, mine)) giveBack(disk, old, to);
  else dropTemporary(disk, old);
  throw movedOnError();
}

/**
 * Gives a file a second name.
 * @returns false where that is not possible, or has a number of its own
 * @throws an error `MOVED_ON` when it is gone
 */
function isLinked(disk: typeof fs, path: FsPath, name: FsPath, seen: SeenFile): boolean {
  try {
    disk.linkSync(path, name);
    // Some network and FUSE file systems number names. It may also be another file by now: `replaceByCopy` sees.
    if (disk.lstatSync(name).ino === seen.ino) return true;
    dropTemporary(disk, name);
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw movedOnError();
    // There are no hard links here, or none to this file, or a full disk takes no new name.
    if (code === undefined) throw error;
    return false;
  }
}

/** As `replaceSeen`, but puts back a copy: a process that has the old file open goes on writing into that. */
function replaceByCopy(disk: typeof fs, from: FsPath, to: FsPath, seen: SeenFile): void {
  const old = openSeen(disk, to);
  try {
    if (old !== undefined && disk.fstatSync(old).ino !== seen.ino) throw movedOnError();
    const mine = disk.lstatSync(from);
    renameWhenFree(disk, from, to);
    if (old === undefined || isStill(disk.fstatSync(old), seen)) return;
    if (isThere(disk, to, mine)) {
      copyOpen(disk, old, from);
      giveBack(disk, from, to);
    }
    throw movedOnError();
  } finally {
    if (old !== undefined) disk.closeSync(old);
  }
}

/**
 * Removes a file that is as it was seen, and puts it back when a process has written into it, or replaced
 * it, until then.
 * @param aside a temporary name
 * @throws an error `MOVED_ON`
 */
export function removeSeen(disk: typeof fs, path: FsPath, seen: SeenFile, aside: FsPath): void {
  requireSeen(disk, path, seen);
  try {
    renameWhenFree(disk, path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
    // A full disk may take no new name. What concerns the file itself fails again.
    disk.unlinkSync(path);
    return;
  }
  const moved = disk.lstatSync(aside);
  if (isStill(moved, seen) && moved.ino === seen.ino) {
    dropTemporary(disk, aside);
    return;
  }
  putBack(disk, aside, path, moved);
  const back = disk.lstatSync(path, { throwIfNoEntry: false });
  if (back === undefined || !isStill(back, seen) || back.ino !== seen.ino) throw movedOnError();
  // It is the same file. This file system numbers names.
  disk.unlinkSync(path);
}

/** Gives what was moved aside its name again, unless something later has that. */
function putBack(disk: typeof fs, aside: FsPath, path: FsPath, moved: fs.Stats): void {
  if (disk.lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    try {
      if (moved.isFile()) moveToFree(disk, aside, path);
      else renameWhenFree(disk, aside, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'KEPT') keepBeside(disk, aside, path, error);
    }
  }
  dropTemporary(disk, aside);
}

/** Renames late text to its path. */
function giveBack(disk: typeof fs, aside: FsPath, path: FsPath): void {
  try {
    renameWhenFree(disk, aside, path);
  } catch (error) {
    keepBeside(disk, aside, path, error);
  }
}

/**
 * Keeps late text that cannot have its path: a temporary name would be removed by the next copy.
 * @throws an error that tells where it is
 */
function keepBeside(disk: typeof fs, aside: FsPath, path: FsPath, cause: unknown): never {
  const ending = `.late-${randomBytes(3).toString('hex')}`;
  renameWhenFree(disk, aside, Buffer.concat([Buffer.from(path), Buffer.from(ending)]));
  const { code } = cause as NodeJS.ErrnoException;
  const text = `it has changed meanwhile; what was written last lies beside it, with ${ending} behind its name`;
  throw Object.assign(new Error(text, { cause }), { code });
}

/** Whether a file holds what was seen. Its ctime changes with its names, and on some systems its number. */
function isStill({ size, mtimeMs }: fs.Stats, seen: SeenFile): boolean {
  return size === seen.size && mtimeMs === seen.mtimeMs;
}

/** Whether the file at the path holds the same. */
function isThere(disk: typeof fs, path: FsPath, file: SeenFile): boolean {
  const now = disk.lstatSync(path, { throwIfNoEntry: false });
  return now !== undefined && isStill(now, file);
}

/** Writes what an open file holds, with its permissions, to a new file. */
function copyOpen(disk: typeof fs, old: number, to: FsPath): void {
  const mode = disk.fstatSync(old).mode & 0o777;
  const copy = disk.openSync(to, 'wx', mode);
  try {
    const piece = new Uint8Array(1 << 20);
    for (let at = 0; ; ) {
      const length = disk.readSync(old, piece, 0, piece.length, at);
      if (length === 0) break;
      for (let done = 0; done < length; ) {
        done += disk.writeSync(copy, piece, done, length - done);
      }
      at += length;
    }
    disk.fchmodSync(copy, mode);
  } finally {
    disk.closeSync(copy);
  }
}

/** The open file; undefined for what cannot be read. Windows cannot replace an open file. */
function openSeen(disk: typeof fs, path: FsPath): number | undefined {
  if (process.platform === 'win32') return undefined;
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = disk.constants;
  try {
    return disk.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const code = String((error as NodeJS.ErrnoException).code);
    if (/^(?:ELOOP|EMLINK|EACCES|EPERM|ENOENT|ENOTDIR|ENXIO|EOPNOTSUPP)$/.test(code))
      return undefined;
    throw error;
  }
}

/** @throws an error `MOVED_ON` when another file is there, or the file in another state */
function requireSeen(disk: typeof fs, path: FsPath, seen: SeenFile): void {
  const now = disk.lstatSync(path, { throwIfNoEntry: false });
  if (
    now?.size === seen.size &&
    now.mtimeMs === seen.mtimeMs &&
    now.ctimeMs === seen.ctimeMs &&
    now.ino === seen.ino
  ) {
    return;
  }
  throw movedOnError();
}

function movedOnError(): Error {
  return Object.assign(new Error('it has changed meanwhile'), { code: 'MOVED_ON' });
}
