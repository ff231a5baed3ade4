/** Small objects that ride in `head` until some have come together. */
import { deflateSync } from 'node:zlib';
import type { ObjectId } from '../../../git/objectId.ts';
import type { GitObject } from '../../storage.ts';
import type { RecentObject } from '../head/headRecord.ts';

/** Bytes that a session may bring into `head`. */
export const RIDING_LIMIT = 16 << 10;
/** Bytes of `head` that an object takes in addition to its data. */
const ROW = 60;

export function deflateRecent(
  id: ObjectId,
  { type, body }: Pick<GitObject, 'type' | 'body'>,
): RecentObject {
  return { id, type, size: body.length, data: deflateSync(body, { level: 1 }) };
}

/** What they take in `head`. */
export function recentBytes(objects: Iterable<RecentObject>): number {
  let sum = 0;
  for (const { data } of objects) sum += data.length + ROW;
  return sum;
}
