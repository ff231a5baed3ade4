/**
 * Memos on disk: files in our own directory, each replaced by a rename. Nothing is fsynced: the reader
 * of a memo detects one that a crash has torn.
 */
import { randomBytes } from 'node:crypto';
import { isErrno, removeIfThere, writeFully } from '../disk/durable.ts';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
} from '../disk/fs.ts';
import { makeDirectories } from '../disk/makeDirectories.ts';
import { isTrusted } from '../disk/ownership.ts';
import { isLink } from '../disk/ownFiles.ts';
import { share } from '../disk/sharing.ts';
import type { Memos } from '../storage.ts';
import { PRIVATE_DIRECTORY } from './locks/storeLock.ts';

/** Memos to keep. Those replaced longest ago are removed first. */
const KEPT = 100;

/** Age in milliseconds at which a temporary file counts as abandoned and is removed. */
const TEMPORARY_LIFE = 3_600_000;

export class BareMemos implements Memos {
  readonly #gitDir: string;
  readonly #directory: string;

  constructor(gitDir: string) {
    this.#gitDir = gitDir;
    this.#directory = `${gitDir}/${PRIVATE_DIRECTORY}`;
  }

  read(name: string): Uint8Array | undefined {
    try {
      return readFileSync(this.#path(name));
    } catch (error) {
      // A memo that is not readable at the moment is not lost: a sync would delete what it protects.
      if (isErrno(error, 'EMFILE', 'ENFILE', 'EIO', 'ENOMEM')) throw error;
      return undefined;
    }
  }

  replace(name: string, content: Uint8Array): void {
    const path = this.#path(name);
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      if (!isTrusted(this.#gitDir) || isLink(this.#directory)) return;
      if (!existsSync(path)) this.#makeRoom();
      const fd = openSync(temporary, 'wx');
      try {
        share(temporary, fd);
        writeFully(fd, content);
      } finally {
        closeSync(fd);
      }
      renameSync(temporary, path);
    } catch {
      // The disk is full, or the repository is read-only or gone: the work is repeated the next time.
      tryTo(() => removeIfThere(temporary));
    }
  }

  #path(name: string): string {
    return `${this.#directory}/memo-${name}`;
  }

  #makeRoom(): void {
    makeDirectories(this.#directory);
    const now = Date.now();
    const memos: { path: string; mtimeMs: number }[] = [];
    for (const name of readdirSync(this.#directory)) {
      if (!name.startsWith('memo-')) continue;
      const path = `${this.#directory}/${name}`;
      const stats = statSync(path, { throwIfNoEntry: false });
      if (stats === undefined) continue;
      // Memos of syncs hold information that cannot be recomputed, and are small.
      if (name.startsWith('memo-sync-') && !name.endsWith('.tmp')) continue;
      if (!name.endsWith('.tmp')) memos.push({ path, mtimeMs: stats.mtimeMs });
      else if (now - stats.mtimeMs > TEMPORARY_LIFE) removeIfThere(path);
    }
    memos.sort((a, b) => b.mtimeMs - a.mtimeMs);
    for (const { path } of memos.slice(KEPT - 1)) removeIfThere(path);
  }
}

function tryTo(act: () => void): void {
  try {
    act();
  } catch {
    // Nothing can be done about it.
  }
}
