/**
 * Appends one history to another: adds the commits of a source to a branch, each with its own tree.
 * Nothing is merged.
 */

import type { ObjectId } from '../../git/objectId.ts';
import type { Commit } from '../../git/objects/commit.ts';
import { serializeCommit } from '../../git/objects/commit.ts';
import { messageOf, shortHash } from '../../git/objects/commitText.ts';
import type { ObjectWriter } from '../../storage/storage.ts';
import type { StoreContext } from '../context/context.ts';
import { signingOf } from '../context/signers.ts';
import { branchOf, loadSnapshot, type Snapshot } from '../context/snapshot.ts';
import { inSession, moveBranch, writeCommit } from './commit.ts';

export interface AppendChoices {
  /** Make one commit with the source's tree instead of one for each of its commits. */
  readonly squash?: boolean | undefined;
  /** Message of that one commit; default the source's own. */
  readonly message?: string | undefined;
  /** Author of that one commit, as `Name <mail>`; default the store's author. */
  readonly author?: string | undefined;
  /** Time of that one commit; default now. */
  readonly time?: Date | undefined;
}

/**
 * Adds the source's first-parent commits that the branch lacks to the branch's tip, with their messages,
 * authors, committers and dates. A commit whose parent stays the same keeps its id.
 * @param tip the branch's newest snapshot
 * @returns the branch's new snapshot; `tip` itself when there is nothing to append
 * @throws StaleSnapshotError when the branch is no longer at `tip`
 */
export async function appendHistory(
  tip: Snapshot,
  source: Snapshot,
  choices: AppendChoices,
): Promise<Snapshot> {
  const { store } = tip;
  const from = source.ref?.name ?? shortHash(source.id);
  const branch = branchOf(tip);
  const id = await inSession(store, (writer) =>
    choices.squash ? appendTree(tip, source, choices, writer) : replay(tip, source, writer),
  );
  if (id === tip.id) return tip;
  await moveBranch(tip, id, `branch: Appended ${from}`);
  return loadSnapshot(store, id, branch);
}

async function appendTree(
  tip: Snapshot,
  source: Snapshot,
  choices: AppendChoices,
  writer: ObjectWriter,
): Promise<ObjectId> {
  const { tree } = source.commit;
  if (tree === tip.commit.tree) return tip.id;
  const made = await writeCommit(tip.store, writer, {
    tree,
    parents: [tip.id],
    message: choices.message ?? messageOf(source.commit),
    signing: signingOf(choices),
    outside: [tip.id, source.id],
  });
  return made.id;
}

async function replay(tip: Snapshot, source: Snapshot, writer: ObjectWriter): Promise<ObjectId> {
  const { store } = tip;
  const reachable = await ancestorsOf(store, tip.id);
  const missing = await firstParents(store, source.id, (id) => reachable.has(id));
  if (missing.ids.length === 0) return tip.id;
  const own = await firstParents(store, tip.id, (id) => id === missing.end);
  const earlier = await appendedEarlier(store, missing.ids, own.ids);
  let at = tip.id;
  for (const id of missing.ids.slice(earlier)) {
    const commit = await store.commits.get(id);
    at =
      commit.parents[0] === at
        ? id
        : await writer.write('commit', serializeCommit(onParent(commit, at)));
  }
  await writer.finish([tip.id, source.id]);
  return at;
}

/** The first-parent commits of `from`, oldest first, after the newest one for which `isEnd` holds. */
async function firstParents(
  store: StoreContext,
  from: ObjectId,
  isEnd: (id: ObjectId) => boolean,
): Promise<{ ids: ObjectId[]; end: ObjectId | undefined }> {
  const ids: ObjectId[] = [];
  let id: ObjectId | undefined = from;
  while (id !== undefined && !isEnd(id)) {
    ids.push(id);
    id = (await store.commits.links(id)).parents[0];
  }
  return { ids: ids.reverse(), end: id };
}

/**
 * How many of the source's commits, from the oldest on, were appended before: the branch has equal
 * commits in the same order, possibly with others between.
 */
async function appendedEarlier(
  store: StoreContext,
  source: readonly ObjectId[],
  own: readonly ObjectId[],
): Promise<number> {
  const sayingAt = async (index: number): Promise<string | undefined> => {
    const id = source[index];
    return id === undefined ? undefined : sayingOf(await store.commits.get(id));
  };
  let count = 0;
  let wanted = await sayingAt(0);
  for (const id of own) {
    if (wanted === undefined) break;
    if (sayingOf(await store.commits.get(id)) === wanted) wanted = await sayingAt(++count);
  }
  return count;
}

/** Everything of a commit but its parents, as a key. */
function sayingOf({ tree, author, committer, message }: Commit): string {
  return JSON.stringify([tree, author, committer, message]);
}

/** A commit and all its ancestors. */
async function ancestorsOf(store: StoreContext, id: ObjectId): Promise<Set<ObjectId>> {
  const found = new Set([id]);
  // The loop also visits ids that are added to the set during it.
  for (const at of found) {
    for (const parent of (await store.commits.links(at)).parents) found.add(parent);
  }
  return found;
}

/** The commit with another parent. Drops the signature, which covers the old parents. */
function onParent(commit: Commit, parent: ObjectId): Commit {
  return {
    ...commit,
    parents: [...new Set([parent, ...commit.parents.slice(1)])],
    extraHeaders: commit.extraHeaders.filter(({ key }) => !/^(gpgsig|mergetag)/.test(key)),
  };
}
