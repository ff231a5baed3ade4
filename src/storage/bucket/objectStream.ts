/** The body of a large object, or a part of it, as a stream from a pack that has holes. */
import { CorruptObjectError } from '../../errors.ts';
import { type ObjectId, startObjectHash } from '../../git/objectId.ts';
import { streamZlib } from '../disk/zlibFile.ts';
import { corrupt, isSystemError } from '../packs/objectFaults.ts';
import type { ByteRange, ObjectHeader } from '../storage.ts';
import type { Place } from './bucketObjects.ts';
import { PackGoneError } from './shelf.ts';

/** What a range means of a body of that size. */
export function within(range: ByteRange, size: number): { from: number; to: number } {
  const from = Math.min(range.offset ?? 0, size);
  return { from, to: Math.min(size, from + (range.size ?? size)) };
}

/** Streams from an entry that is no delta. A stream of all of it checks the id. */
export async function* streamEntry(
  id: ObjectId,
  { type, size }: ObjectHeader,
  { file, holes, offset }: Place,
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  const { fd, dataStart, dataEnd } = file.whole(offset)!;
  const release = file.retain();
  try {
    const { from, to } = within(range, size);
    const fetch = (start: number, end: number) => holes.fetch(start, end);
    const end = Math.min(dataEnd, file.order.endOf(offset));
    const data = streamZlib({ fd, start: dataStart, end, size, fetch }, { from, to });
    if (from > 0 || to < size) return yield* data;
    const hash = startObjectHash(type, size);
    let held: Uint8Array | undefined;
    for await (const chunk of data) {
      if (held !== undefined) yield held;
      hash.update(chunk);
      held = chunk;
    }
    if (hash.digest('hex') !== id) throw corrupt(id, 'its bytes have another id');
    if (held !== undefined) yield held;
  } catch (error) {
    if (error instanceof CorruptObjectError || isSystemError(error)) throw error;
    if (error instanceof PackGoneError) throw error;
    throw corrupt(id, 'its data does not inflate', error);
  } finally {
    release();
  }
}
