/** Small objects that `head` contains until enough of them make a pack. */
import { deflateSync } from 'node:zlib';
import type { ObjectId } from '../../../git/objectId.ts';
import type { GitObject } from '../../storage.ts';
import type { RecentObject } from '../head/headRecord.ts';

/** Bytes that a session may add to `head`. */
export const RIDING_LIMIT = 16 << 10;
/** Bytes of `head` that an object takes in addition to its data. */
const ROW = 60;

export function deflateRecent(
  id: ObjectId,
  { type, body }: Pick<GitObject, 'type' | 'body'>,
): RecentObject {
  return { id, type, size: body.length, data: deflateSync(body, { level: 1 }) };
}

/** Bytes that objects take in `head`. */
export function recentBytes(objects: Iterable<RecentObject>): number {
  let sum = 0;
  for (const { data } of objects) sum += data.length + ROW;
  return sum;
}
