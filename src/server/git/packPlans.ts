/**
 * What goes into a pack, found out once for all clients that ask for the same: a thousand clones at
 * once are one walk, and one set in memory. Sets are kept while they are in use, the last one
 * longer. The number of packs being made at a time is bounded; further requests wait.
 */
import { createHash } from 'node:crypto';
import { readTagLink } from '../../git/objects/links.ts';
import type { ReachableOptions } from '../../graph/newObjects.ts';
import { type Reachable, reachable } from '../../graph/reachable.ts';
import type { GitStore } from '../../store/gitStore.ts';
import type { ToldRef } from './refs.ts';

export interface PlanRequest extends Omit<ReachableOptions, 'onProgress' | 'signal'> {
  /** Annotated tags that go along when what they tag does. */
  readonly tags: readonly ToldRef[];
}

/** A plan under way or done. */
export interface Plan {
  readonly result: Promise<Reachable>;
  /** How many objects were found so far. */
  readonly found: () => number;
}

export class PackPlans {
  readonly #store: GitStore;
  readonly #plans = new Map<string, WeakRef<Plan>>();
  readonly #forgotten = new FinalizationRegistry<string>((key) => {
    if (this.#plans.get(key)?.deref() === undefined) this.#plans.delete(key);
  });
  /** Keeps the plan that was asked for last. */
  #last: Plan | undefined;

  constructor(store: GitStore) {
    this.#store = store;
  }

  /** The plan for a request, shared with others when the client has nothing yet. */
  get(request: PlanRequest): Plan {
    if ([...(request.haves ?? [])].length > 0) return this.#start(request);
    const key = keyOf(request);
    const known = this.#plans.get(key)?.deref();
    if (known !== undefined) return known;
    const plan = this.#start(request);
    this.#plans.set(key, new WeakRef(plan));
    this.#forgotten.register(plan, key);
    this.#last = plan;
    plan.result.catch(() => {
      this.#plans.delete(key);
      if (this.#last === plan) this.#last = undefined;
    });
    return plan;
  }

  #start(request: PlanRequest): Plan {
    let found = 0;
    const onProgress = (count: number): void => {
      found = count;
    };
    return { result: this.#make(request, onProgress), found: () => found };
  }

  async #make(request: PlanRequest, onProgress: (found: number) => void): Promise<Reachable> {
    const { objects: source } = this.#store.storage;
    const result = await reachable(source, { ...request, onProgress });
    const { objects } = result;
    const target = Buffer.alloc(20);
    for (const { id, peeled } of request.tags) {
      if (peeled === undefined || !objects.has(peeled)) continue;
      // A tag of a tag brings both.
      for (let tag = id; tag !== peeled && !objects.has(tag); tag = target.toString('hex')) {
        const object = await source.read(tag);
        if (object?.type !== 'tag') break;
        objects.addObject(tag, 'tag');
        readTagLink(object.body, target);
      }
    }
    return result;
  }
}

function keyOf({ wants, shallow, filter, tags }: PlanRequest): string {
  const hash = createHash('sha1');
  for (const list of [wants, shallow ?? [], tags.map(({ id }) => id)]) {
    hash.update(`${[...list].sort().join(' ')}\n`);
  }
  return hash.update(JSON.stringify(filter ?? {})).digest('hex');
}
