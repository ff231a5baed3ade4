/**
 * Makes directories with their parents. Node's recursive `mkdir` loops forever when an existing parent
 * returns ENOENT, as `/proc` and some automounters do.
 */

import { dirname } from 'node:path';
import { mkdirSync, statSync } from './fs.ts';
import { share } from './sharing.ts';

/** Attempts: another program may remove a directory while those below it are made. */
const ATTEMPTS = 5;

/**
 * Makes a directory and its missing parents.
 * @returns the outermost new one; undefined when all existed
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

/** Whether it exists. `mkdir` has several errors for that: for `/`, a drive, a read-only mount. */
function isDirectory(path: string | Buffer): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    // The error of `mkdir` is more helpful.
    return false;
  }
}

/** Not taken from durable.ts: the program's start loads this file and should not load that one. */
function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function parentOf<Path extends string | Buffer>(path: Path): Path {
  if (typeof path === 'string') return dirname(path) as Path;
  // Byte for byte, regardless of the encoding.
  return Buffer.from(dirname(path.toString('latin1')), 'latin1') as Path;
}
