/**
 * What no watch tells of a directory that is watched: that its path leads to another directory now
 * (it is a link with another target, or a folder above it was replaced), that a link in it that is
 * followed does, or that something was mounted in it. All of it is cheap to look at.
 */
import { readFileSync, statSync } from 'node:fs';
import { errorCode, isErrorOf } from '../../systemFaults.ts';
import { toDisk } from './diskFiles.ts';

/** The list of all mounts on Linux (proc(5)). */
const MOUNTS = '/proc/self/mountinfo';

export class WatchedPlaces {
  readonly #root: string;
  readonly #found = new Map<string, string>();
  #mounts: string | undefined;

  constructor(root: string) {
    this.#root = root;
  }

  /** To be called before the directory is looked at. */
  begin(): void {
    this.#found.clear();
    this.#mounts = mounts();
    this.add(this.#root);
  }

  /** Remembers where a path leads now. */
  add(path: string): void {
    this.#found.set(path, placeAt(path));
  }

  /** Whether a path leads elsewhere, or a mount came or went, since it was added. */
  haveChanged(): boolean {
    const now = mounts();
    if (now !== undefined && now !== this.#mounts) return true;
    for (const [path, found] of this.#found) if (placeAt(path) !== found) return true;
    return false;
  }
}

/**
 * Which directory or file a path leads to. The time of birth tells apart two that had the same inode
 * number one after the other; a file system without it may say anything that stays.
 */
function placeAt(path: string): string {
  try {
    const { dev, ino, birthtimeNs } = statSync(toDisk(path), { bigint: true });
    return `${dev}:${ino}:${birthtimeNs}`;
  } catch (error) {
    return errorCode(error) ?? String(error);
  }
}

function mounts(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    return readFileSync(MOUNTS, 'latin1');
  } catch {
    // A system without it, or one that has no descriptor to give at the moment.
    return undefined;
  }
}

/** Whether it is the error for a path at which there is nothing. */
export function isGone(error: unknown): boolean {
  return isErrorOf(error, 'ENOENT', 'ENOTDIR', 'ELOOP');
}
