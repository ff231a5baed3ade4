/** Completing a change of several refs whose writer died in the middle (refTransaction.ts). */
import { removeIfThere } from './durable.ts';
import type { RefMove } from './lockRecord.ts';
import { tryRemoveReflog } from './reflogFile.ts';
import { diskPath, makeParent, removeEmptyParents } from './refPaths.ts';
import { pendingPackedRefs, pendingValue, type RefPlace } from './refTransaction.ts';
import { tryResolveRef } from './resolveRef.ts';

/**
 * Completes the moves as their dead writer would have: its reflog lines are written, its lock files
 * are still there. A ref that no longer has the value it had then, or that Git has locked since, is
 * left alone.
 */
export function completeMoves(place: RefPlace, moves: readonly RefMove[]): void {
  const open = moves.filter((move) => isOpen(place, move));
  const deleted = open.filter((move) => move.new === null).map((move) => move.ref);
  for (const { ref, new: next } of open) {
    if (next === null) continue;
    const value = pendingValue(place.gitDir, 0, next);
    if (place.durability === 'full') value.syncNow();
    value.moveTo(diskPath(place.gitDir, ref));
  }
  if (deleted.length === 0 || !place.lock.tryMakeLockFile('packed-refs.lock')) return;
  const packedRefs = pendingPackedRefs(place, new Set(deleted));
  if (place.durability === 'full') packedRefs?.syncNow();
  packedRefs?.moveTo(place.packed.path);
  for (const ref of deleted) {
    removeIfThere(diskPath(place.gitDir, ref));
    tryRemoveReflog(place.gitDir, ref);
    removeEmptyParents(place.gitDir, ref);
  }
}

function isOpen({ gitDir, packed, lock }: RefPlace, { ref, old, new: next }: RefMove): boolean {
  if (next !== null) makeParent(gitDir, ref);
  const now = tryResolveRef(gitDir, packed, ref) ?? null;
  return now === old && now !== next && lock.tryMakeLockFile(`${ref}.lock`);
}
