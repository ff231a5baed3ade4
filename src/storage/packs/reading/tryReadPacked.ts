/** Reads of packed objects that answer now or not at all. */
import type { ObjectId } from '../../../git/objectId.ts';
import type { GitObject, TryReadOptions } from '../../storage.ts';
import { verified } from '../objectFaults.ts';
import { LARGE_OBJECT, type PackFile } from './packFile.ts';

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
  const object = pack.tryRead(offset, limit);
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
  const object = known ?? pack.tryRead(offset, limit, true);
  return object && verified(id, object);
}
