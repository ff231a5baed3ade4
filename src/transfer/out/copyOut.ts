/** Copying from a tree to disk: what `cp` and `sync` do with a local destination. */
import { GitStoreError, NotADirectoryError } from '../../errors.ts';
import { isTreeMode, type TreeEntry } from '../../git/objects/tree.ts';
import { localError } from '../../systemFaults.ts';
import type { ChangeReport } from '../../tree/changes.ts';
import { baseName, parentPath } from '../../tree/paths.ts';
import { DirectoryIdentity } from '../disk/directoryIdentity.ts';
import { parentOnDisk, readEntry, withSlashes } from '../disk/diskFiles.ts';
import { planCopy } from '../plan/planner.ts';
import { Protection } from '../plan/protection.ts';
import {
  deletesAllowed,
  type FoundSource,
  type Landing,
  land,
  requireSources,
} from '../plan/sources.ts';
import { findInTree, refuseOnDisk, StoreSource } from '../plan/storePlaces.ts';
import { DiskDestination } from '../record/diskPlaces.ts';
import { DiskScan } from '../record/diskScan.ts';
import { Exclusion } from '../rules/exclusion.ts';
import type { CopyOptions } from '../rules/options.ts';
import { CopyRun } from '../rules/run.ts';
import { type CopyOutStore, type CopyOutTree, DiskExecutor } from './diskExecutor.ts';

export type { CopyOutStore, CopyOutTree } from './diskExecutor.ts';

/**
 * Writes the sources in the trees to the local disk. Each file appears whole, by a rename of its own or
 * of its new directory. Never touches anything outside `dest`, whatever a tree holds.
 *
 * @param groups sources by tree, as paths in it; `dir/` for the contents of a directory, `base/./rest`
 *   to keep `rest`
 * @param dest local path; a link to a directory is followed
 * @throws FileNotFoundError for a missing source
 * @throws NotADirectoryError where `dest` is a file and a directory is needed
 * @throws GitStoreError for a file that cannot be written (with `ignoreErrors` it is in the report)
 */
export async function copyOut(
  { trees, storePath, memos, branch }: CopyOutStore,
  groups: readonly CopyOutTree[],
  dest: string,
  options: CopyOptions = {},
): Promise<ChangeReport> {
  const sources = groups.flatMap((group) => group.sources);
  requireSources(sources);
  const run = new CopyRun(options);
  const store = DirectoryIdentity.of(storePath);
  const found: FoundSource<TreeEntry>[] = [];
  for (const [tree, group] of groups.entries()) {
    for (const one of await findInTree({ trees, root: group.root }, group.sources, run)) {
      found.push({ ...one, tree });
    }
  }
  const { directory, name, isDirectory } = lookAt(withSlashes(dest), store);
  const landings = land(found, isDirectory, sources.length);
  const root = landings.exact ? parentOnDisk(directory) : directory;
  const scan = new DiskScan(root, run, {
    // A single file needs no record of its directory.
    memos: landings.exact ? undefined : memos,
    trees,
    counterpart: counterpartOf(found),
    ignoreRecord: options.checksum,
    countsEmpty: true,
  });
  const place = new DiskDestination(root, scan, store);
  if (place.root !== undefined && !isTreeMode(place.root.mode)) {
    const path = place.show('');
    throw new NotADirectoryError(`${path}: not a directory`, { path });
  }
  const plan = await planCopy({
    source: new StoreSource(trees, refuseOnDisk, scan.recordedEntry),
    landings: landings.exact
      ? landings.all.map((landing) => ({ ...landing, path: name }))
      : landings.all.filter((landing) => isNameable(landing, run)),
    destination: place,
    base: '',
    options,
    exclusion: new Exclusion(options.exclude, options),
    protection: landings.exact
      ? undefined
      : await Protection.of(memos, { local: root, branch, path: counterpartOf(found) }, options),
    trees,
    grafts: true,
    deletes: deletesAllowed(options, landings, sources, run),
    run,
  });
  const times = groups.map(({ time }) => time);
  const executor = new DiskExecutor({ trees, storePath, memos }, times, place, run, options);
  try {
    return await executor.execute(plan, !landings.exact && landings.all.length > 0);
  } finally {
    scan.close();
    if (!options.dryRun) scan.save();
  }
}

/** The directory of the tree whose entries the destination gets, by the first source. */
function counterpartOf([first]: readonly FoundSource<TreeEntry>[]): string {
  if (first === undefined) return '';
  const { path, contents } = first.source;
  return contents ? path : parentPath(path);
}

/** The given destination: its path without a trailing slash, and whether it is a directory. */
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

/** Whether this disk can hold all names of a source's path. Records an error otherwise. */
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
