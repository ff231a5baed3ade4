/** Thins the branch of a workspace by its `keep`, now and then. */

import { GitStoreError } from '../errors.ts';
import type { GitStore } from '../store/gitStore.ts';
import type { ThinPolicy } from '../store/thinning/retention.ts';

/** Checkpoints between two thinnings. */
const CHECKPOINTS_BETWEEN = 50;

export class Thinning {
  readonly #store: GitStore;
  readonly #branch: string;
  readonly #keep: ThinPolicy | undefined;
  /** Checkpoints since the branch was thinned. */
  #since = 0;

  constructor(store: GitStore, branch: string, keep: ThinPolicy | undefined) {
    this.#store = store;
    this.#branch = branch;
    this.#keep = keep;
  }

  /**
   * After each checkpoint. Reports a failure as a warning, because the checkpoint is stored anyway; the next
   * one tries again.
   * @returns the present id of the checkpoint; undefined when it is as before
   */
  async after(id: string): Promise<string | undefined> {
    if (this.#keep === undefined || ++this.#since < CHECKPOINTS_BETWEEN) return undefined;
    this.#since = 0;
    try {
      const { snapshots } = await this.#store.branches.thin(this.#branch, this.#keep);
      const now = snapshots.find(({ old }) => old === id)?.new;
      return now == null || now === id ? undefined : now;
    } catch (error) {
      if (!(error instanceof GitStoreError)) throw error;
      this.#since = CHECKPOINTS_BETWEEN;
      const message = `The checkpoint is stored; branch '${this.#branch}' was not thinned: ${error.message}`;
      this.#store.context.warn({ code: 'NOT_THINNED', message, ref: this.#branch });
      return undefined;
    }
  }
}
