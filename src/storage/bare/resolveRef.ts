/** The value of a ref: its loose file if there is one, else its line in packed-refs. */
import type { ObjectId } from '../../git/objectId.ts';
import { brokenRef, MAX_SYMBOLIC_DEPTH } from '../refRules.ts';
import { readLooseRef } from './looseRefs.ts';
import type { PackedRefsFile } from './packedRefsFile.ts';

/**
 * Follows symbolic refs to an id; undefined when there is no such ref, or a symbolic one leads to
 * none. The loose file is looked at first: what `git pack-refs` takes away there is packed already.
 * @throws CorruptObjectError for a file that holds no ref, and for symbolic refs that lead in circles
 */
export function resolveRef(
  gitDir: string,
  packed: PackedRefsFile,
  ref: string,
): ObjectId | undefined {
  let name = ref;
  for (let depth = 0; depth <= MAX_SYMBOLIC_DEPTH; depth++) {
    const loose = readLooseRef(gitDir, name);
    if (loose === undefined) return packed.get(name);
    if (loose.kind === 'id') return loose.id;
    if (loose.kind === 'broken') throw brokenRef(name);
    name = loose.target;
  }
  throw brokenRef(ref);
}

/** As `resolveRef`; undefined for a broken ref too. */
export function tryResolveRef(
  gitDir: string,
  packed: PackedRefsFile,
  ref: string,
): ObjectId | undefined {
  try {
    return resolveRef(gitDir, packed, ref);
  } catch {
    return undefined;
  }
}
