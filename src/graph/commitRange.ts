/**
 * The commits reachable from *wants* and not from *haves*, as in `git rev-list WANTS --not HAVES`: newest
 * first by committer time, until only commits of the haves remain. With wrong clocks the range may include
 * commits reachable from the haves; none is ever missing.
 *
 * The *edges* are the commits next to them on the side of the haves.
 */

import type { ObjectId, ObjectType } from '../git/objectId.ts';
import { IdSet } from '../git/objectSet.ts';
import { missingObject } from '../storage/missingObject.ts';
import { Pace } from '../storage/pace.ts';
import type { ObjectReader } from '../storage/storage.ts';
import { CommitTable } from './commitTable.ts';
import { Heap } from './heap.ts';

export interface CommitRangeOptions {
  readonly wants: Iterable<ObjectId>;
  readonly haves: Iterable<ObjectId>;
  /** Commits whose parents are not followed. */
  readonly shallow?: IdSet | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface CommitRange {
  /** Every visited commit, by number. The numbers below refer to it. */
  readonly table: CommitTable;
  /** The range itself, newest first. */
  readonly fresh: readonly number[];
  readonly edges: readonly number[];
  /** Wants that are not commits, and tags on the way to commits. */
  readonly others: readonly { readonly id: ObjectId; readonly type: ObjectType }[];
  /** Visited objects reachable from the haves. */
  readonly known: IdSet;
}

const SEEN = 1;
/** Reachable from the haves. */
const KNOWN = 2;
/** It is in the heap. */
const QUEUED = 4;
/** Additional commits to visit at the end, to tolerate slightly wrong clocks. */
const SLOP = 5;
/** Haves that count as edges although no new commit is next to them, at most. */
const MAX_TIPS = 64;

/** @throws CorruptObjectError when a want, or a commit reachable from either side, is missing or broken */
export async function commitRange(
  store: ObjectReader,
  options: CommitRangeOptions,
): Promise<CommitRange> {
  const walk = new CommitWalk(store, options);
  await walk.run(options.wants, options.haves);
  return walk;
}

class CommitWalk implements CommitRange {
  readonly table: CommitTable;
  readonly known = new IdSet();
  readonly others: { id: ObjectId; type: ObjectType }[] = [];
  fresh: readonly number[] = [];
  edges: readonly number[] = [];
  readonly #store: ObjectReader;
  readonly #pace: Pace;
  readonly #flags: number[] = [];
  readonly #heap = new Heap((commit) => this.table.timeOf(commit));
  /** Commits in the heap that are not known to be the haves'. */
  #open = 0;

  constructor(store: ObjectReader, options: CommitRangeOptions) {
    this.#store = store;
    this.table = new CommitTable(store, options.shallow);
    this.#pace = new Pace(options.signal);
  }

  async run(wants: Iterable<ObjectId>, haves: Iterable<ObjectId>): Promise<void> {
    const tips: number[] = [];
    for (const have of haves) {
      const peeled = await this.table.peel(have);
      if (peeled === undefined) continue;
      for (const tag of peeled.tags) this.known.add(tag);
      if (peeled.commit === undefined) this.known.add(peeled.id);
      else {
        this.#markKnown(peeled.commit);
        this.#enqueue(peeled.commit);
        tips.push(peeled.commit);
      }
      if (this.#pace.due()) await this.#pace.pause();
    }
    for (const want of wants) {
      const peeled = await this.table.peel(want);
      if (peeled === undefined) throw missingObject(this.#store, want);
      const { tags, id, type, commit } = peeled;
      for (const tag of tags) this.others.push({ id: tag, type: 'tag' });
      if (commit === undefined) this.others.push({ id, type });
      else this.#enqueue(commit);
      if (this.#pace.due()) await this.#pace.pause();
    }
    const found = await this.#walk();
    this.fresh = found.filter((commit) => !this.#is(commit, KNOWN));
    this.edges = this.#findEdges(tips);
  }

  async #walk(): Promise<number[]> {
    const { table } = this;
    const found: number[] = [];
    let oldest = Number.POSITIVE_INFINITY;
    let slop = SLOP;
    for (let next = this.#heap.first; next !== undefined; next = this.#heap.first) {
      if (this.#open > 0) slop = SLOP;
      else if (found.length === 0 || (table.timeOf(next) < oldest && slop-- <= 0)) break;
      this.#heap.pop();
      this.#flags[next]! &= ~QUEUED;
      const known = this.#is(next, KNOWN);
      if (!known) {
        this.#open--;
        found.push(next);
        oldest = Math.min(oldest, table.timeOf(next));
      }
      for (const parent of table.parentsOf(next)) {
        if (known) this.#markKnown(parent);
        if (!table.loadNow(parent)) await table.load(parent);
        this.#enqueue(parent);
      }
      if (this.#pace.due()) await this.#pace.pause();
    }
    return found;
  }

  /** Known commits next to new ones, and the newest haves, because new trees may resemble theirs. */
  #findEdges(tips: readonly number[]): number[] {
    const { table } = this;
    const edges = new Set<number>();
    for (const commit of this.fresh) {
      for (const parent of table.parentsOf(commit)) {
        if (this.#is(parent, KNOWN)) edges.add(parent);
      }
    }
    const newest = [...tips].sort((a, b) => table.timeOf(b) - table.timeOf(a));
    for (const tip of newest.slice(0, MAX_TIPS)) edges.add(tip);
    return [...edges];
  }

  #is(commit: number, flag: number): boolean {
    return ((this.#flags[commit] ?? 0) & flag) !== 0;
  }

  #enqueue(commit: number): void {
    if (this.#is(commit, SEEN)) return;
    if (!this.#is(commit, KNOWN)) this.#open++;
    this.#flags[commit] = (this.#flags[commit] ?? 0) | SEEN | QUEUED;
    this.#heap.push(commit);
  }

  /** Marks a commit and all its visited ancestors. */
  #markKnown(first: number): void {
    const stack = [first];
    for (let commit = stack.pop(); commit !== undefined; commit = stack.pop()) {
      if (this.#is(commit, KNOWN)) continue;
      if (this.#is(commit, QUEUED)) this.#open--;
      this.#flags[commit] = (this.#flags[commit] ?? 0) | KNOWN;
      this.known.addBytes(this.table.ids.bytes, commit * 20);
      for (const parent of this.table.parentsOf(commit)) stack.push(parent);
    }
  }
}
