/**
 * Writes files to disk: whole, by a rename of the file or of its new directory, or not at all. These
 * functions refer to nothing outside this file: a worker thread runs them from their source text
 * (`PUT_SOURCE`).
 */
import type * as fs from 'node:fs';
import { type Anchors, anchorAt, type FsPath } from './anchors.ts';

export interface FileJob {
  /** The final path, in a form that `fs` accepts. */
  readonly path: FsPath;
  /**
   * Temporary name to write it under first, in the same directory. Undefined in a directory that itself
   * still has a temporary name, where no other process writes.
   */
  readonly temporary: FsPath | undefined;
  readonly isLink: boolean;
  /** Permissions for a new file, before the umask. */
  readonly permissions: number;
  /** Permissions to set regardless of the umask, when a file is replaced. */
  readonly exactPermissions: number | undefined;
  /** Nothing was there when the copy looked. */
  readonly isNew: boolean;
  /** With `isNew`: fails with `KEPT` when another process has created the file since. */
  readonly keepsOthers: boolean;
  /** The file that existed when the copy looked: fails with `MOVED_ON` when another one is there now. */
  readonly replaces?: SeenFile | undefined;
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/** The `lstat` values that identify a file and its state. */
export interface SeenFile {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly ino: number;
}

/** A directory to make, or a filled one to rename to its final name. */
export interface DirectoryJob {
  readonly directory: FsPath;
  /** The final path. */
  readonly becomes?: FsPath;
  /** Its final path in the destination, also while it has a temporary name. */
  readonly path: string;
  /** The path of its parent directory. */
  readonly above: string;
}

/** Files to write under their final names, into a directory that no other process writes to yet. */
export interface FilesJob {
  readonly into: string;
  readonly names: readonly string[];
  /** Modes in the tree, one for each name. */
  readonly modes: readonly number[];
  /** Seconds since the epoch. */
  readonly mtime: number;
}

/** A job for one file or directory. */
export type Job = FileJob | DirectoryJob;

/** The `lstat` values of a written file. */
export type FileStamp = readonly [
  size: number,
  mtimeMs: number,
  ctimeMs: number,
  ino: number,
  mode: number,
  dev: number,
];

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
  const { path, temporary } = job;
  return {
    ...job,
    path: anchors.at(path),
    temporary: temporary === undefined ? undefined : anchors.at(temporary),
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
    if (job.replaces !== undefined) replaceSeen(disk, job.temporary, job.path, job.replaces, fd);
    else if (!job.isNew || !job.keepsOthers || job.isLink) {
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
    const code = String((error as NodeJS.ErrnoException).code);
    if (code === 'EEXIST') throw keptError();
    if (!/^(?:EPERM|ENOTSUP|EOPNOTSUPP|ENOSYS|EMLINK|EXDEV|UNKNOWN)$/.test(code)) throw error;
    // There are no hard links here.
    renameWhenFree(disk, from, to);
    return;
  }
  disk.unlinkSync(from);
}

function keptError(): Error {
  return Object.assign(new Error('another process has created it meanwhile'), { code: 'KEPT' });
}

/**
 * Replaces a file that is as it was seen. Text that a process writes into the old file until then is put
 * back: the check and the rename are two calls.
 * @param from free afterwards
 * @param fd the new file, when it is open
 * @throws an error `MOVED_ON`
 */
function replaceSeen(
  disk: typeof fs,
  from: FsPath,
  to: FsPath,
  seen: SeenFile,
  fd: number | undefined,
): void {
  const old = openSeen(disk, to);
  try {
    requireSeen(disk, to, seen);
    renameWhenFree(disk, from, to);
    const late = old === undefined ? undefined : lateText(disk, old, seen);
    if (late === undefined) return;
    const mine = fd === undefined ? undefined : disk.fstatSync(fd);
    const now = disk.lstatSync(to, { throwIfNoEntry: false });
    // Not over a still later text.
    if (mine !== undefined && now?.ino === mine.ino && now.mtimeMs === mine.mtimeMs) {
      disk.writeFileSync(from, late, { flag: 'wx', mode: disk.fstatSync(old!).mode & 0o777 });
      renameWhenFree(disk, from, to);
    }
    throw movedOnError();
  } finally {
    if (old !== undefined) disk.closeSync(old);
  }
}

/** Removes a file that is as it was seen, in the same way. */
export function removeSeen(disk: typeof fs, path: FsPath, seen: SeenFile): void {
  const old = openSeen(disk, path);
  try {
    requireSeen(disk, path, seen);
    disk.unlinkSync(path);
    const late = old === undefined ? undefined : lateText(disk, old, seen);
    if (late === undefined) return;
    disk.writeFileSync(path, late, { flag: 'wx', mode: disk.fstatSync(old!).mode & 0o777 });
    throw movedOnError();
  } finally {
    if (old !== undefined) disk.closeSync(old);
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

/** What a replaced file holds; undefined when that is what was seen. Its ctime has changed with its name. */
function lateText(disk: typeof fs, old: number, seen: SeenFile): Buffer | undefined {
  const { size, mtimeMs } = disk.fstatSync(old);
  return size === seen.size && mtimeMs === seen.mtimeMs ? undefined : disk.readFileSync(old);
}

/** As `whileFree` (storage/disk/busyFiles.ts), for a thread that has only this file. */
function renameWhenFree(disk: typeof fs, from: FsPath, to: FsPath): void {
  for (let pause = process.platform === 'win32' ? 1 : 1000; pause < 200; pause *= 2) {
    try {
      disk.renameSync(from, to);
      return;
    } catch (error) {
      if (!/^(?:EPERM|EACCES|EBUSY)$/.test(String((error as NodeJS.ErrnoException).code)))
        throw error;
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause);
  }
  disk.renameSync(from, to);
}

/**
 * @param seen the file that must be there; undefined for any
 * @throws an error `MOVED_ON`
 */
function requireSeen(disk: typeof fs, path: FsPath, seen: SeenFile | undefined): void {
  if (seen === undefined) return;
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
  lateText,
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
