/**
 * Appending one history to another: a branch goes on with the commits of a source, each with the tree
 * it had there. Nothing is merged.
 */
import type { Commit } from '../git/commit.ts';
import { serializeCommit } from '../git/commit.ts';
import type { ObjectId } from '../git/objectId.ts';
import type { ObjectWriter } from '../storage/storage.ts';
import { inSession, moveBranch, writeCommit } from './commit.ts';
import type { StoreContext } from './context.ts';
import { signingOf } from './signers.ts';
import { branchOf, loadSnapshot, messageOf, type Snapshot, shortHash } from './snapshot.ts';

export interface AppendChoices {
  /** One commit with the source's tree, instead of one for each of its commits. */
  readonly squash?: boolean | undefined;
  /** Of that one commit; default the source's own. */
  readonly message?: string | undefined;
  /** Who that one commit is by, as `Name <mail>`; default the store's author. */
  readonly author?: string | undefined;
  /** When that one commit was made; default now. */
  readonly time?: Date | undefined;
}

/**
 * Puts the source's first-parent commits that the branch does not have yet on the branch's tip, with
 * their messages, authors, committers and dates. A commit whose parent stays the same stays the same.
 * @param tip the branch's newest snapshot
 * @returns the branch's new snapshot; `tip` itself when there is nothing to append
 * @throws StaleSnapshotError when the branch does not stand at `tip` any more
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

/** The first-parent commits of `from`, oldest first, since the newest that is an end, if one is. */
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
 * How many of the source's commits, from the oldest on, were appended before: the branch's own say
 * the same, in the same order, perhaps with others between.
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

/** Everything that stays the same when a commit gets other parents. */
function sayingOf({ tree, author, committer, message }: Commit): string {
  return JSON.stringify([tree, author, committer, message]);
}

/** A commit and all its ancestors. */
async function ancestorsOf(store: StoreContext, id: ObjectId): Promise<Set<ObjectId>> {
  const found = new Set([id]);
  // A set that grows while it is walked is walked to its end.
  for (const at of found) {
    for (const parent of (await store.commits.links(at)).parents) found.add(parent);
  }
  return found;
}

/** The commit as a child of another. A signature was made over the old parents, so it is left out. */
function onParent(commit: Commit, parent: ObjectId): Commit {
  return {
    ...commit,
    parents: [...new Set([parent, ...commit.parents.slice(1)])],
    extraHeaders: commit.extraHeaders.filter(({ key }) => !/^(gpgsig|mergetag)/.test(key)),
  };
}
