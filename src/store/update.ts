/** Changes a branch with concurrent writers: read, change, and retry when it has moved meanwhile. */
import { GitStoreError, KeyNotFoundError } from '../errors.ts';
import { checkFunction, checkOptions, shown } from '../optionTypes.ts';
import { type RetryOptions, withRetries } from './commit/retry.ts';
import type { StoreContext } from './context/context.ts';
import { fullRefName, ofStore, type SnapshotRef } from './context/snapshot.ts';
import { FS } from './fs.ts';
import { findRef } from './refs/resolve.ts';

export type UpdateOptions = RetryOptions;

/**
 * Passes the branch's newest snapshot to `change`, and retries when the branch moves before the change is
 * committed.
 */
export async function updateBranch(
  store: StoreContext,
  name: string,
  change: (fs: FS) => Promise<FS>,
  options: UpdateOptions = {},
): Promise<FS> {
  checkFunction('update', change);
  checkOptions(options);
  const branch: SnapshotRef = { kind: 'branch', name };
  const attempt = async (): Promise<FS> => {
    const snapshot = await findRef(store, branch);
    if (snapshot === undefined) {
      throw new KeyNotFoundError(`Branch not found: ${branch.name}`, { ref: branch.name });
    }
    const result: unknown = await change(FS.of(snapshot));
    if (!(result instanceof FS)) {
      throw new GitStoreError(
        `The function given to update must return the snapshot that its last write gave, not ${shown(result)}`,
        'EINVAL',
        { ref: branch.name },
      );
    }
    ofStore(store, FS.snapshotOf(result));
    return result;
  };
  return withRetries(store, fullRefName(branch), attempt, options);
}
