/**
 * The commits that *wants* lead to and *haves* do not, as `git rev-list WANTS --not HAVES` finds them:
 * newest first by committer time, until only commits of the haves are left. Where clocks were wrong,
 * commits that the haves lead to may be among them; none is ever missing.
 *
 * The *edges* are the commits next to them on the side of the haves.
 */
import { CommitLinks, readCommitLinks, readTagLink } from '../git/links.ts';
import type { ObjectId, ObjectType } from '../git/objectId.ts';
import { IdSet } from '../git/objectSet.ts';
import { Pace } from '../storage/pace.ts';
import type { GitObject, ObjectReader } from '../storage/storage.ts';
import { Heap } from './heap.ts';
import { expectType, missing, readNow, readSlowly } from './source.ts';

export interface CommitRangeOptions {
  readonly wants: Iterable<ObjectId>;
  readonly haves: Iterable<ObjectId>;
  /** Commits whose parents are not followed. */
  readonly shallow?: IdSet | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CommitRange {
  /** Every commit that was looked at; the numbers below are positions in it. */
  readonly commits: IdSet;
  /** The range itself, newest first. */
  readonly fresh: readonly number[];
  readonly edges: readonly number[];
  /** Root trees of commits. */
  readonly trees: IdSet;
  /** Position in `trees` of a commit's root tree. */
  treeOf(commit: number): number;
  /** Parents of a commit, none for a shallow one. */
  parentsOf(commit: number): readonly number[];
  /** Committer time in seconds. */
  timeOf(commit: number): number;
  /** Wants that are no commits, and tags on the way to those that are. */
  readonly others: readonly { readonly id: ObjectId; readonly type: ObjectType }[];
  /** What the haves were seen to lead to. */
  readonly known: IdSet;
}

const SEEN = 1;
/** Haves lead to it. */
const KNOWN = 2;
/** It is in the heap. */
const QUEUED = 4;
/** So many more commits are looked at when all is known already, for clocks that were a little wrong. */
const SLOP = 5;
/** Haves whose trees are looked at although nothing new is next to them. */
const MAX_TIPS = 64;
const NO_PARENTS: readonly number[] = [];

/** @throws CorruptObjectError when a want, or what either side leads to, is missing or broken */
export async function commitRange(
  store: ObjectReader,
  options: CommitRangeOptions,
): Promise<CommitRange> {
  const walk = new CommitWalk(store, options);
  await walk.run(options.wants, options.haves);
  return walk;
}

class CommitWalk implements CommitRange {
  readonly commits = new IdSet();
  readonly trees = new IdSet();
  readonly known = new IdSet();
  readonly others: { id: ObjectId; type: ObjectType }[] = [];
  fresh: readonly number[] = [];
  edges: readonly number[] = [];
  readonly #store: ObjectReader;
  readonly #shallow: IdSet | undefined;
  readonly #pace: Pace;
  readonly #links = new CommitLinks();
  /** By position of the commit; the parents are undefined until it was read. */
  readonly #parents: (readonly number[] | undefined)[] = [];
  readonly #trees: number[] = [];
  readonly #times: number[] = [];
  readonly #flags: number[] = [];
  readonly #heap = new Heap((commit) => this.#times[commit]!);
  /** Commits in the heap that are not known to be the haves'. */
  #open = 0;

  constructor(store: ObjectReader, options: CommitRangeOptions) {
    this.#store = store;
    this.#shallow = options.shallow;
    this.#pace = new Pace(options.signal);
  }

  treeOf(commit: number): number {
    return this.#trees[commit]!;
  }

  parentsOf(commit: number): readonly number[] {
    return this.#parents[commit] ?? NO_PARENTS;
  }

  timeOf(commit: number): number {
    return this.#times[commit]!;
  }

  async run(wants: Iterable<ObjectId>, haves: Iterable<ObjectId>): Promise<void> {
    const tips: number[] = [];
    for (const have of haves) {
      const commit = await this.#addHave(have);
      if (commit !== undefined) tips.push(commit);
    }
    for (const want of wants) await this.#addWant(want);
    const found = await this.#walk();
    this.fresh = found.filter((commit) => !this.#isKnown(commit));
    this.edges = this.#findEdges(tips);
  }

  async #walk(): Promise<number[]> {
    const found: number[] = [];
    let oldest = Number.POSITIVE_INFINITY;
    let slop = SLOP;
    for (let next = this.#heap.first; next !== undefined; next = this.#heap.first) {
      if (this.#open > 0) slop = SLOP;
      else if (found.length === 0 || (this.#times[next]! < oldest && slop-- <= 0)) break;
      this.#heap.pop();
      this.#flags[next]! &= ~QUEUED;
      const known = this.#isKnown(next);
      if (!known) {
        this.#open--;
        found.push(next);
        oldest = Math.min(oldest, this.#times[next]!);
      }
      for (const parent of this.parentsOf(next)) {
        if (known) this.#markKnown(parent);
        if (!this.#loadNow(parent)) await this.#load(parent);
        this.#enqueue(parent);
      }
      if (this.#pace.due()) await this.#pace.pause();
    }
    return found;
  }

  async #addWant(want: ObjectId): Promise<void> {
    for (let id = want; ; ) {
      if (this.commits.has(id)) return this.#enqueue(this.commits.positionOf(id));
      const object = await this.#store.read(id);
      if (object === undefined) throw missing(id);
      if (object.type === 'commit') return this.#enqueue(this.#take(id, object));
      this.others.push({ id, type: object.type });
      if (object.type !== 'tag') return;
      id = tagTarget(object);
    }
  }

  async #addHave(have: ObjectId): Promise<number | undefined> {
    for (let id = have; ; ) {
      const object = await this.#store.read(id);
      if (object === undefined) return undefined;
      if (object.type === 'commit') {
        const commit = this.#take(id, object);
        this.#markKnown(commit);
        this.#enqueue(commit);
        return commit;
      }
      this.known.add(id);
      if (object.type !== 'tag') return undefined;
      id = tagTarget(object);
    }
  }

  /** Known commits next to new ones; and the newest haves, as something new may be like them. */
  #findEdges(tips: readonly number[]): number[] {
    const edges = new Set<number>();
    for (const commit of this.fresh) {
      for (const parent of this.parentsOf(commit)) {
        if (this.#isKnown(parent)) edges.add(parent);
      }
    }
    const newest = [...tips].sort((a, b) => this.#times[b]! - this.#times[a]!);
    for (const tip of newest.slice(0, MAX_TIPS)) edges.add(tip);
    return [...edges];
  }

  #isKnown(commit: number): boolean {
    return (this.#flags[commit]! & KNOWN) !== 0;
  }

  #enqueue(commit: number): void {
    if (this.#flags[commit]! & SEEN) return;
    this.#flags[commit]! |= SEEN | QUEUED;
    if (!this.#isKnown(commit)) this.#open++;
    this.#heap.push(commit);
  }

  /** Marks a commit, and all of its past as far as it was seen. */
  #markKnown(first: number): void {
    const stack = [first];
    for (let commit = stack.pop(); commit !== undefined; commit = stack.pop()) {
      if (this.#isKnown(commit)) continue;
      if (this.#flags[commit]! & QUEUED) this.#open--;
      this.#flags[commit]! |= KNOWN;
      this.known.addBytes(this.commits.bytes, commit * 20);
      stack.push(...this.parentsOf(commit));
    }
  }

  /** False when the commit has to be waited for. */
  #loadNow(commit: number): boolean {
    if (this.#parents[commit] !== undefined) return true;
    const object = readNow(this.#store, this.commits, commit);
    if (object !== undefined) this.#read(commit, object);
    return object !== undefined;
  }

  async #load(commit: number): Promise<void> {
    this.#read(commit, await readSlowly(this.#store, this.commits, commit));
  }

  #take(id: ObjectId, object: GitObject): number {
    const commit = this.#position(this.commits.add(id));
    if (this.#parents[commit] === undefined) this.#read(commit, object);
    return commit;
  }

  #read(commit: number, object: GitObject): void {
    expectType(object, 'commit', this.commits, commit);
    const links = this.#links;
    readCommitLinks(object.body, links);
    this.#times[commit] = links.time;
    this.#trees[commit] = this.trees.addBytes(links.tree, 0);
    if (this.#shallow?.hasBytes(this.commits.bytes, commit * 20)) {
      this.#parents[commit] = NO_PARENTS;
      return;
    }
    const parents: number[] = [];
    for (let i = 0; i < links.parentCount; i++) {
      parents.push(this.#position(this.commits.addBytes(links.parents, i * 20)));
    }
    this.#parents[commit] = parents;
  }

  #position(commit: number): number {
    this.#flags[commit] ??= 0;
    return commit;
  }
}

function tagTarget(tag: GitObject): ObjectId {
  const target = Buffer.alloc(20);
  readTagLink(tag.body, target);
  return target.toString('hex');
}
