/**
 * Finds the common commits of both sides in few messages: offers our commits, newest first, and omits
 * ancestors of those that the other side has acknowledged (gitprotocol-pack(5), "Packfile Negotiation").
 */

import type { ObjectId } from '../../git/objectId.ts';
import { IdSet } from '../../git/objectSet.ts';
import { CommitLinks, readCommitLinks, readTagLink } from '../../git/objects/links.ts';
import { Heap } from '../../graph/heap.ts';
import type { ObjectStore } from '../../storage/storage.ts';

const SEEN = 1;
/** The other side has it and all its ancestors. */
const COMMON = 2;
/** Offer it although the other side is known to have it, because its ancestors are not offered. */
const SHARED_TIP = 4;

export class Negotiator {
  readonly #objects: ObjectStore;
  readonly #commits = new IdSet();
  readonly #flags: number[] = [];
  readonly #times: number[] = [];
  /** Positions; undefined until the commit is read. */
  readonly #parents: (readonly number[] | undefined)[] = [];
  readonly #heap = new Heap((commit) => this.#times[commit]!);
  readonly #links = new CommitLinks();

  constructor(objects: ObjectStore) {
    this.#objects = objects;
  }

  /** Offers the commit of one of our refs. Ignores other objects. */
  async addTip(id: ObjectId): Promise<void> {
    const commit = await this.#load(await this.#peel(id));
    if (commit !== undefined) this.#enqueue(commit);
  }

  /** Offers a commit that refs of both sides point to, without its ancestors. */
  async addSharedTip(id: ObjectId): Promise<void> {
    const commit = await this.#load(await this.#peel(id));
    if (commit === undefined) return;
    this.#flags[commit]! |= SHARED_TIP;
    this.#enqueue(commit);
  }

  /** Records an object that the other side has. */
  async addCommon(id: ObjectId): Promise<void> {
    const commit = await this.#load(await this.#peel(id));
    if (commit !== undefined) this.#markCommon(commit);
  }

  #markCommon(commit: number): void {
    const stack = [commit];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (this.#flags[at]! & COMMON) continue;
      this.#flags[at]! |= COMMON;
      // Mark parents already offered or queued. The walk marks the rest.
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
      // All ancestors of a common commit are common too.
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
