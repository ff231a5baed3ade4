/**
 * Making commits. All objects of a commit go through one writing session of the storage; when that
 * is finished, the branch moves, provided that it still stands at the snapshot that was changed.
 */
import { tell } from '../diagnostics.ts';
import { InvalidPathError, KeyExistsError, StaleSnapshotError } from '../errors.ts';
import { type Commit, type Identity, parseCommit, serializeCommit } from '../git/commit.ts';
import { isModulesFile } from '../git/dotGit.ts';
import type { ObjectId } from '../git/objectId.ts';
import { hasLoneSurrogate } from '../git/pathBytes.ts';
import { MODE_LINK } from '../git/tree.ts';
import type { ObjectWriter, RefUpdate } from '../storage/storage.ts';
import type { ChangeReport } from '../tree/changes.ts';
import { applyEdits, type TreeEdit } from '../tree/edit.ts';
import { baseName } from '../tree/paths.ts';
import { touchedPaths } from '../tree/touched.ts';
import type { StaleWrites, StoreContext } from './context.ts';
import { commitMessage } from './message.ts';
import { withRetries } from './retry.ts';
import type { Signing } from './signers.ts';
import {
  branchOf,
  firstLine,
  fullRefName,
  loadSnapshot,
  ofStore,
  type Snapshot,
  shortHash,
} from './snapshot.ts';

/** How a commit is to be made. */
export interface CommitChoices {
  /** The message, with placeholders (message.ts); undefined: the default one. */
  readonly message?: string | undefined;
  /** What `{op}` and the default message call the operation. */
  readonly operation?: string | undefined;
  /** What is put behind the message as it is. */
  readonly trailers?: string | undefined;
  /** Extra parents, recorded behind the first one; their trees are not merged. */
  readonly parents?: readonly Snapshot[] | undefined;
  /** A tag that moves to the result in the same transaction as the branch. */
  readonly tag?: NewTag | undefined;
  /**
   * The snapshots from which the edits take entries that the session did not write; the changed one may
   * be left out. Default: any.
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

/** What an operation led to. */
export interface Outcome {
  readonly snapshot: Snapshot;
  readonly changes: ChangeReport;
}

/** Runs `work` with a writing session and ends it, whatever happens. */
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

/** Edits of a snapshot's tree, and what the commit of them is to say. */
interface EditCommit {
  readonly edits: ReadonlyMap<string, TreeEdit>;
  readonly changes: ChangeReport;
  readonly choices: CommitChoices;
}

/**
 * Commits edits of the snapshot's tree to its branch. When the tree stays as it was and there are no
 * extra parents to record, no commit is made and the outcome is the same snapshot.
 * @param writer the session that has the blobs; it is finished here, unless no commit is made
 * @throws StaleSnapshotError when the branch does not stand at the snapshot any more, and the edits
 *   may not be put on what it has now
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
  const outside = [...parents, ...(choices.from ?? []).map((from) => from.id)];
  if (choices.from === undefined) {
    for (const edit of edits.values()) if (edit !== null) outside.push(edit.id);
  }
  const { signing, tag } = choices;
  const parts = { tree, parents, message, outside, signing };
  const { id, commit, who } = await writeCommit(store, writer, parts);
  await moveBranch(snapshot, id, `commit: ${firstLine(message)}`, { who, tag });
  return { snapshot: { store, id, commit, ref: snapshot.ref }, changes };
}

/** Git holds a tree with one for broken for ever. @throws InvalidPathError */
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
 * Puts the edits on what the branch has now, as long as it has the same at their paths, and again where
 * others are faster. The blobs are written once; what is made again are the trees on the edited paths,
 * and the commit.
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
  // There are others at work: in turn with them no try is in vain.
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

/** So often edits are put on a newer tip; in turn, that is far more than is ever needed. */
const MOST_TRIES = 100;

/**
 * The newest snapshot of the snapshot's branch, when it has the same at all edited paths.
 * @throws StaleSnapshotError when it has not
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
 * @param parts `author`: of the commit that it makes once more; `outside`: see `ObjectWriter.finish`
 * @returns also `who` has made it, and when, for the reflog
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
  await writer.finish(parts.outside);
  const plain = { tree, parents, author, committer, message: text, extraHeaders: [] };
  // Unless something of it cannot be written as it is.
  const commit = hasLoneSurrogate(text) ? parseCommit(body, id) : plain;
  store.commits.remember(id, commit);
  return { id, commit, who };
}

/**
 * Moves the snapshot's branch from the snapshot to another commit, and a tag with it: both or neither.
 * @param log the reflog's line
 * @throws StaleSnapshotError when the branch does not stand at the snapshot any more
 * @throws KeyExistsError when there is a tag of this name, without `force`
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

/** What sets a tag. */
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
