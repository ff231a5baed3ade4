/**
 * Packs (gitformat-pack(5)). A pack is a 12-byte header, *entries*, and the SHA-1 of all before it.
 * An entry is a header with its type and the size of its inflated data, for an ofs-delta or
 * ref-delta the place of its *base*, and a zlib stream.
 *
 * Numbers go up to 2^53 - 1: nothing here is computed in 32 bits.
 */

import { asBuffer } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';
import { ID_LENGTH } from '../idTable.ts';
import type { ObjectType } from '../objectId.ts';

export const PACK_SIGNATURE = 'PACK';
export const PACK_HEADER_LENGTH = 12;
/** An entry header with an offset, or with a base id, is never longer. */
export const LONGEST_ENTRY_HEADER = 32;

/** What an entry holds, by the number in its header. */
export const PackType = {
  commit: 1,
  tree: 2,
  blob: 3,
  tag: 4,
  /** A delta. Its base is in the same pack, at a distance before it. */
  ofsDelta: 6,
  /** A delta that names its base by id. */
  refDelta: 7,
} as const;

const VERSION = 2;
const OBJECT_TYPES: readonly (ObjectType | undefined)[] = [
  undefined,
  'commit',
  'tree',
  'blob',
  'tag',
];

/** The object type of an entry type; undefined for deltas and unknown numbers. */
export function packObjectType(entryType: number): ObjectType | undefined {
  return OBJECT_TYPES[entryType];
}

/** The first 12 bytes of a pack of `count` entries. */
export function packHeader(count: number): Buffer {
  const header = Buffer.from(`${PACK_SIGNATURE}\0\0\0\0\0\0\0\0`, 'latin1');
  header.writeUInt32BE(VERSION, 4);
  header.writeUInt32BE(count, 8);
  return header;
}

/** @throws CorruptObjectError when the bytes do not begin a pack of version 2 or 3 */
export function parsePackHeader(bytes: Uint8Array): { version: number; count: number } {
  const header = asBuffer(bytes);
  if (
    header.length < PACK_HEADER_LENGTH ||
    header.toString('latin1', 0, PACK_SIGNATURE.length) !== PACK_SIGNATURE
  ) {
    throw new CorruptObjectError('Not a pack: the signature is missing');
  }
  const version = header.readUInt32BE(4);
  if (version !== 2 && version !== 3) {
    throw new CorruptObjectError(`Packs of version ${version} are not known`);
  }
  return { version, count: header.readUInt32BE(8) };
}

/**
 * The header of an entry: 3 bits of type, 4 bits of size, then 7 bits of size a byte.
 * @param into memory for it, of 10 bytes or more; default: fresh memory
 */
export function packEntryHeader(
  type: number,
  size: number,
  into: Buffer = Buffer.allocUnsafe(LONGEST_NUMBER),
): Buffer {
  let at = 0;
  let rest = Math.floor(size / 16);
  let byte = type * 16 + (size % 16);
  while (rest > 0) {
    into[at++] = byte | 0x80;
    byte = rest % 128;
    rest = Math.floor(rest / 128);
  }
  into[at++] = byte;
  return into.subarray(0, at);
}

/**
 * Reads the header of the entry that begins at `at`.
 * @returns `length` is the number of bytes of the header; `size` that of the inflated data
 * @throws CorruptObjectError when it is cut off, too large or of no known type
 */
export function parsePackEntryHeader(
  bytes: Uint8Array,
  at: number,
): { type: number; size: number; length: number } {
  let place = at;
  let byte = byteAt(bytes, place++);
  const type = (byte >> 4) & 7;
  if (type === 0 || type === 5) throw new CorruptObjectError(`No pack entry has type ${type}`);
  let size = byte & 15;
  let unit = 16;
  while (byte & 0x80) {
    byte = byteAt(bytes, place++);
    size += (byte & 0x7f) * unit;
    unit *= 128;
    if (size > Number.MAX_SAFE_INTEGER || place - at > LONGEST_NUMBER) throw tooLarge();
  }
  return { type, size, length: place - at };
}

/**
 * The distance to the base of an ofs-delta, which follows the entry's header.
 * @param into memory for it, of 10 bytes or more; default: fresh memory
 */
export function offsetDelta(
  distance: number,
  into: Buffer = Buffer.allocUnsafe(LONGEST_NUMBER),
): Buffer {
  let at = into.length;
  into[--at] = distance % 128;
  let rest = Math.floor(distance / 128);
  while (rest > 0) {
    rest -= 1;
    into[--at] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  return into.subarray(at);
}

/**
 * Reads the distance to the base of an ofs-delta.
 * @returns `distance` in bytes, 1 or more; does not check whether that is within the pack
 * @throws CorruptObjectError when it is cut off, too large or zero
 */
export function parseOffsetDelta(
  bytes: Uint8Array,
  at: number,
): { distance: number; length: number } {
  let place = at;
  let byte = byteAt(bytes, place++);
  let distance = byte & 0x7f;
  while (byte & 0x80) {
    byte = byteAt(bytes, place++);
    distance = (distance + 1) * 128 + (byte & 0x7f);
    if (distance > Number.MAX_SAFE_INTEGER) throw tooLarge();
  }
  if (distance === 0) throw new CorruptObjectError('A delta in a pack names itself as its base');
  return { distance, length: place - at };
}

/** All that comes before an entry's zlib stream. */
export interface PackEntryStart {
  readonly type: number;
  /** Of the inflated data, in bytes. */
  readonly size: number;
  /** Bytes of the header. The id of a ref-delta's base follows them. */
  readonly headerLength: number;
  /** Bytes before the zlib stream. */
  readonly length: number;
  /** Bytes from the base of an ofs-delta to the entry; 0 for other entries. */
  readonly distance: number;
}

/**
 * Reads the entry that begins at `at` up to its zlib stream. The id of a base may reach past the end of `bytes`.
 * @throws CorruptObjectError as `parsePackEntryHeader` and `parseOffsetDelta`
 */
export function parsePackEntry(bytes: Uint8Array, at: number): PackEntryStart {
  const { type, size, length } = parsePackEntryHeader(bytes, at);
  if (type === PackType.ofsDelta) {
    const base = parseOffsetDelta(bytes, at + length);
    const { distance } = base;
    return { type, size, headerLength: length, length: length + base.length, distance };
  }
  const idLength = type === PackType.refDelta ? ID_LENGTH : 0;
  return { type, size, headerLength: length, length: length + idLength, distance: 0 };
}

/** More bytes than any number up to 2^53 needs. A header padded with zeros is longer. */
const LONGEST_NUMBER = 10;

function byteAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new CorruptObjectError('A pack entry is cut off');
  return byte;
}

function tooLarge(): CorruptObjectError {
  return new CorruptObjectError('A number in a pack is too large');
}
