/** The common part of all copies into a tree. */
import { NotADirectoryError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { isTreeMode, type TreeEntry } from '../../git/objects/tree.ts';
import { checkWritablePath, normalizePath } from '../../tree/paths.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { Exclusion } from '../rules/exclusion.ts';
import type { CopyOptions } from '../rules/options.ts';
import type { Entry, KnownEntry, SourcePlace } from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';
import type { Plan } from './copyPlan.ts';
import { planCopy } from './planner.ts';
import { deletesAllowed, type FoundSource, land, landingPath } from './sources.ts';
import { StoreDestination } from './storePlaces.ts';

export interface TargetTree {
  readonly trees: TreeReader;
  /** The root of the tree. */
  readonly root: ObjectId;
}

/**
 * Plans a copy of the found sources to `dest`.
 * @throws NotADirectoryError where `dest` is a file and a directory is needed
 * @throws InvalidPathError for a path that cannot be stored
 */
export async function planInto<E extends Entry>(
  target: TargetTree,
  place: SourcePlace<E>,
  found: FoundSource<E>[],
  dest: string,
  task: {
    sources: readonly string[];
    options: CopyOptions;
    run: CopyRun;
    exclusion?: Exclusion;
    known?: KnownEntry;
    /** Default false. */
    isFromDisk?: boolean;
  },
): Promise<Plan<E, TreeEntry>> {
  const { sources, options, run } = task;
  const base = normalizePath(dest);
  const standing = await standingAt(target, base);
  const landings = land(found, standing === 'directory' || dest.endsWith('/'), sources.length);
  for (const { path, entry } of landings.all) {
    const landing = landingPath(base, path);
    if (landing !== '') checkWritablePath(landing);
    if (standing === 'file' && (path !== '' || isTreeMode(entry.mode))) {
      throw new NotADirectoryError(`${base}: not a directory`, { path: base });
    }
  }
  return planCopy({
    source: place,
    landings: landings.all,
    destination: new StoreDestination(target.trees, target.root, {
      known: task.known,
      keepsSubmodules: task.isFromDisk ?? false,
    }),
    base,
    options,
    exclusion: task.exclusion ?? new Exclusion(options.exclude, options),
    deletes: deletesAllowed(options, landings, sources, run),
    grafts: true,
    trees: target.trees,
    run,
  });
}

/** @throws NotADirectoryError when the way to `path` leads through a file */
async function standingAt(
  { trees, root }: TargetTree,
  path: string,
): Promise<'directory' | 'file' | 'nothing'> {
  const segments = path.split('/');
  for (let count = 1; count < segments.length; count++) {
    const above = segments.slice(0, count).join('/');
    const entry = await trees.lookup(root, above);
    if (entry === undefined) return 'nothing';
    if (!isTreeMode(entry.mode)) {
      throw new NotADirectoryError(`${above}: not a directory`, { path: above });
    }
  }
  const entry = await trees.lookup(root, path);
  if (entry === undefined) return 'nothing';
  return isTreeMode(entry.mode) ? 'directory' : 'file';
}
