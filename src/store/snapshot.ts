/**
 * A *snapshot* is one commit of a store and the ref it was reached by. It is a plain value; `FS` is
 * the face that users see of it.
 */
import { GitStoreError, PermissionError } from '../errors.ts';
import type { Commit } from '../git/commit.ts';
import type { ObjectId } from '../git/objectId.ts';
import type { StoreContext } from './context.ts';

/** The branch or tag that a snapshot was reached by. */
export interface SnapshotRef {
  readonly kind: 'branch' | 'tag';
  /** Short name. */
  readonly name: string;
}

export interface Snapshot {
  readonly store: StoreContext;
  readonly id: ObjectId;
  readonly commit: Commit;
  /** Null for a snapshot that was named by its hash, and for a squashed one. */
  readonly ref: SnapshotRef | null;
}

const FOLDERS = { branch: 'refs/heads/', tag: 'refs/tags/' } as const;

/** The full name that Git gives the ref. */
export function fullRefName(ref: SnapshotRef): string {
  return FOLDERS[ref.kind] + ref.name;
}

/** Where Git keeps refs of this kind. */
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
 * The branch that the snapshot can be written to.
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
 * The snapshot as one of this store, which may have been opened several times. That of another is
 * refused: its commit may be missing here.
 * @throws GitStoreError (`EINVAL`)
 */
export function ofStore(store: StoreContext, snapshot: Snapshot): Snapshot {
  if (snapshot.store === store) return snapshot;
  if (store.isSame(snapshot.store)) return { ...snapshot, store };
  throw new GitStoreError('The snapshot belongs to another store', 'EINVAL');
}

/** The seven digits by which people name a commit. */
export function shortHash(id: ObjectId): string {
  return id.slice(0, 7);
}

/** The message without the line ends that Git puts behind it. */
export function messageOf(commit: Commit): string {
  const { message } = commit;
  let end = message.length;
  while (end > 0 && message[end - 1] === '\n') end--;
  return message.slice(0, end);
}

/** The first line of a commit's message that is not blank: imports often leave blank ones before it. */
export function firstLine(message: string): string {
  let start = 0;
  let end = message.indexOf('\n');
  while (end >= 0 && message.slice(start, end).trim() === '') {
    start = end + 1;
    end = message.indexOf('\n', start);
  }
  return end < 0 ? message.slice(start) : message.slice(start, end);
}

/** The log of a private ref that keeps what was folded away says this, and the branch's full name. */
export const THINNED = 'thinned: ';
