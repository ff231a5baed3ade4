/**
 * The objects of a range of commits, without reading every tree completely. Trees are grouped by path: the
 * new ones at that path, and those of the edges. Objects of the edges are known, and a directory that only
 * they have is never opened.
 */

import { asBuffer } from '../bytes.ts';
import type { ObjectId } from '../git/objectId.ts';
import { type IdSet, ObjectSet } from '../git/objectSet.ts';
import { eachTreeLink } from '../git/objects/links.ts';
import { nameHash } from '../git/packs/nameHash.ts';
import { Pace } from '../storage/pace.ts';
import type { GitObject, ObjectReader } from '../storage/storage.ts';
import type { CommitRange } from './commitRange.ts';
import type { ObjectFilter } from './filter.ts';
import { expectType, readSlowly, tryRead } from './source.ts';

export interface ReachableOptions {
  /** Objects of any type; all must exist. */
  readonly wants: Iterable<ObjectId>;
  /** Objects to omit, with everything reachable from them. Missing ones are ignored. */
  readonly haves?: Iterable<ObjectId>;
  /** Commits whose parents are not followed, for wants and haves. */
  readonly shallow?: IdSet | undefined;
  readonly filter?: ObjectFilter | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called periodically with the number of objects found so far. */
  readonly onProgress?: ((found: number) => void) | undefined;
}

/** The trees at one path. */
interface Group {
  readonly nameHash: number;
  /** Positions in the set of new objects. */
  readonly fresh: number[];
  /** Positions in the set of known objects. */
  readonly known: number[];
}

export class NewObjects {
  readonly objects = new ObjectSet();
  readonly #store: ObjectReader;
  readonly #range: CommitRange;
  readonly #known: IdSet;
  readonly #options: Omit<ReachableOptions, 'wants'>;
  readonly #pace: Pace;
  readonly #treeDepth: number;
  readonly #blobs: boolean;

  constructor(store: ObjectReader, range: CommitRange, options: Omit<ReachableOptions, 'wants'>) {
    this.#store = store;
    this.#range = range;
    this.#known = range.known;
    this.#options = options;
    this.#pace = new Pace(options.signal);
    this.#treeDepth = options.filter?.treeDepth ?? Number.POSITIVE_INFINITY;
    this.#blobs = options.filter?.blobLimit !== 0;
  }

  async run(): Promise<void> {
    const level0 = [this.#roots()];
    // As in Git, the levels of a filter count from below a tree that was requested by id.
    await this.#open(this.#wantedTrees(), 0, level0);
    let level = level0;
    for (let depth = 1; level.length > 0; depth++) {
      const below: Group[] = [];
      for (const group of level) await this.#open(group, depth, below);
      level = below;
    }
    this.#options.onProgress?.(this.objects.count);
  }

  #roots(): Group {
    const { table, fresh, edges } = this.#range;
    const { ids: commits, trees } = table;
    const roots: Group = { nameHash: 0, fresh: [], known: [] };
    for (const edge of edges) {
      const tree = table.treeOf(edge);
      roots.known.push(this.#known.addBytes(trees.bytes, tree * 20));
    }
    for (const commit of fresh) {
      this.objects.addObjectBytes(commits.bytes, commit * 20, 'commit', 0);
      if (this.#treeDepth === 0) continue;
      const tree = table.treeOf(commit) * 20;
      if (this.#known.hasBytes(trees.bytes, tree)) continue;
      const before = this.objects.count;
      const position = this.objects.addObjectBytes(trees.bytes, tree, 'tree', 0);
      if (position === before) roots.fresh.push(position);
    }
    return roots;
  }

  /** Adds wants that are not commits as new objects. Trees among them have no path. */
  #wantedTrees(): Group {
    const wanted: Group = { nameHash: 0, fresh: [], known: [] };
    for (const { id, type } of this.#range.others) {
      if (this.#known.has(id)) continue;
      const before = this.objects.count;
      const position = this.objects.addObject(id, type);
      if (type === 'tree' && position === before) wanted.fresh.push(position);
    }
    return wanted;
  }

  /** Adds the objects in the group's trees, and groups of the directories below to `below`. */
  async #open(group: Group, depth: number, below: Group[]): Promise<void> {
    if (group.fresh.length === 0 || depth >= this.#treeDepth) return;
    const children = new Map<string, Group>();
    const childAt = (body: Buffer, start: number, end: number): Group => {
      const name = body.toString('latin1', start, end);
      let child = children.get(name);
      if (child === undefined) {
        const hash = nameHash(group.nameHash, body, start, end);
        child = { nameHash: hash, fresh: [], known: [] };
        children.set(name, child);
      }
      return child;
    };

    for (const position of new Set(group.known)) {
      const body = await this.#readTree(this.#known, position);
      eachTreeLink(body, (kind, start, end) => {
        if (kind === 'commit') return;
        const entry = this.#known.addBytes(body, end + 1);
        if (kind === 'tree') childAt(body, start, end).known.push(entry);
      });
    }
    const { objects } = this;
    for (const position of group.fresh) {
      const body = await this.#readTree(objects, position);
      eachTreeLink(body, (kind, start, end) => {
        if (kind === 'commit' || (kind === 'blob' && !this.#blobs)) return;
        const id = end + 1;
        if (this.#known.hasBytes(body, id) || objects.hasBytes(body, id)) return;
        const hash = nameHash(group.nameHash, body, start, end);
        const entry = objects.addObjectBytes(body, id, kind, hash);
        if (kind === 'tree') childAt(body, start, end).fresh.push(entry);
      });
    }
    for (const child of children.values()) {
      if (child.fresh.length > 0) below.push(child);
    }
  }

  async #readTree(set: IdSet, position: number): Promise<Buffer> {
    const store = this.#store;
    const object: GitObject =
      tryRead(store, set, position) ?? (await readSlowly(store, set, position));
    expectType(object, 'tree', set, position);
    if (this.#pace.due()) {
      this.#options.onProgress?.(this.objects.count);
      await this.#pace.pause();
    }
    return asBuffer(object.body);
  }
}
