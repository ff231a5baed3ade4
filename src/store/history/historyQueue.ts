/** The commits of a history along all parents, newest first. Those in the commit-graph are not read. */

import type { ObjectId } from '../../git/objectId.ts';
import type { Commit } from '../../git/objects/commit.ts';
import { Heap } from '../../graph/heap.ts';
import type { CommitGraph } from '../../storage/shortcuts.ts';
import type { CommitReader } from '../context/commits.ts';
import type { StoreContext } from '../context/context.ts';
import { positionInGraph } from './history.ts';

interface Listed {
  readonly id: ObjectId;
  readonly tree: ObjectId;
  /** Where it was read. */
  readonly commit?: Commit;
  /** Its position in the commit-graph, where it was not read. */
  readonly position?: number;
}

interface Read {
  readonly id: ObjectId;
  readonly commit: Commit;
}

/** In the order of the committers' dates. */
export class HistoryQueue {
  readonly #commits: CommitReader;
  readonly #graph: CommitGraph | undefined;
  /** Commits of the graph by position; for one that was read -1 less its index. */
  readonly #open = new Heap((item) => this.#timeOf(item));
  readonly #read: (Read | undefined)[] = [];
  readonly #seen = new Set<ObjectId>();
  readonly #seenInGraph: Uint8Array;

  constructor({ commits, objects }: StoreContext) {
    this.#commits = commits;
    this.#graph = objects.history?.commitGraph();
    this.#seenInGraph = new Uint8Array(this.#graph?.count ?? 0);
  }

  add(id: ObjectId, commit: Commit): void {
    if (this.#seen.has(id)) return;
    this.#seen.add(id);
    const graph = this.#graph;
    const position = graph && positionInGraph(graph, id, commit);
    if (position !== undefined) this.#addPosition(position);
    else this.#open.push(-this.#read.push({ id, commit }));
  }

  /** The next commit; its parents are in the queue then. */
  next(): Listed | undefined | Promise<Listed> {
    const item = this.#open.pop();
    if (item === undefined) return undefined;
    const graph = this.#graph;
    if (graph !== undefined && item >= 0) {
      for (const parent of graph.parents(item)) this.#addPosition(parent);
      return { id: graph.id(item), tree: graph.tree(item), position: item };
    }
    const { id, commit } = this.#read[-1 - item]!;
    this.#read[-1 - item] = undefined;
    const found = { id, tree: commit.tree, commit };
    for (const parent of commit.parents) {
      if (this.#seen.has(parent)) continue;
      const read = this.#commits.tryGet(parent);
      if (read === undefined) return this.#addParents(commit.parents).then(() => found);
      this.add(parent, read);
    }
    return found;
  }

  async #addParents(parents: readonly ObjectId[]): Promise<void> {
    for (const parent of parents) {
      if (!this.#seen.has(parent)) this.add(parent, await this.#commits.getUncached(parent));
    }
  }

  #addPosition(position: number): void {
    if (this.#seenInGraph[position] === 1) return;
    this.#seenInGraph[position] = 1;
    this.#open.push(position);
  }

  #timeOf(item: number): number {
    return item >= 0 ? this.#graph!.time(item) : this.#read[-1 - item]!.commit.committer.time;
  }
}
