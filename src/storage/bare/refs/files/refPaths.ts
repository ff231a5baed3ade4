/**
 * Paths of refs and their logs on disk, and the directories around them. A ref's name is its path below
 * the Git directory (gitrepository-layout(5)); its log has the same path below `logs/`.
 */

import { isErrno } from '../../../disk/durable.ts';
import { readEntriesSync, readNamesSync, rmdirSync } from '../../../disk/fs.ts';
import { makeDirectories } from '../../../disk/makeDirectories.ts';

/** The path of `name` (`refs/heads/main`, `logs/HEAD`, `refs/heads/main.lock`) in a Git directory. */
export function diskPath(gitDir: string, name: string): string {
  return `${gitDir}/${name}`;
}

/** The name up to its last slash. */
export function parentName(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')));
}

export function makeParent(gitDir: string, name: string): void {
  makeDirectories(diskPath(gitDir, parentName(name)));
}

/** The directories below `name`, and `name` itself. */
export function listDirectories(gitDir: string, name: string): string[] {
  const found = [name];
  // The loop also visits entries that are added during it.
  for (const directory of found) {
    try {
      const path = diskPath(gitDir, directory);
      for (const entry of readEntriesSync(path)) {
        if (entry.isDirectory()) found.push(`${directory}/${entry.name}`);
      }
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    }
  }
  return found;
}

/**
 * Removes directories that became empty with a ref or log. As in Git, the first two levels (`refs/heads`)
 * stay.
 */
export function removeEmptyParents(gitDir: string, name: string): void {
  const kept = name.startsWith('logs/') ? 3 : 2;
  for (
    let parent = parentName(name);
    parent.split('/').length > kept;
    parent = parentName(parent)
  ) {
    try {
      rmdirSync(diskPath(gitDir, parent));
    } catch {
      return;
    }
  }
}

/**
 * Removes a directory that holds only empty directories, as Git does to make room for a ref. False when it
 * holds anything else.
 */
export function removeEmptyTree(path: string): boolean {
  try {
    for (const name of readNamesSync(path)) {
      if (!removeEmptyTree(`${path}/${name}`)) return false;
    }
    rmdirSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    if (isErrno(error, 'ENOTDIR', 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  }
}
