/**
 * Rules for ref updates that every RefStore enforces.
 */

import {
  ChangeMadeError,
  CorruptObjectError,
  InvalidRefNameError,
  StaleSnapshotError,
  UnreadableRefError,
} from '../errors.ts';
import { isObjectId, type ObjectId } from '../git/objectId.ts';
import { isValidRefName } from '../git/refs/refName.ts';
import { reasonOf } from '../systemFaults.ts';
import type { StoreWarning } from '../warnings.ts';
import type {
  RefEntry,
  RefListing,
  ReflogMessage,
  RefStore,
  RefUpdate,
  UnreadableRef,
} from './storage.ts';

/** How many symbolic refs may lead to a ref; Git's own limit. */
export const MAX_SYMBOLIC_DEPTH = 5;

/**
 * Refuses updates that are invalid regardless of the current refs.
 * @throws InvalidRefNameError for a bad name, a ref named twice, or two new refs that collide
 */
export function checkUpdates(updates: readonly RefUpdate[]): void {
  const seen = new Set<string>();
  for (const { ref, old, new: next } of updates) {
    checkRef(ref);
    if (seen.has(ref)) throw namedTwice(ref);
    seen.add(ref);
    for (const id of [old, next]) {
      if (typeof id === 'string' && !isObjectId(id)) throw new TypeError(`Not an object id: ${id}`);
    }
  }
  if (updates.length === 1) return;
  const created = new Set(updates.filter((u) => u.new !== null).map((u) => u.ref));
  for (const ref of created) {
    for (const parent of parentNames(ref)) if (created.has(parent)) throw collision(ref, parent);
  }
}

/** @throws InvalidRefNameError unless it is a full name below `refs/` */
export function checkRef(ref: string): void {
  if (!ref.startsWith('refs/') || !isValidRefName(ref)) {
    throw new InvalidRefNameError(`Not a valid ref name: ${JSON.stringify(ref)}`, { ref });
  }
}

/** `refs/heads` and `refs/heads/a` for `refs/heads/a/b`: names that cannot be refs at the same time. */
export function parentNames(ref: string): string[] {
  const parents: string[] = [];
  for (let at = ref.indexOf('/', 'refs/'.length); at >= 0; at = ref.indexOf('/', at + 1)) {
    parents.push(ref.slice(0, at));
  }
  return parents;
}

export function namedTwice(ref: string): InvalidRefNameError {
  return new InvalidRefNameError(`Ref named twice in one update: ${ref}`, { ref });
}

/** The error for a name that is both a ref and a directory of refs. */
export function collision(ref: string, other: string): InvalidRefNameError {
  return new InvalidRefNameError(`Cannot create ${ref}: ${other} exists`, { ref });
}

/** The error for a failure after the refs have moved. */
export function changeMade(updates: readonly RefUpdate[], cause: unknown): ChangeMadeError {
  const [first] = updates;
  const made = updates.map(({ ref, new: id }) =>
    id === null ? `${ref} is deleted` : `${ref} is now ${id}`,
  );
  const shown = made.length > 3 ? [...made.slice(0, 3), `${made.length - 3} more`] : made;
  const why = reasonOf(cause);
  return new ChangeMadeError(
    `The change is made, do not repeat it: ${shown.join(', ')}; but a crash of the machine may still undo it, or a lock file stayed (${why})`,
    { ref: first!.ref, objectId: first!.new ?? undefined, cause },
  );
}

export function staleRef(update: RefUpdate, found: ObjectId | null): StaleSnapshotError {
  const expected = update.old === null ? 'not to exist' : `at ${update.old?.slice(0, 7)}`;
  const actual = found === null ? 'it does not exist' : `it is at ${found.slice(0, 7)}`;
  return new StaleSnapshotError(`${update.ref} was expected ${expected}, but ${actual}`, {
    ref: update.ref,
  });
}

/** @param why what is wrong with its file */
export function brokenRef(ref: string, why?: string): CorruptObjectError {
  return new CorruptObjectError(`Broken ref: ${ref}${why === undefined ? '' : ` (${why})`}`, {
    ref,
  });
}

/** @param why in the system's words */
export function unreadableRef(ref: string, why: string, cause?: unknown): UnreadableRefError {
  return new UnreadableRefError(`Cannot read ${ref}: ${why}`, { ref, cause });
}

/**
 * The refs of a listing, for callers that delete what no ref names.
 * @param refusal what does not happen, such as `nothing is removed`
 * @param matters whether an unreadable ref counts; default: all but symbolic refs to missing refs, which
 *   hide nothing
 * @throws UnreadableRefError that names the first ref that cannot be read
 */
export function requireAll(
  { refs, unreadable }: RefListing,
  refusal: string,
  matters: (ref: UnreadableRef) => boolean = (ref) => ref.kind === 'broken',
): readonly RefEntry[] {
  const first = unreadable.find(matters);
  if (first !== undefined) throw refuseFor(first, refusal);
  return refs;
}

export function refuseFor({ ref, reason }: UnreadableRef, refusal: string): UnreadableRefError {
  return new UnreadableRefError(
    `Cannot read ${ref} (${reason}): ${refusal} until it is mended or deleted`,
    { ref },
  );
}

/** The warning for listings, which omit the ref. */
export function unreadableWarning({ ref, reason }: UnreadableRef): StoreWarning {
  return { code: 'UNREADABLE_REF', message: `Cannot read ${ref}: ${reason}`, ref };
}

/**
 * Keeps deleted branches and tags for the grace time of collections, so that neither ours nor Git's
 * removes their commits: `refs/gitstore/deleted/SECONDS-RANDOM`. The newest line of such a ref's log
 * names the deleted ref; the lines before it are that ref's log.
 */
export const DELETED_REFS = 'refs/gitstore/deleted/';

/** Internal refs, which no listing, mirror or server shows. */
export function isPrivate(ref: string): boolean {
  return ref.startsWith('refs/gitstore/');
}

/**
 * Removes the kept refs that were deleted before a moment.
 * @param expire milliseconds since the epoch
 */
export async function forgetDeleted(refs: RefStore, expire: number): Promise<void> {
  const { refs: kept } = await refs.list(DELETED_REFS);
  const old = kept.filter(({ ref }) => deletionTime(ref) * 1000 < expire);
  if (old.length > 0) await refs.update(old.map(({ ref, id }) => ({ ref, old: id, new: null })));
}

/** Seconds since the epoch. */
export function deletionTime(ref: string): number {
  return Number.parseInt(ref.slice(DELETED_REFS.length), 10) || 0;
}

/** The reflog's identity and message when the caller gives none. */
export function defaultReflog(now: () => number): ReflogMessage {
  const time = Math.floor(now() / 1000);
  return {
    who: { name: 'gitstore', email: 'gitstore@localhost', time, offset: 0 },
    message: '',
  };
}
