/**
 * One exclusive lock on one file, shared by all processes of a machine.
 *
 * A *kernel lock* belongs to an open file and is dropped by the kernel when its process dies, however
 * it dies (fcntl(2) open file description locks on Linux, flock(2) on macOS, LockFileEx on Windows).
 * Where the system or the file system has none, a *holder link* stands in: see holderLink.ts. The two
 * do not see each other, so all writers of a store must be of one kind.
 */
import { isErrno } from './durable.ts';
import { HolderLink } from './holderLink.ts';
import { type NativeFiles, nativeFiles } from './nativeFiles.ts';

/** Takes and gives back the lock on one open file. */
export interface FileLock {
  /** Takes the lock if it is free; never waits. */
  tryLock(): boolean;
  unlock(): void;
}

/**
 * What is locked: on Windows a lock keeps others from reading what it covers, so there it covers a
 * byte far behind the content; macOS knows only whole files.
 */
const RANGE: readonly [offset: number, length: number] =
  process.platform === 'win32' ? [2 ** 40, 1] : [0, 0];

/**
 * The lock on the file open as `fd` at `path`.
 * @param useKernel false leaves the native module out, as on a system that has none
 */
export function fileLock(fd: number, path: string, useKernel = true): FileLock {
  const locks = useKernel ? nativeFiles() : null;
  return locks === null ? new HolderLink(path) : new KernelLock(locks, fd, path);
}

class KernelLock implements FileLock {
  readonly #native: NativeFiles;
  readonly #fd: number;
  readonly #path: string;
  /** Set once the file system turns out to have no kernel locks. */
  #standIn: HolderLink | undefined;

  constructor(locks: NativeFiles, fd: number, path: string) {
    this.#native = locks;
    this.#fd = fd;
    this.#path = path;
  }

  tryLock(): boolean {
    if (this.#standIn !== undefined) return this.#standIn.tryLock();
    try {
      return this.#native.tryLock(this.#fd, ...RANGE);
    } catch (error) {
      // LockFileEx and some fcntl implementations answer "taken" in their own words.
      if (isErrno(error, 'EACCES', 'EBUSY', 'UNKNOWN')) return false;
      if (!isErrno(error, 'ENOLCK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL')) throw error;
      this.#standIn = new HolderLink(this.#path);
      return this.#standIn.tryLock();
    }
  }

  unlock(): void {
    if (this.#standIn !== undefined) this.#standIn.unlock();
    else this.#native.unlock(this.#fd, ...RANGE);
  }
}
