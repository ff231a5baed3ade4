/**
 * Finds out with few words what both sides have: offers our commits, the newest first, and leaves out
 * all that lead up to one that the other side has said it has (gitprotocol-pack(5), "Packfile
 * Negotiation").
 */

import { CommitLinks, readCommitLinks, readTagLink } from '../git/links.ts';
import type { ObjectId } from '../git/objectId.ts';
import { IdSet } from '../git/objectSet.ts';
import { Heap } from '../graph/heap.ts';
import type { ObjectStore } from '../storage/storage.ts';

const SEEN = 1;
/** The other side has it, and all that it leads to. */
const COMMON = 2;
/** It is offered although the other side is known to have it, for what it leads to is not. */
const SHARED_TIP = 4;

export class Negotiator {
  readonly #objects: ObjectStore;
  readonly #commits = new IdSet();
  readonly #flags: number[] = [];
  readonly #times: number[] = [];
  /** Positions; undefined until the commit was read. */
  readonly #parents: (readonly number[] | undefined)[] = [];
  readonly #heap = new Heap((commit) => this.#times[commit]!);
  readonly #links = new CommitLinks();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** Offers what a ref of ours leads to. What is no commit, nor tags one, is passed over. */
  async addTip(id: ObjectId): Promise<void> {
    const commit = await this.#load(await this.#peel(id));
    if (commit !== undefined) this.#enqueue(commit);
  }

  /** Offers a commit that refs of both sides point to; nothing it leads to is offered. */
  async addSharedTip(id: ObjectId): Promise<void> {
    const commit = await this.#load(await this.#peel(id));
    if (commit === undefined) return;
    this.#flags[commit]! |= SHARED_TIP;
    this.#enqueue(commit);
  }

  /** Takes note of what the other side has. */
  async addCommon(id: ObjectId): Promise<void> {
    const commit = await this.#load(await this.#peel(id));
    if (commit !== undefined) this.#markCommon(commit);
  }

  #markCommon(commit: number): void {
    const stack = [commit];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (this.#flags[at]! & COMMON) continue;
      this.#flags[at]! |= COMMON;
      // What was offered already, or is about to be: the rest is marked on the way.
      for (const parent of this.#parents[at] ?? [])
        if (this.#flags[parent]! & SEEN) stack.push(parent);
    }
  }

  /** The next commits to offer, at most `count`; none when all are offered. */
  async next(count: number): Promise<ObjectId[]> {
    const offered: ObjectId[] = [];
    while (offered.length < count && this.#heap.size > 0) {
      const commit = this.#heap.pop()!;
      const common = (this.#flags[commit]! & COMMON) !== 0;
      // Below a commit that both have there is nothing to be found out.
      if (common) continue;
      offered.push(this.#commits.idAt(commit));
      if (this.#flags[commit]! & SHARED_TIP) {
        this.#markCommon(commit);
        continue;
      }
      for (const parent of this.#parents[commit]!) {
        if (this.#parents[parent] === undefined) await this.#load(this.#commits.idAt(parent));
        if (this.#parents[parent] !== undefined) this.#enqueue(parent);
      }
    }
    return offered;
  }

  #enqueue(commit: number): void {
    if (this.#flags[commit]! & SEEN) return;
    this.#flags[commit]! |= SEEN;
    this.#heap.push(commit);
  }

  #positionOf(bytes: Uint8Array, at: number): number {
    const before = this.#commits.count;
    const position = this.#commits.addBytes(bytes, at);
    if (position === before) {
      this.#flags.push(0);
      this.#times.push(0);
      this.#parents.push(undefined);
    }
    return position;
  }

  async #load(id: ObjectId | undefined): Promise<number | undefined> {
    if (id === undefined) return undefined;
    const object = await this.#objects.read(id);
    if (object?.type !== 'commit') return undefined;
    const commit = this.#positionOf(Buffer.from(id, 'hex'), 0);
    if (this.#parents[commit] !== undefined) return commit;
    const links = this.#links;
    readCommitLinks(object.body, links);
    this.#times[commit] = links.time;
    const parents: number[] = [];
    for (let i = 0; i < links.parentCount; i++)
      parents.push(this.#positionOf(links.parents, i * 20));
    this.#parents[commit] = parents;
    return commit;
  }

  async #peel(id: ObjectId): Promise<ObjectId | undefined> {
    const target = Buffer.alloc(20);
    for (let at = id; ; at = target.toString('hex')) {
      const object = await this.#objects.read(at);
      if (object === undefined) return undefined;
      if (object.type !== 'tag') return at;
      readTagLink(object.body, target);
    }
  }
}
