/**
 * The lock of a whole store, held during every change of refs.
 *
 * `gitstore.lock` is a file that always exists. A `FileLock` on it (kernelLock.ts) decides which process
 * may write. Inside one process callers queue. In addition every ref is locked as Git does, by a *lock
 * file* (`refs/heads/main.lock`) that must not exist before, to exclude Git's own writers. Ours are
 * distinguishable from Git's: they are hard links to `gitstore.lock`, or directories on file systems
 * without hard links. Only the holder of the store's lock makes them. So a holder that finds one of our
 * lock files that it did not make knows that its maker is dead, and removes it: a *leftover*.
 *
 * Two things reveal a dead holder: the link count of `gitstore.lock`, which is 1 while the lock is free,
 * and the record that the holder left in the file (lockRecord.ts).
 */

import { monotonicTime } from '../../../clock.ts';
import {
  FileNotFoundError,
  GitStoreError,
  LockTimeoutError,
  PermissionError,
  storeClosed,
} from '../../../errors.ts';
import { isErrno, writeFully } from '../../disk/durable.ts';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmdirSync,
  statSync,
  unlinkSync,
} from '../../disk/fs.ts';
import { share } from '../../disk/sharing.ts';
import { describeObstacle } from './holderLink.ts';
import { FileLock } from './kernelLock.ts';
import {
  formatLockRecord,
  type LockRecord,
  looksLikeLockRecord,
  parseLockRecord,
  type RefMove,
  USUAL_RECORD_SIZE,
} from './lockRecord.ts';
import { Backoff, Mutex } from './waiting.ts';

/** The directory of our own small files inside the Git directory: pending values, turns, stat records. */
export const PRIVATE_DIRECTORY = 'gitstore';

export interface StoreLockOptions {
  /** False disables kernel locks, as on a system without them. */
  readonly kernelLocks?: boolean | undefined;
  /** False disables hard links, as on a file system without them. */
  readonly hardLinks?: boolean | undefined;
}

/** The refs that the lock guards, as far as it needs them. */
export interface Guarded {
  /** Completes the change of a dead holder, with its lock files still in place. */
  finishMoves(moves: readonly RefMove[]): void;
  /** All possible lock files of refs, as names below the Git directory. */
  lockFiles(): readonly string[];
}

export class StoreLock {
  readonly #gitDir: string;
  readonly #path: string;
  readonly #options: StoreLockOptions;
  readonly #queue = new Mutex();
  readonly #guarded: Guarded;
  #fd: number | undefined;
  #lock: FileLock | undefined;
  #locked = false;
  /** The inode number of the lock file, which binds a record to it. */
  #file = 0n;
  /** Link count of the file when the lock was taken. */
  #links = 0;
  #hardLinks: boolean;
  /** Link count of the file while the lock is free; more than 1 only if a user linked the file. */
  #idleLinks = 1;
  /** True once the record was checked since the file was opened. */
  #recordSeen = false;
  /** The last record of this process. */
  #announced: Buffer = Buffer.alloc(0);
  #isClosed = false;

  constructor(gitDir: string, guarded: Guarded, options: StoreLockOptions = {}) {
    this.#gitDir = gitDir;
    this.#path = `${gitDir}/gitstore.lock`;
    this.#guarded = guarded;
    this.#options = options;
    this.#hardLinks = options.hardLinks ?? true;
  }

  /** As `acquire`, without waiting: false when the lock is taken. */
  tryAcquire(): boolean {
    if (!this.#queue.tryAcquire()) return false;
    let isOurs = false;
    try {
      isOurs = this.#tryFileLock();
      if (isOurs) this.#clearAfterDeadHolder();
    } catch (error) {
      this.release();
      throw error;
    }
    if (!isOurs) this.#queue.release();
    return isOurs;
  }

  /**
   * Waits until the lock is ours, and cleans up after a dead holder.
   * @param deadline a time of `monotonicTime()`
   * @throws LockTimeoutError
   */
  async acquire(deadline: number): Promise<void> {
    if (!(await this.#queue.acquire(deadline))) {
      throw new LockTimeoutError(
        `Store is locked by this process (${process.pid}): ${this.#path}`,
        {
          path: this.#path,
        },
      );
    }
    try {
      const backoff = new Backoff();
      while (!this.#tryFileLock()) {
        if (monotonicTime() >= deadline) throw this.#timedOut();
        await backoff.pause();
      }
      this.#clearAfterDeadHolder();
    } catch (error) {
      this.release();
      throw error;
    }
  }

  release(): void {
    this.#fileUnlock();
    if (this.#isClosed) this.#closeFile();
    this.#queue.release();
  }

  /**
   * Removes the lock files of a dead holder now instead of at the next change. Called when a store is opened.
   * Does nothing when the store is locked or read-only.
   */
  clearLeftovers(): void {
    const links = statSync(this.#path, { throwIfNoEntry: false })?.nlink ?? 1;
    if (links <= 1 || this.#queue.busy) return;
    try {
      if (!this.#tryFileLock()) return;
      try {
        this.#clearAfterDeadHolder();
      } finally {
        this.#fileUnlock();
      }
    } catch {
      // The next change of a ref tries again, and reports the error.
    }
  }

  /** Refuses further holders. The present holder keeps the lock until it releases it. */
  close(): void {
    this.#isClosed = true;
    if (!this.#queue.busy) this.#closeFile();
  }

  #closeFile(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#lock = undefined;
  }

  /** Records what is about to be locked and moved. Call before doing it. */
  announce(locks: readonly string[], moves: readonly RefMove[] = []): void {
    this.#announced = formatLockRecord(locks, moves, this.#file);
    writeFully(this.#fd!, this.#announced, 0);
  }

  /** The open file, to flush the record to stable storage. */
  get fd(): number {
    return this.#fd!;
  }

  /**
   * Makes an announced lock file, or takes over a leftover.
   * @returns false when another program, usually Git, holds it
   * @throws system errors; `ENOENT` and `ENOTDIR` where its directory is missing
   */
  tryMakeLockFile(name: string): boolean {
    const path = `${this.#gitDir}/${name}`;
    for (;;) {
      try {
        this.#makeLockFile(path);
        return true;
      } catch (error) {
        if (!isErrno(error, 'EEXIST')) throw error;
      }
      const ours = this.#isOurs(path);
      if (ours !== undefined) return ours;
    }
  }

  /** Removes a lock file from `tryMakeLockFile`. */
  removeLockFile(name: string): void {
    removeFileOrDirectory(`${this.#gitDir}/${name}`);
  }

  #removeLeftover(name: string): void {
    const path = `${this.#gitDir}/${name}`;
    if (this.#isOurs(path)) removeFileOrDirectory(path);
  }

  #makeLockFile(path: string): void {
    if (this.#hardLinks) {
      try {
        linkSync(this.#path, path);
        return;
      } catch (error) {
        if (!isErrno(error, ...NO_HARD_LINKS)) throw error;
        this.#hardLinks = false;
      }
    }
    mkdirSync(path);
  }

  /** Whether a lock file is one of ours; undefined when it is gone. */
  #isOurs(path: string): boolean | undefined {
    try {
      const stats = lstatSync(path, { bigint: true });
      if (stats.isDirectory()) return true;
      const own = fstatSync(this.#fd!, { bigint: true });
      if (stats.ino === own.ino && stats.dev === own.dev) return true;
      // A store copied while in use has copies of its lock files, which are no longer links.
      return looksLikeLockRecord(readStart(path));
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      if (isErrno(error, 'EACCES', 'EPERM', 'EBUSY')) return false;
      throw error;
    }
  }

  #tryFileLock(): boolean {
    for (;;) {
      const fd = this.#open();
      this.#lock ??= new FileLock(fd, this.#path, this.#options.kernelLocks);
      try {
        if (!this.#lock.tryLock()) return false;
      } catch (error) {
        this.#closeFile();
        // The directory is gone or was replaced: opening it shows which.
        if (isErrno(error, 'ENOENT') && !existsSync(this.#path)) continue;
        throw this.#unopened(error);
      }
      this.#locked = true;
      this.#links = fstatSync(fd).nlink;
      if (this.#links > 0) return true;
      // The file was removed since it was opened: the store was recreated in its place.
      this.#fileUnlock();
      this.#closeFile();
    }
  }

  #fileUnlock(): void {
    if (!this.#locked) return;
    this.#locked = false;
    this.#lock?.unlock();
  }

  #open(): number {
    if (this.#isClosed) throw storeClosed(this.#gitDir);
    if (this.#fd !== undefined) return this.#fd;
    try {
      makeDirectory(`${this.#gitDir}/${PRIVATE_DIRECTORY}`);
      // A store from another user may contain links to files elsewhere.
      checkPrivateDirectory(this.#gitDir);
      if (isOther(this.#path)) throw planted(this.#path);
      this.#fd = openSync(
        this.#path,
        constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0),
        0o666,
      );
      share(this.#path, this.#fd);
      this.#file = fstatSync(this.#fd, { bigint: true }).ino;
    } catch (error) {
      throw this.#unopened(error);
    }
    this.#recordSeen = false;
    return this.#fd;
  }

  #unopened(error: unknown): unknown {
    if (isErrno(error, 'ELOOP')) return planted(this.#path);
    const details = { path: this.#gitDir, cause: error };
    if (isErrno(error, 'ENOENT')) {
      return new FileNotFoundError(`Store is gone: ${this.#gitDir}`, details);
    }
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS')) {
      return new PermissionError(`The store is read-only: ${this.#gitDir}`, details);
    }
    return error;
  }

  #clearAfterDeadHolder(): void {
    const isIdle = this.#hardLinks && this.#links === this.#idleLinks;
    if (this.#recordSeen && isIdle && !this.#hasDirectories()) return;
    const record = this.#readRecord();
    if (record?.dropped !== undefined && record.dropped > 0) {
      process.emitWarning(
        `The record in ${this.#path} is damaged or of another store; what it says of refs is ignored`,
      );
      this.announce([]);
    }
    if (record !== undefined && record.moves.length > 0) this.#guarded.finishMoves(record.moves);
    for (const name of record?.locks ?? []) this.#removeLeftover(name);
    if (fstatSync(this.#fd!).nlink > 1) {
      // Made by a holder whose record was lost in a crash of the machine.
      for (const name of this.#guarded.lockFiles()) this.#removeLeftover(name);
    }
    if (record !== undefined && record.locks.length > 0) {
      this.announce([]);
      if (record.moves.length > 0) fsyncSync(this.#fd!);
    }
    this.#idleLinks = fstatSync(this.#fd!).nlink;
    this.#recordSeen = true;
  }

  /**
   * Whether a process for which there are no hard links (a container's disk, say) has left lock files: they
   * are directories, of which the link count does not tell.
   */
  #hasDirectories(): boolean {
    const { length } = this.#announced;
    const start = Buffer.allocUnsafe(length);
    const got = readSync(this.#fd!, start, 0, length, 0);
    if (length > 0 && got === length && start.equals(this.#announced)) return false;
    const locks = this.#readRecord()?.locks ?? [];
    return locks.some((name) => {
      const path = `${this.#gitDir}/${name}`;
      return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    });
  }

  #readRecord(): LockRecord | undefined {
    const fd = this.#fd!;
    const bytes = Buffer.allocUnsafe(Math.max(USUAL_RECORD_SIZE, fstatSync(fd).size));
    return parseLockRecord(bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0)), this.#file);
  }

  #timedOut(): LockTimeoutError {
    const obstacle = this.#lock?.obstacle;
    const record = this.#readRecord()?.holder.split(' ');
    const recorded =
      record === undefined ? 'another process' : `process ${record[0]} on ${record[2]}`;
    const who = obstacle === undefined ? recorded : describeObstacle(obstacle);
    return new LockTimeoutError(`Store is locked by ${who}: ${this.#path}`, { path: this.#path });
  }
}

/** How systems without hard links say so: exFAT on Windows, Android and others in ways of their own. */
const NO_HARD_LINKS = [
  ...['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK', 'UNKNOWN'],
  ...['EISDIR', 'EACCES'],
];

/** @throws GitStoreError when something else is in the place of our directory */
export function checkPrivateDirectory(gitDir: string): void {
  const path = `${gitDir}/${PRIVATE_DIRECTORY}`;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats !== undefined && !stats.isDirectory()) throw planted(`${gitDir}/gitstore.lock`);
}

function planted(path: string): GitStoreError {
  return new GitStoreError(
    `Not written through a link: ${path} and ${PRIVATE_DIRECTORY}/ beside it must be a file and a directory; remove what is in their place`,
    'EINVAL',
    { path },
  );
}

/** Whether something other than a file is there: opening a FIFO could block forever. */
function isOther(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === false;
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
    share(path);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
}

function readStart(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(64);
    return bytes.subarray(0, readSync(fd, bytes, 0, bytes.length, 0));
  } finally {
    closeSync(fd);
  }
}

function removeFileOrDirectory(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return;
    rmdirSync(path);
  }
}
