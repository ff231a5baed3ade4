/** The body of a large object, or a part of it, as a stream from a pack that has holes. */
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { streamZlib } from '../../disk/zlibFile.ts';
import { checkedStream, within } from '../../packs/checkedStream.ts';
import { corrupt, isSystemError } from '../../packs/objectFaults.ts';
import type { ByteRange, ObjectHeader } from '../../storage.ts';
import { PackGoneError } from '../cache/shelf.ts';
import type { Place } from './objectPlaces.ts';

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
    const whole = from === 0 && to === size;
    yield* whole ? checkedStream(id, type, size, data) : data;
  } catch (error) {
    if (error instanceof CorruptObjectError || isSystemError(error)) throw error;
    if (error instanceof PackGoneError) throw error;
    throw corrupt(id, 'its data does not inflate', error);
  } finally {
    release();
  }
}
