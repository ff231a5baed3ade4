/**
 * A store in a bare Git repository on the local disk: opens its objects and refs together.
 */

import { parseConfig } from '../../git/repository/config.ts';
import { typedFault } from '../../systemFaults.ts';
import type { Durability, Storage } from '../storage.ts';
import { type Convert, withFaults, withTypedFaults } from '../typedFaults.ts';
import { type CreateOptions, createRepository } from './create.ts';
import { findGitDirectory, identityOf } from './gitDirectory.ts';
import { BareMemos } from './memos.ts';
import { BareObjects } from './objects/objects.ts';
import { CheckedOut, type CheckedOutOptions } from './refs/reading/checkedOut.ts';
import { BareRefs, type BareRefsOptions } from './refs/refs.ts';
import { type ConfigChoices, readConfigText, readRepositoryConfig } from './repositoryConfig.ts';
import { BareUpkeep } from './upkeep.ts';

/** These options take precedence over the repository's configuration. */
export interface BareStorageOptions
  extends ConfigChoices,
    CheckedOutOptions,
    Partial<Omit<BareRefsOptions, 'checkedOut' | 'settling'>> {
  /** Default `full`. */
  readonly durability?: Durability;
}

/**
 * Opens the repository at `path`: a bare one, or the `.git` directory of another.
 * @throws FileNotFoundError when it is missing; NotADirectoryError; GitStoreError when something else is
 *   there, or an unsupported kind of repository
 */
export async function openBareStorage(
  path: string,
  options: BareStorageOptions = {},
): Promise<Storage> {
  return withFaults(about(path), () => {
    const storage = openStorage(path, options);
    return withTypedFaults(storage, about(storage.location));
  });
}

function about(path: string): Convert {
  return (error) => typedFault(error, path);
}

function openStorage(path: string, options: BareStorageOptions): Storage {
  const gitDir = findGitDirectory(path);
  const config = readRepositoryConfig(gitDir);
  const durability = options.durability ?? 'full';
  const objects = new BareObjects(gitDir, {
    durability,
    compression: options.compression ?? config.compression,
  });
  const refs = new BareRefs(gitDir, {
    ...options,
    durability,
    settling: objects,
    checkedOut: options.moveCheckedOut ? undefined : new CheckedOut(gitDir, config.file, options),
  });
  return {
    location: gitDir,
    folder: gitDir,
    get identity() {
      return identityOf(gitDir);
    },
    objects,
    refs,
    memos: new BareMemos(gitDir),
    upkeep: new BareUpkeep({ gitDir, refs, now: options.now ?? Date.now }, objects),
    async setting(key) {
      return parseConfig(readConfigText(gitDir)).get(key);
    },
    async settings(keys) {
      return parseConfig(readConfigText(gitDir)).getAllOf(keys);
    },
    async close() {
      await objects.close();
      refs.close();
    },
  };
}

/**
 * Opens the repository at `path`, and creates a missing one (create.ts). `compression` and
 * `bigFileThreshold` are saved in the configuration of a new one.
 */
export async function createBareStorage(
  path: string,
  options: BareStorageOptions & CreateOptions = {},
): Promise<Storage> {
  const isNew = await createRepository(path, options).catch((error: unknown) => {
    throw typedFault(error, path);
  });
  if (isNew) options.onCreate?.(path);
  return openBareStorage(path, options);
}
