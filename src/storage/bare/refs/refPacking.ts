/**
 * Loose refs into the `packed-refs` file, as `git pack-refs --all --prune` does it: many refs are then
 * read at once, and take no file each.
 *
 * Loose files are read and the new `packed-refs` is put in place while its lock file is held, so that
 * no ref is deleted meanwhile and comes back. A ref that moves meanwhile keeps its loose file, which
 * goes before the packed line. When the new file is on stable storage the loose ones are removed, each
 * under its ref's own lock, and only while both still say the same. So a ref has its value whenever
 * this is cut short.
 *
 * Left loose, as by Git: symbolic refs, refs of one working tree, and broken ones. Also what lies
 * behind links, which another repository may share.
 */

import type { ObjectId } from '../../../git/objectId.ts';
import { type PackedRef, serializePackedRefs } from '../../../git/packedRefs.ts';
import { isValidRefName } from '../../../git/refName.ts';
import { isErrno, removeIfThere, syncDirectory } from '../../disk/durable.ts';
import { unlinkSync } from '../../disk/fs.ts';
import { namesBelowRefs, readLooseRef } from './looseRefs.ts';
import { PendingFile } from './pendingFile.ts';
import { diskPath, removeEmptyParents } from './refPaths.ts';
import { PACKED_REFS_LOCK, type RefPlace } from './refTransaction.ts';

/** Where an object's tags lead; the object itself where it is none. Undefined when it is missing. */
export type PeelObject = (id: ObjectId) => Promise<ObjectId | undefined>;

/** Loose files removed in one hold of the store's lock. */
const REMOVALS_A_HOLD = 100;

/** git-worktree(1): refs that other working trees of the repository do not share. */
const OF_ONE_WORKING_TREE = /^refs\/(?:bisect|rewritten|worktree)\//;

export class RefPacking {
  readonly #place: RefPlace;
  readonly #peel: PeelObject;
  readonly #peeled = new Map<ObjectId, ObjectId | undefined>();
  /** Refs whose loose files may go. */
  #packed: readonly PackedRef[] = [];

  constructor(place: RefPlace, peel: PeelObject) {
    this.#place = place;
    this.#peel = peel;
  }

  /** Looks at the objects that refs name now, so that `write` need not do it with locks held. */
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
      // In either durability: what goes afterwards is nowhere else.
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
      // Its directory is gone, and it with it.
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return;
      throw error;
    }
    try {
      const loose = readLooseRef(gitDir, ref);
      // Deleted and made again, it would not be packed any more.
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
    // What lies behind a link may be another repository's too: it stays where it is.
    for (const ref of namesBelowRefs(gitDir, 'refs/', { links: false }).files) {
      if (!isValidRefName(ref) || OF_ONE_WORKING_TREE.test(ref)) continue;
      const loose = readLooseRef(gitDir, ref);
      if (loose?.kind !== 'id') continue;
      const peeled = await this.#target(loose.id);
      if (peeled !== undefined) found.push(entryOf(ref, loose.id, peeled));
    }
    return found;
  }

  /** The packed refs, each with what its tag leads to, which older files need not say. */
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
