/** The order of ref changes in a push, and the changes that a refused deletion blocks. */
import { parentNames } from '../storage/refRules.ts';
import type { RefChange } from './mirrorDiff.ts';
import type { RefusedRefs } from './remote.ts';

/**
 * Groups of changes, each to be made atomically. Usually one group. Deletions form an earlier group when a
 * new name collides with a deleted one (`a` after `a/b`, and the reverse).
 */
export function inOrder(changes: Iterable<RefChange>): RefChange[][] {
  const all = [...changes];
  const deleted = new Set(all.filter((c) => c.newTarget === undefined).map((c) => c.ref));
  const below = new Set([...deleted].flatMap(parentNames));
  const collides = all.some(
    ({ ref, newTarget }) =>
      newTarget !== undefined &&
      (below.has(ref) || parentNames(ref).some((parent) => deleted.has(parent))),
  );
  if (!collides) return all.length === 0 ? [] : [all];
  return [
    all.filter(({ newTarget }) => newTarget === undefined),
    all.filter(({ newTarget }) => newTarget !== undefined),
  ];
}

/**
 * Separates new refs that collide with a ref that could not be deleted (`a/b` while `a` remains).
 * @returns the possible changes, and the blocked ones with the reason
 */
export function withoutBlocked(
  changes: readonly RefChange[],
  refused: RefusedRefs,
): { changes: readonly RefChange[]; blocked: RefusedRefs } {
  if (refused.size === 0) return { changes, blocked: new Map() };
  const blocked = new Map<string, string>();
  for (const { ref, newTarget } of changes) {
    if (newTarget === undefined) continue;
    const other = [...refused.keys()].find(
      (old) => parentNames(ref).includes(old) || parentNames(old).includes(ref),
    );
    if (other !== undefined) blocked.set(ref, `${other} takes its place there`);
  }
  return { changes: changes.filter(({ ref }) => !blocked.has(ref)), blocked };
}
