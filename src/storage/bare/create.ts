/**
 * Creates a bare repository.
 *
 * Everything is created in place, with `HEAD` last and atomically. A directory without HEAD is not a
 * repository, neither to us nor to Git. So a creator that dies leaves a state that the next one
 * completes, and concurrent creators end with one repository.
 */
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { GitStoreError } from '../../errors.ts';
import { encodePath } from '../../git/pathBytes.ts';
import { isErrno, removeIfThere, syncDirectory, writeFully } from '../disk/durable.ts';
import {
  absolutePath,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
} from '../disk/fs.ts';
import { makeDirectories } from '../disk/makeDirectories.ts';
import { checkRef } from '../refRules.ts';
import type { Durability } from '../storage.ts';
import { followGitFile, refuseUrl, whatIsAt } from './gitDirectory.ts';
import { PRIVATE_DIRECTORY } from './locks/storeLock.ts';
import { type ConfigChoices, newConfig } from './repositoryConfig.ts';

export interface CreateOptions extends ConfigChoices {
  /** Short name of the branch for HEAD; default `main`. */
  readonly branch?: string | undefined;
  readonly durability?: Durability | undefined;
  /** Called with the path when a missing repository was created. */
  readonly onCreate?: ((path: string) => void) | undefined;
}

/** The directories of `git init --bare`, and our own. */
const DIRECTORIES = ['objects/info', 'objects/pack', 'refs/heads', 'refs/tags', PRIVATE_DIRECTORY];

/**
 * Makes a bare repository at `path`, with its parent directories, unless there is a repository.
 * @returns true when this call made it
 * @throws GitStoreError when something else is there; NotADirectoryError; InvalidRefNameError
 */
export async function createRepository(
  path: string,
  options: CreateOptions = {},
): Promise<boolean> {
  const branch = `refs/heads/${options.branch ?? 'main'}`;
  checkRef(branch);
  const gitDir = followGitFile(absolutePath(path));
  const found = whatIsAt(gitDir);
  if (found === 'repository') return false;
  if (found === 'other') {
    throw new GitStoreError(`Directory is not empty and no Git repository: ${path}`, 'EEXIST', {
      path,
    });
  }
  refuseUrl(path);
  const durability = options.durability ?? 'full';
  const outermost = makeDirectories(gitDir);
  for (const name of DIRECTORIES) makeDirectories(`${gitDir}/${name}`);
  const config = new NewFile(gitDir, newConfig(options), durability);
  const head = new NewFile(gitDir, `ref: ${branch}\n`, durability);
  config.replace('config');
  if (durability === 'full') {
    for (const name of ['refs', 'objects', '']) await syncDirectory(`${gitDir}/${name}`);
  }
  const made = head.claim('HEAD');
  if (durability === 'full') await syncUpwards(gitDir, outermost ?? gitDir);
  return made;
}

/** A file of a new repository, which is complete before it gets its name. */
class NewFile {
  readonly #gitDir: string;
  readonly #path: string;

  constructor(gitDir: string, text: string, durability: Durability) {
    this.#gitDir = gitDir;
    this.#path = `${gitDir}/${PRIVATE_DIRECTORY}/new-${randomBytes(6).toString('hex')}`;
    const fd = openSync(this.#path, 'wx');
    try {
      writeFully(fd, encodePath(text));
      if (durability === 'full') fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  replace(name: string): void {
    renameSync(this.#path, `${this.#gitDir}/${name}`);
  }

  /** False when the name is taken. */
  claim(name: string): boolean {
    const path = `${this.#gitDir}/${name}`;
    try {
      linkSync(this.#path, path);
    } catch (error) {
      if (existsSync(path)) return false;
      if (isErrno(error, 'ENOENT')) throw error;
      // There are no hard links here: of two concurrent creators the later one's HEAD stays.
      renameSync(this.#path, path);
      return true;
    } finally {
      removeIfThere(this.#path);
    }
    return true;
  }
}

/** Flushes a directory, and the entries of all new ones above it, to stable storage. */
async function syncUpwards(directory: string, outermost: string): Promise<void> {
  const end = dirname(outermost);
  for (let at = directory; ; at = dirname(at)) {
    await syncDirectory(at);
    if (at === end || at === dirname(at)) return;
  }
}
