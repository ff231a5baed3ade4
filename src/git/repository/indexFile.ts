/**
 * Index files of working trees (gitformat-index(5)), as far as a collection needs them: which
 * objects they name. Versions 2, 3 and 4.
 */

import { asBuffer } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';
import { ID_LENGTH } from '../idTable.ts';
import type { ObjectId } from '../objectId.ts';

const HEADER_LENGTH = 12;
/** Times, numbers and mode before the id of an entry. */
const BEFORE_ID = 40;
const FLAGS_LENGTH = 2;
const EXTENDED = 0x4000;
const GITLINK_BITS = 0o160000;
const TYPE_BITS = 0o170000;

/**
 * The ids of all entries, and of the trees and blobs that the extensions `TREE` and `REUC` name.
 * @throws CorruptObjectError when the bytes are no index of a known version
 */
export function idsInIndex(file: Uint8Array): Set<ObjectId> {
  const bytes = asBuffer(file);
  const end = bytes.length - ID_LENGTH;
  if (end < HEADER_LENGTH || bytes.toString('latin1', 0, 4) !== 'DIRC') {
    throw new CorruptObjectError('Not an index file');
  }
  const version = bytes.readUInt32BE(4);
  if (version < 2 || version > 4) {
    throw new CorruptObjectError(`Index files of version ${version} are not known`);
  }
  const found = new Set<ObjectId>();
  let at = HEADER_LENGTH;
  for (let left = bytes.readUInt32BE(8); left > 0; left--) {
    const start = at;
    if (start + BEFORE_ID + ID_LENGTH + FLAGS_LENGTH > end) throw cutOff();
    const mode = bytes.readUInt32BE(start + 24);
    const idAt = start + BEFORE_ID;
    if ((mode & TYPE_BITS) !== GITLINK_BITS) {
      found.add(bytes.toString('hex', idAt, idAt + ID_LENGTH));
    }
    const flags = bytes.readUInt16BE(idAt + ID_LENGTH);
    at = idAt + ID_LENGTH + FLAGS_LENGTH + (flags & EXTENDED ? 2 : 0);
    if (version === 4) while (bytes[at++]! & 0x80 && at < end);
    at = bytes.indexOf(0, at) + 1;
    if (at === 0 || at > end) throw cutOff();
    // Entries are filled up with NULs to a multiple of 8 bytes.
    if (version < 4) at = start + Math.ceil((at - start) / 8) * 8;
  }
  while (at + 8 <= end) {
    const name = bytes.toString('latin1', at, at + 4);
    const size = bytes.readUInt32BE(at + 4);
    const body = bytes.subarray(at + 8, Math.min(end, at + 8 + size));
    if (name === 'TREE') readCacheTree(body, found);
    else if (name === 'REUC') readResolveUndo(body, found);
    at += 8 + size;
  }
  return found;
}

/** Each row: path, NUL, number of entries, space, number of subtrees, line feed, and the id. */
function readCacheTree(body: Buffer, found: Set<ObjectId>): void {
  for (let at = 0; at < body.length; ) {
    const nameEnd = body.indexOf(0, at);
    const lineEnd = body.indexOf(10, nameEnd);
    if (nameEnd === -1 || lineEnd === -1) return;
    at = lineEnd + 1;
    // A tree that is not known any more has -1 entries and no id.
    if (body[nameEnd + 1] === 0x2d) continue;
    if (at + ID_LENGTH > body.length) return;
    found.add(body.toString('hex', at, at + ID_LENGTH));
    at += ID_LENGTH;
  }
}

/** Each row: path, three modes in octal, each with its NUL, and an id for each mode but 0. */
function readResolveUndo(body: Buffer, found: Set<ObjectId>): void {
  for (let at = 0; at < body.length; ) {
    at = body.indexOf(0, at) + 1;
    if (at === 0) return;
    let ids = 0;
    for (let i = 0; i < 3; i++) {
      const end = body.indexOf(0, at);
      if (end === -1) return;
      if (body.toString('latin1', at, end) !== '0') ids++;
      at = end + 1;
    }
    for (; ids > 0 && at + ID_LENGTH <= body.length; ids--, at += ID_LENGTH) {
      found.add(body.toString('hex', at, at + ID_LENGTH));
    }
  }
}

function cutOff(): CorruptObjectError {
  return new CorruptObjectError('An index file is cut off');
}
