/**
 * What a collection remembers for the next one, in the file `gitstore/collected`: one pack holds exactly what
 * some roots reach. While these are still roots (they mostly are, because reflogs keep old values),
 * everything in that pack is reachable and is not walked again. Keeps the name hashes of the objects too,
 * which the delta search needs and a walk would have found.
 *
 * The file can be removed at any time. Numbers are big-endian: `GSCL`, version, number of roots,
 * number of objects, the pack's checksum, the roots in ascending order, a name hash for each object in
 * the order of ids, and the SHA-1 of all before it.
 */
import { createHash } from 'node:crypto';
import { ID_LENGTH } from '../../../../git/idTable.ts';
import type { ObjectId } from '../../../../git/objectId.ts';
import { removeIfThere } from '../../../disk/durable.ts';
import { readFileSync, renameSync } from '../../../disk/fs.ts';
import { makeDirectories } from '../../../disk/makeDirectories.ts';
import { writeAnew } from '../../../disk/ownFiles.ts';
import { share } from '../../../disk/sharing.ts';
import { Flag, type ObjectTable } from '../../inventory/objectTable.ts';
import type { SourcePack } from '../../inventory/packSet.ts';
import type { Roots } from '../../inventory/roots.ts';
import { PRIVATE_DIRECTORY } from '../../locks/storeLock.ts';

const SIGNATURE = 0x4753434c;
const VERSION = 1;
const HEADER_LENGTH = 16 + ID_LENGTH;

export interface Memory {
  /** `pack-…`, without ending. */
  readonly base: string;
  /** 20 bytes each. */
  readonly roots: Buffer;
  /** In the order of ids. */
  readonly nameHashes: Buffer;
}

/** Undefined when there is none, or none that can be read. */
export function recall(gitDir: string): Memory | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(pathOf(gitDir));
  } catch {
    return undefined;
  }
  const end = bytes.length - ID_LENGTH;
  if (end < HEADER_LENGTH || bytes.readUInt32BE(0) !== SIGNATURE) return undefined;
  if (bytes.readUInt32BE(4) !== VERSION) return undefined;
  const rootsEnd = HEADER_LENGTH + bytes.readUInt32BE(8) * ID_LENGTH;
  if (rootsEnd + bytes.readUInt32BE(12) * 4 !== end) return undefined;
  const sum = createHash('sha1').update(bytes.subarray(0, end)).digest();
  if (!sum.equals(bytes.subarray(end))) return undefined;
  return {
    base: `pack-${bytes.toString('hex', 16, HEADER_LENGTH)}`,
    roots: bytes.subarray(HEADER_LENGTH, rootsEnd),
    nameHashes: bytes.subarray(rootsEnd, end),
  };
}

/**
 * Marks everything in the remembered pack as reachable, if the memory still holds.
 * @returns the pack's number, or -1
 */
export function markRemembered(
  memory: Memory,
  table: ObjectTable,
  packs: readonly SourcePack[],
  roots: Roots,
): number {
  const number = packs.findIndex(({ name }) => name === `${memory.base}.pack`);
  const pack = packs[number];
  if (pack === undefined || pack.kept || pack.foreign || pack.mtimes !== undefined) return -1;
  if (pack.index.count * 4 !== memory.nameHashes.length) return -1;
  for (let at = 0; at < memory.roots.length; at += ID_LENGTH) {
    const id = memory.roots.toString('hex', at, at + ID_LENGTH);
    if (!roots.firm.has(id) && !roots.loose.has(id)) return -1;
  }
  const { bytes, at, stride } = pack.index.idRows;
  const { flags, nameHash } = table.columns;
  for (let row = 0; row < pack.index.count; row++) {
    const object = table.find(bytes, at + row * stride);
    flags[object]! |= Flag.reachable;
    nameHash[object] = memory.nameHashes.readUInt32BE(row * 4);
  }
  return number;
}

/**
 * Remembers that a pack holds exactly what the roots reach.
 * @param ids of the pack's objects in ascending order, 20 bytes each
 */
export function remember(
  gitDir: string,
  base: string,
  ids: Buffer,
  table: ObjectTable,
  roots: Roots,
): void {
  const present = rootsIn(table, roots);
  const count = ids.length / ID_LENGTH;
  const bytes = Buffer.alloc(HEADER_LENGTH + (present.length + 1) * ID_LENGTH + count * 4);
  bytes.writeUInt32BE(SIGNATURE, 0);
  bytes.writeUInt32BE(VERSION, 4);
  bytes.writeUInt32BE(present.length, 8);
  bytes.writeUInt32BE(count, 12);
  bytes.write(base.slice('pack-'.length), 16, 'hex');
  let at = HEADER_LENGTH;
  for (const id of present) at += bytes.write(id, at, 'hex');
  const { nameHash } = table.columns;
  for (let row = 0; row < count; row++) {
    at = bytes.writeUInt32BE(nameHash[table.find(ids, row * ID_LENGTH)]!, at);
  }
  bytes.set(createHash('sha1').update(bytes.subarray(0, at)).digest(), at);
  const path = pathOf(gitDir);
  try {
    makeDirectories(`${gitDir}/${PRIVATE_DIRECTORY}`);
    writeAnew(`${path}.new`, bytes);
    share(`${path}.new`);
    renameSync(`${path}.new`, path);
  } catch {
    // The next collection has more to do.
    forget(gitDir);
  }
}

export function forget(gitDir: string): void {
  try {
    removeIfThere(pathOf(gitDir));
    removeIfThere(`${pathOf(gitDir)}.new`);
  } catch {
    // Its checksum, and the name of its pack, tell whether it holds.
  }
}

function rootsIn(table: ObjectTable, { firm, loose }: Roots): ObjectId[] {
  const present = new Set<ObjectId>();
  for (const ids of [firm.keys(), loose]) {
    for (const id of ids) {
      const object = table.findId(id);
      if (object !== -1 && table.has(object, Flag.reachable)) present.add(id);
    }
  }
  return [...present].sort();
}

function pathOf(gitDir: string): string {
  return `${gitDir}/${PRIVATE_DIRECTORY}/collected`;
}
