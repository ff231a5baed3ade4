/** Reads of packed objects, each in the way that costs least. */
import type { ObjectId } from '../../../git/objectId.ts';
import type { GitObject, TryReadOptions } from '../../storage.ts';
import { verified } from '../objectFaults.ts';
import { LARGE_OBJECT, type PackFile } from './packFile.ts';

/** Up to this size in bytes, inflating an object here costs less than passing it to a thread. */
const SMALL_FOR_THREAD = 16 << 10;

/**
 * As `PackFile.readProven`; a large object is inflated on another thread, also a smaller one unless it is the
 * only one that is read.
 */
export function readProvenPacked(
  pack: PackFile,
  offset: number,
  crc: number | undefined,
  isAlone: boolean,
): GitObject | Promise<GitObject | undefined> | undefined {
  const size = pack.whole(offset)?.size ?? 0;
  return size > (isAlone ? LARGE_OBJECT : SMALL_FOR_THREAD)
    ? pack.readProvenBeside(offset, crc)
    : pack.readProven(offset, crc);
}

/**
 * The object at `offset`, verified; undefined as by `PackFile.tryRead`.
 * @param crc CRC-32 of the entry, from the index
 * @throws CorruptObjectError
 */
export function tryReadPacked(
  id: ObjectId,
  pack: PackFile,
  offset: number,
  crc: number | undefined,
  { room, limit = LARGE_OBJECT, keep = false }: TryReadOptions,
): GitObject | undefined {
  if (keep) return tryKeep(id, pack, offset, crc, limit);
  const proven = pack.readProven(offset, crc, room, limit);
  if (proven !== undefined) return proven;
  const object = tryReadChain(id, pack, offset, crc, { limit, keep: false });
  return object && verified(id, object);
}

/** Reads an object, which stays cached as a base of others. */
function tryKeep(
  id: ObjectId,
  pack: PackFile,
  offset: number,
  crc: number | undefined,
  limit: number,
): GitObject | undefined {
  const known = pack.cached(offset);
  if (known === undefined) {
    const proven = pack.readProven(offset, crc, undefined, limit);
    if (proven !== undefined) {
      const { type, body } = proven;
      const object = { type, body, provenId: id };
      pack.keep(offset, object);
      return object;
    }
  }
  const object = known ?? tryReadChain(id, pack, offset, crc, { limit, keep: true });
  return object && verified(id, object);
}

function tryReadChain(
  id: ObjectId,
  pack: PackFile,
  offset: number,
  crc: number | undefined,
  how: { limit: number; keep: boolean },
): GitObject | undefined {
  const known = pack.cached(offset);
  if (known !== undefined) return known;
  return pack.tryReadDelta(id, offset, crc, how) ?? pack.tryRead(offset, how.limit, how.keep);
}
