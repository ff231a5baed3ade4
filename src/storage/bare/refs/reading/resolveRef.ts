/** The value of a ref: its loose file if there is one, else its line in packed-refs. */
import type { ObjectId } from '../../../../git/objectId.ts';
import { brokenRef, MAX_SYMBOLIC_DEPTH, unreadableRef } from '../../../refRules.ts';
import { type BrokenRef, readLooseRef } from '../files/looseRefs.ts';
import type { PackedRefsFile } from '../files/packedRefsFile.ts';

/** A ref without a value, because it is broken or leads to a broken one. */
export interface Unresolved {
  /** The broken ref. */
  readonly ref: string;
  readonly why: string;
  /** Whether it could be read. */
  readonly isRead: boolean;
}

/**
 * Follows symbolic refs to an id; undefined when the ref, or the target of a symbolic ref, is missing.
 * Reads the loose file first: when `git pack-refs` removes it, the value is already packed.
 * @throws UnreadableRefError for a failure that may be temporary
 */
export function followRef(
  gitDir: string,
  packed: PackedRefsFile,
  ref: string,
): ObjectId | Unresolved | undefined {
  let name = ref;
  for (let depth = 0; depth <= MAX_SYMBOLIC_DEPTH; depth++) {
    const loose = readLooseRef(gitDir, name);
    if (loose === undefined) return packed.get(name);
    if (loose.kind === 'id') return loose.id;
    if (loose.kind === 'broken') return unresolved(name, loose);
    name = loose.target;
  }
  return { ref, why: 'it leads on and on to other refs', isRead: true };
}

/**
 * As `followRef`.
 * @throws CorruptObjectError for a file without a valid ref, and for cyclic symbolic refs;
 *   UnreadableRefError for an unreadable file
 */
export function resolveRef(
  gitDir: string,
  packed: PackedRefsFile,
  ref: string,
): ObjectId | undefined {
  const found = followRef(gitDir, packed, ref);
  if (typeof found === 'object') throw errorOf(found);
  return found;
}

/** As `followRef`, but undefined for a broken ref, for callers that are about to replace it. */
export function valueOrNone(
  gitDir: string,
  packed: PackedRefsFile,
  ref: string,
): ObjectId | undefined {
  const found = followRef(gitDir, packed, ref);
  return typeof found === 'object' ? undefined : found;
}

export function brokenLooseRef(ref: string, loose: BrokenRef): Error {
  return errorOf(unresolved(ref, loose));
}

function unresolved(ref: string, { content, why }: BrokenRef): Unresolved {
  return { ref, why, isRead: content !== undefined };
}

function errorOf({ ref, why, isRead }: Unresolved): Error {
  return isRead ? brokenRef(ref, why) : unreadableRef(ref, why);
}
