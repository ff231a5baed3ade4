/**
 * Which snapshot a request means. The ref is resolved for every request, so a new commit shows at
 * once. A request may step back (`?at=COMMIT`), but only to what lies in the history of the snapshot
 * that is served: by first parents, as everywhere.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ObjectId } from '../../git/objectId.ts';
import type { StoreContext } from '../../store/context/context.ts';
import {
  fullRefName,
  ofStore,
  type Snapshot,
  type SnapshotRef,
} from '../../store/context/snapshot.ts';
import { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { parentOf } from '../../store/history/history.ts';
import { findRef, resolveSnapshot } from '../../store/refs/resolve.ts';
import { nothingYet } from './httpError.ts';

/** Says which snapshot is served now. */
export type Source = () => Promise<Snapshot>;

/** Milliseconds after which an answer of the source is not shared any more. */
const SHARED_FOR = 1;

/**
 * The source, asked once for all requests that the event loop found waiting at the same moment: each
 * was sent before the source is asked, so none sees less than it may expect.
 */
export class SharedSource {
  /** What the source said in this turn of the event loop. */
  #snapshot: Snapshot | undefined;
  #askedAt = 0;
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  /** The snapshot, where it is known already. */
  get known(): Snapshot | undefined {
    if (this.#snapshot === undefined) return undefined;
    // A turn may be held up; what was sent meanwhile is answered anew.
    return performance.now() - this.#askedAt < SHARED_FOR ? this.#snapshot : undefined;
  }

  async ask(): Promise<Snapshot> {
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
  readonly snapshot: Snapshot;
  /** Normalized. */
  readonly path: string;
  /** What stands before the path in the URL to name the ref: `''`, or `main` where all are served. */
  readonly root: string;
}

/** Longer names than Git's own limits let a ref have. */
const LONGEST_REF = 1024;

/** @param given the handler's option: a ref's name, a function, or undefined for the current branch */
export function sourceOf(
  store: GitStore,
  given: string | (() => FS | Promise<FS>) | undefined,
): Source {
  const { context } = store;
  if (typeof given === 'function') {
    return async () => ofStore(context, FS.snapshotOf(await given()));
  }
  if (given !== undefined) return () => resolveSnapshot(context, given);
  return async () => {
    const current = await store.branches.current();
    if (current === null) throw nothingYet(await store.branches.currentName());
    return FS.snapshotOf(current);
  };
}

/**
 * Splits a path whose first segments name a branch or a tag: the shortest that do, a branch before a
 * tag. `refs/heads/…` and `refs/tags/…` name what others hide. Undefined when none does.
 */
export async function placeInRefs(store: StoreContext, path: string): Promise<Place | undefined> {
  const kinds: (readonly [prefix: string, kind: SnapshotRef['kind']])[] = [
    ['', 'branch'],
    ['', 'tag'],
    ['refs/heads/', 'branch'],
    ['refs/tags/', 'tag'],
  ];
  for (let end = 0; end < path.length && end <= LONGEST_REF; ) {
    const slash = path.indexOf('/', end + 1);
    end = slash < 0 ? path.length : slash;
    const root = path.slice(0, end);
    for (const [prefix, kind] of kinds) {
      if (!root.startsWith(prefix) || root.length === prefix.length) continue;
      const snapshot = await findRef(store, { kind, name: root.slice(prefix.length) });
      if (snapshot !== undefined) return { snapshot, path: path.slice(end + 1), root };
    }
  }
  return undefined;
}

/** What a URL has to begin with to reach a ref where all are served. */
export async function rootOfRef(store: StoreContext, ref: SnapshotRef): Promise<string> {
  const found = await placeInRefs(store, ref.name);
  const reached = found?.path === '' && found.snapshot.ref?.kind === ref.kind;
  return reached ? ref.name : fullRefName(ref);
}

/** Commits by their distance from a tip, looked up only as far as was asked. */
interface Chain {
  readonly positions: Map<ObjectId, number>;
  /** When each was made, in the same order: seconds since 1970 by the clock where it was made. */
  readonly times: number[];
  /** The farthest one that was visited. */
  last: Snapshot;
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
  async distance(tip: Snapshot, id: ObjectId, signal?: AbortSignal): Promise<number | undefined> {
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
  async times(tip: Snapshot, signal: AbortSignal): Promise<KnownTimes> {
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

  #chain(tip: Snapshot): Chain {
    let chain = this.#chains.get(tip.id);
    if (chain === undefined) {
      chain = {
        positions: new Map([[tip.id, 0]]),
        times: [localTimeOf(tip)],
        last: tip,
        complete: tip.commit.parents.length === 0,
        step: undefined,
      };
    } else {
      this.#chains.delete(tip.id);
    }
    this.#chains.set(tip.id, chain);
    for (const oldest of this.#chains.keys()) {
      if (this.#chains.size <= CHAINS_KEPT) break;
      this.#chains.delete(oldest);
    }
    return chain;
  }

  async #advance(chain: Chain): Promise<void> {
    for (let step = 0; step < STRIDE; step++) {
      const parent = await parentOf(chain.last);
      if (parent === null) {
        chain.complete = true;
        return;
      }
      chain.last = parent;
      chain.positions.set(parent.id, chain.positions.size);
      chain.times.push(localTimeOf(parent));
      const known = this.#chains.get(parent.id);
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

function localTimeOf({ commit }: Snapshot): number {
  const { time, offset } = commit.committer;
  return time + offset * 60;
}
