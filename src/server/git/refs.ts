/** The refs of a store as they are told to clients. */

import { ByteCache } from '../../byteCache.ts';
import { asBuffer } from '../../bytes.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { IdSet } from '../../git/objectSet.ts';
import { readTagLink } from '../../git/objects/links.ts';
import { hiddenRefs } from '../../git/refs/hiddenRefs.ts';
import { isValidRefName } from '../../git/refs/refName.ts';
import { Pace } from '../../storage/pace.ts';
import { isPrivate } from '../../storage/refRules.ts';
import type { GitStore } from '../../store/gitStore.ts';

export interface ToldRef {
  readonly ref: string;
  readonly id: ObjectId;
  /** What an annotated tag tags at last. */
  readonly peeled?: ObjectId | undefined;
}

export interface ToldRefs {
  /** Undefined when HEAD's branch does not exist yet. */
  readonly head: ToldRef | undefined;
  /** Full name of HEAD's branch; undefined when HEAD is a bare commit. */
  readonly headTarget: string | undefined;
  /** Sorted by name, without HEAD. */
  readonly refs: readonly ToldRef[];
  /** Commits that the store has without their parents. */
  readonly shallow: IdSet;
}

/** `git upload-pack` heeds these. */
const HIDING_KEYS = ['transfer.hideRefs', 'uploadpack.hideRefs'];

const CACHE_BYTES = 8 << 20;
const CACHE_COST = 200;
/** What the cache says of an object that is no tag. */
const NO_TAG = '';
const MAX_DEPTH = 100;

export class RefTeller {
  readonly #store: GitStore;
  /** Objects that refs point to → what they are peeled to. */
  readonly #peeled = new ByteCache<ObjectId>(CACHE_BYTES, () => CACHE_COST);

  constructor(store: GitStore) {
    this.#store = store;
  }

  /** Refs that cannot be read, or whose objects are missing, are left out, as Git does. */
  async read(signal?: AbortSignal): Promise<ToldRefs> {
    const { storage } = this.#store;
    const pace = new Pace(signal);
    const [entries, head] = [await this.#store.listRefs('refs/'), await storage.refs.head()];
    const patterns = await storage.settings?.(HIDING_KEYS);
    const isHidden = hiddenRefs(patterns ?? []);
    const told: ToldRef[] = [];
    for (const { ref, id } of entries) {
      if (isPrivate(ref) || isHidden(ref)) continue;
      const one = await this.#tell(ref, id);
      if (one !== undefined) told.push(one);
      if (pace.due()) await pace.pause();
    }
    const headTarget = 'ref' in head ? head.ref : undefined;
    // As in Git, HEAD is told by its own name, also where its branch is hidden.
    const headId = 'id' in head ? head.id : entries.find(({ ref }) => ref === headTarget)?.id;
    return {
      head: headId === undefined || isHidden('HEAD') ? undefined : await this.#tell('HEAD', headId),
      headTarget: headTarget !== undefined && isValidRefName(headTarget) ? headTarget : undefined,
      refs: told,
      shallow: await this.#shallow(),
    };
  }

  async #shallow(): Promise<IdSet> {
    const { objects } = this.#store.storage;
    const here = new IdSet();
    for (const id of objects.history?.shallow() ?? []) if (await objects.has(id)) here.add(id);
    return here;
  }

  async #tell(ref: string, id: ObjectId): Promise<ToldRef | undefined> {
    const peeled = this.#peeled.get(id) ?? (await this.#peel(id));
    if (peeled === undefined) return undefined;
    this.#peeled.set(id, peeled);
    return { ref, id, peeled: peeled === NO_TAG ? undefined : peeled };
  }

  async #peel(start: ObjectId): Promise<ObjectId | undefined> {
    const { objects } = this.#store.storage;
    const target = Buffer.from(start, 'hex');
    for (let depth = 0; depth < MAX_DEPTH; depth++) {
      const id = asBuffer(target).toString('hex');
      const now = objects.tryRead(id);
      const type = now?.type ?? (await objects.header(id))?.type;
      if (type === undefined) return undefined;
      if (type !== 'tag') return depth === 0 ? NO_TAG : id;
      const body = now?.body ?? (await objects.read(id))?.body;
      if (body === undefined) return undefined;
      readTagLink(body, target);
    }
    return undefined;
  }
}

/** Every id that is told: clients may want these without further question. */
export function toldIds({ head, refs }: ToldRefs): Set<ObjectId> {
  const ids = new Set<ObjectId>();
  for (const { id, peeled } of head === undefined ? refs : [head, ...refs]) {
    ids.add(id);
    if (peeled !== undefined) ids.add(peeled);
  }
  return ids;
}
