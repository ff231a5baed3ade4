/** From a ref's value through annotated tags to what they stand for. */
import type { ObjectId, ObjectType } from '../git/objectId.ts';
import { parseTag } from '../git/tag.ts';
import type { ObjectStore } from './storage.ts';

/** What a ref's value leads to once annotated tags are followed. */
export interface Peeled {
  readonly id: ObjectId;
  readonly type: ObjectType;
}

/**
 * Follows annotated tags, also tags of tags. Undefined when an object on the way is not there.
 * @param isCommit true for an id that is known to be a commit's, which saves looking at it
 */
export async function peel(
  objects: Pick<ObjectStore, 'header' | 'read'>,
  id: ObjectId,
  isCommit: (id: ObjectId) => boolean = () => false,
): Promise<Peeled | undefined> {
  let at = id;
  // An id is made from what the tag names, so tags lead to an end.
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
