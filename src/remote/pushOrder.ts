/** In which groups refs move, and what a refused deletion keeps from moving. */
import { parentNames } from '../storage/refRules.ts';
import type { RefChange } from './mirrorDiff.ts';
import type { RefusedRefs } from './remote.ts';

/**
 * Changes in groups, each to be made at once. One group is the rule; deletions go before the rest
 * where a new name needs their place (`a` where `a/b` was, and the reverse).
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
 * Sets apart new refs whose place a ref takes that could not be deleted (`a/b`, and `a` is still there).
 * @returns the changes that can be made, and the others with the reason
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
