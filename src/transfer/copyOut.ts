/** Copying from a tree to disk: what `cp` and `sync` do with a local destination. */
import { GitStoreError, NotADirectoryError } from '../errors.ts';
import { isTreeMode, type TreeEntry } from '../git/tree.ts';
import type { ChangeReport } from '../tree/changes.ts';
import { baseName } from '../tree/paths.ts';
import { type CopyOutSource, DiskExecutor } from './diskExecutor.ts';
import { DirectoryIdentity, parentOnDisk, readEntry, withSlashes } from './diskFiles.ts';
import { DiskDestination } from './diskPlaces.ts';
import { localError } from './localErrors.ts';
import type { CopyOptions } from './options.ts';
import { planCopy } from './planner.ts';
import { CopyRun } from './run.ts';
import { deletesAllowed, type Landing, land, requireSources } from './sources.ts';
import { findInTree, refuseOnDisk, StoreSource } from './storePlaces.ts';

export type { CopyOutSource } from './diskExecutor.ts';

/**
 * Writes what stands at `sources` in the tree to the local disk. Each file appears whole, by a
 * rename; whatever the tree holds, nothing outside `dest` is touched.
 *
 * @param sources paths in the tree; `dir/` for the contents of a directory, `base/./rest` to keep
 *   `rest`
 * @param dest local path; a link to a directory is followed
 * @throws FileNotFoundError for a source that is not there
 * @throws NotADirectoryError where `dest` is a file and a directory is needed
 * @throws GitStoreError for a file that cannot be written (with `ignoreErrors` it is in the report)
 */
export async function copyOut(
  source: CopyOutSource,
  sources: readonly string[],
  dest: string,
  options: CopyOptions = {},
): Promise<ChangeReport> {
  requireSources(sources);
  const run = new CopyRun(options);
  const store = DirectoryIdentity.of(source.storePath);
  const found = await findInTree(source, sources, run);
  const { directory, name, isDirectory } = lookAt(withSlashes(dest), store);
  const landings = land(found, isDirectory, sources.length);
  const place = new DiskDestination(
    landings.exact ? parentOnDisk(directory) : directory,
    run,
    store,
  );
  if (place.root !== undefined && !isTreeMode(place.root.mode)) {
    const path = place.show('');
    throw new NotADirectoryError(`${path}: not a directory`, { path });
  }
  const plan = await planCopy({
    source: new StoreSource(source.trees, refuseOnDisk),
    landings: landings.exact
      ? landings.all.map((landing) => ({ ...landing, path: name }))
      : landings.all.filter((landing) => isNameable(landing, run)),
    destination: place,
    base: '',
    options,
    deletes: deletesAllowed(options, landings, sources.length),
    run,
  });
  const executor = new DiskExecutor(source, place, run, options.dryRun ?? false);
  return executor.execute(plan);
}

/** The destination as it is given: its path without a trailing slash, and what stands there. */
function lookAt(
  dest: string,
  store: DirectoryIdentity | undefined,
): { directory: string; name: string; isDirectory: boolean } {
  const directory = dest.replace(/(.)\/+$/, '$1') || '.';
  try {
    if (store?.contains(directory)) {
      throw new GitStoreError(`${dest}: the store itself cannot be copied into`, 'EINVAL', {
        path: dest,
      });
    }
    const entry = readEntry(directory, '', true);
    const isDirectory = dest.endsWith('/') || (entry !== undefined && isTreeMode(entry.mode));
    return { directory, name: baseName(directory), isDirectory };
  } catch (error) {
    throw localError(error, dest);
  }
}

/** Whether all names a source brings along may stand on this disk. Otherwise that is its error. */
function isNameable({ path, from }: Landing<TreeEntry>, run: CopyRun): boolean {
  if (path === '') return true;
  for (const name of path.split('/')) {
    const reason = refuseOnDisk(name);
    if (reason !== undefined) {
      run.fail(from, new GitStoreError(`${from}: ${reason}`, 'EINVAL', { path: from }));
      return false;
    }
  }
  return true;
}
