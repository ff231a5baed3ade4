/** Bodies of objects as streams: whole ones are compared with their id. */
import { type ObjectId, type ObjectType, startObjectHash } from '../../git/objectId.ts';
import type { ByteRange } from '../storage.ts';
import { corrupt } from './objectFaults.ts';

/** Clamps a range to a body of that size. */
export function within(range: ByteRange, size: number): { from: number; to: number } {
  const from = Math.min(range.offset ?? 0, size);
  return { from, to: Math.min(size, from + (range.size ?? size)) };
}

/** Passes a whole body on, and holds its last chunk back until the id is verified. */
export async function* checkedStream(
  id: ObjectId,
  type: ObjectType,
  size: number,
  data: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = startObjectHash(type, size);
  let held: Uint8Array | undefined;
  for await (const chunk of data) {
    if (held !== undefined) yield held;
    hash.update(chunk);
    held = chunk;
  }
  if (hash.digest('hex') !== id) throw corrupt(id, 'its bytes have another id');
  if (held !== undefined) yield held;
}
