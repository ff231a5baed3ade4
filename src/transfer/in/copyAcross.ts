/** Copies between trees of one store. Reads only trees: the blobs are in the store already. */
import type { ObjectId } from '../../git/objectId.ts';
import { MODE_TREE, type TreeEntry } from '../../git/objects/tree.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import { ChangeReport } from '../../tree/changes.ts';
import type { TreeEdit } from '../../tree/edit.ts';
import { isForbiddenSegment } from '../../tree/paths.ts';
import { fileTypeOf } from '../../tree/types.ts';
import { planInto, type TargetTree } from '../plan/intoTree.ts';
import { type FoundSource, requireSources } from '../plan/sources.ts';
import { findInTree, StoreSource } from '../plan/storePlaces.ts';
import type { CopyOptions } from '../rules/options.ts';
import { CopyRun } from '../rules/run.ts';
import type { TreeChanges } from './blobExecutor.ts';

/** Sources in one tree, in the same forms as for `copyOut`. */
export interface SourceTree {
  readonly root: ObjectId;
  readonly sources: readonly string[];
}

/**
 * The edits that copy the sources to `dest`.
 * @throws FileNotFoundError for a missing source
 * @throws NotADirectoryError where `dest` is a file and a directory is needed
 */
export async function copyAcross(
  target: TargetTree,
  groups: readonly SourceTree[],
  dest: string,
  options: CopyOptions = {},
): Promise<TreeChanges> {
  const all = groups.flatMap(({ sources }) => sources);
  requireSources(all);
  const run = new CopyRun(options);
  const found: FoundSource<TreeEntry>[] = [];
  for (const { root, sources } of groups) {
    for (const source of await findInTree({ trees: target.trees, root }, sources, run)) {
      found.push(source);
    }
  }
  const place = new StoreSource(target.trees, (name) =>
    isForbiddenSegment(name) ? "a name that stands for '.git'" : undefined,
  );
  const task = { sources: all, options, run };
  const { files, deletes, grafts } = await planInto(target, place, found, dest, task);
  const edits = new Map<string, TreeEdit>();
  const report = new ChangeReport({ errors: run.errors, warnings: run.warnings });
  for (const { path, from, source, existing } of files) {
    const { mode, id } = source;
    if (existing?.id === id && existing.mode === mode) continue;
    edits.set(path, { mode, id });
    const entry = { path, type: fileTypeOf(mode), src: from };
    (existing === undefined ? report.add : report.update).push(entry);
  }
  const listed = report.add.length;
  for (const { path, from, source, files } of grafts) {
    edits.set(path, { mode: MODE_TREE, id: source.id });
    const lead = from === '' ? '' : `${from}/`;
    for (const { path: below, mode } of files) {
      report.add.push({ path: `${path}/${below}`, type: fileTypeOf(mode), src: lead + below });
    }
  }
  // The files of one directory come sorted.
  if (grafts.length > 0 && listed + grafts.length > 1) {
    report.add.sort((a, b) => comparePaths(a.path, b.path));
  }
  for (const [path, entry] of deletes) {
    edits.set(path, null);
    report.delete.push({ path, type: fileTypeOf(entry.mode) });
  }
  return { edits, report };
}
