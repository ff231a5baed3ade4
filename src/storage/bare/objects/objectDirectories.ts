/** The `objects` directories of a repository: its own and its alternates (gitrepository-layout(5)). */

import { dirname, isAbsolute, join, resolve } from 'node:path';
import { GitStoreError } from '../../../errors.ts';
import { encodePath, hasLoneSurrogate } from '../../../git/pathBytes.ts';
import { parseAlternates } from '../../../git/repository/alternates.ts';
import { isErrno } from '../../disk/durable.ts';
import { constants, openSync, readFileSync, statSync } from '../../disk/fs.ts';
import { PackDirectory } from '../../packs/reading/packDirectory.ts';
import type { ReadCache } from '../../packs/reading/readCache.ts';

/** As in Git: alternates of alternates are followed five times beyond the first. */
const MAX_ALTERNATE_DEPTH = 6;

export interface ObjectDirectory {
  readonly path: string;
  readonly packs: PackDirectory;
}

/** The directory itself first, then its alternates, without duplicates. */
export function openWithAlternates(objectsDir: string, cache: ReadCache): ObjectDirectory[] {
  return listObjectDirectories(objectsDir).map((path) => ({
    path,
    packs: new PackDirectory(join(path, 'pack'), cache),
  }));
}

/** Paths of the directory itself, then its alternates, without duplicates. */
export function listObjectDirectories(objectsDir: string): string[] {
  const found = new Set<string>();
  const visit = (path: string, depth: number): void => {
    if (found.has(path) || depth > MAX_ALTERNATE_DEPTH) return;
    found.add(path);
    for (const other of readAlternates(path)) visit(other, depth + 1);
  };
  visit(resolve(objectsDir), 0);
  return [...found];
}

/**
 * As in Git, missing alternates are skipped. Unreadable ones are an error.
 * @throws system errors
 */
function readAlternates(objectsDir: string): string[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(objectsDir, 'info', 'alternates'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
  return parseAlternates(bytes)
    .map((line) => (isAbsolute(line) ? resolve(line) : resolve(objectsDir, line)))
    .filter((path) => isDirectory(path) && path !== dirname(path))
    .map(nameable);
}

function isDirectory(path: string): boolean {
  try {
    return statSync(encodePath(path), { throwIfNoEntry: false })?.isDirectory() === true;
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}

/** Directories with names that are not UTF-8, kept open, by path. */
const opened = new Map<string, string>();

/** A path that every call accepts: through an open descriptor when the name is not UTF-8. */
function nameable(path: string): string {
  if (!hasLoneSurrogate(path)) return path;
  let name = opened.get(path);
  if (name === undefined) {
    if (process.platform !== 'linux') {
      throw new GitStoreError(`Alternate objects with a name that is no UTF-8: ${path}`, 'EINVAL', {
        path,
      });
    }
    name = `/proc/self/fd/${openSync(encodePath(path), constants.O_RDONLY | constants.O_DIRECTORY)}`;
    opened.set(path, name);
  }
  return name;
}
