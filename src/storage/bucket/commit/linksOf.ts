/** The ids in an object. */
import { inflateSync } from 'node:zlib';
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { parseCommit } from '../../../git/objects/commit.ts';
import { eachTreeLink } from '../../../git/objects/links.ts';
import { parseTag } from '../../../git/objects/tag.ts';
import type { GitObject } from '../../storage.ts';
import type { LinkedObject } from '../cache/shelf.ts';
import type { RecentObject } from '../head/headRecord.ts';

/** Ids in an object, without commits of submodules. None for a corrupt object. */
export function linksOf({ type, body }: GitObject): ObjectId[] {
  try {
    if (type === 'commit') {
      const { tree, parents } = parseCommit(body, '');
      return [tree, ...parents];
    }
    if (type === 'tag') return [parseTag(body, '').object];
    if (type === 'blob') return [];
    const found: ObjectId[] = [];
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.length);
    eachTreeLink(body, (kind, _start, end) => {
      if (kind !== 'commit') found.push(bytes.toString('hex', end + 1, end + 21));
    });
    return found;
  } catch (error) {
    if (error instanceof CorruptObjectError) return [];
    throw error;
  }
}

/** A recent object of `head`. @throws CorruptObjectError */
export function openRecent({ id, type, size, data }: RecentObject): LinkedObject {
  try {
    const body = inflateSync(data, { maxOutputLength: Math.max(1, size) });
    if (body.length === size) return { id, type, body };
  } catch (cause) {
    throw new CorruptObjectError(`object ${id} is corrupt: its data does not inflate`, {
      objectId: id,
      cause,
    });
  }
  throw new CorruptObjectError(`object ${id} is corrupt: it has another size`, { objectId: id });
}
