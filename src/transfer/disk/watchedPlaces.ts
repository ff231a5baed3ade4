/**
 * Detects changes that a watch of a directory does not report: its path leads to another directory now
 * (a link got another target, or a folder above it was replaced), a followed link in it does, or
 * something was mounted in it. All of these are cheap to check.
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

  /** Call before looking at the directory. */
  begin(): void {
    this.#found.clear();
    this.#mounts = mounts();
    this.add(this.#root);
  }

  /** Records where a path leads now. */
  add(path: string): void {
    this.#found.set(path, placeAt(path));
  }

  /** Whether since then a path leads elsewhere, or a mount was added or removed. */
  haveChanged(): boolean {
    const now = mounts();
    if (now !== undefined && now !== this.#mounts) return true;
    for (const [path, found] of this.#found) if (placeAt(path) !== found) return true;
    return false;
  }
}

/**
 * Identifies the directory or file that a path leads to. The birth time tells apart two that had the
 * same inode number one after the other. A file system without birth times must give a constant value.
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
    // The system has no such file, or no free descriptor at the moment.
    return undefined;
  }
}

/** Whether it is the error for a missing path. */
export function isGone(error: unknown): boolean {
  return isErrorOf(error, 'ENOENT', 'ENOTDIR', 'ELOOP');
}
