/**
 * Removes paths from history: rewrites every commit of the branches that holds one of them, and all later
 * commits. Tags and notes move along, in one transaction. After that only refs that the caller has not
 * named keep the old commits.
 */
import { GitStoreError, KeyNotFoundError } from '../../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../git/objectId.ts';
import { type Commit, serializeCommit } from '../../git/objects/commit.ts';
import { addAll } from '../../lists.ts';
import { DELETED_REFS } from '../../storage/refRules.ts';
import type { ObjectWriter, RefUpdate } from '../../storage/storage.ts';
import { applyEdits } from '../../tree/edit.ts';
import { normalizePath } from '../../tree/paths.ts';
import { inSession } from '../commit/commit.ts';
import { type RetryOptions, withRetries } from '../commit/retry.ts';
import type { StoreContext } from '../context/context.ts';
import { refFolder } from '../context/snapshot.ts';
import { moveNotes, moveTags, tagsOn } from './rewritten.ts';

export interface ForgetOptions extends Pick<RetryOptions, 'signal'> {
  /** Short names; default: all branches. */
  readonly branches?: readonly string[] | undefined;
  /** Change nothing; return what would change. */
  readonly dryRun?: boolean | undefined;
}

export interface Forgotten {
  /** Old ids of rewritten commits, mapped to the new ones. */
  readonly moved: ReadonlyMap<ObjectId, ObjectId>;
  /** Full names of the refs that have moved. */
  readonly refs: readonly string[];
}

/**
 * @throws KeyNotFoundError for a branch that does not exist, and when no snapshot holds any of the paths
 */
export function forgetPaths(
  store: StoreContext,
  paths: readonly string[],
  options: ForgetOptions,
): Promise<Forgotten> {
  const normal = paths.map(normalizePath);
  if (normal.length === 0 || normal.includes('')) {
    throw new GitStoreError('Which path is to be forgotten? The root cannot be', 'EINVAL');
  }
  const attempt = () => forget(store, normal, options);
  return withRetries(store, '', attempt, { retries: 20, signal: options.signal });
}

async function forget(
  store: StoreContext,
  paths: readonly string[],
  { branches, dryRun, signal }: ForgetOptions,
): Promise<Forgotten> {
  const heads = await headsOf(store, branches);
  return inSession(store, async (writer) => {
    const rewriter = new Rewriter(store, writer, paths, signal);
    // Deleted and thinned refs, logs and tags would keep the old commits too.
    const names = branches && heads.map(({ ref }) => ref);
    const past = await pastOf(store, names);
    const logged = await loggedIn(store, heads);
    const starts = [...heads, ...past].map(({ id }) => id);
    if (branches === undefined) addAll(starts, await taggedCommits(store));
    for (const ids of logged.values()) addAll(starts, ids);
    const moved = await rewriter.rewrite(starts);
    if (moved.size === 0) {
      const where = branches === undefined ? 'any branch' : branches.join(', ');
      throw new KeyNotFoundError(`No snapshot of ${where} holds ${paths.join(' or ')}`, {
        ref: paths[0]!,
      });
    }
    const who = store.signature();
    const updates: RefUpdate[] = [];
    for (const { ref, id } of heads) {
      const to = moved.get(id);
      const reflog = { who, message: 'forget' };
      const isLogged = logged.get(ref)!.some((old) => moved.has(old));
      if (to === undefined && !isLogged) continue;
      updates.push({ ref, old: id, new: to ?? id, reflog, restartsLog: true });
    }
    const tags = await tagsOn(store, new Set(moved.keys()));
    addAll(updates, await moveTags(tags, moved, writer, store, 'forget'));
    addAll(updates, await moveNotes(store, moved, writer));
    for (const { ref, id } of past) updates.push({ ref, old: id, new: null });
    if (dryRun !== true) {
      await writer.finish();
      signal?.throwIfAborted();
      await store.refs.update(updates);
      store.wrote();
    }
    return { moved, refs: updates.filter((one) => one.new !== null).map(({ ref }) => ref) };
  });
}

async function headsOf(store: StoreContext, branches: readonly string[] | undefined) {
  const folder = refFolder('branch');
  const all = await store.listRefs(folder);
  if (branches === undefined) return all;
  return branches.map((name) => {
    const found = all.find(({ ref }) => ref === folder + name);
    if (found === undefined) throw new KeyNotFoundError(`Branch not found: ${name}`, { ref: name });
    return found;
  });
}

/**
 * Private refs that keep deleted and thinned branches.
 * @param names full names of the branches; undefined for any
 */
async function pastOf(store: StoreContext, names: readonly string[] | undefined) {
  const all = await store.listRefs(DELETED_REFS);
  if (names === undefined) return all;
  const found: (typeof all)[number][] = [];
  for (const entry of all) {
    for await (const { message } of store.refs.reflog(entry.ref)) {
      if (names.some((name) => message.endsWith(`: ${name}`))) found.push(entry);
      break;
    }
  }
  return found;
}

/** The existing commits that the logs of refs name, by ref. */
async function loggedIn(
  store: StoreContext,
  heads: readonly { readonly ref: string }[],
): Promise<Map<string, ObjectId[]>> {
  const found = new Map<string, ObjectId[]>();
  for (const { ref } of heads) {
    const ids = new Set<ObjectId>();
    for await (const entry of store.refs.reflog(ref)) {
      for (const id of [entry.old, entry.new]) if (id !== null) ids.add(id);
    }
    const there: ObjectId[] = [];
    for (const id of ids) if ((await store.objects.header(id))?.type === 'commit') there.push(id);
    found.set(ref, there);
  }
  return found;
}

async function taggedCommits(store: StoreContext): Promise<ObjectId[]> {
  const found: ObjectId[] = [];
  for (const { id } of await store.listRefs('refs/tags/')) {
    const peeled = await store.commits.peel(id);
    if (peeled?.type === 'commit') found.push(peeled.id);
  }
  return found;
}

class Rewriter {
  readonly #store: StoreContext;
  readonly #writer: ObjectWriter;
  readonly #edits: ReadonlyMap<string, null>;
  readonly #signal: AbortSignal | undefined;
  readonly #trees = new Map<ObjectId, ObjectId>();
  /** Every visited commit with its present id. */
  readonly #commits = new Map<ObjectId, ObjectId>();

  constructor(
    store: StoreContext,
    writer: ObjectWriter,
    paths: readonly string[],
    signal: AbortSignal | undefined,
  ) {
    this.#store = store;
    this.#writer = writer;
    this.#edits = new Map(paths.map((path) => [path, null]));
    this.#signal = signal;
  }

  /** @returns the rewritten commits */
  async rewrite(starts: readonly ObjectId[]): Promise<Map<ObjectId, ObjectId>> {
    const { commits } = this.#store;
    const open = [...new Set(starts)];
    for (let id = open.at(-1), count = 0; id !== undefined; id = open.at(-1)) {
      if (++count % 256 === 0) {
        await new Promise((resolve) => setImmediate(resolve));
        this.#signal?.throwIfAborted();
      }
      if (this.#commits.has(id)) {
        open.pop();
        continue;
      }
      const commit = await commits.getUncached(id);
      const missing = commit.parents.filter((parent) => !this.#commits.has(parent));
      if (missing.length > 0) addAll(open, missing);
      else {
        open.pop();
        this.#commits.set(id, await this.#write(id, commit));
      }
    }
    return new Map([...this.#commits].filter(([before, after]) => before !== after));
  }

  async #write(id: ObjectId, commit: Commit): Promise<ObjectId> {
    const tree = await this.#tree(commit.tree);
    const parents = commit.parents.map((parent) => this.#commits.get(parent)!);
    const isSame = tree === commit.tree && parents.every((p, at) => p === commit.parents[at]);
    if (isSame) return id;
    const extraHeaders = commit.extraHeaders.filter(({ key }) => !/^(gpgsig|mergetag)/.test(key));
    return this.#writer.write(
      'commit',
      serializeCommit({ ...commit, tree, parents, extraHeaders }),
    );
  }

  async #tree(root: ObjectId): Promise<ObjectId> {
    let made = this.#trees.get(root);
    if (made === undefined) {
      const { trees } = this.#store;
      made =
        root === EMPTY_TREE_ID ? root : await applyEdits(trees, this.#writer, root, this.#edits);
      this.#trees.set(root, made);
    }
    return made;
  }
}
