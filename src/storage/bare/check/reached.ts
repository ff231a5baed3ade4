/** Which of some objects can be reached. For stores that are damaged: it need not be quick. */

import type { ObjectId } from '../../../git/objectId.ts';
import { parseCommit } from '../../../git/objects/commit.ts';
import { parseTag } from '../../../git/objects/tag.ts';
import { isTreeMode, MODE_GITLINK, parseTree } from '../../../git/objects/tree.ts';
import { addAll } from '../../../lists.ts';
import type { BareObjects } from '../objects/objects.ts';

/** Broken objects end the walk where they are met, and no sooner. */
export async function reachedFrom(
  roots: ReadonlySet<ObjectId>,
  wanted: ReadonlySet<ObjectId>,
  store: BareObjects,
  signal: AbortSignal | undefined,
): Promise<Set<ObjectId>> {
  const seen = new Set<ObjectId>();
  const reached = new Set<ObjectId>();
  const open = [...roots];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    signal?.throwIfAborted();
    if (wanted.has(id)) reached.add(id);
    if (reached.size === wanted.size) break;
    try {
      addAll(open, await linksOf(id, store));
    } catch {
      // Reported where its bytes were checked.
    }
  }
  return reached;
}

async function linksOf(id: ObjectId, store: BareObjects): Promise<ObjectId[]> {
  const header = await store.header(id);
  if (header === undefined || header.type === 'blob') return [];
  const object = await store.read(id);
  if (object === undefined) return [];
  if (object.type === 'commit') {
    const { tree, parents } = parseCommit(object.body, id);
    return [tree, ...parents];
  }
  if (object.type === 'tag') return [parseTag(object.body, id).object];
  return parseTree(object.body, id)
    .filter(({ mode }) => isTreeMode(mode) && mode !== MODE_GITLINK)
    .map((entry) => entry.id);
}
