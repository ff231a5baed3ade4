/**
 * The base tree of a merge. When two histories have several best common ancestors, these are merged first,
 * older before newer, after their own bases. Conflicts stay in the base with their markers.
 */
import { EMPTY_TREE_ID, type ObjectId } from '../git/objectId.ts';
import type { IdSet } from '../git/objectSet.ts';
import { applyEdits } from '../tree/edit.ts';
import type { AnyTreeReader } from '../tree/reader.ts';
import { mergeBases } from './bases.ts';
import { mergeTrees, type TreeMergeOptions } from './mergeTrees.ts';
import { Scratch } from './scratch.ts';

const LABELS = { ours: 'Temporary merge branch 1', theirs: 'Temporary merge branch 2' };

export interface BaseSearch {
  readonly trees: AnyTreeReader;
  readonly shallow?: IdSet | undefined;
  treeOf(commit: ObjectId): Promise<ObjectId>;
  readonly options: Pick<TreeMergeOptions, 'renames' | 'renameLimit' | 'pace'>;
}

/** The base's tree with its reader: `search.trees`, or one with additional trees in memory. */
export interface BaseTree {
  readonly tree: ObjectId;
  readonly trees: AnyTreeReader;
}

/** @param scratch holds a merged base that is in no commit; default: a new one */
export async function baseTree(
  bases: readonly ObjectId[],
  search: BaseSearch,
  scratch = new Scratch(search.trees.objects),
): Promise<BaseTree> {
  if (bases.length < 2) return { tree: await onlyTree(bases, search), trees: search.trees };
  return { tree: await mergedTree(bases, search, scratch, 1), trees: scratch.trees };
}

async function mergedTree(
  bases: readonly ObjectId[],
  search: BaseSearch,
  scratch: Scratch,
  depth: number,
): Promise<ObjectId> {
  const { trees } = scratch;
  const writer = scratch.writer();
  const [oldest, ...newer] = bases.toReversed();
  if (oldest === undefined || newer.length === 0) return onlyTree(bases, search);
  let ours = await search.treeOf(oldest);
  const merged = [oldest];
  for (const next of newer) {
    const theirs = await search.treeOf(next);
    const below = await mergeBases(scratch, merged, [next], { shallow: search.shallow });
    const base = await mergedTree(below, search, scratch, depth + 1);
    const options = { ...search.options, labels: LABELS, depth };
    const { edits } = await mergeTrees(trees, writer, { base, ours, theirs }, options);
    ours = await applyEdits(trees, writer, ours, edits);
    merged.push(next);
  }
  return ours;
}

async function onlyTree(bases: readonly ObjectId[], search: BaseSearch): Promise<ObjectId> {
  const [only] = bases;
  return only === undefined ? EMPTY_TREE_ID : search.treeOf(only);
}
