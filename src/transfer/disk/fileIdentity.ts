/**
 * The identity of a file or directory independent of its name: device and inode number. Some systems
 * (NTFS, Lustre, overlayfs) use values above 2^53, and two of them may round to the same `number`. So
 * equal numbers only make a candidate, and bigints decide.
 */
import { fstatSync, lstatSync, statSync } from 'node:fs';
import { isErrorOf } from '../../systemFaults.ts';
import { toDisk } from './diskFiles.ts';

export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * The identity of the entry at `path`, following a link; undefined when it is missing.
 * @throws a system error when it cannot be examined
 */
export function identityAt(path: string): FileIdentity | undefined {
  return lookAt(path, statSync);
}

/** The same without following a link. */
export function ownIdentityAt(path: string): FileIdentity | undefined {
  return lookAt(path, lstatSync as typeof statSync);
}

/** The identity of an open file. */
export function identityOfOpen(fd: number): FileIdentity {
  const { dev, ino } = fstatSync(fd, { bigint: true });
  return { dev, ino };
}

export function isSameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

function lookAt(path: string, look: typeof statSync): FileIdentity | undefined {
  try {
    const { dev, ino } = look(toDisk(path), { bigint: true });
    return { dev, ino };
  } catch (error) {
    if (isErrorOf(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
