/**
 * Whether a client may have what it wants. Refs and what their tags tag, it may. Other objects only
 * when refs lead to them: partial clones ask for single blobs, and refs move between two requests of
 * one fetch. Objects that no ref leads to are not served.
 *
 * What refs lead to is found out when such a want comes first, kept, and brought up to date.
 */

import type { ObjectId } from '../../git/objectId.ts';
import { IdSet } from '../../git/objectSet.ts';
import { commitRange } from '../../graph/commitRange.ts';
import { reachable } from '../../graph/reachable.ts';
import { lacksObject } from '../../storage/missingObject.ts';
import { Pace } from '../../storage/pace.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { type ToldRefs, toldIds } from './refs.ts';
import { Refusal } from './refusal.ts';

interface Closure {
  readonly tips: IdSet;
  /** The commits where it ended because the store does not have their parents. */
  readonly ends: string;
  readonly objects: IdSet;
}

export class WantedObjects {
  readonly #store: GitStore;
  /** One at a time: requests that come meanwhile wait for its result. */
  #closure: Promise<Closure> | undefined;

  constructor(store: GitStore) {
    this.#store = store;
  }

  /**
   * @throws Refusal for a want that the client may not have
   */
  async check(wants: IdSet, refs: ToldRefs, signal: AbortSignal): Promise<void> {
    const told = toldIds(refs);
    const pace = new Pace(signal);
    let closure: Closure | undefined;
    for (let i = 0; i < wants.count; i++) {
      const want = wants.idAt(i);
      if (pace.due()) await pace.pause();
      if (told.has(want)) continue;
      // What is not here at all needs no search.
      if (!(await this.#store.storage.objects.has(want))) throw notOurs(want);
      closure ??= await this.#closureOf(told, refs.shallow);
      if (!closure.objects.has(want)) throw notOurs(want);
    }
  }

  #closureOf(told: ReadonlySet<ObjectId>, shallow: IdSet): Promise<Closure> {
    const before = this.#closure;
    const next = this.#updated(before, new IdSet(told), shallow);
    this.#closure = next;
    next.catch(() => {
      if (this.#closure === next) this.#closure = undefined;
    });
    return next;
  }

  async #updated(
    before: Promise<Closure> | undefined,
    tips: IdSet,
    shallow: IdSet,
  ): Promise<Closure> {
    const { objects } = this.#store.storage;
    const ends = [...shallow].sort().join(' ');
    const last = await before?.catch(() => undefined);
    const known = last?.ends === ends ? last : undefined;
    const added = [...tips].filter((id) => !known?.tips.has(id));
    const gone = known === undefined ? [] : [...known.tips].filter((id) => !tips.has(id));
    if (known === undefined || !(await this.#stillReached(gone, tips, shallow))) {
      return { tips, ends, objects: (await reachable(objects, { wants: tips, shallow })).objects };
    }
    if (added.length > 0) {
      const fresh = await reachable(objects, { wants: added, haves: known.tips, shallow });
      for (const id of fresh.objects) known.objects.add(id);
    }
    return { tips, ends, objects: known.objects };
  }

  /** Whether the tips lead to all that was one before: no branch was set back or deleted. */
  async #stillReached(gone: readonly ObjectId[], tips: IdSet, shallow: IdSet): Promise<boolean> {
    if (gone.length === 0) return true;
    try {
      const asked = { wants: gone, haves: tips, shallow };
      const range = await commitRange(this.#store.storage.objects, asked);
      return range.fresh.length === 0 && range.others.every(({ id }) => range.known.has(id));
    } catch (error) {
      // What no ref leads to may have been collected by now.
      if (lacksObject(error)) return false;
      throw error;
    }
  }
}

function notOurs(id: ObjectId): Refusal {
  return new Refusal(`upload-pack: not our ref ${id}`);
}
