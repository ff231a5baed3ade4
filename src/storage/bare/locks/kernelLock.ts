/**
 * One exclusive lock on one file, for processes of every kind.
 *
 * The lock is a *holder link* (holderLink.ts), which every process can make and read. A process that
 * has the native module takes the *kernel lock* on the open file first, and gives it back last: the
 * kernel drops it when its process dies, however it dies (fcntl(2) open file description locks on
 * Linux, flock(2) on macOS, LockFileEx on Windows). So the kernel lock decides nothing about who may
 * write; it proves that a holder that must have it is dead, also in another container on this machine.
 */

import { isErrno } from '../../disk/durable.ts';
import { fstatSync } from '../../disk/fs.ts';
import { type NativeFiles, nativeFiles } from '../../disk/nativeFiles.ts';
import { type LockSpace, lockSpaceOf } from './holder.ts';
import { HolderLink, type Obstacle } from './holderLink.ts';

/**
 * What is locked: on Windows a lock keeps others from reading what it covers, so there it covers a
 * byte far behind the content; macOS knows only whole files.
 */
const RANGE: readonly [offset: number, length: number] =
  process.platform === 'win32' ? [2 ** 40, 1] : [0, 0];

/** The kernel lock on one open file, where there is one. */
export class KernelLock {
  #native: NativeFiles | null;
  readonly #fd: number;

  /** @param useKernel false leaves the native module out, as on a system that has none */
  constructor(fd: number, useKernel = true) {
    this.#native = useKernel ? nativeFiles() : null;
    this.#fd = fd;
  }

  /** Never waits. Undefined where there are none: no module, or a file system that knows none. */
  tryLock(): boolean | undefined {
    if (this.#native === null) return undefined;
    try {
      return this.#native.tryLock(this.#fd, ...RANGE);
    } catch (error) {
      // LockFileEx and some fcntl implementations answer "taken" in their own words.
      if (isErrno(error, 'EACCES', 'EBUSY', 'UNKNOWN')) return false;
      if (!isErrno(error, 'ENOLCK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL')) throw error;
      this.#native = null;
      return undefined;
    }
  }

  unlock(): void {
    this.#native?.unlock(this.#fd, ...RANGE);
  }
}

/** Takes and gives back the lock on one open file. */
export class FileLock {
  readonly #kernel: KernelLock;
  readonly #fd: number;
  readonly #link: HolderLink;
  #space: LockSpace;

  /**
   * @param fd the file at `path`, open
   * @param useKernel as for `KernelLock`
   */
  constructor(fd: number, path: string, useKernel?: boolean) {
    this.#kernel = new KernelLock(fd, useKernel);
    this.#fd = fd;
    this.#link = new HolderLink(path);
  }

  /** Takes the lock if it is free; never waits. */
  tryLock(): boolean {
    const isLocked = this.#kernel.tryLock();
    if (isLocked === false) return false;
    let isOurs = false;
    try {
      if (isLocked === true) this.#space ??= lockSpaceOf(fstatSync(this.#fd, { bigint: true }));
      isOurs = this.#link.tryLock(isLocked === true ? this.#space : undefined);
      return isOurs;
    } finally {
      if (!isOurs) this.#kernel.unlock();
    }
  }

  unlock(): void {
    this.#link.unlock();
    this.#kernel.unlock();
  }

  /** Why `tryLock` returned false, as far as that can be seen. */
  get obstacle(): Obstacle | undefined {
    const holder = this.#link.holder;
    const obstacle = this.#link.obstacle;
    if (holder === undefined || holder === obstacle?.holder) return obstacle;
    return { holder, path: '', verdict: 'alive' };
  }
}
