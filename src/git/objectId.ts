/**
 * Object ids and types. An object id is the SHA-1 of `<type> <size>\0` and the body, written as 40
 * lowercase hex digits (gitglossary(7), "object name").
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { firstSha1 } from '../zlib/firstCodecs.ts';

/** 40 lowercase hex digits. */
export type ObjectId = string;

export type ObjectType = 'blob' | 'tree' | 'commit' | 'tag';

/** The id of the tree without entries. It exists in every store without being written. */
export const EMPTY_TREE_ID: ObjectId = '4b825dc642cb6eb9a060e54bf8d69288fbee4904';

/** How Git writes "no object" in reflogs and ref updates. */
export const ZERO_ID: ObjectId = '0'.repeat(40);

const FULL_ID = /^[0-9a-f]{40}$/;

export function isObjectId(text: string): text is ObjectId {
  return FULL_ID.test(text);
}

export function isObjectType(text: string): text is ObjectType {
  return text === 'blob' || text === 'tree' || text === 'commit' || text === 'tag';
}

/** The bytes that Git hashes before an object's body. */
export function objectHeader(type: ObjectType, size: number): string {
  return `${type} ${size}\0`;
}

/** Bodies up to this size are copied behind their header and hashed in one call. */
const ONE_CALL_LIMIT = 16 << 10;
const headerAndBody = Buffer.allocUnsafeSlow(ONE_CALL_LIMIT + 32);

/** The id of an object with this body. */
export function hashObject(type: ObjectType, body: Uint8Array): ObjectId {
  const header = objectHeader(type, body.length);
  const first = firstSha1(header, body);
  if (first !== undefined) return first;
  if (body.length > ONE_CALL_LIMIT)
    return startObjectHash(type, body.length).update(body).digest('hex');
  const start = headerAndBody.write(header, 'latin1');
  headerAndBody.set(body, start);
  return hash('sha1', headerAndBody.subarray(0, start + body.length), 'hex');
}

/** A hash with the header in it. Update it with `size` bytes of body, then call `digest('hex')`. */
export function startObjectHash(type: ObjectType, size: number): Hash {
  return createHash('sha1').update(objectHeader(type, size), 'latin1');
}
