/**
 * The records of a zip archive (PKWARE's APPNOTE.TXT, sections 4.3 to 4.5) as functions over bytes:
 * local headers, central directory, its end, and the zip64 forms of sizes beyond 32 bits.
 */
import { crc32 } from 'node:zlib';
import { decodePath } from '../../git/pathBytes.ts';
import { corrupt } from '../errors.ts';
import { decodeCp437 } from './cp437.ts';

export const LOCAL_SIGNATURE = 0x04034b50;
export const CENTRAL_SIGNATURE = 0x02014b50;
const DESCRIPTOR_SIGNATURE = 0x08074b50;
const ZIP64_END_SIGNATURE = 0x06064b50;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;

export const LOCAL_LENGTH = 30;
export const CENTRAL_LENGTH = 46;
export const END_LENGTH = 22;
export const LOCATOR_LENGTH = 20;
export const ZIP64_END_LENGTH = 56;

const MAX16 = 0xffff;
const MAX32 = 0xffffffff;

/** General purpose flags. */
export const FLAG_ENCRYPTED = 1;
const FLAG_DESCRIPTOR = 8;
const FLAG_UTF8 = 0x800;

export const METHOD_STORED = 0;
export const METHOD_DEFLATED = 8;

const EXTRA_ZIP64 = 1;
const EXTRA_TIME = 0x5455;
const EXTRA_UNIX = 0x7875;
const EXTRA_UNICODE_PATH = 0x7075;

/** Systems of "version made by". */
const UNIX = 3;
const OS_X = 19;
const FAT = 0;

/** What the central directory says of one member. */
export interface CentralEntry {
  /** In the string form of `git/pathBytes.ts`. */
  readonly path: string;
  readonly flags: number;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Where its local header is. */
  readonly offset: number;
  /** Type and permissions as in stat(2); 0 when the archive does not say. */
  readonly mode: number;
  /** Length of the whole record. */
  readonly length: number;
}

/**
 * The record at `at` of the central directory; undefined when more bytes are needed.
 * @throws ArchiveError
 */
export function parseCentralEntry(bytes: Buffer, at: number): CentralEntry | undefined {
  if (at + CENTRAL_LENGTH > bytes.length) return undefined;
  if (bytes.readUInt32LE(at) !== CENTRAL_SIGNATURE) {
    throw corrupt('its directory cannot be read');
  }
  const nameLength = bytes.readUInt16LE(at + 28);
  const extraLength = bytes.readUInt16LE(at + 30);
  const length = CENTRAL_LENGTH + nameLength + extraLength + bytes.readUInt16LE(at + 32);
  if (at + length > bytes.length) return undefined;
  const nameEnd = at + CENTRAL_LENGTH + nameLength;
  const name = bytes.subarray(at + CENTRAL_LENGTH, nameEnd);
  const extras = parseExtras(bytes.subarray(nameEnd, nameEnd + extraLength));
  const system = bytes[at + 5]!;
  const flags = bytes.readUInt16LE(at + 8);
  const wide = new Zip64Fields(extras.get(EXTRA_ZIP64));
  const size = wide.pick(bytes.readUInt32LE(at + 24));
  const compressedSize = wide.pick(bytes.readUInt32LE(at + 20));
  const offset = wide.pick(bytes.readUInt32LE(at + 42));
  return {
    path: nameOf(name, flags, system, extras),
    flags,
    method: bytes.readUInt16LE(at + 10),
    crc: bytes.readUInt32LE(at + 16),
    compressedSize,
    size,
    offset,
    mode: bytes.readUInt16LE(at + 40),
    length,
  };
}

/** The 64-bit values that stand, in this order, for fields that are all ones. */
class Zip64Fields {
  readonly #data: Buffer | undefined;
  #at = 0;

  constructor(data: Buffer | undefined) {
    this.#data = data;
  }

  pick(value: number): number {
    if (value !== MAX32 || this.#data === undefined) return value;
    if (this.#at + 8 > this.#data.length) throw corrupt('a zip64 field is missing');
    this.#at += 8;
    return readWide(this.#data, this.#at - 8);
  }
}

function readWide(bytes: Buffer, at: number): number {
  const value = bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x100000000;
  if (!Number.isSafeInteger(value)) throw corrupt('a number is too large');
  return value;
}

/** Extra fields by their number. What does not fit the format is passed over, as others do. */
function parseExtras(bytes: Buffer): Map<number, Buffer> {
  const fields = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const id = bytes.readUInt16LE(at);
    const end = at + 4 + bytes.readUInt16LE(at + 2);
    if (end > bytes.length) break;
    if (!fields.has(id)) fields.set(id, bytes.subarray(at + 4, end));
    at = end;
  }
  return fields;
}

/**
 * The name as text. That of the Unicode Path field where it belongs to the stored name (APPNOTE,
 * 4.6.9), which may be a plain stand-in for it; UTF-8 where the archive says so, or a Unix program wrote what can be UTF-8 only
 * on purpose; bytes as they are where a Unix program's own extra fields stand beside them; else code
 * page 437.
 */
function nameOf(
  name: Buffer,
  flags: number,
  system: number,
  extras: ReadonlyMap<number, Buffer>,
): string {
  const unicode = extras.get(EXTRA_UNICODE_PATH);
  if (unicode !== undefined && unicode[0] === 1 && unicode.readUInt32LE(1) === crc32(name)) {
    return decodePath(unicode, 5);
  }
  if (name.every((byte) => byte < 0x80)) return separated(name.toString('latin1'), system);
  if ((flags & FLAG_UTF8) !== 0) return decodePath(name);
  if (system === UNIX || system === OS_X) {
    const isUtf8 = Buffer.from(name.toString('utf8')).equals(name);
    if (isUtf8 || extras.has(EXTRA_TIME) || extras.has(EXTRA_UNIX)) return decodePath(name);
  }
  return separated(decodeCp437(name), system);
}

/** Some programs on Windows separate names by backslashes. */
function separated(path: string, system: number): string {
  return system === FAT && !path.includes('/') ? path.replaceAll('\\', '/') : path;
}

/** Where the central directory is. */
export interface ZipEnd {
  readonly entries: number;
  readonly size: number;
  readonly offset: number;
}

const END_MARK = Buffer.from([0x50, 0x4b, 5, 6]);

/**
 * Where an end record lies in the last bytes of the archive; -1 when none is there.
 * @param mayHaveMore whether other bytes may stand behind it; else its comment must reach to the end
 * @param before only one that begins before it
 */
export function findEnd(tail: Buffer, mayHaveMore: boolean, before = tail.length): number {
  let from = Math.min(before - 1, tail.length - END_LENGTH);
  while (from >= 0) {
    const at = tail.lastIndexOf(END_MARK, from);
    if (at < 0) return -1;
    const end = at + END_LENGTH + tail.readUInt16LE(at + 20);
    if (mayHaveMore ? end <= tail.length : end === tail.length) return at;
    from = at - 1;
  }
  return -1;
}

/** The end record at `at`. @throws ArchiveError for one volume of several */
export function parseEnd(bytes: Buffer, at: number): ZipEnd {
  const disk = bytes.readUInt16LE(at + 4);
  if (disk !== 0 && disk !== MAX16) throw corrupt('it is one volume of several');
  return {
    entries: bytes.readUInt16LE(at + 10),
    size: bytes.readUInt32LE(at + 12),
    offset: bytes.readUInt32LE(at + 16),
  };
}

export function isWideEnd({ entries, size, offset }: ZipEnd): boolean {
  return entries === MAX16 || size === MAX32 || offset === MAX32;
}

/** Where the zip64 end record is, by the locator; undefined when there is none. */
export function parseLocator(bytes: Buffer): number | undefined {
  return bytes.readUInt32LE(0) === ZIP64_LOCATOR_SIGNATURE ? readWide(bytes, 8) : undefined;
}

/** The zip64 end record; undefined when it is not there. */
export function parseZip64End(bytes: Buffer): ZipEnd | undefined {
  if (bytes.length < ZIP64_END_LENGTH || bytes.readUInt32LE(0) !== ZIP64_END_SIGNATURE) {
    return undefined;
  }
  return {
    entries: readWide(bytes, 32),
    size: readWide(bytes, 40),
    offset: readWide(bytes, 48),
  };
}

/** A member as it is written. */
export interface NewEntry {
  readonly name: Buffer;
  readonly isUtf8: boolean;
  readonly method: number;
  /** Type and permissions as in stat(2). */
  readonly mode: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
  readonly offset: number;
  /** Seconds since the epoch. */
  readonly time: number;
  /** Checksum and sizes stand behind the data; `wide` when they may need 64 bits. */
  readonly streamed: boolean;
  readonly wide: boolean;
}

export function localHeader(entry: NewEntry): Buffer {
  const { name, streamed, wide } = entry;
  const time = timeField(entry.time);
  const sizes = wide
    ? zip64Field([streamed ? 0 : entry.size, streamed ? 0 : entry.compressedSize])
    : NO_BYTES;
  const header = Buffer.alloc(LOCAL_LENGTH);
  header.writeUInt32LE(LOCAL_SIGNATURE, 0);
  putCommon(header, 4, entry);
  header.writeUInt32LE(streamed ? 0 : entry.crc, 14);
  header.writeUInt32LE(wide ? MAX32 : streamed ? 0 : entry.compressedSize, 18);
  header.writeUInt32LE(wide ? MAX32 : streamed ? 0 : entry.size, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(time.length + sizes.length, 28);
  return Buffer.concat([header, name, sizes, time]);
}

/** What stands behind the data of a streamed member. */
export function dataDescriptor({ crc, compressedSize, size, wide }: NewEntry): Buffer {
  const record = Buffer.alloc(wide ? 24 : 16);
  record.writeUInt32LE(DESCRIPTOR_SIGNATURE, 0);
  record.writeUInt32LE(crc, 4);
  if (wide) {
    record.writeBigUInt64LE(BigInt(compressedSize), 8);
    record.writeBigUInt64LE(BigInt(size), 16);
  } else {
    record.writeUInt32LE(compressedSize, 8);
    record.writeUInt32LE(size, 12);
  }
  return record;
}

export function centralEntry(entry: NewEntry): Buffer {
  const { name, size, compressedSize, offset } = entry;
  const time = timeField(entry.time);
  const large = [size, compressedSize, offset].filter((value) => value >= MAX32);
  const wide = large.length === 0 ? NO_BYTES : zip64Field(large);
  const header = Buffer.alloc(CENTRAL_LENGTH);
  header.writeUInt32LE(CENTRAL_SIGNATURE, 0);
  header.writeUInt16LE((UNIX << 8) | 45, 4);
  putCommon(header, 6, { ...entry, wide: entry.wide || large.length > 0 });
  header.writeUInt32LE(entry.crc, 16);
  header.writeUInt32LE(Math.min(compressedSize, MAX32), 20);
  header.writeUInt32LE(Math.min(size, MAX32), 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(time.length + wide.length, 30);
  // MS-DOS's mark of a directory in the low half.
  header.writeUInt32LE(((entry.mode << 16) | (entry.mode >> 12 === 4 ? 0x10 : 0)) >>> 0, 38);
  header.writeUInt32LE(Math.min(offset, MAX32), 42);
  return Buffer.concat([header, name, wide, time]);
}

/** Version needed, flags, method and MS-DOS time, which local and central header have alike. */
function putCommon(header: Buffer, at: number, entry: NewEntry): void {
  const { wide, streamed, isUtf8, method } = entry;
  header.writeUInt16LE(wide ? 45 : 20, at);
  header.writeUInt16LE((streamed ? FLAG_DESCRIPTOR : 0) | (isUtf8 ? FLAG_UTF8 : 0), at + 2);
  header.writeUInt16LE(method, at + 4);
  header.writeUInt32LE(dosTime(entry.time), at + 6);
}

/** End of the archive, with the zip64 records where a number needs them. */
export function endRecords({ entries, size, offset }: ZipEnd, comment: string): Buffer {
  const records: Buffer[] = [];
  if (entries >= MAX16 || size >= MAX32 || offset >= MAX32) {
    const end = Buffer.alloc(ZIP64_END_LENGTH);
    end.writeUInt32LE(ZIP64_END_SIGNATURE, 0);
    end.writeBigUInt64LE(BigInt(ZIP64_END_LENGTH - 12), 4);
    end.writeUInt16LE((UNIX << 8) | 45, 12);
    end.writeUInt16LE(45, 14);
    end.writeBigUInt64LE(BigInt(entries), 24);
    end.writeBigUInt64LE(BigInt(entries), 32);
    end.writeBigUInt64LE(BigInt(size), 40);
    end.writeBigUInt64LE(BigInt(offset), 48);
    const locator = Buffer.alloc(LOCATOR_LENGTH);
    locator.writeUInt32LE(ZIP64_LOCATOR_SIGNATURE, 0);
    locator.writeBigUInt64LE(BigInt(offset + size), 8);
    locator.writeUInt32LE(1, 16);
    records.push(end, locator);
  }
  const end = Buffer.alloc(END_LENGTH);
  END_MARK.copy(end);
  end.writeUInt16LE(Math.min(entries, MAX16), 8);
  end.writeUInt16LE(Math.min(entries, MAX16), 10);
  end.writeUInt32LE(Math.min(size, MAX32), 12);
  end.writeUInt32LE(Math.min(offset, MAX32), 16);
  end.writeUInt16LE(comment.length, 20);
  records.push(end, Buffer.from(comment, 'latin1'));
  return Buffer.concat(records);
}

const NO_BYTES = Buffer.alloc(0);

function zip64Field(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length);
  field.writeUInt16LE(EXTRA_ZIP64, 0);
  field.writeUInt16LE(8 * values.length, 2);
  for (const [i, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * i);
  return field;
}

/** The time in UTC, which MS-DOS's field cannot say ("extended timestamp"). */
function timeField(time: number): Buffer {
  if (time < -0x80000000 || time > 0x7fffffff) return NO_BYTES;
  const field = Buffer.alloc(9);
  field.writeUInt16LE(EXTRA_TIME, 0);
  field.writeUInt16LE(5, 2);
  field[4] = 1;
  field.writeInt32LE(time, 5);
  return field;
}

/** Date and time as MS-DOS has them, of UTC so that they are the same everywhere; from 1980 to 2107. */
function dosTime(time: number): number {
  const date = new Date(time * 1000);
  const year = date.getUTCFullYear();
  if (!(year >= 1980)) return 0x00210000;
  if (year > 2107) return 0xff9fbf7d;
  const day = ((year - 1980) << 9) | ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  const clock =
    (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5) | (date.getUTCSeconds() >> 1);
  return day * 0x10000 + clock;
}
