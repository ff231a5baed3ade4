/**
 * Makes commits. All objects of a commit go through one writing session of the storage. When it is
 * finished, the branch moves, provided that it is still at the changed snapshot.
 */
import { tell } from '../../diagnostics.ts';
import { InvalidPathError, KeyExistsError, StaleSnapshotError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import {
  type Commit,
  type Identity,
  parseCommit,
  serializeCommit,
} from '../../git/objects/commit.ts';
import { firstLine, shortHash } from '../../git/objects/commitText.ts';
import { isModulesFile } from '../../git/objects/dotGit.ts';
import { MODE_GITLINK, MODE_LINK } from '../../git/objects/tree.ts';
import { hasLoneSurrogate } from '../../git/pathBytes.ts';
import type { ObjectWriter, RefUpdate } from '../../storage/storage.ts';
import type { ChangeReport } from '../../tree/changes.ts';
import { applyEdits, type TreeEdit } from '../../tree/edit.ts';
import { baseName } from '../../tree/paths.ts';
import { touchedPaths } from '../../tree/touched.ts';
import type { StaleWrites, StoreContext } from '../context/context.ts';
import type { Signing } from '../context/signers.ts';
import {
  branchOf,
  fullRefName,
  loadSnapshot,
  ofStore,
  type Snapshot,
} from '../context/snapshot.ts';
import { commitMessage } from './message.ts';
import { withRetries } from './retry.ts';

/** How to make a commit. */
export interface CommitChoices {
  /** The message, with placeholders (message.ts); undefined: the default one. */
  readonly message?: string | undefined;
  /** Name of the operation for `{op}` and the default message. */
  readonly operation?: string | undefined;
  /** Text to append to the message unchanged. */
  readonly trailers?: string | undefined;
  /** Extra parents, recorded after the first one; their trees are not merged. */
  readonly parents?: readonly Snapshot[] | undefined;
  /** A tag that moves to the result in the same transaction as the branch. */
  readonly tag?: NewTag | undefined;
  /**
   * Snapshots that contain all entries of the edits that the session did not write, besides the changed
   * one. Default: unknown.
   */
  readonly from?: readonly Snapshot[] | undefined;
  /** Default: as the store was opened. */
  readonly staleWrites?: StaleWrites | undefined;
  readonly signing?: Signing | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called by a merge with its result, once that is stored and before the branch moves to it. */
  readonly beforeMove?: ((made: Snapshot) => Promise<void>) | undefined;
}

export interface NewTag {
  readonly name: string;
  /** Whether it may exist. */
  readonly force: boolean;
}

/** Result of an operation. */
export interface Outcome {
  readonly snapshot: Snapshot;
  readonly changes: ChangeReport;
}

/** Runs `work` with a writing session, and ends the session in any case. */
export async function inSession<Result>(
  store: StoreContext,
  work: (writer: ObjectWriter) => Promise<Result>,
): Promise<Result> {
  const writer = store.objects.writer();
  try {
    return await work(writer);
  } finally {
    await writer.abort();
  }
}

/** Edits of a snapshot's tree, and the choices for their commit. */
interface EditCommit {
  readonly edits: ReadonlyMap<string, TreeEdit>;
  readonly changes: ChangeReport;
  readonly choices: CommitChoices;
}

/**
 * Commits edits of the snapshot's tree to its branch. When the tree does not change and there are no
 * extra parents to record, makes no commit and returns the same snapshot.
 * @param writer the session that has the blobs. Finished here, unless no commit is made
 * @throws StaleSnapshotError when the branch is no longer at the snapshot, and the edits must not be
 *   applied to its tip
 * @throws GitStoreError (`EINVAL`) for a parent of another store
 */
export function commitEdits(
  snapshot: Snapshot,
  writer: ObjectWriter,
  edits: ReadonlyMap<string, TreeEdit>,
  changes: ChangeReport,
  choices: CommitChoices,
): Promise<Outcome> {
  const commit = { edits, changes, choices };
  return (choices.staleWrites ?? snapshot.store.staleWrites) === 'merge'
    ? commitOnTip(snapshot, writer, commit)
    : commitOn(snapshot, writer, commit);
}

async function commitOn(
  snapshot: Snapshot,
  writer: ObjectWriter,
  { edits, changes, choices }: EditCommit,
): Promise<Outcome> {
  const { store } = snapshot;
  refuseModulesLinks(edits);
  const tree = await applyEdits(store.trees, writer, snapshot.commit.tree, edits);
  const parents = distinctParents(snapshot, choices.parents);
  choices.signal?.throwIfAborted();
  if (tree === snapshot.commit.tree && parents.length === 1) {
    if (choices.tag === undefined) await checkCurrent(snapshot);
    else await moveBranch(snapshot, snapshot.id, '', { tag: choices.tag });
    return { snapshot, changes };
  }
  const { trailers = '' } = choices;
  const message = commitMessage(choices.message, changes, choices.operation) + trailers;
  const { signing, tag } = choices;
  const named: ObjectId[] = [];
  for (const edit of edits.values())
    if (edit !== null && edit.mode !== MODE_GITLINK) named.push(edit.id);
  const outside = [...parents, ...(choices.from?.map((from) => from.id) ?? named)];
  const parts = { tree, parents, message, outside, named, signing };
  const { id, commit, who } = await writeCommit(store, writer, parts);
  await moveBranch(snapshot, id, `commit: ${firstLine(message)}`, { who, tag });
  return { snapshot: { store, id, commit, ref: snapshot.ref }, changes };
}

/** Git reports any tree with such a link as broken. @throws InvalidPathError */
function refuseModulesLinks(edits: ReadonlyMap<string, TreeEdit>): void {
  for (const [path, edit] of edits) {
    if (edit?.mode === MODE_LINK && isModulesFile(baseName(path))) {
      throw new InvalidPathError(
        `${path}: Git stores no .gitmodules that is a symbolic link; leave it out, or write a file`,
        { path },
      );
    }
  }
}

/**
 * Applies the edits to the branch's tip, provided that the tip is unchanged at their paths. Retries when
 * another writer is faster. The blobs are written once. A retry rewrites only the trees on the edited
 * paths, and the commit.
 */
async function commitOnTip(
  snapshot: Snapshot,
  writer: ObjectWriter,
  commit: EditCommit,
): Promise<Outcome> {
  const { signal } = commit.choices;
  const ref = fullRefName(branchOf(snapshot));
  const isNewest = (await snapshot.store.refs.get(ref)) === snapshot.id;
  if (isNewest) {
    try {
      return await commitOn(snapshot, writer, commit);
    } catch (error) {
      if (!(error instanceof StaleSnapshotError)) throw error;
    }
  }
  // Other writers are active. Taking turns with them makes each attempt succeed.
  let session = isNewest ? undefined : writer;
  const attempt = async (): Promise<Outcome | StaleSnapshotError> => {
    let now: Snapshot;
    try {
      now = await tipFor(snapshot, commit.edits);
    } catch (error) {
      if (error instanceof StaleSnapshotError) return error;
      throw error;
    }
    session ??= snapshot.store.objects.writer();
    try {
      return await commitOn(now, session, commit);
    } finally {
      await session.abort();
      session = undefined;
    }
  };
  const result = await withRetries(snapshot.store, ref, attempt, { retries: MOST_TRIES, signal });
  if (result instanceof StaleSnapshotError) throw result;
  return result;
}

/** Attempts to apply edits to a newer tip. With turns far fewer are needed. */
const MOST_TRIES = 100;

/**
 * The newest snapshot of the snapshot's branch, provided that it is unchanged at all edited paths.
 * @throws StaleSnapshotError when it is not
 */
async function tipFor(snapshot: Snapshot, edits: ReadonlyMap<string, TreeEdit>): Promise<Snapshot> {
  const { store, ref, commit } = snapshot;
  const id = await store.refs.get(fullRefName(branchOf(snapshot)));
  if (id === snapshot.id) return snapshot;
  if (id === undefined) throw stale(snapshot);
  const tip = await loadSnapshot(store, id, ref);
  const paths = await touchedPaths(store.trees, commit.tree, tip.commit.tree, edits);
  if (paths.length > 0) throw stale(snapshot, undefined, paths);
  return tip;
}

/**
 * Writes a commit; ends the session.
 * @param parts `author`: the author of the original commit, when one is recreated; `outside`: see
 *   `ObjectWriter.finish`
 * @returns also `who`, the committer and time for the reflog
 */
export async function writeCommit(
  store: StoreContext,
  writer: ObjectWriter,
  parts: {
    tree: ObjectId;
    parents: ObjectId[];
    message: string;
    author?: Identity | undefined;
    signing?: Signing | undefined;
    outside?: Iterable<ObjectId> | undefined;
    named?: Iterable<ObjectId> | undefined;
  },
): Promise<{ id: ObjectId; commit: Commit; who: Identity }> {
  const { author, committer, who } = store.commitSignatures(parts.signing, parts.author);
  const { tree, parents, message } = parts;
  const text = message.endsWith('\n') ? message : `${message}\n`;
  const body = serializeCommit({
    tree,
    parents,
    author,
    committer,
    message: text,
    extraHeaders: [],
  });
  const id = await writer.write('commit', body);
  await writer.finish(parts.outside, parts.named);
  const plain = { tree, parents, author, committer, message: text, extraHeaders: [] };
  // Parse it back when the text was not encodable unchanged.
  const commit = hasLoneSurrogate(text) ? parseCommit(body, id) : plain;
  store.commits.remember(id, commit);
  return { id, commit, who };
}

/**
 * Moves the snapshot's branch from the snapshot to another commit, and a tag with it, atomically.
 * @param log the reflog's line
 * @throws StaleSnapshotError when the branch is no longer at the snapshot
 * @throws KeyExistsError when the tag exists, without `force`
 */
export async function moveBranch(
  snapshot: Snapshot,
  to: ObjectId,
  log: string,
  { who = snapshot.store.signature(), tag }: { who?: Identity; tag?: NewTag | undefined } = {},
): Promise<void> {
  const ref = fullRefName(branchOf(snapshot));
  const updates: RefUpdate[] = [{ ref, old: snapshot.id, new: to, reflog: { who, message: log } }];
  if (tag !== undefined) updates.push(tagUpdate(tag, to, who));
  try {
    await snapshot.store.refs.update(updates);
    snapshot.store.wrote();
    if (to !== snapshot.id) tellCommit(snapshot, to, log);
  } catch (error) {
    if (!(error instanceof StaleSnapshotError)) throw error;
    if (tag !== undefined && error.ref === fullRefName({ kind: 'tag', name: tag.name })) {
      throw tagExists(tag.name, error);
    }
    throw stale(snapshot, error);
  }
}

function tellCommit(snapshot: Snapshot, commitHash: ObjectId, reason: string): void {
  tell('gitstore:commit', () => ({
    store: snapshot.store.location,
    branch: branchOf(snapshot).name,
    commitHash,
    oldHash: snapshot.id,
    reason,
  }));
}

/** The ref update that sets a tag. */
export function tagUpdate({ name, force }: NewTag, to: ObjectId, who: Identity): RefUpdate {
  const message = force ? 'tag: set' : 'tag: created';
  const ref = fullRefName({ kind: 'tag', name });
  return { ref, old: force ? undefined : null, new: to, reflog: { who, message } };
}

export function tagExists(name: string, cause?: unknown): KeyExistsError {
  return new KeyExistsError(`Tag already exists: ${name}`, { ref: name, cause });
}

export async function checkCurrent(snapshot: Snapshot): Promise<void> {
  const now = await snapshot.store.refs.get(fullRefName(branchOf(snapshot)));
  if (now !== snapshot.id) throw stale(snapshot);
}

function stale(
  snapshot: Snapshot,
  cause?: StaleSnapshotError,
  paths: readonly string[] = [],
): StaleSnapshotError {
  const { name } = branchOf(snapshot);
  const where = paths.length > 1 ? `${paths.length} paths, ${paths[0]} first` : paths[0];
  const change = where === undefined ? '' : `, with another change of ${where}`;
  const message = `Branch '${name}' has moved on from ${shortHash(snapshot.id)}${change}`;
  return new StaleSnapshotError(message, { ref: name, cause, paths });
}

export function distinctParents(
  { store, id }: Snapshot,
  extra: readonly Snapshot[] = [],
): ObjectId[] {
  if (extra.length === 0) return [id];
  return [...new Set([id, ...extra.map((parent) => ofStore(store, parent).id)])];
}
