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
    const { maxSize, ...others } = this.#keep;
    const policies = [this.#keep];
    // While other branches need more than the size, the other rules hold.
    if (maxSize !== undefined && Object.keys(others).length > 0) policies.push(others);
    for (const policy of policies) {
      try {
        return await this.#thin(policy, id);
      } catch (error) {
        if (!(error instanceof GitStoreError)) throw error;
        this.#warn(error);
        if (error.code === 'EINVAL') continue;
        this.#since = CHECKPOINTS_BETWEEN;
        break;
      }
    }
    return undefined;
  }

  async #thin(policy: ThinPolicy, id: string): Promise<string | undefined> {
    const { snapshots } = await this.#store.branches.thin(this.#branch, policy);
    const now = snapshots.find(({ old }) => old === id)?.new;
    return now == null || now === id ? undefined : now;
  }

  #warn({ message }: GitStoreError): void {
    this.#store.context.warn({
      code: 'NOT_THINNED',
      message: `The checkpoint is stored; branch '${this.#branch}' was not thinned: ${message}`,
      ref: this.#branch,
    });
  }
}
