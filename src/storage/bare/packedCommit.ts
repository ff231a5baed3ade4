/**
 * Commits in packs, with little more work than inflating and hashing them: the body is inflated into
 * one buffer that is used again and again, behind the header that Git hashes with it.
 */
import { hash } from 'node:crypto';
import { type ObjectId, objectHeader } from '../../git/objectId.ts';
import { PackType } from '../../git/pack.ts';
import type { PackedObject } from './packDirectory.ts';

/** Room for `commit <size>\0`. */
const BODY_AT = 32;
const buffer = Buffer.allocUnsafeSlow(BODY_AT + (16 << 10));
const body = buffer.subarray(BODY_AT);

/**
 * Hands the body to `use`. Undefined when the commit is large, a delta or damaged: it must be read as
 * any other object.
 */
export function useCommit<T>(
  { pack, offset }: PackedObject,
  id: ObjectId,
  use: (bytes: Buffer, start: number, end: number) => T | undefined,
): T | undefined {
  const size = pack.inflateWhole(offset, PackType.commit, body);
  if (size < 0) return undefined;
  const header = objectHeader('commit', size);
  const start = BODY_AT - header.length;
  buffer.write(header, start, 'latin1');
  const end = BODY_AT + size;
  if (hash('sha1', buffer.subarray(start, end), 'hex') !== id) return undefined;
  return use(buffer, BODY_AT, end);
}
