/** Finds present and former paths of a history by a glob pattern. */

import type { ObjectId } from '../../git/objectId.ts';
import { GlobPattern, type GlobState } from '../../tree/glob.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { versionsOf } from './versions.ts';

export interface FindOptions {
  /** Also find paths that only earlier commits hold. */
  readonly history?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface FoundPath {
  readonly path: string;
  /** The newest commit that holds the path. */
  readonly commitHash: ObjectId;
  /** The blob there. */
  readonly hash: ObjectId;
}

/** @param pattern as for `FS.glob`; one without a slash matches names in any directory */
export async function* findPaths(
  snapshot: Snapshot,
  pattern: string,
  { history, signal }: FindOptions,
): AsyncGenerator<FoundPath, void, undefined> {
  const glob = new GlobPattern(pattern.includes('/') ? pattern : `**/${pattern}`);
  for await (const versions of versionsOf(snapshot, { history, newest: true, signal })) {
    signal?.throwIfAborted();
    for (const { path, entry, last } of versions) {
      if (fits(glob, path)) yield { path, commitHash: last, hash: entry.id };
    }
  }
}

function fits(glob: GlobPattern, path: string): boolean {
  let state: GlobState | undefined = glob.start;
  const names = path.split('/');
  for (const [at, name] of names.entries()) {
    const step = glob.step(state, name);
    if (at === names.length - 1) return step.matched;
    if (step.below === undefined) return false;
    state = step.below;
  }
  return false;
}
