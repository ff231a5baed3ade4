/**
 * Determines what is at a path: a Git directory, nothing yet, or something else.
 */

import { dirname, resolve } from 'node:path';
import { FileNotFoundError, GitStoreError, NotADirectoryError } from '../../errors.ts';
import { decodePath } from '../../git/pathBytes.ts';
import { redactUrl } from '../../git/wire/redactUrl.ts';
import { isErrno } from '../disk/durable.ts';
import {
  absolutePath,
  lstatSync,
  readdirSync,
  readFileSync,
  type Stats,
  statSync,
} from '../disk/fs.ts';
import { PRIVATE_DIRECTORY } from './locks/storeLock.ts';

/**
 * The absolute path of the Git directory at `path`: a bare repository, the `.git` directory of another
 * one, or a `.git` file. A linked working tree leads to its repository, which has its refs and objects
 * and the HEAD that a store uses. A working tree itself is refused, because moving its checked-out branch
 * would surprise the user.
 * @throws FileNotFoundError NotADirectoryError GitStoreError
 */
export function findGitDirectory(path: string): string {
  const gitDir = followGitFile(absolutePath(path));
  const found = whatIsAt(gitDir);
  if (found === 'repository') return gitDir;
  if (found === 'vacant') {
    refuseUrl(path);
    const shown = redactUrl(path);
    throw new FileNotFoundError(`Store not found: ${shown}`, { path: shown });
  }
  if (statOf(`${gitDir}/.git`) !== undefined) {
    throw new GitStoreError(
      `${path} is a working tree, not a bare repository (its repository is ${path}/.git)`,
      'EGITSTORE',
      { path },
    );
  }
  throw new GitStoreError(`Not a Git repository: ${path}`, 'EGITSTORE', { path });
}

/** @throws GitStoreError (`EINVAL`) for a URL instead of a folder on this disk */
export function refuseUrl(path: string): void {
  if (!/^(?:[a-z][a-z0-9+.-]+:\/\/|[^/\\]+@[^/\\:@]+:)/i.test(path)) return;
  const shown = redactUrl(path);
  throw new GitStoreError(
    `${shown} is on another machine, and a store is a folder on this disk: restore brings a copy of it (gitstore -r FOLDER restore ${shown})`,
    'EINVAL',
    { path: shown },
  );
}

/**
 * Follows a `.git` file (`gitdir: PATH`) and the `commondir` of a linked working tree
 * (gitrepository-layout(5)). Returns any other path unchanged.
 * @throws GitStoreError when they lead to no repository
 */
export function followGitFile(path: string): string {
  const named = statOf(path)?.isFile() === true ? readGitFile(path) : undefined;
  const own = named ?? path;
  const common = readLine(`${own}/commondir`);
  const gitDir = common === undefined ? own : resolve(own, common);
  if (gitDir === path || isGitDirectory(gitDir)) return gitDir;
  throw new GitStoreError(
    `${path} leads to ${gitDir}, which is no Git repository; if it was moved, run "git worktree repair" there`,
    'EGITSTORE',
    { path },
  );
}

/** Undefined for a file of another kind. */
function readGitFile(path: string): string | undefined {
  // A large file is not one of Git's and is not read.
  if ((statOf(path)?.size ?? 0) > MAX_GIT_FILE) return undefined;
  const target = /^gitdir: (.+)$/.exec(readLine(path) ?? '')?.[1];
  return target === undefined ? undefined : resolve(dirname(path), target);
}

/** Git's own limit. */
const MAX_GIT_FILE = 1 << 20;

/** The content without trailing line ends; undefined when the file is missing. */
function readLine(path: string): string | undefined {
  try {
    return decodePath(readFileSync(path)).replace(/[\r\n]+$/, '');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

/**
 * What is at a path. Vacant is what is missing or empty, and an incomplete repository.
 * @throws NotADirectoryError when it is a file
 */
export function whatIsAt(gitDir: string): 'repository' | 'vacant' | 'other' {
  if (isGitDirectory(gitDir)) return 'repository';
  if (isVacant(gitDir)) return 'vacant';
  // Another process may have completed it between the two looks.
  return isGitDirectory(gitDir) ? 'repository' : 'other';
}

/** Whether Git would accept it as a repository (gitrepository-layout(5)). */
function isGitDirectory(gitDir: string): boolean {
  return (
    // `lstat`, because HEAD may be a link to a branch that does not exist yet.
    statOf(`${gitDir}/HEAD`, lstatSync)?.isDirectory() === false &&
    statOf(`${gitDir}/objects`)?.isDirectory() === true &&
    statOf(`${gitDir}/refs`)?.isDirectory() === true
  );
}

/** Identifies the directory independent of the path by which it is reached. */
export function identityOf(gitDir: string): string {
  const stats = statSync(gitDir, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? gitDir : `${stats.dev} ${stats.ino}`;
}

/** Entries that an interrupted creation may have left (create.ts), without HEAD. */
const PARTS = new Set(['objects', 'refs', 'config', PRIVATE_DIRECTORY]);

function isVacant(gitDir: string): boolean {
  try {
    return readdirSync(gitDir).every((name) => PARTS.has(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return true;
    if (isErrno(error, 'ENOTDIR')) {
      throw new NotADirectoryError(`Not a directory: ${gitDir}`, { path: gitDir, cause: error });
    }
    throw error;
  }
}

function statOf(path: string, stat: typeof statSync = statSync): Stats | undefined {
  try {
    return stat(path, { throwIfNoEntry: false });
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) return undefined;
    throw error;
  }
}
