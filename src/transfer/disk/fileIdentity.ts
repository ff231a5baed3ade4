/**
 * Which file or directory it is, whatever its name: its device and inode number. Some systems (NTFS,
 * Lustre, overlayfs) use numbers above 2^53, of which two may be the same `number`: what is the same
 * as numbers is only a candidate, and bigints decide.
 */
import { fstatSync, lstatSync, statSync } from 'node:fs';
import { isErrorOf } from '../../systemFaults.ts';
import { toDisk } from './diskFiles.ts';

export interface FileIdentity {
  readonly dev: bigint;
  readonly ino: bigint;
}

/**
 * What stands at `path`, a link followed; undefined when nothing does.
 * @throws a system error where it cannot be looked at
 */
export function identityAt(path: string): FileIdentity | undefined {
  return lookAt(path, statSync);
}

/** The same without following a link. */
export function ownIdentityAt(path: string): FileIdentity | undefined {
  return lookAt(path, lstatSync as typeof statSync);
}

/** What is open as a descriptor. */
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
