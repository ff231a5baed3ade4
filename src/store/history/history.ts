/** Moves through history: ancestors, undo and redo, squashing. */
import { GitStoreError, KeyNotFoundError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { CommitLinks } from '../../git/objects/commit.ts';
import { messageOf, shortHash } from '../../git/objects/commitText.ts';
import type { CommitGraph } from '../../storage/shortcuts.ts';
import { inSession, moveBranch, writeCommit } from '../commit/commit.ts';
import type { Signing } from '../context/signers.ts';
import {
  branchOf,
  fullRefName,
  loadSnapshot,
  ofStore,
  type Snapshot,
} from '../context/snapshot.ts';
import { redoMessage, redoTarget, undoMessage } from './redo.ts';

/** The first parent; null for a first commit. */
export async function parentOf(snapshot: Snapshot): Promise<Snapshot | null> {
  snapshot.store.assertOpen();
  const id = snapshot.commit.parents[0];
  return id === undefined ? null : loadSnapshot(snapshot.store, id, snapshot.ref);
}

/**
 * The ancestor `steps` first parents back.
 * @throws KeyNotFoundError with the length of the history, when it is shorter
 */
export async function ancestorOf(snapshot: Snapshot, steps: number): Promise<Snapshot> {
  checkSteps(steps, 0);
  if (steps === 0) return snapshot;
  const { store, ref } = snapshot;
  const graph = store.objects.history?.commitGraph();
  let id: ObjectId | undefined = snapshot.id;
  let links: CommitLinks = snapshot.commit;
  for (let walked = 0; ; ) {
    const position = graph && positionInGraph(graph, id, links);
    if (graph !== undefined && position !== undefined) {
      const found = graph.ancestor(position, steps - walked);
      if ('position' in found) return loadSnapshot(store, graph.id(found.position), ref);
      throw tooFar(snapshot, steps, walked + found.fewer);
    }
    id = links.parents[0];
    if (id === undefined) throw tooFar(snapshot, steps, walked);
    walked += 1;
    if (walked === steps) return loadSnapshot(store, id, ref);
    links = store.commits.tryLinks(id) ?? (await store.commits.links(id));
  }
}

/**
 * A commit's position in the graph. Undefined when it is missing there, or when the graph contradicts the
 * commit itself.
 */
export function positionInGraph(
  graph: CommitGraph,
  id: ObjectId,
  { tree, parents }: CommitLinks,
): number | undefined {
  const position = graph.find(id);
  if (position === undefined || graph.tree(position) !== tree) return undefined;
  const parent = graph.firstParent(position);
  return (parent === undefined ? undefined : graph.id(parent)) === parents[0]
    ? position
    : undefined;
}

function tooFar({ id, ref }: Snapshot, steps: number, walked: number): KeyNotFoundError {
  return new KeyNotFoundError(
    `Cannot go back ${steps} from ${shortHash(id)}: its history goes back only ${walked}`,
    { ref: ref?.name ?? id },
  );
}

/** Moves the branch back by first parents. */
export async function undo(snapshot: Snapshot, steps: number): Promise<Snapshot> {
  branchOf(snapshot);
  checkSteps(steps, 1);
  const target = await ancestorOf(snapshot, steps);
  await moveBranch(snapshot, target.id, undoMessage(steps, snapshot.id));
  return target;
}

/**
 * Takes back undos: the newest moves of the branch, as far as `undo` has made them. Follows the branch's
 * reflog backwards from the newest entry that arrived at this commit, and takes each entry's old value. A
 * redo continues where the previous one stopped.
 * @throws KeyNotFoundError when there are fewer undos to take back
 */
export async function redo(snapshot: Snapshot, steps: number): Promise<Snapshot> {
  const branch = branchOf(snapshot);
  checkSteps(steps, 1);
  const { store } = snapshot;
  const reflog = store.refs.reflog(fullRefName(branch));
  const { target, found } = await redoTarget(reflog, snapshot.id, steps);
  if (target === undefined) {
    const what =
      found === 0
        ? `Nothing to redo on branch '${branch.name}': its last move was no undo`
        : `Cannot redo ${steps} on branch '${branch.name}': only ${found} can be redone`;
    throw new KeyNotFoundError(what, { ref: branch.name });
  }
  const there = await loadSnapshot(store, target, branch);
  await moveBranch(snapshot, target, redoMessage(steps, snapshot.id));
  return there;
}

/**
 * A new commit with the snapshot's tree and no history but `parent`. It is on no branch.
 * @param message default: the snapshot's own
 */
export function squash(
  snapshot: Snapshot,
  parent: Snapshot | undefined,
  message: string | undefined,
  signing?: Signing | undefined,
): Promise<Snapshot> {
  const { store, commit } = snapshot;
  return inSession(store, async (writer) => {
    const parents = parent === undefined ? [] : [ofStore(store, parent).id];
    const { id, commit: made } = await writeCommit(store, writer, {
      tree: commit.tree,
      parents,
      message: message ?? messageOf(commit),
      signing,
      outside: [snapshot.id, ...parents],
    });
    return { store, id, commit: made, ref: null };
  });
}

function checkSteps(steps: number, least: number): void {
  if (!Number.isSafeInteger(steps) || steps < least) {
    throw new GitStoreError(
      `The number of steps must be a whole number of ${least} or more: ${steps}`,
      'EINVAL',
    );
  }
}
