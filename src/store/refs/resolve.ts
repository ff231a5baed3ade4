/** Resolves a user's name for a snapshot. */
import { GitStoreError, KeyNotFoundError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { isValidRefName } from '../../git/refs/refName.ts';
import type { StoreContext } from '../context/context.ts';
import { fullRefName, loadSnapshot, type Snapshot, type SnapshotRef } from '../context/snapshot.ts';

const HASH = /^[0-9a-f]{4,40}$/i;

/**
 * The snapshot of a branch or tag; undefined when it does not exist.
 * @throws GitStoreError (`ENOTCOMMIT`) when it does not lead to a commit
 */
export async function findRef(
  store: StoreContext,
  ref: SnapshotRef,
): Promise<Snapshot | undefined> {
  const id = await refValue(store, ref);
  if (id === undefined) return undefined;
  const peeled = await store.commits.peel(id);
  if (peeled?.type === 'commit') return loadSnapshot(store, peeled.id, ref);
  const what = ref.kind === 'branch' ? 'Branch' : 'Tag';
  const fault = peeled === undefined ? 'a missing object' : `a ${peeled.type}`;
  throw new GitStoreError(`${what} '${ref.name}' stands for ${fault}, not a commit`, 'ENOTCOMMIT', {
    ref: ref.name,
  });
}

/** A ref's own value; undefined for an invalid name too. */
export async function refValue(
  store: StoreContext,
  ref: SnapshotRef,
): Promise<ObjectId | undefined> {
  const full = fullRefName(ref);
  store.assertOpen();
  return isValidRefName(full) ? store.refs.get(full) : undefined;
}

/**
 * The snapshot of a branch, else of a tag, else of a commit with this hash, full or abbreviated to at
 * least 4 digits.
 * @throws KeyNotFoundError when none exists
 * @throws GitStoreError (`EAMBIGUOUS`) when several commits match the short hash; (`ENOTCOMMIT`) for the
 *   hash of another kind of object
 */
export async function resolveSnapshot(store: StoreContext, name: string): Promise<Snapshot> {
  const found =
    (await findRef(store, { kind: 'branch', name })) ??
    (await findRef(store, { kind: 'tag', name }));
  if (found !== undefined) return found;
  const id = HASH.test(name) ? await findCommit(store, name) : undefined;
  if (id === undefined) {
    throw new KeyNotFoundError(`No branch, tag or commit: ${name}`, { ref: name });
  }
  return loadSnapshot(store, id, null);
}

async function findCommit(store: StoreContext, hash: string): Promise<ObjectId | undefined> {
  const prefix = hash.toLowerCase();
  const candidates =
    prefix.length === 40 ? [prefix] : await store.objects.resolve(prefix, Number.POSITIVE_INFINITY);
  const commits = new Set<ObjectId>();
  let other: string | undefined;
  for (const id of candidates) {
    const peeled = await store.commits.peel(id);
    if (peeled?.type === 'commit') commits.add(peeled.id);
    else other ??= peeled?.type;
  }
  if (commits.size > 1) {
    const names = [...commits].slice(0, 3).join(', ');
    throw new GitStoreError(
      `Hash '${hash}' is ambiguous: ${commits.size} commits begin with it (${names}${commits.size > 3 ? ', …' : ''})`,
      'EAMBIGUOUS',
      { ref: hash },
    );
  }
  const [only] = commits;
  if (only === undefined && other !== undefined) {
    throw new GitStoreError(`${hash} is a ${other}, not a commit`, 'ENOTCOMMIT', { ref: hash });
  }
  return only;
}
