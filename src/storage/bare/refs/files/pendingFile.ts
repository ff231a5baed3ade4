/**
 * The new content of a small file, written to a separate file and then renamed over the old one. It has a
 * fixed name in our directory, so that the next writer overwrites what a dead one left. The store's lock
 * prevents concurrent use of the name.
 */

import { removeIfThere, syncFile, writeFully } from '../../../disk/durable.ts';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync } from '../../../disk/fs.ts';
import { nativeFiles } from '../../../disk/nativeFiles.ts';
import { writeAnew } from '../../../disk/ownFiles.ts';
import { share } from '../../../disk/sharing.ts';
import { PRIVATE_DIRECTORY } from '../../locks/storeLock.ts';

export class PendingFile {
  readonly #path: string;
  #synced = false;

  /**
   * @param name a name that nothing else uses while the store's lock is held
   * @param content ASCII text, which is quicker, or bytes
   */
  constructor(gitDir: string, name: string, content: string | Uint8Array) {
    this.#path = `${gitDir}/${PRIVATE_DIRECTORY}/${name}`;
    try {
      writeAnew(this.#path, content);
      share(this.#path);
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Flushes the content to stable storage. */
  async sync(): Promise<void> {
    const fd = openSync(this.#path, 'r+');
    try {
      await syncFile(fd);
    } finally {
      closeSync(fd);
    }
    this.#synced = true;
  }

  /** As `sync`, blocking. */
  syncNow(): void {
    const fd = openSync(this.#path, 'r+');
    try {
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    this.#synced = true;
  }

  /** Renames it to `path`, replacing an existing file. */
  moveTo(path: string): void {
    renameSync(this.#path, path);
  }

  /** As `moveTo`, even across file systems: through `packed-refs.new` as in Git, always flushed. */
  moveAcross(path: string): void {
    const beside = `${path}.new`;
    const fd = openSync(beside, 'w');
    try {
      writeFully(fd, readFileSync(this.#path));
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(beside, path);
    this.discard();
  }

  /** As `moveTo` for an existing file, and quicker when a crash of the machine need not be survived. */
  replace(path: string): void {
    if (!this.#synced && typeof path === 'string' && swap(this.#path, path)) this.discard();
    else this.moveTo(path);
  }

  /** Removes it, unless it has been moved. */
  discard(): void {
    removeIfThere(this.#path);
  }
}

let canSwap = process.platform === 'linux';

/**
 * Exchanges two files (renameat2(2), RENAME_EXCHANGE). For readers it is as atomic as a rename. But when a
 * new file is renamed over another, ext4 starts flushing its data, which costs 200 µs and more and is not
 * needed for durability `fast`.
 */
function swap(from: string, to: string): boolean {
  // The module accepts only strings.
  const native = canSwap && from.isWellFormed() && to.isWellFormed() ? nativeFiles() : null;
  if (native === null) return false;
  try {
    native.swapSync(from, to);
    return true;
  } catch {
    // The file system does not support it. If the error is another one, a rename reports it.
    canSwap = false;
    return false;
  }
}
