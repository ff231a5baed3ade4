/**
 * Reads loose objects: one file an object, `objects/ab/cdef…`, a zlib stream of header and body
 * (gitrepository-layout(5)).
 */

import { join } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import { hashObject, isObjectType, type ObjectId } from '../../../git/objectId.ts';
import {
  inflateExactly,
  inflateExactlyAsync,
  inflateStart,
  isPlausibleSize,
} from '../../../zlib/inflate.ts';
import { isErrno, readFully, readFullySync } from '../../disk/durable.ts';
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  statSync,
} from '../../disk/fs.ts';
import type { ZlibRegion } from '../../disk/zlibFile.ts';
import { verified } from '../../packs/objectFaults.ts';
import { LARGE_OBJECT } from '../../packs/reading/packFile.ts';
import type { GitObject, ObjectHeader } from '../../storage.ts';

/** Bytes of the first read: all of most objects, and the header of any. */
const FIRST_READ = 4096;
/** Bytes up to which a writer that relies on an object reads it at once to check it. */
const LARGEST_LOOKED_AT = 16 << 20;

/** A loose object whose file is open. */
export interface OpenLoose extends ObjectHeader {
  readonly fd: number;
  readonly id: ObjectId;
  readonly fileSize: number;
  /** Length of Git's header in bytes, which the stream holds before the body. */
  readonly headerLength: number;
  /** All bytes of the file, when it is a small one. */
  readonly bytes: Buffer | undefined;
}

export function loosePath(objectsDir: string, id: ObjectId): string {
  return `${objectsDir}/${id.slice(0, 2)}/${id.slice(2)}`;
}

/**
 * Opens a loose object and reads its header; undefined when there is no such file.
 * @throws CorruptObjectError
 */
export function openLoose(objectsDir: string, id: ObjectId): OpenLoose | undefined {
  let fd: number;
  try {
    fd = openSync(loosePath(objectsDir, id), 'r');
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    const fileSize = fstatSync(fd).size;
    const first = Buffer.allocUnsafe(Math.min(FIRST_READ, fileSize));
    const got = readFullySync(fd, first, first.length, 0);
    const start = startOf(id, fileSize, (length) =>
      length <= got ? first.subarray(0, length) : readStart(fd, length),
    );
    const head = parseHead(start, id);
    if (!isPlausibleSize(head.size, fileSize)) throw corrupt(id, `size ${head.size} cannot be`);
    return { fd, id, fileSize, ...head, bytes: got === fileSize ? first : undefined };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The first inflated bytes of an object, with its whole header. */
function startOf(id: ObjectId, fileSize: number, bytesOf: (length: number) => Buffer): Buffer {
  try {
    return inflateStart(bytesOf, fileSize, (data) => data.includes(0));
  } catch (cause) {
    throw corrupt(id, 'its data does not inflate', cause);
  }
}

function parseHead(head: Buffer, id: ObjectId): ObjectHeader & { headerLength: number } {
  const end = head.indexOf(0);
  const [, type = '', size] =
    /^([a-z]+) (0|[1-9][0-9]{0,15})$/.exec(head.toString('latin1', 0, end)) ?? [];
  if (end < 0 || size === undefined || !isObjectType(type))
    throw corrupt(id, 'its header is broken');
  return { type, size: Number(size), headerLength: end + 1 };
}

/** @throws CorruptObjectError */
export async function readOpenLoose(open: OpenLoose): Promise<GitObject> {
  const { fd, id, type, size, headerLength, fileSize } = open;
  if (size <= LARGE_OBJECT) return readSmallLoose(open);
  const file = Buffer.allocUnsafe(fileSize);
  const total = headerLength + size;
  try {
    const got = await readFully(fd, file, fileSize, 0);
    const data = await inflateExactlyAsync(file.subarray(0, got), total);
    return { type, body: data.subarray(headerLength) };
  } catch (cause) {
    throw corrupt(id, 'its data does not inflate', cause);
  }
}

function readSmallLoose(open: OpenLoose): GitObject {
  const { id, type, size, headerLength } = open;
  try {
    const data = inflateExactly(
      open.bytes ?? readStart(open.fd, open.fileSize),
      headerLength + size,
    );
    return { type, body: data.subarray(headerLength) };
  } catch (cause) {
    throw corrupt(id, 'its data does not inflate', cause);
  }
}

function readStart(fd: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  return bytes.subarray(0, readFullySync(fd, bytes, length, 0));
}

/**
 * A loose object of at most `limit` bytes, checked, synchronously; `undefined`: there is none, or it
 * is larger.
 * @throws CorruptObjectError
 */
export function tryReadLoose(
  objectsDir: string,
  id: ObjectId,
  limit: number,
): GitObject | undefined {
  const open = openLoose(objectsDir, id);
  if (open === undefined) return undefined;
  try {
    return open.size > limit ? undefined : verified(id, readSmallLoose(open));
  } finally {
    closeSync(open.fd);
  }
}

/**
 * Whether a loose object is what its name says. Of one that is too large to be read at once only the
 * header is looked at.
 */
export function isSoundLoose(objectsDir: string, id: ObjectId): boolean {
  try {
    const open = openLoose(objectsDir, id);
    if (open === undefined) return false;
    try {
      if (open.size > LARGEST_LOOKED_AT) return true;
      const { type, body } = readSmallLoose(open);
      return hashObject(type, body) === id;
    } finally {
      closeSync(open.fd);
    }
  } catch (error) {
    // An unreadable one does not count either: a new one replaces it.
    if (error instanceof CorruptObjectError || isErrno(error, 'EIO', 'EACCES', 'EPERM', 'EISDIR')) {
      return false;
    }
    throw error;
  }
}

/** Where the zlib stream of an open loose object lies. It holds header and body. */
export function looseRegion(open: OpenLoose): ZlibRegion {
  return { fd: open.fd, start: 0, end: open.fileSize, size: open.headerLength + open.size };
}

function corrupt(id: ObjectId, what: string, cause?: unknown): CorruptObjectError {
  return new CorruptObjectError(`object ${id} is corrupt: ${what}`, { objectId: id, cause });
}

/** Bytes of the object's file; undefined when there is none. */
export function looseBytes(objectsDir: string, id: ObjectId): number | undefined {
  return statSync(loosePath(objectsDir, id), { throwIfNoEntry: false })?.size;
}

export function hasLoose(objectsDir: string, id: ObjectId): boolean {
  return existsSync(loosePath(objectsDir, id));
}

/**
 * The loose objects that there were at some moment, looked up in listings of their directories: for
 * many questions a listing costs less than a look for each.
 */
export class LooseListings {
  readonly #fanOuts = new Map<string, ReadonlySet<string>>();
  readonly #ids = new Map<string, ReadonlySet<ObjectId>>();

  has(objectsDir: string, id: ObjectId): boolean {
    const fanOut = id.slice(0, 2);
    const fanOuts = once(this.#fanOuts, objectsDir, () => new Set(listDirectory(objectsDir)));
    if (!fanOuts.has(fanOut)) return false;
    const list = () => new Set(listLoose(objectsDir, fanOut));
    return once(this.#ids, `${objectsDir}/${fanOut}`, list).has(id);
  }
}

function once<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    known.set(key, value);
  }
  return value;
}

/** The loose objects whose ids begin with `fanOut` (two hex digits). */
export function listLoose(objectsDir: string, fanOut: string): ObjectId[] {
  return listDirectory(join(objectsDir, fanOut))
    .filter((name) => /^[0-9a-f]{38}$/.test(name))
    .map((name) => fanOut + name);
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}
