/**
 * Writes files to disk: whole, by a rename of the file or of its new directory, or not at all. These
 * functions refer to nothing outside this file: a worker thread runs them from their source text
 * (`PUT_SOURCE`).
 */
import type * as fs from 'node:fs';
import { type Anchors, anchorAt, type FsPath } from './anchors.ts';
import type { DirectoryJob, FileJob, FileStamp, FilesJob, Job, SeenFile } from './fileJobs.ts';

/**
 * Performs the job. `data` holds the contents of a file, or the target of a link.
 * @param anchors of the destination
 * @param lost paths of directories whose jobs have failed; kept from one job to the next
 */
export function perform(
  disk: typeof fs,
  anchors: Anchors,
  job: Job,
  data: Uint8Array,
  lost: Set<string>,
): FileStamp | undefined {
  if (!('directory' in job)) return putFile(disk, anchoredJob(anchors, job), data);
  putDirectory(disk, anchors, job, lost);
  return undefined;
}

/** The job with anchored paths, which no link in the destination redirects. Valid for the next call. */
export function anchoredJob<J extends FileJob>(anchors: Anchors, job: J): J {
  const { path, temporary, aside } = job;
  return {
    ...job,
    path: anchors.at(path),
    temporary: temporary === undefined ? undefined : anchors.at(temporary),
    aside: aside === undefined ? undefined : anchors.at(aside),
  };
}

/**
 * Makes or renames a directory. On failure something else may exist there, even a link that leads out
 * of the destination. So the jobs of all directories below fail as well.
 */
function putDirectory(
  disk: typeof fs,
  anchors: Anchors,
  { directory, becomes, path, above }: DirectoryJob,
  lost: Set<string>,
): void {
  try {
    if (lost.has(above)) throw new Error('the directory above is not there');
    if (becomes === undefined) disk.mkdirSync(anchors.at(directory));
    else {
      // A rename would replace an empty directory that another copy may just have made and opened.
      if (disk.lstatSync(anchors.at(becomes), { throwIfNoEntry: false }) !== undefined) {
        throw new Error('another copy has made the directory');
      }
      renameWhenFree(disk, anchors.at(directory), anchors.at(becomes));
      anchors.moved(directory, becomes);
    }
  } catch (error) {
    lost.add(path);
    throw error;
  }
}

/** Writes one of the files. */
export function performPart(
  disk: typeof fs,
  anchors: Anchors,
  { into, names, modes, mtime }: FilesJob,
  part: number,
  data: Uint8Array,
): FileStamp {
  const mode = modes[part]!;
  const isLink = (mode & 0o170000) === 0o120000;
  const job = {
    path: anchors.at(`${into}/${names[part]}`),
    temporary: undefined,
    isLink,
    permissions: !isLink && (mode & 0o100) !== 0 ? 0o777 : 0o666,
    exactPermissions: undefined,
    isNew: true,
    keepsOthers: false,
    mtime,
  };
  return putFile(disk, job, data);
}

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

/** Renames a file to a path where nothing is. @throws an error `KEPT` when another process was quicker */
function moveToFree(disk: typeof fs, from: FsPath, to: FsPath): void {
  try {
    // Unlike a rename, a hard link replaces nothing.
    disk.linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw keptError();
    if (code === undefined) throw error;
    // Systems without hard links say so in many ways. The rename reports every other fault.
    renameWhenFree(disk, from, to);
    return;
  }
  dropTemporary(disk, from);
}

function keptError(): Error {
  return Object.assign(new Error('another process has created it meanwhile'), { code: 'KEPT' });
}

/**
 * Replaces a file that is as it was seen. What a process writes into the old file until then is put back:
 * the check and the rename are two calls.
 * @param from free afterwards
 * @param aside another temporary name, under which the old file outlives its replacement, also for a
 * process that goes on writing into it; undefined for a link
 * @param fd the new file, when it is open
 * @throws an error `MOVED_ON`
 */
function replaceSeen(
  disk: typeof fs,
  from: FsPath,
  to: FsPath,
  seen: SeenFile,
  aside: FsPath | undefined,
  fd: number | undefined,
): void {
  requireSeen(disk, to, seen);
  if (aside === undefined || !isLinked(disk, to, aside)) {
    replaceByCopy(disk, from, to, seen);
    return;
  }
  const mine = fd === undefined ? disk.lstatSync(from) : undefined;
  try {
    renameWhenFree(disk, from, to);
  } catch (error) {
    dropTemporary(disk, aside);
    throw error;
  }
  if (isStill(disk.lstatSync(aside), seen)) {
    dropTemporary(disk, aside);
    return;
  }
  if (isThere(disk, to, mine ?? disk.fstatSync(fd!))) renameWhenFree(disk, aside, to);
  else dropTemporary(disk, aside);
  throw movedOnError();
}

/**
 * Gives a file a second name.
 * @returns false where that is not possible
 * @throws an error `MOVED_ON` when it is gone
 */
function isLinked(disk: typeof fs, path: FsPath, name: FsPath): boolean {
  try {
    disk.linkSync(path, name);
    return true;
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
    const mine = disk.lstatSync(from);
    renameWhenFree(disk, from, to);
    if (old === undefined || isStill(disk.fstatSync(old), seen)) return;
    if (isThere(disk, to, mine)) {
      copyOpen(disk, old, from);
      renameWhenFree(disk, from, to);
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
  if (isStill(moved, seen)) {
    dropTemporary(disk, aside);
    return;
  }
  putBack(disk, aside, path, moved);
  throw movedOnError();
}

/** Gives what was moved aside its name again, unless something later has that. */
function putBack(disk: typeof fs, aside: FsPath, path: FsPath, moved: fs.Stats): void {
  if (disk.lstatSync(path, { throwIfNoEntry: false }) === undefined) {
    try {
      if (moved.isFile()) moveToFree(disk, aside, path);
      else renameWhenFree(disk, aside, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'KEPT') throw error;
    }
  }
  dropTemporary(disk, aside);
}

/** Whether it is the file that was seen, and holds the same. Its ctime changes with its names. */
function isStill({ size, mtimeMs, ino }: fs.Stats, seen: SeenFile): boolean {
  return size === seen.size && mtimeMs === seen.mtimeMs && ino === seen.ino;
}

/** Whether the same file is at the path, and holds the same. */
function isThere(disk: typeof fs, path: FsPath, file: SeenFile): boolean {
  const now = disk.lstatSync(path, { throwIfNoEntry: false });
  return now !== undefined && isStill(now, file);
}

/** Removes a temporary name. One that another process holds open stays for the next copy to remove. */
function dropTemporary(disk: typeof fs, name: FsPath): void {
  try {
    whileBusy(() => disk.unlinkSync(name));
  } catch (error) {
    if (!isBusy(error)) throw error;
  }
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

function renameWhenFree(disk: typeof fs, from: FsPath, to: FsPath): void {
  whileBusy(() => disk.renameSync(from, to));
}

/** As `whileFree` (storage/disk/busyFiles.ts), for a thread that has only this file. */
function whileBusy(act: () => void): void {
  for (let pause = process.platform === 'win32' ? 1 : 1000; pause < 200; pause *= 2) {
    try {
      act();
      return;
    } catch (error) {
      if (!isBusy(error)) throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  }
  act();
}

function isBusy(error: unknown): boolean {
  return /^(?:EPERM|EACCES|EBUSY)$/.test(String((error as NodeJS.ErrnoException).code));
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

/**
 * Whether the disk may find an entry of another name under the path, because it treats names as equal
 * that differ in letter case or Unicode composition.
 */
export function mayFold(disk: typeof fs, at: FsPath): boolean {
  const path = Buffer.from(at);
  const inOtherCase = Buffer.from(path);
  for (let place = path.lastIndexOf('/') + 1; place < path.length; place++) {
    const byte = path[place]!;
    if (byte >= 0x80) return true;
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    if (isLetter) inOtherCase[place] = byte ^ 0x20;
  }
  if (path.equals(inOtherCase)) return false;
  return disk.lstatSync(inOtherCase, { throwIfNoEntry: false }) !== undefined;
}

/** Whether the parent directory holds exactly this spelling of the name. */
function isSpelled(disk: typeof fs, at: FsPath): boolean {
  const path = Buffer.from(at);
  const start = path.lastIndexOf('/') + 1;
  const directory = start === 0 ? Buffer.from('./') : path.subarray(0, start);
  const name = path.subarray(start);
  return disk.readdirSync(directory, { encoding: 'buffer' }).some((other) => other.equals(name));
}

/** The error for a name that this disk takes for that of another existing file. */
export function sameNameError(): Error {
  const reason = 'already exists under a name that this disk takes for the same';
  return Object.assign(new Error(`EEXIST: ${reason}`), { code: 'EEXIST' });
}

const PARTS = [
  anchoredJob,
  putDirectory,
  putFile,
  timeForNode,
  writeUnfinished,
  finishFile,
  moveToFree,
  keptError,
  replaceSeen,
  openSeen,
  isLinked,
  replaceByCopy,
  putBack,
  isStill,
  isThere,
  dropTemporary,
  copyOpen,
  whileBusy,
  isBusy,
  requireSeen,
  movedOnError,
  renameWhenFree,
  mayFold,
  isSpelled,
  sameNameError,
];

/** An expression for `[perform, performPart, anchorAt]`, with what they call. */
export const PUT_SOURCE = `(() => { ${[perform, performPart, anchorAt, ...PARTS].join('\n')}
return [${[perform, performPart, anchorAt].map(nameInSource).join(', ')}]; })()`;

/** Reads the name from the source: a bundler may rename a function and keep its old `name`. */
function nameInSource(declared: (...args: never[]) => unknown): string {
  return /^function ([^\s(]+)/.exec(declared.toString())![1]!;
}
