/**
 * The local disk, with names in the spelling of `git/pathBytes.ts`. All calls are synchronous: for small
 * files they cost a fraction of a promise. Callers pause between them (`CopyRun.rest`).
 */
import { lstatSync, readdirSync, type Stats, statSync } from 'node:fs';
import {
  type FileMode,
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_LINK,
  MODE_TREE,
} from '../../git/objects/tree.ts';
import { fromDisk, toDisk } from '../../git/pathBytes.ts';
import { judge, newHolder, type Verdict } from '../../storage/bare/locks/holder.ts';
import { isErrorOf } from '../../systemFaults.ts';
import { type Entry, MODE_NONE } from '../rules/place.ts';

export { joinDisk, parentOnDisk, withSlashes } from './localPaths.ts';
export { toDisk };

/** A name on disk with its `lstat` values. */
export interface DiskEntry extends Entry {
  /** Bytes. */
  readonly size: number;
  /** Milliseconds, with a fraction. */
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly dev: number;
  readonly ino: number;
  /** Permission bits. */
  readonly permissions: number;
}

/** Whether files on this system have an execute bit. Without, a tree's own modes are kept. */
export const HAS_EXECUTE_BITS = process.platform !== 'win32';

/** All names in a directory, in no particular order. */
export function readNames(directory: string | Buffer): string[] {
  const path = typeof directory === 'string' ? toDisk(directory) : directory;
  const names = readdirSync(path);
  // The decoder yields U+FFFD for invalid UTF-8. Only then are the bytes needed.
  return names.some((name) => name.includes('\ufffd'))
    ? readdirSync(path, { encoding: 'buffer' }).map(fromDisk)
    : names;
}

/** Temporary names that a copy to disk gives unfinished files. They name the writing process. */
const TEMPORARY_NAME = /^\.gs-(f[0-9]+\.[0-9a-z-]+(?:\.[\w-]{5}){4}\.[\w-]+)-[0-9]+$/;

/** The prefix of such names for one copy; a number follows. */
export function newTemporaryPrefix(): string {
  const [process] = newHolder(undefined).split(' ');
  return `.gs-${process}-`;
}

/** Whether it is the name of an unfinished file of a running or killed copy. */
export function isTemporaryName(name: string): boolean {
  return name.startsWith('.gs-') && TEMPORARY_NAME.test(name);
}

/** Whether the process that gave a file its temporary name is alive. */
export function makerOf(name: string): Verdict {
  const [, process = ''] = TEMPORARY_NAME.exec(name) ?? [];
  return judge(`${process} `, undefined);
}

/**
 * The entry at `path`; undefined when it is missing. Follows a link only with `follow`.
 * @throws a system error, with code ENOTDIR for a path below a file
 */
export function readEntry(path: string, name: string, follow = false): DiskEntry | undefined {
  const at = toDisk(path);
  const stats = follow ? statOf(at) : lstatSync(at, { throwIfNoEntry: false });
  return stats && entryOf(name, stats);
}

/** The same for a path in the form that `fs` takes. Never follows a link. */
export function readOwnEntry(path: string | Buffer, name: string): DiskEntry | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats && entryOf(name, stats);
}

/** With `throwIfNoEntry: false` Node from 22 on hides ENOTDIR as well, but only for `stat`. */
function statOf(path: string | Buffer): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isErrorOf(error, 'ENOENT')) return undefined;
    throw error;
  }
}

export function entryOf(name: string, stats: Stats): DiskEntry {
  return {
    name,
    mode: modeOnDisk(stats.mode),
    size: stats.size,
    mtimeMs: stats.mtimeMs,
    ctimeMs: stats.ctimeMs,
    dev: stats.dev,
    ino: stats.ino,
    permissions: stats.mode & 0o777,
  };
}

/** The entry; a file gets `mode` instead of its own. */
export function withFileMode(entry: DiskEntry, mode: FileMode | undefined): DiskEntry {
  const isFile = entry.mode === MODE_FILE || entry.mode === MODE_EXECUTABLE;
  return isFile && mode !== undefined ? { ...entry, mode } : entry;
}

/** The values that tell one state of a file from another. */
export type FileState = Pick<DiskEntry, 'size' | 'mtimeMs' | 'ctimeMs' | 'ino' | 'mode'>;

/** Whether both are the same state of the same file. */
export function isSameState(a: FileState, b: FileState): boolean {
  return (
    a.ino === b.ino &&
    a.size === b.size &&
    a.mtimeMs === b.mtimeMs &&
    a.ctimeMs === b.ctimeMs &&
    a.mode === b.mode
  );
}

/** The mode Git stores for a file of this `st_mode`; as in Git, the owner's x bit decides. */
export function modeOnDisk(mode: number): FileMode {
  switch (mode & 0o170000) {
    case 0o100000:
      return (mode & 0o100) === 0 ? MODE_FILE : MODE_EXECUTABLE;
    case 0o040000:
      return MODE_TREE;
    case 0o120000:
      return MODE_LINK;
    default:
      return MODE_NONE;
  }
}
