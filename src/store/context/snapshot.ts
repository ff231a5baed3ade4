/**
 * A *snapshot* is one commit of a store and the ref by which it was reached. It is a plain value; `FS` is
 * its public interface.
 */
import { GitStoreError, PermissionError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import type { Commit } from '../../git/objects/commit.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import type { StoreContext } from './context.ts';

/** The branch or tag by which a snapshot was reached. */
export interface SnapshotRef {
  readonly kind: 'branch' | 'tag';
  /** Short name. */
  readonly name: string;
}

export interface Snapshot {
  readonly store: StoreContext;
  readonly id: ObjectId;
  readonly commit: Commit;
  /** Null for a snapshot given by hash, and for a squashed one. */
  readonly ref: SnapshotRef | null;
}

const FOLDERS = { branch: 'refs/heads/', tag: 'refs/tags/' } as const;

/** The full name of the ref. */
export function fullRefName(ref: SnapshotRef): string {
  return FOLDERS[ref.kind] + ref.name;
}

/** The prefix of refs of this kind. */
export function refFolder(kind: SnapshotRef['kind']): string {
  return FOLDERS[kind];
}

/** The commit `id` of the store, as reached by `ref`. */
export async function loadSnapshot(
  store: StoreContext,
  id: ObjectId,
  ref: SnapshotRef | null,
): Promise<Snapshot> {
  return { store, id, commit: await store.commits.get(id), ref };
}

/**
 * The branch that a write to the snapshot commits to.
 * @throws PermissionError when it came from a tag or from a hash
 */
export function branchOf(snapshot: Snapshot): SnapshotRef {
  if (snapshot.ref?.kind === 'branch') return snapshot.ref;
  if (snapshot.ref !== null) {
    const { name } = snapshot.ref;
    throw new PermissionError(`Cannot write to tag '${name}' — use a branch`, { ref: name });
  }
  throw new PermissionError(`Cannot write to commit ${shortHash(snapshot.id)} — use a branch`, {
    ref: snapshot.id,
  });
}

/**
 * The snapshot as one of this store, which may have been opened several times. Refuses a snapshot of
 * another store, whose commit may be missing here.
 * @throws GitStoreError (`EINVAL`)
 */
export function ofStore(store: StoreContext, snapshot: Snapshot): Snapshot {
  if (snapshot.store === store) return snapshot;
  if (store.isSame(snapshot.store)) return { ...snapshot, store };
  throw new GitStoreError('The snapshot belongs to another store', 'EINVAL');
}

/** Prefix of the log message of a ref that keeps removed snapshots, before the branch name. */
export const THINNED = 'thinned: ';
