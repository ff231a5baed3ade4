/** Changes a branch with concurrent writers: read, change, and retry when it has moved meanwhile. */
import type { ArchiveInOptions, ArchiveSource } from '../archive/options.ts';
import { GitStoreError, KeyNotFoundError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { checkFunction, checkOptions, shown } from '../optionTypes.ts';
import { checkWritablePath } from '../tree/paths.ts';
import { inSession } from './commit.ts';
import type { CommitOptions, WriteOptions } from './commitOptions.ts';
import type { StoreContext } from './context.ts';
import { type FileData, isInMemory, storeData } from './data.ts';
import { FS } from './fs.ts';
import type { GitStore } from './gitStore.ts';
import { GivenPaths } from './givenPaths.ts';
import { findRef } from './resolve.ts';
import { type RetryOptions, withRetries } from './retry.ts';
import { fullRefName, ofStore, type SnapshotRef } from './snapshot.ts';

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

/**
 * Writes one file to the newest snapshot of a branch, and retries when the branch moves meanwhile. Reads a
 * stream once, to its end, before it reads the branch.
 * @throws as `GitStore.update` and `FS.write`
 */
export async function retryWrite(
  store: GitStore,
  branch: string,
  path: string,
  data: FileData,
  options: WriteOptions & UpdateOptions = {},
): Promise<FS> {
  checkWritablePath(path);
  // A stream can be read only once, so it is stored before the first attempt.
  const source = isInMemory(data)
    ? { data }
    : { blob: await storeBlob(store.context, data, options.signal) };
  return store.update(branch, (fs) => fs.writeSource(path, source, options), options);
}

/**
 * Adds the members of an archive to the newest snapshot of a branch, and retries when the branch moves
 * meanwhile. Reads the archive once, to its end, before it reads the branch.
 * @throws as `GitStore.update` and `FS.archiveIn`
 */
export async function retryArchiveIn(
  store: GitStore,
  branch: string,
  source: ArchiveSource,
  options: ArchiveInOptions & CommitOptions & UpdateOptions = {},
): Promise<FS> {
  checkOptions(options);
  const given = new GivenPaths();
  const from = given.archive(source, 'retryArchiveIn');
  const { withStored } = await import('./archiveIn.ts');
  return given.while(() =>
    withStored(store.context, from, options, (stored) =>
      store.update(branch, (fs) => fs.commitArchive(stored, options), options),
    ),
  );
}

function storeBlob(store: StoreContext, data: FileData, signal?: AbortSignal): Promise<ObjectId> {
  return inSession(store, async (writer) => {
    const id = await storeData(writer, data, signal);
    await writer.finish();
    return id;
  });
}
