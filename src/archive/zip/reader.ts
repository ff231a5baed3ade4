/**
 * Reading a zip archive by its central directory, which needs all of it: a file, or bytes.
 * Nothing that an entry says is believed before it is checked: sizes, checksum, and that no two
 * entries share bytes of the archive, by which a small one could swell without end.
 */
import { crc32, inflateRawSync } from 'node:zlib';
import { ArchiveError } from '../../errors.ts';
import { decodePath } from '../../git/pathBytes.ts';
import type { RandomAccess } from '../bytes/randomAccess.ts';
import { corrupt, refused, truncated } from '../errors.ts';
import { type ArchiveMember, MAX_NAME, SMALL_MEMBER } from '../member.ts';
import { unpackMethod } from './methods.ts';
import {
  CENTRAL_SIGNATURE,
  type CentralEntry,
  END_LENGTH,
  FLAG_ENCRYPTED,
  findEnd,
  isWideEnd,
  LOCAL_LENGTH,
  LOCAL_SIGNATURE,
  LOCATOR_LENGTH,
  METHOD_DEFLATED,
  METHOD_STORED,
  parseCentralEntry,
  parseEnd,
  parseLocator,
  parseZip64End,
  ZIP64_END_LENGTH,
  type ZipEnd,
} from './records.ts';

const PIECE = 256 << 10;

/** What a local header's extra field may add to the bytes that are read at once. */
const ROOM = 64;

/** The members in the order of the central directory. */
export async function* readZip(file: RandomAccess): AsyncGenerator<ArchiveMember, void, undefined> {
  const directory = await findDirectory(file);
  await checkOverlaps(file, directory);
  for await (const entry of entries(file, directory)) {
    yield await memberOf(file, directory, entry);
  }
}

/** The central directory, and how far the archive is shifted by what stands before it. */
interface Directory {
  readonly start: number;
  readonly end: number;
  readonly entries: number;
  /** Whether the number of entries is exact: it may have only 16 bits. */
  readonly exact: boolean;
  readonly shift: number;
}

/** Bytes before the end of the file in which the archive's end is looked for where others stand behind it. */
const LONGEST_TAIL = 1 << 20;
/** End records that are looked at there. */
const MOST_ENDS = 100;

async function findDirectory(file: RandomAccess): Promise<Directory> {
  const tailStart = Math.max(0, file.size - END_LENGTH - 0xffff);
  const tail = await file.read(tailStart, file.size - tailStart);
  const at = findEnd(tail, false);
  const head = await file.read(0, Math.min(4, file.size));
  const beginsHere = head.length === 4 && head.readUInt32LE(0) === LOCAL_SIGNATURE;
  if (at >= 0) {
    const directory = await directoryOf(file, parseEnd(tail, at), tailStart + at);
    // A program may stand before an archive, but not the beginning of another one.
    if (beginsHere && directory.shift > 0) {
      throw truncated('the directory at its end is that of an archive within it');
    }
    return directory;
  }
  const directory = await findInside(file);
  if (directory !== undefined) return directory;
  throw beginsHere
    ? truncated('the directory at its end is missing')
    : refused('Not a zip archive');
}

/**
 * The directory of an archive with other bytes behind it, as other programs leave and read it. Only one
 * that lies where its end record says: what is left of an archive that was cut short may hold another
 * archive as a member, whose directory lies elsewhere.
 */
async function findInside(file: RandomAccess): Promise<Directory | undefined> {
  const start = Math.max(0, file.size - LONGEST_TAIL);
  const tail = await file.read(start, file.size - start);
  let at = tail.length;
  for (let i = 0; i < MOST_ENDS; i++) {
    at = findEnd(tail, true, at);
    if (at < 0) return undefined;
    try {
      const directory = await directoryOf(file, parseEnd(tail, at), start + at);
      if (directory.shift === 0 && (await isDirectory(file, directory))) return directory;
    } catch (error) {
      if (!(error instanceof ArchiveError)) throw error;
    }
  }
  return undefined;
}

async function isDirectory(file: RandomAccess, { start, entries }: Directory): Promise<boolean> {
  if (entries === 0) return true;
  const head = await file.read(start, 4);
  return head.length === 4 && head.readUInt32LE(0) === CENTRAL_SIGNATURE;
}

/** The directory that an end record tells of. @throws ArchiveError */
async function directoryOf(file: RandomAccess, found: ZipEnd, foundAt: number): Promise<Directory> {
  let end = found;
  let endAt = foundAt;
  let exact = false;
  if (isWideEnd(end) && endAt >= LOCATOR_LENGTH + ZIP64_END_LENGTH) {
    const place = parseLocator(await file.read(endAt - LOCATOR_LENGTH, LOCATOR_LENGTH));
    if (place !== undefined) {
      const close = endAt - LOCATOR_LENGTH - ZIP64_END_LENGTH;
      for (const where of [place, close]) {
        if (where > close) continue;
        const wide = parseZip64End(await file.read(where, ZIP64_END_LENGTH));
        if (wide === undefined) continue;
        end = wide;
        endAt = where;
        exact = true;
        break;
      }
      if (!exact) throw corrupt('its zip64 end cannot be read');
    }
  }
  const start = endAt - end.size;
  const shift = start - end.offset;
  if (start < 0 || shift < 0) throw corrupt('its directory is not where it should be');
  return { start, end: endAt, entries: end.entries, exact, shift };
}

/** All entries of the directory. */
async function* entries(
  file: RandomAccess,
  directory: Directory,
): AsyncGenerator<CentralEntry, void, undefined> {
  let bytes: Buffer = Buffer.alloc(0);
  let next = directory.start;
  let at = 0;
  let count = 0;
  while (next - (bytes.length - at) < directory.end) {
    const entry = parseCentralEntry(bytes, at);
    if (entry !== undefined) {
      at += entry.length;
      count++;
      yield entry;
      continue;
    }
    const length = Math.min(PIECE, directory.end - next);
    if (length === 0) throw corrupt('its directory is cut short');
    bytes = Buffer.concat([bytes.subarray(at), await file.read(next, length)]);
    next += length;
    at = 0;
  }
  const wanted = directory.exact ? count : count & 0xffff;
  if (wanted !== directory.entries) throw corrupt('its directory has another number of entries');
}

/** @throws ArchiveError when two entries lie over each other, or one over the directory */
async function checkOverlaps(file: RandomAccess, directory: Directory): Promise<void> {
  const spans: [number, number][] = [];
  for await (const entry of entries(file, directory)) {
    const start = entry.offset + directory.shift;
    spans.push([start, start + LOCAL_LENGTH + entry.compressedSize]);
  }
  spans.sort((a, b) => a[0] - b[0]);
  let last = 0;
  for (const [start, end] of spans) {
    if (start < last) throw corrupt('its members overlap');
    last = end;
  }
  if (last > directory.start) throw corrupt('a member overlaps the directory');
}

async function memberOf(
  file: RandomAccess,
  { shift }: Directory,
  entry: CentralEntry,
): Promise<ArchiveMember> {
  const { path, method, size, compressedSize, crc } = entry;
  if (Buffer.byteLength(path) > MAX_NAME) throw corrupt(`a name is longer than ${MAX_NAME} bytes`);
  const type = typeOf(entry);
  if (type === 'file' || type === 'link') {
    if ((entry.flags & FLAG_ENCRYPTED) !== 0) throw refused(`${path}: it is encrypted`, path);
  }
  const start = entry.offset + shift;

  /** The local header and, when it is small, all the data behind it. */
  const open = async (ahead: number): Promise<{ dataStart: number; head: Buffer }> => {
    const header = await file.read(start, LOCAL_LENGTH + ahead);
    if (header.length < LOCAL_LENGTH || header.readUInt32LE(0) !== LOCAL_SIGNATURE) {
      throw corrupt(`${path}: its header is not where it should be`, path);
    }
    const skip = LOCAL_LENGTH + header.readUInt16LE(26) + header.readUInt16LE(28);
    return { dataStart: start + skip, head: header.subarray(skip) };
  };
  const packed = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    const { dataStart } = await open(0);
    for (let at = 0; at < compressedSize; at += PIECE) {
      const length = Math.min(PIECE, compressedSize - at);
      const piece = await file.read(dataStart + at, length);
      if (piece.length < length) throw truncated(`${path} is not whole`, path);
      yield piece;
    }
  };
  const chunks = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    let sum = 0;
    let length = 0;
    try {
      for await (const chunk of unpackMethod(method, packed(), entry)) {
        length += chunk.length;
        if (length > size) throw corrupt(`${path} is larger than it says`, path);
        sum = crc32(chunk, sum);
        yield chunk;
      }
    } catch (error) {
      throw unreadable(path, error);
    }
    if (length !== size) throw corrupt(`${path} is smaller than it says`, path);
    if (sum !== crc) throw corrupt(`${path}: its checksum does not fit`, path);
  };
  const read = async (): Promise<Uint8Array> => {
    const isPlain = method === METHOD_STORED || method === METHOD_DEFLATED;
    if (!isPlain || compressedSize > 2 * SMALL_MEMBER) {
      const parts: Uint8Array[] = [];
      for await (const chunk of chunks()) parts.push(Buffer.from(chunk));
      return Buffer.concat(parts);
    }
    const { dataStart, head } = await open(path.length * 2 + ROOM + compressedSize);
    const data =
      head.length >= compressedSize
        ? head.subarray(0, compressedSize)
        : await file.read(dataStart, compressedSize);
    if (data.length < compressedSize) throw truncated(`${path} is not whole`, path);
    const body = method === METHOD_STORED ? Buffer.from(data) : inflate(data, size, path);
    if (body.length !== size) throw corrupt(`${path} is not as large as it says`, path);
    if (crc32(body) !== crc) throw corrupt(`${path}: its checksum does not fit`, path);
    return body;
  };

  const member: ArchiveMember = {
    path,
    type,
    executable: (entry.mode & 0o100) !== 0,
    size: type === 'file' ? size : 0,
    ...(type === 'other' && { what: 'a device or a pipe' }),
    read,
    chunks,
  };
  if (type !== 'link') return member;
  if (size > MAX_NAME) throw corrupt(`${path}: the target of the link is too long`, path);
  return { ...member, target: decodePath(await read()) };
}

function inflate(data: Buffer, size: number, path: string): Buffer {
  try {
    return inflateRawSync(data, { maxOutputLength: size + 1 });
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  if (code === 'ERR_BUFFER_TOO_LARGE') return corrupt(`${path} is larger than it says`, path);
  return code.startsWith('Z_') ? corrupt(`${path} does not inflate`, path, error) : error;
}

function typeOf({ mode, path }: CentralEntry): ArchiveMember['type'] {
  if (path.endsWith('/')) return 'directory';
  switch (mode & 0o170000) {
    case 0o120000:
      return 'link';
    case 0o040000:
      return 'directory';
    case 0o010000:
    case 0o020000:
    case 0o060000:
    case 0o140000:
      return 'other';
    default:
      return 'file';
  }
}
