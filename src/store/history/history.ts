/** Ancestors of a snapshot, and a snapshot without its history. */
import { GitStoreError, KeyNotFoundError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { CommitLinks } from '../../git/objects/commit.ts';
import { messageOf, shortHash } from '../../git/objects/commitText.ts';
import type { CommitGraph } from '../../storage/shortcuts.ts';
import { inSession, writeCommit } from '../commit/commit.ts';
import type { Signing } from '../context/signers.ts';
import { loadSnapshot, ofStore, type Snapshot } from '../context/snapshot.ts';

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

/** @throws GitStoreError (`EINVAL`) for fewer steps than `least`, or no whole number */
export function checkSteps(steps: number, least: number): void {
  if (!Number.isSafeInteger(steps) || steps < least) {
    throw new GitStoreError(
      `The number of steps must be a whole number of ${least} or more: ${steps}`,
      'EINVAL',
    );
  }
}
