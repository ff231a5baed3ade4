/** The checkpoints of a workspace: the snapshots of its branch, and how a target names one of them. */
import { KeyNotFoundError } from '../errors.ts';
import { EMPTY_TREE_ID } from '../git/objectId.ts';
import { shortHash } from '../git/objects/commitText.ts';
import { hasLabels } from '../store/commit/labels.ts';
import { ofStore } from '../store/context/snapshot.ts';
import { FS } from '../store/fs.ts';
import type { GitStore } from '../store/gitStore.ts';
import { resolveSnapshot } from '../store/refs/resolve.ts';
import type { RewindTarget } from './options.ts';

export class Checkpoints {
  readonly store: GitStore;
  /** Short name of the branch. */
  readonly branch: string;

  constructor(store: GitStore, branch: string) {
    this.store = store;
    this.branch = branch;
  }

  /** The newest one. */
  head(): Promise<FS> {
    return this.store.branches.get(this.branch);
  }

  /** Newest first; with `labels` only those with all of these. */
  async *list(labels?: Readonly<Record<string, string>>): AsyncGenerator<FS, void, undefined> {
    for await (const fs of (await this.head()).log()) {
      if (labels === undefined || hasLabels(fs.message, labels)) yield fs;
    }
  }

  /** @param behind checkpoints that the folder's own content counts as */
  async find(target: RewindTarget, behind: number): Promise<FS> {
    const { context } = this.store;
    if (typeof target === 'string') return FS.of(await resolveSnapshot(context, target));
    if (target instanceof FS) return FS.of(ofStore(context, FS.snapshotOf(target)));
    const head = await this.head();
    if (target instanceof Date) {
      for await (const fs of head.log({ before: target })) return fs;
      throw new KeyNotFoundError(
        `No checkpoint of branch '${this.branch}' up to ${target.toISOString()}`,
        { ref: this.branch },
      );
    }
    if ('back' in target) return this.#back(head, Math.max(0, target.back - behind));
    for await (const fs of this.list(target.labels)) return fs;
    const labels = Object.entries(target.labels).map(([name, value]) => `${name}=${value}`);
    throw new KeyNotFoundError(
      `No checkpoint of branch '${this.branch}' with the label ${labels.join(', ')}`,
      { ref: this.branch },
    );
  }

  /** Goes back by checkpoints. The initial empty commit of a branch is not one. */
  async #back(head: FS, count: number): Promise<FS> {
    const found = await head.back(count);
    if (found.treeHash !== EMPTY_TREE_ID || found.parentHashes.length > 0) return found;
    throw new KeyNotFoundError(
      `Branch '${this.branch}' has no checkpoint ${count} before ${shortHash(head.commitHash)}`,
      { ref: this.branch },
    );
  }
}
