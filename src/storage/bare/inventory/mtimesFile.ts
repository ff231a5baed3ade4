/**
 * The file beside a *cruft pack* that keeps the age of its objects (gitformat-pack(5), "pack-*.mtimes
 * files"): a header, a number of seconds since the epoch for each object in the order of ids, the
 * pack's checksum and that of the file. A cruft pack holds unreachable objects until they are old enough to
 * be removed.
 */
import { createHash } from 'node:crypto';
import { CorruptObjectError } from '../../../errors.ts';
import { readFileSync } from '../../disk/fs.ts';

const SIGNATURE = 0x4d544d45;
const VERSION = 1;
const SHA1 = 1;
const HEADER_LENGTH = 12;
const CHECKSUM_LENGTH = 20;

/** @throws CorruptObjectError */
export function readMtimes(path: string, count: number): Uint32Array {
  const bytes = readFileSync(path);
  if (
    bytes.length !== HEADER_LENGTH + count * 4 + 2 * CHECKSUM_LENGTH ||
    bytes.readUInt32BE(0) !== SIGNATURE ||
    bytes.readUInt32BE(4) !== VERSION ||
    bytes.readUInt32BE(8) !== SHA1
  ) {
    throw new CorruptObjectError(`${path} is corrupt: it is not the list of a pack's times`, {
      path,
    });
  }
  const times = new Uint32Array(count);
  for (let i = 0; i < count; i++) times[i] = bytes.readUInt32BE(HEADER_LENGTH + i * 4);
  return times;
}

/** @param times seconds since the epoch, in the order of the pack's ids */
export function serializeMtimes(times: Uint32Array, packChecksum: Uint8Array): Buffer {
  const length = HEADER_LENGTH + times.length * 4;
  const bytes = Buffer.alloc(length + 2 * CHECKSUM_LENGTH);
  bytes.writeUInt32BE(SIGNATURE, 0);
  bytes.writeUInt32BE(VERSION, 4);
  bytes.writeUInt32BE(SHA1, 8);
  for (let i = 0; i < times.length; i++) bytes.writeUInt32BE(times[i]!, HEADER_LENGTH + i * 4);
  bytes.set(packChecksum, length);
  const body = bytes.subarray(0, length + CHECKSUM_LENGTH);
  bytes.set(createHash('sha1').update(body).digest(), body.length);
  return bytes;
}
