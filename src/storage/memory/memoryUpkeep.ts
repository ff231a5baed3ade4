/** Upkeep of a store in memory, which has no packs and no temporary files. */

import type { ObjectId } from '../../git/objectId.ts';
import { parseCommit } from '../../git/objects/commit.ts';
import { findFaults } from '../../git/objects/fsck.ts';
import { parseTag } from '../../git/objects/tag.ts';
import { MODE_GITLINK, parseTree } from '../../git/objects/tree.ts';
import { forgetDeleted } from '../refRules.ts';
import type {
  CheckResult,
  CollectionOptions,
  CollectionResult,
  StorageFault,
  StorageSize,
  StorageUpkeep,
  UpkeepOptions,
} from '../storageUpkeep.ts';
import type { MemoryObjects } from './memoryObjects.ts';
import type { MemoryRefs } from './memoryRefs.ts';

export class MemoryUpkeep implements StorageUpkeep {
  readonly #objects: MemoryObjects;
  readonly #refs: MemoryRefs;

  constructor(objects: MemoryObjects, refs: MemoryRefs) {
    this.#objects = objects;
    this.#refs = refs;
  }

  async size(): Promise<StorageSize> {
    const { objects, bytes } = this.#objects.measure();
    return { objects, looseObjects: 0, packs: 0, bytes };
  }

  async bytesOf(ids: Iterable<ObjectId>): Promise<number> {
    let bytes = 0;
    for (const id of ids) bytes += (await this.#objects.header(id))?.size ?? 0;
    return bytes;
  }

  async pack({ signal }: UpkeepOptions = {}): Promise<void> {
    signal?.throwIfAborted();
  }

  /** Objects have no age here: unreachable ones are removed only when all are to be removed. */
  async collect({ expire, signal }: CollectionOptions = {}): Promise<CollectionResult> {
    signal?.throwIfAborted();
    if (expire !== Number.POSITIVE_INFINITY) return { pruned: 0, temporaryFiles: 0 };
    await forgetDeleted(this.#refs, expire);
    return { pruned: this.#objects.keepOnly(await this.#reachable()), temporaryFiles: 0 };
  }

  async check({ signal }: UpkeepOptions = {}): Promise<CheckResult> {
    signal?.throwIfAborted();
    const faults: StorageFault[] = [];
    const present = this.#objects.ids();
    for (const id of present) {
      try {
        const object = (await this.#objects.read(id))!;
        for (const problem of findFaults(object.type, object.body)) {
          faults.push({ subject: `${object.type} ${id}`, problem });
        }
      } catch (error) {
        faults.push({ subject: `object ${id}`, problem: (error as Error).message });
      }
    }
    const { refs } = await this.#refs.list('');
    for (const { ref, id } of refs) {
      if (!(await this.#objects.has(id)))
        faults.push({ subject: ref, problem: `${id} is missing` });
    }
    const values = this.#refs.allValues();
    const { length: objects } = present;
    const reflogEntries = values.length - refs.length;
    return { objects, packs: 0, refs: refs.length, reflogEntries, promised: 0, faults };
  }

  isCrowded(): boolean {
    return false;
  }

  async #reachable(): Promise<Set<ObjectId>> {
    const found = new Set<ObjectId>();
    const waiting = this.#refs.allValues();
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (found.has(id)) continue;
      const object = await this.#objects.read(id);
      if (object === undefined) continue;
      found.add(id);
      if (object.type === 'commit') {
        const { tree, parents } = parseCommit(object.body, id);
        waiting.push(tree);
        for (const parent of parents) waiting.push(parent);
      } else if (object.type === 'tag') {
        waiting.push(parseTag(object.body, id).object);
      } else if (object.type === 'tree') {
        for (const { mode, id: child } of parseTree(object.body, id)) {
          if (mode !== MODE_GITLINK) waiting.push(child);
        }
      }
    }
    return found;
  }
}
