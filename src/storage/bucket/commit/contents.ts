/**
 * The objects that a head lists, and those of earlier heads: a writer may still need one of these after a
 * collection has removed it from the lists.
 */
import { EMPTY_TREE_ID, type ObjectId } from '../../../git/objectId.ts';
import type { GitObject } from '../../storage.ts';
import { PackGoneError, type Shelf } from '../cache/shelf.ts';
import type { HeadKeeper } from '../head/headKeeper.ts';
import type { Head, PackEntry, RecentObject } from '../head/headRecord.ts';
import { openRecent } from './linksOf.ts';

/** Packs and recent objects of earlier heads to remember, at most. */
const FORMER_PACKS = 200;
const FORMER_OBJECTS = 10_000;

export class Contents {
  readonly shelf: Shelf;
  readonly #former = new Map<string, PackEntry>();
  readonly #formerRecent = new Map<ObjectId, RecentObject>();
  #recentOf: Head | undefined;
  #recent = new Map<ObjectId, RecentObject>();

  constructor(keeper: HeadKeeper, shelf: Shelf) {
    this.shelf = shelf;
    keeper.watch((head, before) => {
      if (before !== undefined) this.#remember(before, head);
    });
  }

  /** An object inside a head. */
  recent(head: Head, id: ObjectId): RecentObject | undefined {
    if (this.#recentOf?.recent !== head.recent) {
      this.#recentOf = head;
      this.#recent = new Map(head.recent.map((object) => [object.id, object]));
    }
    return this.#recent.get(id);
  }

  /** Whether the head lists the object. @throws PackGoneError */
  async has(head: Head, id: ObjectId): Promise<boolean> {
    if (id === EMPTY_TREE_ID || this.recent(head, id) !== undefined) return true;
    for (const pack of head.packs.toReversed()) if (await this.shelf.has(pack, id)) return true;
    return false;
  }

  /** The object, from the head or from an earlier one. */
  async find(head: Head, id: ObjectId): Promise<GitObject | undefined> {
    const recent = this.recent(head, id) ?? this.#formerRecent.get(id);
    if (recent !== undefined) return openRecent(recent);
    for (const pack of [...head.packs.toReversed(), ...this.#former.values()]) {
      try {
        const found = await this.shelf.read(pack, id);
        if (found !== undefined) return found;
      } catch (error) {
        if (!(error instanceof PackGoneError)) throw error;
        this.#former.delete(pack.key);
      }
    }
    return undefined;
  }

  #remember(before: Head, now: Head): void {
    if (before.packs !== now.packs) {
      const listed = new Set(now.packs.map(({ key }) => key));
      for (const pack of before.packs) {
        if (!listed.has(pack.key)) this.#former.set(pack.key, pack);
      }
      trim(this.#former, FORMER_PACKS);
    }
    if (before.generation !== now.generation) {
      for (const object of before.recent) this.#formerRecent.set(object.id, object);
      trim(this.#formerRecent, FORMER_OBJECTS);
    }
  }
}

/** Drops the oldest. */
function trim(map: Map<string, unknown>, most: number): void {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
