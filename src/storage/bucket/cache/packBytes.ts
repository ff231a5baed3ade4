/** A pack in memory, with its index, of objects that are deflated already. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  PACK_HEADER_LENGTH,
  PackType,
  packEntryHeader,
  packHeader,
} from '../../../git/packs/pack.ts';
import { type PackIndexEntry, serializePackIndex } from '../../../git/packs/packIndex.ts';
import type { RecentObject } from '../head/headRecord.ts';

export function packOf(objects: readonly RecentObject[]): { pack: Buffer; index: Buffer } {
  const parts: Buffer[] = [packHeader(objects.length)];
  const entries: PackIndexEntry[] = [];
  let offset = PACK_HEADER_LENGTH;
  for (const { id, type, size, data } of objects) {
    const header = packEntryHeader(PackType[type], size);
    entries.push({ id, offset, crc: crc32(data, crc32(header)) });
    parts.push(header, data);
    offset += header.length + data.length;
  }
  const body = Buffer.concat(parts);
  const checksum = createHash('sha1').update(body).digest();
  return { pack: Buffer.concat([body, checksum]), index: serializePackIndex(entries, checksum) };
}
