/**
 * Directories with the ones above them. Node's own recursive `mkdir` tries for ever where a parent is
 * there and says ENOENT all the same, as `/proc` and some automounters do.
 */

import { dirname } from 'node:path';
import { mkdirSync, statSync } from './fs.ts';
import { share } from './sharing.ts';

/** A directory may go again, by another program's hand, while those below it are made. */
const ATTEMPTS = 5;

/**
 * Makes a directory and those above it that are missing.
 * @returns the outermost one that was made; undefined when all were there
 * @throws system errors; `EEXIST` or `ENOTDIR` where a file is in the way
 */
export function makeDirectories<Path extends string | Buffer>(
  path: Path,
  mode = 0o777,
): Path | undefined {
  for (let attempt = 1; ; attempt++) {
    try {
      return makeAll(path, mode);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === ATTEMPTS) throw error;
    }
  }
}

function makeAll<Path extends string | Buffer>(path: Path, mode: number): Path | undefined {
  const below: Path[] = [];
  let outermost: Path | undefined;
  for (let at = path; ; ) {
    try {
      mkdirSync(at, { mode });
      share(at);
      outermost = at;
      break;
    } catch (error) {
      if (isDirectory(at)) break;
      const parent = parentOf(at);
      if (codeOf(error) !== 'ENOENT' || parent.length >= at.length) throw error;
      below.push(at);
      at = parent;
    }
  }
  for (let at = below.pop(); at !== undefined; at = below.pop()) {
    try {
      mkdirSync(at, { mode });
      share(at);
      outermost ??= at;
    } catch (error) {
      if (codeOf(error) !== 'EEXIST' || !isDirectory(at)) throw error;
    }
  }
  return outermost;
}

/** `mkdir` has several errors for a directory that is there: `/`, a drive, a read-only mount. */
function isDirectory(path: string | Buffer): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    // The error of `mkdir` says more.
    return false;
  }
}

/** Not of durable.ts: the program's start needs this file, and not what that one loads. */
function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function parentOf<Path extends string | Buffer>(path: Path): Path {
  if (typeof path === 'string') return dirname(path) as Path;
  // Byte for byte, whatever it means as text.
  return Buffer.from(dirname(path.toString('latin1')), 'latin1') as Path;
}
