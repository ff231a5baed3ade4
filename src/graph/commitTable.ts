/**
 * Commits of a walk by small numbers, with parents, root tree and time. Each is read once, when it is
 * loaded.
 */

import type { ObjectId, ObjectType } from '../git/objectId.ts';
import { IdSet } from '../git/objectSet.ts';
import { CommitLinks, readCommitLinks, readTagLink } from '../git/objects/links.ts';
import { missingObject } from '../storage/missingObject.ts';
import type { GitObject, ObjectReader } from '../storage/storage.ts';
import { expectType, readSlowly, tryRead } from './source.ts';

const NO_PARENTS: readonly number[] = [];

/** The object that an id leads to through tags. */
export interface Peeled {
  /** The tags on the way. */
  readonly tags: readonly ObjectId[];
  readonly id: ObjectId;
  readonly type: ObjectType;
  /** The commit's number, if it is a commit. */
  readonly commit: number | undefined;
}

export class CommitTable {
  /** Every commit seen. A commit's number is its position here. */
  readonly ids = new IdSet();
  /** Root trees of the commits that were loaded. */
  readonly trees = new IdSet();
  readonly #store: ObjectReader;
  readonly #shallow: IdSet | undefined;
  readonly #links = new CommitLinks();
  readonly #parents: (readonly number[] | undefined)[] = [];
  readonly #trees: number[] = [];
  readonly #times: number[] = [];

  /** @param shallow commits that count as having no parents */
  constructor(store: ObjectReader, shallow?: IdSet) {
    this.#store = store;
    this.#shallow = shallow;
  }

  isLoaded(commit: number): boolean {
    return this.#parents[commit] !== undefined;
  }

  /** Parents of a loaded commit, none for a shallow one. */
  parentsOf(commit: number): readonly number[] {
    return this.#parents[commit] ?? NO_PARENTS;
  }

  /** Position in `trees` of a loaded commit's root tree. */
  treeOf(commit: number): number {
    return this.#trees[commit]!;
  }

  /** Committer time of a loaded commit in seconds. */
  timeOf(commit: number): number {
    return this.#times[commit]!;
  }

  /**
   * Loads a commit synchronously. When it returns false, call `load`.
   * @throws CorruptObjectError
   */
  loadNow(commit: number): boolean {
    if (this.isLoaded(commit)) return true;
    const object = tryRead(this.#store, this.ids, commit);
    if (object !== undefined) this.#read(commit, object);
    return object !== undefined;
  }

  /** @throws CorruptObjectError when it is missing, broken or not a commit */
  async load(commit: number): Promise<void> {
    if (this.isLoaded(commit)) return;
    this.#read(commit, await readSlowly(this.#store, this.ids, commit));
  }

  /**
   * Follows tags to what they tag; a commit is loaded.
   * @returns undefined when the object itself is missing
   * @throws CorruptObjectError when the target of a tag is missing
   */
  async peel(start: ObjectId): Promise<Peeled | undefined> {
    const tags: ObjectId[] = [];
    const target = Buffer.alloc(20);
    for (let id = start; ; id = target.toString('hex')) {
      const object = await this.#store.read(id);
      if (object === undefined) {
        if (id === start) return undefined;
        throw missingObject(this.#store, id);
      }
      if (object.type !== 'tag') {
        const { type } = object;
        return { tags, id, type, commit: type === 'commit' ? this.#take(id, object) : undefined };
      }
      tags.push(id);
      readTagLink(object.body, target);
    }
  }

  #take(id: ObjectId, object: GitObject): number {
    const commit = this.ids.add(id);
    if (!this.isLoaded(commit)) this.#read(commit, object);
    return commit;
  }

  #read(commit: number, object: GitObject): void {
    expectType(object, 'commit', this.ids, commit);
    const links = this.#links;
    readCommitLinks(object.body, links);
    this.#times[commit] = links.time;
    this.#trees[commit] = this.trees.addBytes(links.tree, 0);
    const shallow = this.#shallow?.hasBytes(this.ids.bytes, commit * 20) === true;
    const parents: number[] = [];
    for (let i = 0; i < links.parentCount && !shallow; i++) {
      parents.push(this.ids.addBytes(links.parents, i * 20));
    }
    this.#parents[commit] = parents;
  }
}
