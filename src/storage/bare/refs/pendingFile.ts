/**
 * The new content of a small file, written aside and then put in the old one's place in one step.
 * It lies under a fixed name in our own directory, so that a writer that dies leaves nothing that the
 * next one does not overwrite; the store's lock keeps two writers from using one name.
 */

import { removeIfThere, syncFile, writeFully } from '../../disk/durable.ts';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync } from '../../disk/fs.ts';
import { nativeFiles } from '../../disk/nativeFiles.ts';
import { writeAnew } from '../../disk/ownFiles.ts';
import { share } from '../../disk/sharing.ts';
import { PRIVATE_DIRECTORY } from '../locks/storeLock.ts';

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

  /** Puts the content on stable storage. */
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

  /** Puts it at `path`, in the place of what is there. */
  moveTo(path: string): void {
    renameSync(this.#path, path);
  }

  /** As `moveTo`, also to another file system: by way of `packed-refs.new` beside it, as Git's, always on stable storage. */
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

  /** As `moveTo` for a file that is there, and quicker when nothing has to outlive the machine. */
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
 * Lets two files change places (renameat2(2), RENAME_EXCHANGE). To readers it is as atomic as a
 * rename, but ext4 starts writing the data out when a fresh file is renamed over another, which
 * costs 200 µs and more; durability `fast` does not ask for that.
 */
function swap(from: string, to: string): boolean {
  // The module takes no bytes.
  const native = canSwap && from.isWellFormed() && to.isWellFormed() ? nativeFiles() : null;
  if (native === null) return false;
  try {
    native.swapSync(from, to);
    return true;
  } catch {
    // The file system does not know it; a rename says what is wrong if anything else is.
    canSwap = false;
    return false;
  }
}
