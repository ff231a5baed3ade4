/**
 * The lock of a whole store, held around every change of refs.
 *
 * `gitstore.lock` is a file that is always there; a `FileLock` on it (kernelLock.ts) says who may
 * write. Inside one process callers queue. On top of it every ref is locked as Git does, by a *lock
 * file* (`refs/heads/main.lock`) that must not exist before, so that Git's own writers keep out; those
 * are made here too, in a form that tells ours from Git's: as hard links to `gitstore.lock`, or, where
 * the file system has none, as directories. Ours are made only by the holder of the store's lock. So a
 * holder that finds a lock file in our form that it did not make knows that its maker is dead, and
 * removes it: a *leftover*.
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

/** Our own small files inside the Git directory: new values on their way, turns, stat records. */
export const PRIVATE_DIRECTORY = 'gitstore';

export interface StoreLockOptions {
  /** False leaves kernel locks out, as on a system without them. */
  readonly kernelLocks?: boolean | undefined;
  /** False leaves hard links out, as on a file system without them. */
  readonly hardLinks?: boolean | undefined;
}

/** What the lock needs of the refs that it guards. */
export interface Guarded {
  /** Finishes what a dead holder had begun, its lock files still in place. */
  finishMoves(moves: readonly RefMove[]): void;
  /** All lock files of Git that there may be, as names below the Git directory. */
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
  /** How many names the file had when the lock was taken. */
  #links = 0;
  #hardLinks: boolean;
  /** Link count of the file while the lock is free; more than 1 only if a user linked the file. */
  #idleLinks = 1;
  /** True once the record has been looked at since the file was opened. */
  #recordSeen = false;
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
   * Waits until the lock is ours, and clears away what a dead holder left.
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
   * When a dead holder's lock files are still there, removes them now instead of at the next change.
   * For the opening of a store; does nothing when it is at work, or cannot be written.
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
      // The next change of a ref tries again, and says what is wrong.
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

  /** Writes down what is about to be locked and moved. To be called before it happens. */
  announce(locks: readonly string[], moves: readonly RefMove[] = []): void {
    writeFully(this.#fd!, formatLockRecord(locks, moves, this.#file), 0);
  }

  /** The open file, for putting what was announced on stable storage. */
  get fd(): number {
    return this.#fd!;
  }

  /**
   * Makes one lock file that was announced, or takes over a leftover.
   * @returns false when another program, Git mostly, has it
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

  /** Removes a lock file that `tryMakeLockFile` has given us. */
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

  /** Whether a lock file is in our form; undefined when it is not there any more. */
  #isOurs(path: string): boolean | undefined {
    try {
      const stats = lstatSync(path, { bigint: true });
      if (stats.isDirectory()) return true;
      const own = fstatSync(this.#fd!, { bigint: true });
      if (stats.ino === own.ino && stats.dev === own.dev) return true;
      // A store that was copied while at work holds copies of its lock files, no longer links.
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
        // The directory is gone, or made anew meanwhile: opening it says which.
        if (isErrno(error, 'ENOENT') && !existsSync(this.#path)) continue;
        throw this.#unopened(error);
      }
      this.#locked = true;
      this.#links = fstatSync(fd).nlink;
      if (this.#links > 0) return true;
      // The file was removed since it was opened: the store has been made anew in its place.
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
      // A store from someone else may hold links to files elsewhere.
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
    if (this.#recordSeen && this.#hardLinks && this.#links === this.#idleLinks) return;
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
      // Made by a holder whose record did not outlive a crash of the machine.
      for (const name of this.#guarded.lockFiles()) this.#removeLeftover(name);
    }
    if (record !== undefined && record.locks.length > 0) {
      this.announce([]);
      if (record.moves.length > 0) fsyncSync(this.#fd!);
    }
    this.#idleLinks = fstatSync(this.#fd!).nlink;
    this.#recordSeen = true;
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

const NO_HARD_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK', 'UNKNOWN'];

/** @throws GitStoreError where something else is in the place of our own directory */
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

/** Whether something lies there that is no file: opening a FIFO could wait for ever. */
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
