/**
 * Packs loose refs into the `packed-refs` file, as `git pack-refs --all --prune` does: many refs are then
 * read together, without a file for each.
 *
 * Loose files are read and the new `packed-refs` is put in place while its lock file is held, so that no
 * deleted ref reappears. A ref that moves meanwhile keeps its loose file, which overrides the packed line.
 * Once the new file is on stable storage, the loose files are removed, each under its ref's own lock, and
 * only while both values are equal. So an interruption at any point preserves all values.
 *
 * As in Git, symbolic refs, refs of one working tree and broken refs stay loose. So do refs behind links,
 * which another repository may share.
 */

import type { ObjectId } from '../../../../git/objectId.ts';
import { type PackedRef, serializePackedRefs } from '../../../../git/refs/packedRefs.ts';
import { isValidRefName } from '../../../../git/refs/refName.ts';
import { isErrno, removeIfThere, syncDirectory } from '../../../disk/durable.ts';
import { unlinkSync } from '../../../disk/fs.ts';
import { namesBelowRefs, readLooseRef } from '../files/looseRefs.ts';
import { PendingFile } from '../files/pendingFile.ts';
import { diskPath, removeEmptyParents } from '../files/refPaths.ts';
import { PACKED_REFS_LOCK, type RefPlace } from './refPlace.ts';

/** The object that a tag leads to; the object itself when it is not a tag. Undefined when it is missing. */
export type PeelObject = (id: ObjectId) => Promise<ObjectId | undefined>;

/** Loose files to remove during one hold of the store's lock. */
const REMOVALS_A_HOLD = 100;

/** git-worktree(1): refs that other working trees of the repository do not share. */
const OF_ONE_WORKING_TREE = /^refs\/(?:bisect|rewritten|worktree)\//;

export class RefPacking {
  readonly #place: RefPlace;
  readonly #peel: PeelObject;
  readonly #peeled = new Map<ObjectId, ObjectId | undefined>();
  /** Refs whose loose files may be removed. */
  #packed: readonly PackedRef[] = [];

  constructor(place: RefPlace, peel: PeelObject) {
    this.#place = place;
    this.#peel = peel;
  }

  /** Reads the objects of refs in advance, so that `write` need not read them while it holds locks. */
  async prepare(): Promise<void> {
    await this.#readLoose();
    await this.#readPacked();
  }

  /**
   * Writes the new file, under the store's lock.
   * @returns the lock file that another process holds; undefined when the file was written
   */
  async write(): Promise<string | undefined> {
    const { gitDir, lock, packed, onStep } = this.#place;
    lock.announce([PACKED_REFS_LOCK]);
    onStep('announced');
    if (!lock.tryMakeLockFile(PACKED_REFS_LOCK)) return PACKED_REFS_LOCK;
    let file: PendingFile | undefined;
    let targetLock: string | undefined;
    try {
      const target = packed.lockTarget();
      if ('blocked' in target) return target.blocked;
      targetLock = target.lock;
      onStep('locked');
      const loose = await this.#readLoose();
      if (loose.length === 0) return undefined;
      const entries = new Map<string, PackedRef>();
      for (const entry of [...(await this.#readPacked()), ...loose]) entries.set(entry.ref, entry);
      file = new PendingFile(gitDir, 'packed-refs', serializePackedRefs([...entries.values()]));
      // For both durabilities: the loose files removed later have no other copy.
      await file.sync();
      onStep('synced');
      packed.replaceBy(file);
      file = undefined;
      await syncDirectory(packed.directory);
      onStep('moved');
      this.#packed = loose;
      return undefined;
    } finally {
      file?.discard();
      if (targetLock !== undefined) removeIfThere(targetLock);
      lock.removeLockFile(PACKED_REFS_LOCK);
    }
  }

  /** Whether there are loose files left to look at. */
  get isPending(): boolean {
    return this.#packed.length > 0;
  }

  /** Removes some of the loose files, under the store's lock. */
  removeSome(): void {
    const { gitDir, lock } = this.#place;
    const some = this.#packed.slice(0, REMOVALS_A_HOLD);
    this.#packed = this.#packed.slice(REMOVALS_A_HOLD);
    lock.announce(some.map(({ ref }) => `${ref}.lock`));
    for (const entry of some) this.#remove(entry);
    for (const { ref } of some) removeEmptyParents(gitDir, ref);
  }

  #remove({ ref, id }: PackedRef): void {
    const { gitDir, lock, packed, onStep } = this.#place;
    const lockName = `${ref}.lock`;
    try {
      if (!lock.tryMakeLockFile(lockName)) return;
    } catch (error) {
      // Its directory is gone, and so is the ref.
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return;
      throw error;
    }
    try {
      const loose = readLooseRef(gitDir, ref);
      // The ref may have been deleted and recreated, and then is no longer packed.
      if (loose?.kind !== 'id' || loose.id !== id || packed.get(ref) !== id) return;
      unlinkSync(diskPath(gitDir, ref));
      onStep('moved');
    } finally {
      lock.removeLockFile(lockName);
    }
  }

  /** The loose refs that can be packed. */
  async #readLoose(): Promise<PackedRef[]> {
    const { gitDir } = this.#place;
    const found: PackedRef[] = [];
    // A ref behind a link may belong to another repository too, so it stays loose.
    for (const ref of namesBelowRefs(gitDir, 'refs/', { links: false }).files) {
      if (!isValidRefName(ref) || OF_ONE_WORKING_TREE.test(ref)) continue;
      const loose = readLooseRef(gitDir, ref);
      if (loose?.kind !== 'id') continue;
      const peeled = await this.#target(loose.id);
      if (peeled !== undefined) found.push(entryOf(ref, loose.id, peeled));
    }
    return found;
  }

  /** The packed refs with their peeled values, which older files may lack. */
  async #readPacked(): Promise<PackedRef[]> {
    const { entries, peeled, fullyPeeled } = this.#place.packed.read();
    const complete: PackedRef[] = [];
    for (const entry of entries) {
      const { ref, id } = entry;
      const isKnown = fullyPeeled || (peeled && ref.startsWith('refs/tags/'));
      if (isKnown || entry.peeled !== undefined) complete.push(entry);
      else complete.push(entryOf(ref, id, (await this.#target(id)) ?? id));
    }
    return complete;
  }

  async #target(id: ObjectId): Promise<ObjectId | undefined> {
    let target = this.#peeled.get(id);
    if (target === undefined) {
      target = await this.#peel(id);
      this.#peeled.set(id, target);
    }
    return target;
  }
}

function entryOf(ref: string, id: ObjectId, peeled: ObjectId): PackedRef {
  return peeled === id ? { ref, id } : { ref, id, peeled };
}
