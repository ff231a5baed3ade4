/** Writes objects as whole pack entries, without deltas. */

import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createDeflate, deflate as deflateCallback, deflateSync } from 'node:zlib';
import type { ObjectId, ObjectType } from '../git/objectId.ts';
import { PackType, packEntryHeader } from '../git/packs/pack.ts';
import type { PackStream } from '../git/packs/packStream.ts';
import { missingObject } from './missingObject.ts';
import type { ObjectStore } from './storage.ts';

const deflate = promisify(deflateCallback) as (
  data: Uint8Array,
  options: { level: number },
) => Promise<Buffer>;

/** Deflate synchronously up to `SMALL` bytes and in memory up to `LARGE`; stream above that. */
const SMALL = 64 << 10;
const LARGE = 1 << 20;

/**
 * Adds one object. Reads it through the store, which checks it against its id.
 * @throws CorruptObjectError when it is missing or broken
 */
export async function* putObject(
  store: ObjectStore,
  id: ObjectId,
  pack: PackStream,
  level: number,
): AsyncGenerator<Uint8Array> {
  const header = await store.header(id);
  if (header === undefined) throw missingObject(store, id);
  if (header.size > LARGE) {
    const body = await store.readStream(id);
    if (body === undefined) throw missingObject(store, id);
    pack.put(entryHeader(header.type, header.size));
    const deflated = createDeflate({ level });
    const source = Readable.from(body);
    source.on('error', (error) => deflated.destroy(error));
    source.pipe(deflated);
    try {
      for await (const piece of deflated as AsyncIterable<Buffer>) {
        pack.put(piece);
        yield* pack.take();
      }
    } finally {
      source.destroy();
      deflated.destroy();
    }
    return;
  }
  const object = await store.read(id);
  if (object === undefined) throw missingObject(store, id);
  const { type, body } = object;
  pack.put(entryHeader(type, body.length));
  pack.put(body.length > SMALL ? await deflate(body, { level }) : deflateSync(body, { level }));
  yield* pack.take();
}

function entryHeader(type: ObjectType, size: number): Buffer {
  return packEntryHeader(PackType[type], size);
}
