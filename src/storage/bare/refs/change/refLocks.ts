/**
 * The lock files of one change of refs, as Git has them: `<ref>.lock`, `HEAD.lock` where HEAD leads to one of
 * the refs, and `packed-refs.lock` where one is deleted. What is wanted is announced in the store's lock
 * first, so that the next holder can remove what a killed process leaves.
 */
import { isErrno, removeIfThere } from '../../../disk/durable.ts';
import { collision, parentNames } from '../../../refRules.ts';
import { readLooseRef } from '../files/looseRefs.ts';
import { makeParent, removeEmptyParents } from '../files/refPaths.ts';
import { PACKED_REFS_LOCK, type RefPlace } from './refPlace.ts';

const HEAD_LOCK = 'HEAD.lock';
const MAX_LOCK_ATTEMPTS = 10;

export class RefLocks {
  readonly #place: RefPlace;
  readonly #taken: string[] = [];
  /** Names whose directories may have to be removed again. */
  readonly #emptied: string[] = [];
  /** Lock of the target, when `packed-refs` is a link. */
  #targetLock: string | undefined;

  constructor(place: RefPlace) {
    this.#place = place;
  }

  /** The names of the lock files that are ours. */
  get taken(): readonly string[] {
    return this.#taken;
  }

  /**
   * Takes those that are not ours yet.
   * @param refs in locking order
   * @returns the name of a lock file that another process holds, or undefined when all are ours
   */
  take(
    refs: readonly string[],
    { head, deletes }: { head: string | undefined; deletes: boolean },
  ): string | undefined {
    const wanted = refs.map((ref) => `${ref}.lock`);
    if (refs.includes(head!)) wanted.push(HEAD_LOCK);
    // Even when the ref is not packed: Git could be packing the value that we remove.
    if (deletes) wanted.push(PACKED_REFS_LOCK);
    this.#place.lock.announce(wanted);
    this.#place.onStep('announced');
    for (const name of wanted) {
      if (this.#taken.includes(name)) continue;
      if (!this.#takeOne(name)) return name;
      if (name !== PACKED_REFS_LOCK) continue;
      const target = this.#place.packed.lockTarget();
      if ('blocked' in target) return target.blocked;
      this.#targetLock = target.lock;
    }
    return undefined;
  }

  /** Has the empty directories above a deleted ref removed after the lock files. */
  tidyAbove(ref: string): void {
    this.#emptied.push(ref);
  }

  /** Removes the lock files, as far as possible. */
  release(): void {
    if (this.#targetLock !== undefined) removeIfThere(this.#targetLock);
    this.#targetLock = undefined;
    let failure: { readonly error: unknown } | undefined;
    for (const name of this.#taken) {
      try {
        this.#place.lock.removeLockFile(name);
      } catch (error) {
        failure ??= { error };
      }
    }
    for (const name of this.#emptied) removeEmptyParents(this.#place.gitDir, name);
    this.#taken.length = 0;
    this.#emptied.length = 0;
    this.#place.onStep('unlocked');
    if (failure !== undefined) throw failure.error;
  }

  #takeOne(name: string): boolean {
    for (let attempt = 0; ; attempt++) {
      try {
        const taken = this.#place.lock.tryMakeLockFile(name);
        if (taken) this.#taken.push(name);
        return taken;
      } catch (error) {
        // Other processes may remove empty directories as fast as they are made here.
        if (!isErrno(error, 'ENOENT', 'ENOTDIR') || attempt === MAX_LOCK_ATTEMPTS) throw error;
        this.#makeRoom(name);
      }
    }
  }

  /** Creates the directory of a lock file. */
  #makeRoom(lockName: string): void {
    const { gitDir } = this.#place;
    try {
      this.#emptied.push(lockName);
      makeParent(gitDir, lockName);
    } catch (error) {
      if (!isErrno(error, 'ENOTDIR', 'EEXIST')) throw error;
      const ref = lockName.slice(0, -'.lock'.length);
      const parent = parentNames(ref).find((name) => readLooseRef(gitDir, name) !== undefined);
      throw parent === undefined ? error : collision(ref, parent);
    }
  }
}
