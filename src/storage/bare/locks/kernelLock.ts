/**
 * An exclusive lock on one file, for all processes, with or without the native module.
 *
 * The lock is a *holder link* (holderLink.ts), which every process can make and read. A process with the
 * native module also takes the *kernel lock* on the open file, first to take and last to release: the
 * kernel releases it when the process dies in any way (fcntl(2) open file description locks on Linux,
 * flock(2) on macOS, LockFileEx on Windows). The kernel lock does not decide which process may write. It
 * proves that a holder that must have it is dead, even one in another container on this machine.
 */

import { isErrno } from '../../disk/durable.ts';
import { fstatSync } from '../../disk/fs.ts';
import { type NativeFiles, nativeFiles } from '../../disk/nativeFiles.ts';
import { type LockSpace, lockSpaceOf } from './holder.ts';
import { HolderLink, type Obstacle } from './holderLink.ts';

/**
 * The locked range: on Windows a lock prevents others from reading its range, so it covers a byte far
 * behind the content. macOS locks only whole files.
 */
const RANGE: readonly [offset: number, length: number] =
  process.platform === 'win32' ? [2 ** 40, 1] : [0, 0];

/** The kernel lock on one open file, if available. */
export class KernelLock {
  #native: NativeFiles | null;
  readonly #fd: number;

  /** @param useKernel false disables the native module, as on a system without it */
  constructor(fd: number, useKernel = true) {
    this.#native = useKernel ? nativeFiles() : null;
    this.#fd = fd;
  }

  /** Never waits. Undefined without support: no module, or a file system without locks. */
  tryLock(): boolean | undefined {
    if (this.#native === null) return undefined;
    try {
      return this.#native.tryLock(this.#fd, ...RANGE);
    } catch (error) {
      // LockFileEx and some fcntl implementations have their own errors for a taken lock.
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

/** Acquires and releases the lock on one open file. */
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

  /** Acquires the lock if it is free. Never waits. */
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

  /** The reason why `tryLock` returned false, if known. */
  get obstacle(): Obstacle | undefined {
    const holder = this.#link.holder;
    const obstacle = this.#link.obstacle;
    if (holder === undefined || holder === obstacle?.holder) return obstacle;
    return { holder, path: '', verdict: 'alive' };
  }
}
