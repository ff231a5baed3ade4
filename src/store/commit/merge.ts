/**
 * Brings changes from elsewhere into a branch: all changes of another history since the common ancestor
 * (`merge`), the change of one commit (`pick`), or its reverse (`revert`). All three are three-way merges
 * of trees whose result is one commit.
 */
import { MergeConflictError, StaleSnapshotError } from '../../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../git/objectId.ts';
import { IdSet } from '../../git/objectSet.ts';
import type { Commit, Identity } from '../../git/objects/commit.ts';
import { firstLine, messageOf, shortHash } from '../../git/objects/commitText.ts';
import { mergeBases } from '../../merge/bases.ts';
import { type BaseTree, baseTree } from '../../merge/baseTree.ts';
import { mergeTrees } from '../../merge/mergeTrees.ts';
import { DEFAULT_RENAME_LIMIT } from '../../merge/renames.ts';
import { type Resolve, resolveConflicts } from '../../merge/resolve.ts';
import { Scratch } from '../../merge/scratch.ts';
import type { Favor } from '../../merge/text.ts';
import { Pace } from '../../storage/pace.ts';
import type { ObjectWriter } from '../../storage/storage.ts';
import { ChangeReport, type FileEntry } from '../../tree/changes.ts';
import { diffTrees } from '../../tree/diff.ts';
import { applyEdits } from '../../tree/edit.ts';
import type { AnyTreeReader } from '../../tree/reader.ts';
import { fileTypeOf } from '../../tree/types.ts';
import type { StoreContext } from '../context/context.ts';
import {
  branchOf,
  fullRefName,
  loadSnapshot,
  ofStore,
  type Snapshot,
  type SnapshotRef,
} from '../context/snapshot.ts';
import { findRef } from '../refs/resolve.ts';
import {
  type CommitChoices,
  checkCurrent,
  distinctParents,
  inSession,
  moveBranch,
  type Outcome,
  writeCommit,
} from './commit.ts';
import { commitMessage } from './message.ts';
import { withRetries } from './retry.ts';

/** Rules of a merge. */
export interface MergeRules {
  /** The side that wins where both have changed the same lines; `union`: the lines of both. */
  favor?: Favor | undefined;
  /** Resolves a conflict; undefined leaves it unresolved. */
  resolve?: Resolve | undefined;
  /**
   * `refuse` (default): a conflict is an error, and nothing is committed. `markers`: the result is
   * committed with Git's markers in it, and its `changes` list the conflicts.
   */
  conflicts?: 'refuse' | 'markers' | undefined;
  /** Whether to detect renames; default true. */
  renames?: boolean | undefined;
  /** Change nothing; return the same snapshot with the report of what would change. */
  dryRun?: boolean | undefined;
}

export interface MergeChoices extends MergeRules {
  /**
   * Whether a branch without commits of its own may simply move to the source; default true. A message or
   * extra parents require a commit.
   */
  fastForward?: boolean | undefined;
}

/**
 * Makes an attempt on the snapshot, and with `staleWrites: 'merge'` on the branch's newest one when the
 * branch has moved on.
 */
async function onTip(
  snapshot: Snapshot,
  { staleWrites = snapshot.store.staleWrites, signal }: CommitChoices,
  attempt: (snapshot: Snapshot) => Promise<Outcome>,
): Promise<Outcome> {
  const branch = branchOf(snapshot);
  try {
    return await attempt(snapshot);
  } catch (error) {
    if (staleWrites !== 'merge' || !(error instanceof StaleSnapshotError)) throw error;
  }
  const { store } = snapshot;
  const again = async () => attempt((await findRef(store, branch)) ?? snapshot);
  return withRetries(store, fullRefName(branch), again, { signal });
}

/** Merges a source into the snapshot's branch. */
export function mergeSnapshots(
  snapshot: Snapshot,
  source: Snapshot,
  rules: MergeChoices,
  choices: CommitChoices,
): Promise<Outcome> {
  return onTip(snapshot, choices, (tip) => mergeInto(tip, source, rules, choices));
}

async function mergeInto(
  snapshot: Snapshot,
  source: Snapshot,
  rules: MergeChoices,
  choices: CommitChoices,
): Promise<Outcome> {
  const { store } = snapshot;
  const theirs = ofStore(store, source);
  const { signal } = choices;
  const bases = await basesOf(store, snapshot.id, theirs.id, signal);
  if (bases.includes(theirs.id)) {
    if (rules.dryRun !== true) await checkCurrent(snapshot);
    return { snapshot, changes: new ChangeReport() };
  }
  const ref = await tipOf(theirs);
  const name = ref?.name ?? shortHash(theirs.id);
  const wantsCommit = choices.message !== undefined || (choices.parents?.length ?? 0) > 0;
  if (bases.includes(snapshot.id) && rules.fastForward !== false && !wantsCommit) {
    return fastForward(snapshot, theirs, `merge ${name}: Fast-forward`, rules, choices);
  }
  const pace = new Pace(signal);
  const scratch = new Scratch(store.objects);
  const search = {
    trees: rules.dryRun ? scratch.trees : store.trees,
    shallow: shallowOf(store),
    treeOf: async (id: ObjectId) => (await store.commits.links(id)).tree,
    options: { ...(await renameRules(store, rules)), pace },
  };
  return commitMerge(
    snapshot,
    {
      base: await baseTree(bases, search, scratch),
      theirs: theirs.commit.tree,
      parents: [theirs],
      label: name,
      message: `Merge ${ref?.kind ?? 'commit'} '${name}'`,
      log: `merge ${name}: Merge made by three trees`,
      isMerge: true,
    },
    rules,
    choices,
  );
}

/** Applies the change of a commit against its first parent to the snapshot's branch. */
export async function pickCommit(
  snapshot: Snapshot,
  picked: Snapshot,
  rules: MergeRules,
  choices: CommitChoices,
): Promise<Outcome> {
  const { store } = snapshot;
  const { id, commit } = ofStore(store, picked);
  const merge: Merge = {
    base: { tree: await parentTree(store, commit), trees: store.trees },
    theirs: commit.tree,
    from: [id],
    label: `${shortHash(id)} (${firstLine(commit.message)})`,
    message: messageOf(commit),
    log: `pick: ${firstLine(commit.message)}`,
    author: commit.author,
  };
  return onTip(snapshot, choices, (tip) => commitMerge(tip, merge, rules, choices));
}

/** Reverts the change of a commit against its first parent on the snapshot's branch. */
export async function revertCommit(
  snapshot: Snapshot,
  reverted: Snapshot,
  rules: MergeRules,
  choices: CommitChoices,
): Promise<Outcome> {
  const { store } = snapshot;
  const { id, commit } = ofStore(store, reverted);
  const subject = firstLine(commit.message);
  const merge: Merge = {
    base: { tree: commit.tree, trees: store.trees },
    theirs: await parentTree(store, commit),
    from: commit.parents,
    label: `parent of ${shortHash(id)} (${subject})`,
    message: `Revert "${subject}"\n\nThis reverts commit ${id}.`,
    log: `revert: Revert "${subject}"`,
  };
  return onTip(snapshot, choices, (tip) => commitMerge(tip, merge, rules, choices));
}

/** The best common ancestor of two snapshots, the newest of several; null when there is none. */
export async function mergeBaseOf(snapshot: Snapshot, other: Snapshot): Promise<Snapshot | null> {
  const { store } = snapshot;
  const [newest] = await basesOf(store, snapshot.id, ofStore(store, other).id);
  return newest === undefined ? null : loadSnapshot(store, newest, null);
}

function basesOf(store: StoreContext, one: ObjectId, other: ObjectId, signal?: AbortSignal) {
  return mergeBases(store.objects, [one], [other], { shallow: shallowOf(store), signal });
}

function shallowOf(store: StoreContext): IdSet | undefined {
  const ids = store.objects.history?.shallow();
  if (ids === undefined || ids.size === 0) return undefined;
  const shallow = new IdSet();
  for (const id of ids) shallow.add(id);
  return shallow;
}

async function renameRules(store: StoreContext, { renames = true }: MergeRules) {
  const set = renames
    ? ((await store.storage.setting?.('merge.renameLimit')) ??
      (await store.storage.setting?.('diff.renameLimit')))
    : undefined;
  const limit = set === undefined ? 0 : Number(set);
  return { renames, renameLimit: limit > 0 ? limit : DEFAULT_RENAME_LIMIT };
}

async function parentTree(store: StoreContext, commit: Commit): Promise<ObjectId> {
  const [parent] = commit.parents;
  return parent === undefined ? EMPTY_TREE_ID : (await store.commits.links(parent)).tree;
}

/** The snapshot's branch or tag, if it still points to this snapshot; else null. */
async function tipOf({ store, ref, id }: Snapshot): Promise<SnapshotRef | null> {
  return ref !== null && (await findRef(store, ref))?.id === id ? ref : null;
}

async function fastForward(
  snapshot: Snapshot,
  theirs: Snapshot,
  log: string,
  { dryRun }: MergeRules,
  { tag, beforeMove }: CommitChoices,
): Promise<Outcome> {
  const { store, commit, ref } = snapshot;
  const changes = await reportOf(store.trees, commit.tree, theirs.commit.tree);
  if (dryRun) return { snapshot, changes };
  const result = { ...theirs, ref };
  await beforeMove?.(result);
  await moveBranch(snapshot, theirs.id, log, { tag });
  return { snapshot: result, changes };
}

/** Input of a merge into a branch, and choices for its commit. */
interface Merge {
  readonly base: BaseTree;
  readonly theirs: ObjectId;
  /** Commits besides the parents that lead to entries of the result from theirs. */
  readonly from?: readonly ObjectId[];
  /** Recorded after the branch's own tip. */
  readonly parents?: readonly Snapshot[];
  /** Label of theirs in conflict markers. */
  readonly label: string;
  readonly message: string;
  readonly log: string;
  readonly author?: Identity;
  /** Make a commit even when the tree does not change. */
  readonly isMerge?: boolean;
}

async function commitMerge(
  snapshot: Snapshot,
  merge: Merge,
  rules: MergeRules,
  choices: CommitChoices,
): Promise<Outcome> {
  const { store, commit, ref } = snapshot;
  if (rules.dryRun) {
    const scratch = new Scratch(merge.base.trees.objects);
    const base = { ...merge.base, trees: scratch.trees };
    const dry = { ...merge, base };
    const { changes } = await mergedTree(snapshot, dry, rules, choices, scratch.writer());
    return { snapshot, changes };
  }
  return inSession(store, async (writer) => {
    const { tree, changes } = await mergedTree(snapshot, merge, rules, choices, writer);
    choices.signal?.throwIfAborted();
    if (tree === commit.tree && merge.isMerge !== true) {
      await checkCurrent(snapshot);
      return { snapshot, changes };
    }
    const { message: given, operation, tag, signing } = choices;
    const message = commitMessage(given, changes, operation, merge.message);
    const parents = distinctParents(snapshot, [
      ...(merge.parents ?? []),
      ...(choices.parents ?? []),
    ]);
    const outside = [...parents, ...(merge.from ?? [])];
    const parts = { tree, parents, message, author: merge.author, outside, signing };
    const { who, ...made } = await writeCommit(store, writer, parts);
    const result = { store, ...made, ref };
    await choices.beforeMove?.(result);
    await moveBranch(snapshot, made.id, merge.log, { who, tag });
    return { snapshot: result, changes };
  });
}

/** @throws MergeConflictError on a conflict, unless `conflicts` is `markers` */
async function mergedTree(
  snapshot: Snapshot,
  { base, theirs, label }: Merge,
  rules: MergeRules,
  { signal }: CommitChoices,
  writer: ObjectWriter,
): Promise<{ tree: ObjectId; changes: ChangeReport }> {
  const { store } = snapshot;
  const ours = snapshot.commit.tree;
  const { name } = branchOf(snapshot);
  const options = {
    favor: rules.favor,
    labels: { ours: name, theirs: label },
    ...(await renameRules(store, rules)),
    depth: 0,
    pace: new Pace(signal),
  };
  const merged = await mergeTrees(base.trees, writer, { base: base.tree, ours, theirs }, options);
  const conflicts =
    rules.resolve === undefined
      ? merged.conflicts
      : await resolveConflicts(merged, rules.resolve, base.trees.objects, writer);
  if (conflicts.length > 0 && rules.conflicts !== 'markers') {
    const [first] = conflicts;
    const paths =
      conflicts.length === 1 ? first!.path : `${conflicts.length} paths, ${first!.path} first`;
    throw new MergeConflictError(
      `Cannot merge ${label} into '${name}': conflict in ${paths}`,
      conflicts,
      {
        path: first!.path,
        ref: name,
      },
    );
  }
  const tree = await applyEdits(base.trees, writer, ours, merged.edits);
  const { add, update, delete: gone } = await reportOf(base.trees, ours, tree);
  return { tree, changes: new ChangeReport({ add, update, delete: gone, conflicts }) };
}

async function reportOf(
  trees: AnyTreeReader,
  before: ObjectId,
  after: ObjectId,
): Promise<ChangeReport> {
  const report = new ChangeReport();
  for await (const { path, status, old, new: now } of diffTrees(trees, before, after)) {
    const entry: FileEntry = { path, type: fileTypeOf((now ?? old)!.mode) };
    if (status === 'A') report.add.push(entry);
    else if (status === 'D') report.delete.push(entry);
    else report.update.push(entry);
  }
  return report;
}
