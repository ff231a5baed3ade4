/** Tells a complete pack file from one that a crash has truncated or emptied. */
import { CorruptObjectError } from '../../../errors.ts';
import { isErrno, readFullySync } from '../../disk/durable.ts';
import { closeSync, fstatSync, openSync } from '../../disk/fs.ts';
import type { PackFile } from './packFile.ts';

/** The checksum at a pack's end. */
const TRAILER_LENGTH = 20;

/** Whether a pack's file ends with the checksum in its index. */
export function isWholePack(pack: PackFile): boolean {
  const trailer = Buffer.alloc(TRAILER_LENGTH);
  try {
    const fd = openSync(pack.path, 'r');
    try {
      const { size } = fstatSync(fd);
      if (size < TRAILER_LENGTH) return false;
      readFullySync(fd, trailer, TRAILER_LENGTH, size - TRAILER_LENGTH);
    } finally {
      closeSync(fd);
    }
    return trailer.equals(pack.packChecksum);
  } catch (error) {
    if (error instanceof CorruptObjectError) return false;
    if (isErrno(error, 'ENOENT', 'EIO', 'EACCES', 'EPERM')) return false;
    throw error;
  }
}
