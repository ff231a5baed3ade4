/** Streams the body of a large object, or a part of it, directly from its file. */

import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { closeSync } from '../../disk/fs.ts';
import { streamZlib, type ZlibRegion } from '../../disk/zlibFile.ts';
import { checkedStream, within } from '../../packs/checkedStream.ts';
import { corrupt, isSystemError } from '../../packs/objectFaults.ts';
import type { ByteRange, ObjectHeader } from '../../storage.ts';
import { looseRegion, openLoose } from '../loose/loose.ts';
import type { ObjectPlaces } from './objectPlaces.ts';

/** Raw data of an object that is not a delta, ready to be streamed. */
export interface OpenRegion extends ObjectHeader {
  readonly region: ZlibRegion;
  /** Bytes before the body. */
  readonly skip: number;
  release(): void;
}

/** Undefined when the object is missing, or is a delta. */
export function openRegion(places: ObjectPlaces, id: ObjectId): Promise<OpenRegion | undefined> {
  return places.search<OpenRegion>(id, {
    packed: ({ pack, offset }) => {
      const whole = pack.whole(offset);
      if (whole === undefined) return undefined;
      const { type, size, fd, dataStart, dataEnd } = whole;
      const region = { fd, start: dataStart, end: dataEnd, size };
      return { type, size, region, skip: 0, release: pack.retain() };
    },
    loose: (directory) => {
      const open = openLoose(directory, id);
      if (open === undefined) return undefined;
      const { type, size, fd, headerLength } = open;
      const release = () => closeSync(fd);
      return { type, size, region: looseRegion(open), skip: headerLength, release };
    },
  });
}

/** Streams a part of the region and releases it. A stream of the whole region verifies the id. */
export async function* streamRegion(
  id: ObjectId,
  header: ObjectHeader,
  open: OpenRegion,
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  try {
    const { from, to } = within(range, header.size);
    const whole = from === 0 && to === header.size;
    const span = { from: open.skip + from, to: open.skip + to };
    const data = streamZlib(open.region, span);
    yield* whole ? checkedStream(id, header.type, header.size, data) : data;
  } catch (error) {
    if (error instanceof CorruptObjectError || isSystemError(error)) throw error;
    throw corrupt(id, 'its data does not inflate', error);
  } finally {
    open.release();
  }
}
