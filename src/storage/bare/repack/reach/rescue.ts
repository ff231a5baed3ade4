/**
 * Finds what has become reachable since a collection listed the roots. Reads objects that came after the
 * list in the usual way. A listed object that they lead to stays.
 */

import type { ObjectId } from '../../../../git/objectId.ts';
import { parseCommit } from '../../../../git/objects/commit.ts';
import { parseTag } from '../../../../git/objects/tag.ts';
import { MODE_GITLINK, parseTree } from '../../../../git/objects/tree.ts';
import type { Inventory } from '../../inventory/inventory.ts';
import { Flag } from '../../inventory/objectTable.ts';
import type { Roots } from '../../inventory/roots.ts';
import { BareObjects } from '../../objects/objects.ts';

export class Rescue {
  readonly #work: Inventory;
  readonly #seen: Set<ObjectId>;
  readonly #rescued = new Set<number>();

  /** @param roots those that the collection began with */
  constructor(work: Inventory, roots: Roots) {
    this.#work = work;
    this.#seen = new Set([...roots.firm.keys(), ...roots.loose]);
  }

  has(object: number): boolean {
    return this.#rescued.has(object);
  }

  /** Follows the roots that are new to the objects of the list. */
  async look(roots: Roots, objectsDirs: readonly string[]): Promise<void> {
    const fresh = [...roots.firm.keys(), ...roots.loose].filter((id) => !this.#seen.has(id));
    if (fresh.length === 0) return;
    const gitDir = objectsDirs[0]!.replace(/[/\\]objects$/, '');
    const store = new BareObjects(gitDir, { durability: 'fast' });
    try {
      await this.#follow(fresh, store);
    } finally {
      await store.close();
    }
  }

  async #follow(ids: ObjectId[], store: BareObjects): Promise<void> {
    const { table } = this.#work;
    for (let id = ids.pop(); id !== undefined; id = ids.pop()) {
      if (this.#seen.has(id)) continue;
      this.#seen.add(id);
      const object = table.findId(id);
      if (object !== -1) {
        if ((table.columns.flags[object]! & Flag.reachable) !== 0) continue;
        this.#rescued.add(object);
      }
      const header = await store.header(id);
      // A missing object is for `verify` to report.
      if (header === undefined || header.type === 'blob') continue;
      const body = (await store.read(id))?.body;
      if (body === undefined) continue;
      if (header.type === 'commit') {
        const { tree, parents } = parseCommit(body, id);
        ids.push(tree);
        for (const parent of parents) ids.push(parent);
      } else if (header.type === 'tag') {
        ids.push(parseTag(body, id).object);
      } else {
        for (const entry of parseTree(body, id))
          if (entry.mode !== MODE_GITLINK) ids.push(entry.id);
      }
    }
  }
}
