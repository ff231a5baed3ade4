/** Follows annotated tags from a ref's value to the tagged object. */
import type { ObjectId, ObjectType } from '../git/objectId.ts';
import { parseTag } from '../git/objects/tag.ts';
import type { ObjectStore } from './storage.ts';

/** The object that a ref's value leads to through annotated tags. */
export interface Peeled {
  readonly id: ObjectId;
  readonly type: ObjectType;
}

/**
 * Follows annotated tags, including tags of tags. Undefined when an object on the way is missing.
 * @param isCommit true for an id that is known to be a commit's, which saves reading its header
 */
export async function peel(
  objects: Pick<ObjectStore, 'header' | 'read'>,
  id: ObjectId,
  isCommit: (id: ObjectId) => boolean = () => false,
): Promise<Peeled | undefined> {
  let at = id;
  // A tag's id is a hash over the id it names, so tags cannot form a cycle.
  for (;;) {
    if (isCommit(at)) return { id: at, type: 'commit' };
    const header = await objects.header(at);
    if (header === undefined) return undefined;
    if (header.type !== 'tag') return { id: at, type: header.type };
    const tag = await objects.read(at);
    if (tag === undefined) return undefined;
    at = parseTag(tag.body, at).object;
  }
}
