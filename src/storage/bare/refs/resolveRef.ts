/** The value of a ref: its loose file if there is one, else its line in packed-refs. */
import type { ObjectId } from '../../../git/objectId.ts';
import { brokenRef, MAX_SYMBOLIC_DEPTH, unreadableRef } from '../../refRules.ts';
import { type BrokenRef, readLooseRef } from './looseRefs.ts';
import type { PackedRefsFile } from './packedRefsFile.ts';

/** A ref that has no value, because it is broken or leads to one that is. */
export interface Unresolved {
  /** The one that is broken. */
  readonly ref: string;
  readonly why: string;
  /** Whether it could be read at all. */
  readonly isRead: boolean;
}

/**
 * Follows symbolic refs to an id; undefined when there is no such ref, or a symbolic one leads to
 * none. The loose file is looked at first: what `git pack-refs` takes away there is packed already.
 * @throws UnreadableRefError where another try may have another outcome
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
 * @throws CorruptObjectError for a file that holds no ref, and for symbolic refs that lead in circles;
 *   UnreadableRefError for one that the system does not let be read
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

/** As `followRef`; undefined for a broken ref too: for one that is about to be replaced. */
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
