/** One ref in a transaction: the value it has, the value it gets, and whether it may get it. */
import { InvalidRefNameError } from '../../../../errors.ts';
import type { ObjectId } from '../../../../git/objectId.ts';
import { collision, parentNames, staleRef } from '../../../refRules.ts';
import type { ReflogMessage, RefUpdate } from '../../../storage.ts';
import type { RefMove } from '../../locks/lockRecord.ts';
import { type LooseRef, listLooseRefs, readLooseRef } from '../files/looseRefs.ts';
import type { AppendedLine } from '../files/reflogFile.ts';
import { diskPath, parentName, removeEmptyTree } from '../files/refPaths.ts';
import { otherSpelling } from '../files/refSpelling.ts';
import { brokenLooseRef, valueOrNone } from '../reading/resolveRef.ts';
import type { RefPlace } from './refPlace.ts';

export interface RefChange {
  readonly update: RefUpdate;
  readonly message: ReflogMessage;
  /** The ref, followed by the targets of symbolic refs. The last one moves. */
  readonly chain: [string, ...string[]];
  /** Content of the last one's file. */
  loose: LooseRef | undefined;
  old: ObjectId | null;
}

/** Whether it deletes a ref that is missing. @throws StaleSnapshotError */
export function isDone({ gitDir, packed }: RefPlace, { update }: RefChange): boolean {
  if (update.new !== null || readLooseRef(gitDir, update.ref) !== undefined) return false;
  if (packed.get(update.ref) !== undefined) return false;
  if (typeof update.old === 'string') throw staleRef(update, null);
  return true;
}

/**
 * Finds the old value of a locked ref, and clears the way for a new file.
 * @throws StaleSnapshotError InvalidRefNameError CorruptObjectError
 */
export function compare(place: RefPlace, change: RefChange): void {
  const { gitDir, packed } = place;
  const { update, loose } = change;
  const ref = change.chain.at(-1)!;
  if (loose?.kind === 'broken') {
    // An update without an old value may replace it. This is how a broken ref is repaired.
    const isDeleted = update.old === null && update.new === null;
    if (update.old !== undefined && !isDeleted) throw brokenLooseRef(ref, loose);
    return;
  }
  if (loose?.kind === 'id') change.old = loose.id;
  else if (loose === undefined) change.old = packed.get(ref) ?? null;
  else change.old = valueOrNone(gitDir, packed, loose.target) ?? null;
  if (update.old !== undefined && update.old !== change.old) throw staleRef(update, change.old);
  if (loose === undefined && update.new !== null) makeFree(place, ref, change.old === null);
}

/** Clears the way for a new loose ref. */
function makeFree({ gitDir, packed }: RefPlace, ref: string, isNew: boolean): void {
  if (isNew) {
    const parent = parentNames(ref).find((name) => packed.get(name) !== undefined);
    const other = parent ?? packed.withPrefix(`${ref}/`)[0]?.ref;
    if (other !== undefined) throw collision(ref, other);
  }
  const same = otherSpelling(gitDir, ref);
  if (same !== undefined) {
    throw new InvalidRefNameError(
      `Cannot create ${ref}: this disk takes it for ${same}, which exists; use another name`,
      { ref },
    );
  }
  if (!removeEmptyTree(diskPath(gitDir, ref))) {
    throw collision(ref, listLooseRefs(gitDir, `${ref}/`)[0] ?? `${ref}/`);
  }
}

/** Whether a compared change has anything to do. */
export function isNeeded({ update, loose, old }: RefChange): boolean {
  if (update.restartsLog) return true;
  return update.new !== old || (update.new === null && loose !== undefined);
}

/** As the store's lock records it. */
export function moveOf({ chain, update, old }: RefChange): RefMove {
  return { ref: chain.at(-1)!, old, new: update.new };
}

/** Directories with added, removed or changed names. New directories are names in their parents. */
export function directoriesOf(
  changes: readonly RefChange[],
  lines: readonly AppendedLine[],
): Set<string> {
  const directories = new Set<string>();
  const add = (name: string, withParents: boolean) => {
    let directory = parentName(name);
    directories.add(directory);
    while (withParents && directory.includes('/')) {
      directory = parentName(directory);
      directories.add(directory);
    }
  };
  for (const { chain, loose, update } of changes) {
    add(chain.at(-1)!, loose === undefined);
    if (update.new === null) directories.add('');
    if (update.logOf !== undefined) add(`logs/${update.ref}`, true);
    if (update.restartsLog) {
      add(`logs/${chain.at(-1)!}`, false);
      directories.add('logs');
    }
  }
  for (const line of lines) if (line.created) add(`logs/${line.ref}`, true);
  return directories;
}
