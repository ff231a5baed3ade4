/**
 * Which snapshot a request means. The ref is resolved for every request, so a new commit shows at
 * once. A request may step back (`?at=COMMIT`), but only to what lies in the history of the snapshot
 * that is served: by first parents, as everywhere.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isObjectId, type ObjectId } from '../../git/objectId.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { HttpError, nothingYet } from './httpError.ts';
import type { Service } from './service.ts';

/** Says which snapshot is served now. */
export type Source = () => Promise<FS>;

/** Milliseconds after which an answer of the source is not shared any more. */
const SHARED_FOR = 1;

/**
 * The source, asked once for all requests that the event loop found waiting at the same moment: each
 * was sent before the source is asked, so none sees less than it may expect.
 */
export class SharedSource {
  /** What the source said in this turn of the event loop. */
  #snapshot: FS | undefined;
  #askedAt = 0;
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  /** The snapshot, where it is known already. */
  get known(): FS | undefined {
    if (this.#snapshot === undefined) return undefined;
    // A turn may be held up; what was sent meanwhile is answered anew.
    return performance.now() - this.#askedAt < SHARED_FOR ? this.#snapshot : undefined;
  }

  async ask(): Promise<FS> {
    const askedAt = performance.now();
    let over = false;
    setImmediate(() => {
      over = true;
      this.#snapshot = undefined;
    });
    const snapshot = await this.#source();
    if (!over) {
      this.#snapshot = snapshot;
      this.#askedAt = askedAt;
    }
    return snapshot;
  }
}

/** A snapshot, and the path in it that a request names. */
export interface Place {
  readonly snapshot: FS;
  /** Normalized. */
  readonly path: string;
  /** What stands before the path in the URL to name the ref: `''`, or `main` where all are served. */
  readonly root: string;
}

const BRANCHES = 'refs/heads/';
const TAGS = 'refs/tags/';
/** Longer names than Git's own limits let a ref have. */
const LONGEST_REF = 1024;

/** @param given the handler's option: a ref's name, a function, or undefined for the current branch */
export function sourceOf(
  store: GitStore,
  given: string | (() => FS | Promise<FS>) | undefined,
): Source {
  if (typeof given === 'function') return async () => store.own(await given());
  if (given !== undefined) return () => store.fs(given);
  return async () => {
    const current = await store.branches.current();
    if (current === null) throw nothingYet(await store.branches.currentName());
    return current;
  };
}

/**
 * Splits a path whose first segments name a branch or a tag: the shortest that do, a branch before a
 * tag. `refs/heads/…` and `refs/tags/…` name what others hide. Undefined when none does.
 */
export async function placeInRefs(store: GitStore, path: string): Promise<Place | undefined> {
  const { branches, tags } = store;
  const kinds = [
    ['', branches],
    ['', tags],
    [BRANCHES, branches],
    [TAGS, tags],
  ] as const;
  for (let end = 0; end < path.length && end <= LONGEST_REF; ) {
    const slash = path.indexOf('/', end + 1);
    end = slash < 0 ? path.length : slash;
    const root = path.slice(0, end);
    for (const [prefix, refs] of kinds) {
      if (!root.startsWith(prefix) || root.length === prefix.length) continue;
      const snapshot = await refs.find(root.slice(prefix.length));
      if (snapshot !== undefined) return { snapshot, path: path.slice(end + 1), root };
    }
  }
  return undefined;
}

/** What a URL has to begin with to reach a ref where all are served. */
export async function rootOfRef(
  store: GitStore,
  kind: 'branch' | 'tag',
  name: string,
): Promise<string> {
  const found = await placeInRefs(store, name);
  const reached = found?.path === '' && found.snapshot.writable === (kind === 'branch');
  return reached ? name : (kind === 'branch' ? BRANCHES : TAGS) + name;
}

/**
 * The snapshot of a commit in a history.
 * @param tip the newest one of the history
 * @throws HttpError (404) for what is not in it
 */
export async function olderSnapshot(
  { store, histories }: Service,
  tip: FS,
  hash: string,
  signal?: AbortSignal,
): Promise<FS> {
  const id = hash.toLowerCase();
  const isKnown = isObjectId(id) && (await histories.distance(tip, id, signal)) !== undefined;
  if (!isKnown) throw new HttpError(404, `No snapshot ${hash} in this history`);
  return store.snapshotOf(id);
}

/** Commits by their distance from a tip, looked up only as far as was asked. */
interface Chain {
  readonly positions: Map<ObjectId, number>;
  /** When each was made, in the same order: seconds since 1970 by the clock where it was made. */
  readonly times: number[];
  /** The farthest one that was visited. */
  last: FS;
  complete: boolean;
  step: Promise<void> | undefined;
}

const CHAINS_KEPT = 4;
/** Commits that are walked before others get their turn. */
const STRIDE = 256;

/** The histories of the snapshots that were asked about lately. */
export class Histories {
  readonly #chains = new Map<ObjectId, Chain>();

  /**
   * How many first parents `id` lies behind `tip`; undefined when it is no such ancestor.
   * @param signal ends a search whose result is no longer wanted
   */
  async distance(tip: FS, id: ObjectId, signal?: AbortSignal): Promise<number | undefined> {
    const chain = this.#chain(tip);
    for (;;) {
      const position = chain.positions.get(id);
      if (position !== undefined || chain.complete) return position;
      await this.#lookOn(chain);
      signal?.throwIfAborted();
    }
  }

  /**
   * The snapshot and those behind it, as far as one gets until the signal ends it; a later call gets
   * farther.
   */
  async times(tip: FS, signal: AbortSignal): Promise<KnownTimes> {
    const chain = this.#chain(tip);
    while (!chain.complete && !signal.aborted) await this.#lookOn(chain);
    return { ids: chain.positions.keys(), times: chain.times, complete: chain.complete };
  }

  async #lookOn(chain: Chain): Promise<void> {
    chain.step ??= this.#advance(chain).finally(() => {
      chain.step = undefined;
    });
    await chain.step;
    await nextTurn();
  }

  #chain(tip: FS): Chain {
    let chain = this.#chains.get(tip.commitHash);
    if (chain === undefined) {
      chain = {
        positions: new Map([[tip.commitHash, 0]]),
        times: [localTimeOf(tip)],
        last: tip,
        complete: tip.parentHashes.length === 0,
        step: undefined,
      };
    } else {
      this.#chains.delete(tip.commitHash);
    }
    this.#chains.set(tip.commitHash, chain);
    for (const oldest of this.#chains.keys()) {
      if (this.#chains.size <= CHAINS_KEPT) break;
      this.#chains.delete(oldest);
    }
    return chain;
  }

  async #advance(chain: Chain): Promise<void> {
    for (let step = 0; step < STRIDE; step++) {
      const parent = await chain.last.parent();
      if (parent === null) {
        chain.complete = true;
        return;
      }
      chain.last = parent;
      chain.positions.set(parent.commitHash, chain.positions.size);
      chain.times.push(localTimeOf(parent));
      const known = this.#chains.get(parent.commitHash);
      if (known !== undefined && known !== chain) return append(chain, known);
    }
  }
}

export interface KnownTimes {
  readonly ids: Iterable<ObjectId>;
  /** In the order of the ids. */
  readonly times: readonly number[];
  /** Whether these are all. */
  readonly complete: boolean;
}

/** Takes over what is known from a tip on that the chain has come to. */
function append(chain: Chain, known: Chain): void {
  let isFirst = true;
  for (const id of known.positions.keys()) {
    if (!isFirst) chain.positions.set(id, chain.positions.size);
    isFirst = false;
  }
  for (const time of known.times.slice(1)) chain.times.push(time);
  chain.last = known.last;
  chain.complete = known.complete;
}

/** Seconds since 1970 by the clock where it was made; NaN for what is no time. */
export function localTimeOf({ time, timezoneOffset }: FS): number {
  return time.getTime() / 1000 + timezoneOffset * 60;
}
