/**
 * The new content of a small file, written aside and then put in the old one's place in one step.
 * It lies under a fixed name in our own directory, so that a writer that dies leaves nothing that the
 * next one does not overwrite; the store's lock keeps two writers from using one name.
 */
import { closeSync, fsyncSync, openSync, renameSync } from 'node:fs';
import { removeIfThere, syncFile, writeFully } from './durable.ts';
import { nativeFiles } from './nativeFiles.ts';
import type { DiskPath } from './refPaths.ts';
import { PRIVATE_DIRECTORY } from './storeLock.ts';

export class PendingFile {
  readonly #path: string;
  #fd: number | undefined;
  #synced = false;

  /** @param name a name that nothing else uses while the store's lock is held */
  constructor(gitDir: string, name: string, content: Uint8Array) {
    this.#path = `${gitDir}/${PRIVATE_DIRECTORY}/${name}`;
    this.#fd = openSync(this.#path, 'w');
    try {
      writeFully(this.#fd, content);
    } catch (error) {
      this.discard();
      throw error;
    }
  }

  /** Puts the content on stable storage. */
  async sync(): Promise<void> {
    await syncFile(this.#fd!);
    this.#synced = true;
  }

  /** As `sync`, blocking. */
  syncNow(): void {
    fsyncSync(this.#fd!);
    this.#synced = true;
  }

  /** Puts it at `path`, in the place of what is there. */
  moveTo(path: DiskPath): void {
    this.#close();
    renameSync(this.#path, path);
  }

  /** As `moveTo` for a file that is there, and quicker when nothing has to outlive the machine. */
  replace(path: DiskPath): void {
    if (!this.#synced && typeof path === 'string' && swap(this.#path, path)) this.discard();
    else this.moveTo(path);
  }

  /** Removes it, unless it has been moved. */
  discard(): void {
    this.#close();
    removeIfThere(this.#path);
  }

  #close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

let canSwap = process.platform === 'linux';

/**
 * Lets two files change places (renameat2(2), RENAME_EXCHANGE). To readers it is as atomic as a
 * rename, but ext4 starts writing the data out when a fresh file is renamed over another, which
 * costs 200 µs and more; durability `fast` does not ask for that.
 */
function swap(from: string, to: string): boolean {
  const native = canSwap ? nativeFiles() : null;
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
