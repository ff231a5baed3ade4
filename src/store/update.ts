/** Changing a branch that others change too: read, change, and again when it has moved meanwhile. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ArchiveInOptions, ArchiveSource } from '../archive/options.ts';
import { GitStoreError, KeyNotFoundError, StaleSnapshotError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { isValidRefName } from '../git/refName.ts';
import { checkWritablePath } from '../tree/paths.ts';
import { inSession } from './commit.ts';
import type { StoreContext } from './context.ts';
import { type FileData, isInMemory, storeData } from './data.ts';
import { type CommitOptions, FS, type WriteOptions } from './fs.ts';
import type { GitStore } from './gitStore.ts';
import { findRef } from './resolve.ts';
import { fullRefName, type SnapshotRef } from './snapshot.ts';

export interface UpdateOptions {
  /** How often the change is tried in all; default 5. */
  retries?: number | undefined;
  signal?: AbortSignal | undefined;
}

/** How long to wait for one's turn, in milliseconds; then the change is tried out of turn. */
const TURN_TIMEOUT = 2000;

/** Pauses between tries in milliseconds: the first, and the longest. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 200;

/**
 * Hands the branch's newest snapshot to `change`, and does so again when the branch moved before the
 * change was committed.
 */
export async function updateBranch(
  store: StoreContext,
  name: string,
  change: (fs: FS) => Promise<FS>,
  options: UpdateOptions = {},
): Promise<FS> {
  const { retries = 5, signal } = options;
  if (!Number.isSafeInteger(retries) || retries < 1) {
    throw new GitStoreError(`retries must be a whole number of 1 or more: ${retries}`, 'EINVAL');
  }
  const branch: SnapshotRef = { kind: 'branch', name };
  let pause = FIRST_PAUSE;
  for (let tries = 1; ; tries++) {
    signal?.throwIfAborted();
    try {
      return await attempt(store, branch, change);
    } catch (error) {
      if (!(error instanceof StaleSnapshotError) || tries >= retries) throw error;
    }
    // Somewhere in the upper half, so that those who met do not meet again.
    await sleep(pause * (0.5 + Math.random() / 2), undefined, signal && { signal });
    pause = Math.min(2 * pause, LONGEST_PAUSE);
  }
}

/** One try, in turn with the others who update the branch. */
async function attempt(
  store: StoreContext,
  branch: SnapshotRef,
  change: (fs: FS) => Promise<FS>,
): Promise<FS> {
  const full = fullRefName(branch);
  const giveBack = isValidRefName(full) ? await store.refs.turn(full, TURN_TIMEOUT) : undefined;
  try {
    const snapshot = await findRef(store, branch);
    if (snapshot === undefined) {
      throw new KeyNotFoundError(`Branch not found: ${branch.name}`, { ref: branch.name });
    }
    const result = await change(FS.of(snapshot));
    FS.snapshotOf(result);
    return result;
  } finally {
    giveBack?.();
  }
}

/**
 * Writes one file to the newest snapshot of a branch, again when the branch moves meanwhile. A
 * stream is read once, to its end, before the branch is looked at.
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
  // A stream can be read only once, so it is stored before the first try.
  const source = isInMemory(data)
    ? { data }
    : { blob: await storeBlob(store.context, data, options.signal) };
  return store.update(branch, (fs) => fs.writeSource(path, source, options), options);
}

/**
 * Puts the members of an archive over the newest snapshot of a branch, again when the branch moves
 * meanwhile. The archive is read once, to its end, before the branch is looked at.
 * @throws as `GitStore.update` and `FS.archiveIn`
 */
export async function retryArchiveIn(
  store: GitStore,
  branch: string,
  source: ArchiveSource,
  options: ArchiveInOptions & CommitOptions & UpdateOptions = {},
): Promise<FS> {
  const { withStored } = await import('./archiveIn.ts');
  return withStored(store.context, source, options, (stored) =>
    store.update(branch, (fs) => fs.commitArchive(stored, options), options),
  );
}

function storeBlob(store: StoreContext, data: FileData, signal?: AbortSignal): Promise<ObjectId> {
  return inSession(store, async (writer) => {
    const id = await storeData(writer, data, signal);
    await writer.finish();
    return id;
  });
}
