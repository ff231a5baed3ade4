/** Checks blobs that are too large to be held in memory. */
import { crc32 } from 'node:zlib';
import { startObjectHash } from '../../../git/objectId.ts';
import { parsePackEntry } from '../../../git/packs/pack.ts';
import { readFully, readFullySync } from '../../disk/durable.ts';
import { streamZlib, type ZlibRegion } from '../../disk/zlibFile.ts';
import type { OpenedPack } from './entries.ts';
import type { EntryColumns } from './packTask.ts';
import { problemOf } from './problem.ts';

const CHUNK = 1 << 20;

/** @returns what is wrong with the entry */
export async function checkLargeEntry(
  { fd, index }: OpenedPack,
  { offset, end, size, crc }: EntryColumns,
  place: number,
  id: string,
): Promise<string[]> {
  const faults: string[] = [];
  const head = Buffer.alloc(64);
  readFullySync(fd, head, head.length, offset[place]!);
  const start = offset[place]! + parsePackEntry(head, 0).length;
  const region = { fd, start, end: end[place]!, size: size[place]! };
  const problem = await largeBlobProblem(region, 0, id);
  if (problem !== undefined) faults.push(problem);
  if (index.version > 1 && (await crcOf(fd, offset[place]!, end[place]!)) !== crc[place]) {
    faults.push('the checksum of its entry in the pack does not fit');
  }
  return faults;
}

/** @param skip bytes before the blob in what the region holds */
export async function largeBlobProblem(
  region: ZlibRegion,
  skip: number,
  id: string,
): Promise<string | undefined> {
  const hash = startObjectHash('blob', region.size - skip);
  try {
    for await (const chunk of streamZlib(region, { from: skip, to: region.size })) {
      hash.update(chunk);
    }
  } catch (error) {
    return problemOf(error, 'its data does not inflate');
  }
  return hash.digest('hex') === id ? undefined : 'its bytes have another id';
}

async function crcOf(fd: number, from: number, to: number): Promise<number> {
  const chunk = Buffer.allocUnsafe(CHUNK);
  let crc = 0;
  for (let at = from; at < to; ) {
    const got = await readFully(fd, chunk, Math.min(CHUNK, to - at), at);
    if (got === 0) break;
    crc = crc32(chunk.subarray(0, got), crc);
    at += got;
  }
  return crc;
}
