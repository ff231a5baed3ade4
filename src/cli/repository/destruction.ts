/** Removing a repository, for `destroy` and `init -f`. */

import { basename, dirname, join, resolve } from 'node:path';
import { FileNotFoundError, GitStoreError } from '../../errors.ts';
import { followGitFile } from '../../storage/bare/gitDirectory.ts';
import { judge, newHolder } from '../../storage/bare/locks/holder.ts';
import { isErrno } from '../../storage/disk/durable.ts';
import { mkdirSync, readdirSync, realpath, rename, rm, rmdir } from '../../storage/disk/fs.ts';
import { isBucketAddress } from '../../storage/places.ts';
import { GitStore } from '../../store/gitStore.ts';

/**
 * Whether a repository can be opened at the path.
 * @throws GitStoreError when something else is there
 */
export async function repositoryExists(path: string): Promise<boolean> {
  try {
    await (await GitStore.open(path, { create: false })).close();
    return true;
  } catch (error) {
    // Making one there completes it where its maker has died, and fails where there is more.
    if (error instanceof FileNotFoundError || (await isHeadless(path, error))) return false;
    throw error;
  }
}

/**
 * Whether a store in a bucket could not be opened because its head is missing, as after a removal that was
 * interrupted. Another removal finishes it.
 */
export async function isHeadless(path: string, error: unknown): Promise<boolean> {
  if (!isBucketAddress(path)) return false;
  return (await import('../../storage/bucket/place.ts')).isHeadless(error);
}

/**
 * Removes the repository at the path, which has been opened before, so that it is known to be one.
 * It vanishes from its place in one step: a removal that is killed leaves no half repository there. In a
 * bucket its head goes first.
 * @throws GitStoreError for a `.git` file or the folder of a linked working tree
 * @returns where it was; another path than the one given where that is a link, which stays
 */
export async function removeRepository(path: string): Promise<string> {
  if (isBucketAddress(path)) {
    const { destroyBucketPlace } = await import('../../storage/bucket/place.ts');
    await destroyBucketPlace(path);
    return path;
  }
  const place = await realpath(path);
  const leadsTo = followGitFile(place);
  if (leadsTo !== place) {
    throw new GitStoreError(
      `${path} only leads to a repository; name that to remove it: ${leadsTo}`,
    );
  }
  const aside = await moveAside(place);
  await rm(aside ?? place, { recursive: true, maxRetries: 3 });
  if (aside !== undefined) await rmdir(dirname(aside));
  return place;
}

/**
 * Finishes the removals of repositories at the path that were killed, so that what they had put aside
 * goes. Removals that are still at work are left alone.
 * @returns whether there were any
 */
export async function finishRemovals(path: string): Promise<boolean> {
  if (isBucketAddress(path)) return false;
  const place = await realpath(path).catch((error: unknown) => {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
    return resolve(path);
  });
  const lead = basename(place) + ASIDE;
  let found = false;
  for (const name of namesIn(dirname(place))) {
    if (!name.startsWith(lead) || judge(`${name.slice(lead.length)} `, undefined) !== 'dead') {
      continue;
    }
    await rm(join(dirname(place), name), { recursive: true, maxRetries: 3 });
    found = true;
  }
  return found;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

/** Stands between the repository's name and that of the process that removes it. */
const ASIDE = '.removed-';

/** The new place of the directory, or undefined where it cannot be moved (a mount point). */
async function moveAside(place: string): Promise<string | undefined> {
  let folder: string | undefined;
  try {
    const [process] = newHolder(undefined).split(' ');
    const name = place + ASIDE + process;
    mkdirSync(name, 0o700);
    folder = name;
    const aside = join(folder, basename(place));
    await rename(place, aside);
    return aside;
  } catch {
    if (folder !== undefined) await rmdir(folder);
    return undefined;
  }
}
