/** The log: the first-parent history of a snapshot, filtered. */
import { GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { Commit, CommitLinks } from '../../git/objects/commit.ts';
import { messageOf } from '../../git/objects/commitText.ts';
import { isTreeMode, MODE_TREE, type TreeEntry } from '../../git/objects/tree.ts';
import { Pace } from '../../storage/pace.ts';
import type { CommitGraph, EntryProbe } from '../../storage/shortcuts.ts';
import { normalizePath } from '../../tree/paths.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { compileWildcard } from '../../tree/wildcard.ts';
import type { StoreContext } from '../context/context.ts';
import type { Snapshot } from '../context/snapshot.ts';
import { positionInGraph } from './history.ts';

export interface LogFilter {
  /** Only commits whose entry at this path, id or mode, differs from the first parent's. */
  readonly path?: string | undefined;
  /** Only commits whose whole message matches this pattern of `*` and `?`. */
  readonly match?: string | undefined;
  /** Only commits made at or before this time. */
  readonly before?: Date | undefined;
  /** Only commits made at or after this time. */
  readonly since?: Date | undefined;
  /**
   * Only commits whose author, as `Name <mail>`, contains this text in any letter case. With `*` or `?` the
   * whole author must match the pattern.
   */
  readonly author?: string | undefined;
  /** Aborts the walk. With it, the event loop runs while a long history is searched. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The snapshot and its first-parent ancestors that pass the filter, newest first.
 * @param wrap converts the results; a further generator would cost as much as parsing a commit
 */
export async function* walkLog<T>(
  snapshot: Snapshot,
  filter: LogFilter,
  wrap: (snapshot: Snapshot) => T,
): AsyncGenerator<T, void, undefined> {
  const { store, ref } = snapshot;
  store.assertOpen();
  const passes = commitTest(filter);
  const { path, signal } = filter;
  if (path !== undefined) {
    for await (const { id, commit } of changesOf(snapshot, path, signal)) {
      if (passes(commit)) yield wrap({ store, id, commit, ref });
    }
    return;
  }
  const pace = paceOf(signal);
  for (let { id, commit } = snapshot; ; ) {
    signal?.throwIfAborted();
    if (pace.due()) await pace.pause();
    if (passes(commit)) yield wrap({ store, id, commit, ref });
    const parent = commit.parents[0];
    if (parent === undefined) return;
    id = parent;
    commit = store.commits.tryGet(parent) ?? (await store.commits.getUncached(parent));
  }
}

/** A test of all conditions of a filter but the path. @throws GitStoreError (`EINVAL`) */
export function commitTest(filter: LogFilter): (commit: Commit) => boolean {
  const matches = filter.match === undefined ? undefined : messageMatcher(filter.match);
  const isSigned = signatureTest(filter);
  return (commit) =>
    isSigned(commit.committer.time, commit.author.name, commit.author.email) &&
    (matches === undefined || matches(messageOf(commit)));
}

/**
 * A test of the conditions on author and time, which takes the committer's time in seconds.
 * @throws GitStoreError (`EINVAL`)
 */
export function signatureTest(
  filter: LogFilter,
): (time: number, name: string, email: string) => boolean {
  const isBy = filter.author === undefined ? undefined : authorMatcher(filter.author);
  const until = timeOf(filter.before, 'before');
  const since = timeOf(filter.since, 'since');
  return (time, name, email) =>
    (until === undefined || time * 1000 <= until) &&
    (since === undefined || time * 1000 >= since) &&
    (isBy === undefined || isBy(`${name} <${email}>`));
}

function timeOf(date: Date | undefined, name: string): number | undefined {
  const time = date?.getTime();
  if (Number.isNaN(time)) throw new GitStoreError(`log: ${name} is no valid date`, 'EINVAL');
  return time;
}

function authorMatcher(text: string): (author: string) => boolean {
  if (/[*?]/.test(text)) return messageMatcher(text);
  const wanted = text.toLowerCase();
  return (author) => author.toLowerCase().includes(wanted);
}

/** A commit that changed what is at a path. */
export interface PathChange extends Pick<Snapshot, 'id' | 'commit'> {
  /** Undefined where there is nothing. */
  readonly before: Place | undefined;
  readonly after: Place | undefined;
}

/** The commits whose entry at the path, id or mode, differs from the first parent's. */
export async function* changesOf(
  { store, id, commit }: Snapshot,
  at: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<PathChange, void, undefined> {
  const { commits } = store;
  const path = segments(at);
  const follower = new PathFollower(store, path);
  const pace = paceOf(signal);
  const graph = store.objects.history?.commitGraph();
  let current = id;
  let links: CommitLinks = commit;
  let trail = follower.tryFollow(commit.tree, []) ?? (await follower.follow(commit.tree));
  let position = graph && positionInGraph(graph, current, links);
  const change = async (changed: ObjectId, old: Trail): Promise<PathChange> => ({
    id: changed,
    commit: await commits.getUncached(changed),
    before: old[path.length],
    after: trail[path.length],
  });
  while (position === undefined) {
    signal?.throwIfAborted();
    if (pace.due()) await pace.pause();
    const parentId = links.parents[0];
    const parent =
      parentId === undefined
        ? undefined
        : (commits.tryLinks(parentId) ?? (await commits.links(parentId)));
    const before: Trail =
      parent === undefined
        ? []
        : (follower.tryFollow(parent.tree, trail) ?? (await follower.follow(parent.tree, trail)));
    if (!isSame(trail[path.length], before[path.length])) yield await change(current, before);
    if (parentId === undefined || parent === undefined) return;
    current = parentId;
    links = parent;
    trail = before;
    position = graph && positionInGraph(graph, current, links);
  }

  // From here on the graph has the history, and its filters rule out most commits.
  const known = graph as CommitGraph;
  const nextChange = known.changesOf(path.join('/'), position);
  for (let next = nextChange(); next !== undefined; next = nextChange()) {
    if (next === 'pause') {
      await pace.pause();
      continue;
    }
    signal?.throwIfAborted();
    if (pace.due()) await pace.pause();
    const parent = known.firstParent(next);
    const tree = parent === undefined ? undefined : known.tree(parent);
    const before: Trail =
      tree === undefined
        ? []
        : (follower.tryFollow(tree, trail) ?? (await follower.follow(tree, trail)));
    if (!isSame(trail[path.length], before[path.length])) {
      yield await change(known.id(next), before);
    }
    trail = before;
  }
}

/** The caller may do much work for each commit, and an abort must still get through. */
export function paceOf(signal: AbortSignal | undefined): Pace {
  return new Pace(signal, signal && 1);
}

function segments(path: string): string[] {
  const normal = normalizePath(path);
  return normal === '' ? [] : normal.split('/');
}

/** Matcher for messages, where only `*` and `?` are special. */
function messageMatcher(pattern: string): (message: string) => boolean {
  return compileWildcard(pattern.replace(/[[\\]/g, '\\$&'));
}

/** The entries along a path in one commit, from the root to the path itself, as far as they exist. */
type Trail = readonly Place[];

type Place = Pick<TreeEntry, 'id' | 'mode'>;

/** Follows one path through many trees. */
class PathFollower {
  readonly #trees: TreeReader;
  readonly #path: readonly string[];
  readonly #probes: readonly EntryProbe[] | undefined;

  constructor({ trees, objects }: StoreContext, path: readonly string[]) {
    this.#trees = trees;
    this.#path = path;
    const { history } = objects;
    this.#probes = history && path.map((name) => history.entryProbe(name));
  }

  /** As `follow`, synchronously; `undefined`: not available synchronously, call `follow`. */
  tryFollow(root: ObjectId, known: Trail): Trail | undefined {
    const probes = this.#probes;
    if (probes === undefined) return undefined;
    const trail: Place[] = [{ id: root, mode: MODE_TREE }];
    for (let depth = 0; depth < probes.length; depth++) {
      const { id, mode }: Place = trail[depth]!;
      if (!isTreeMode(mode)) break;
      const entry = probes[depth]!(id);
      if (entry === undefined) return undefined;
      if (entry === null) break;
      if (isSame(entry, known[depth + 1])) return trail.concat(known.slice(depth + 1));
      trail.push(entry);
    }
    return trail;
  }

  /**
   * Follows the path from the tree `root`. When a directory on it is the same as in `known`, the trail of a
   * neighbouring commit, the rest is the same and needs no reads.
   */
  async follow(root: ObjectId, known: Trail = []): Promise<Trail> {
    const trail: Place[] = [];
    let entry: Place | null | undefined = { id: root, mode: MODE_TREE };
    for (let depth = 0; entry != null; depth++) {
      if (isSame(entry, known[depth])) return [...trail, ...known.slice(depth)];
      trail.push(entry);
      const name = this.#path[depth];
      if (name === undefined || !isTreeMode(entry.mode)) break;
      const { id }: Place = entry;
      entry = this.#probes?.[depth]?.(id);
      if (entry === undefined) entry = await this.#trees.entryOf(id, name);
    }
    return trail;
  }
}

function isSame(a: Place | undefined, b: Place | undefined): boolean {
  return a?.id === b?.id && a?.mode === b?.mode;
}
