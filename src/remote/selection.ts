/** Selects the refs of a backup, a restore or a bundle, and their names on the other side. */
import { GitStoreError, KeyNotFoundError } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { isValidRefName } from '../git/refs/refName.ts';
import { checkRef, refuseFor } from '../storage/refRules.ts';
import type { RefListing, UnreadableRef } from '../storage/storage.ts';

/**
 * Refs by name, or a record from each name to its name on the other side. A name is full
 * (`refs/heads/main`), or that of a branch, else a tag, else a namespace of notes. A short name on the
 * other side is of the same kind.
 */
export type RefSelection = readonly string[] | Readonly<Record<string, string>>;

/** Prefixes of mirrored refs: branches, tags and notes. */
export const MIRRORED: readonly string[] = ['refs/heads/', 'refs/tags/', 'refs/notes/'];

/** The prefixes of all names that a selection may mean. */
export function prefixesOf(selection: RefSelection | undefined): readonly string[] {
  const full = namesOf(selection).map(([source]) => source);
  const others = full.filter((name) => name.startsWith('refs/') && !isMirrored(name));
  return [...MIRRORED, ...others];
}

export function isMirrored(ref: string): boolean {
  return MIRRORED.some((prefix) => ref.startsWith(prefix));
}

/**
 * The selected refs, by their names on the other side.
 * @param listing all refs; without a selection those of a mirror are selected
 * @throws UnreadableRefError for an unreadable selected ref; KeyNotFoundError for a missing one;
 *   InvalidRefNameError; GitStoreError (`EINVAL`) when two would get the same name
 */
export function selectRefs(
  { refs, unreadable }: RefListing,
  selection?: RefSelection,
): Map<string, ObjectId> {
  const selected = new Map<string, ObjectId>();
  if (selection === undefined) {
    for (const { ref, id } of refs) {
      if (isMirrored(ref) && isValidRefName(ref)) selected.set(ref, id);
    }
    return selected;
  }
  const there = new Map(refs.map(({ ref, id }) => [ref, id]));
  for (const [source, destination] of namesOf(selection)) {
    const ref = candidates(source).find((name) => {
      const broken = there.has(name) ? undefined : unreadable.find((one) => covers(one, name));
      if (broken !== undefined) throw refuseFor(broken, 'it cannot be taken along');
      return there.has(name);
    });
    if (ref === undefined) throw new KeyNotFoundError(`Ref not found: ${source}`, { ref: source });
    const other = otherName(ref, destination);
    checkRef(other);
    if (selected.has(other)) {
      throw new GitStoreError(`Two refs would become ${other}`, 'EINVAL', { ref: other });
    }
    selected.set(other, there.get(ref)!);
  }
  return selected;
}

/** Whether the unreadable entry is the named ref itself or a folder above it. */
export function covers({ ref }: UnreadableRef, name: string): boolean {
  return ref === name || (ref.endsWith('/') && `${name}/`.startsWith(ref));
}

/** Whether a mirror would include it, or refs below it. */
export function mayBeMirrored({ ref }: UnreadableRef): boolean {
  return MIRRORED.some((prefix) => ref.startsWith(prefix) || prefix.startsWith(ref));
}

function namesOf(selection: RefSelection | undefined): [source: string, destination?: string][] {
  if (selection === undefined) return [];
  if (isList(selection)) return [...new Set(selection)].map((name) => [name]);
  return Object.entries(selection);
}

function isList(selection: RefSelection): selection is readonly string[] {
  return Array.isArray(selection);
}

function candidates(name: string): string[] {
  return [...(name.startsWith('refs/') ? [name] : []), ...MIRRORED.map((prefix) => prefix + name)];
}

function otherName(ref: string, destination: string | undefined): string {
  if (destination === undefined) return ref;
  if (destination.startsWith('refs/')) return destination;
  const prefix = MIRRORED.find((each) => ref.startsWith(each)) ?? 'refs/heads/';
  return prefix + destination;
}
