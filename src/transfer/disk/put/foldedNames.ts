/** Names that a disk takes for the same although they differ. */
import type * as fs from 'node:fs';
import type { FsPath } from '../anchors.ts';

/**
 * Whether the disk may find an entry of another name under the path, because it treats names as equal
 * that differ in letter case or Unicode composition.
 */
export function mayFold(disk: typeof fs, at: FsPath): boolean {
  const path = Buffer.from(at);
  const inOtherCase = Buffer.from(path);
  for (let place = path.lastIndexOf('/') + 1; place < path.length; place++) {
    const byte = path[place]!;
    if (byte >= 0x80) return true;
    const isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a;
    if (isLetter) inOtherCase[place] = byte ^ 0x20;
  }
  if (path.equals(inOtherCase)) return false;
  return disk.lstatSync(inOtherCase, { throwIfNoEntry: false }) !== undefined;
}

/** Whether the parent directory holds exactly this spelling of the name. */
export function isSpelled(disk: typeof fs, at: FsPath): boolean {
  const path = Buffer.from(at);
  const start = path.lastIndexOf('/') + 1;
  const directory = start === 0 ? Buffer.from('./') : path.subarray(0, start);
  const name = path.subarray(start);
  return disk.readdirSync(directory, { encoding: 'buffer' }).some((other) => other.equals(name));
}

/** The error for a name that this disk takes for that of another existing file. */
export function sameNameError(): Error {
  const reason = 'already exists under a name that this disk takes for the same';
  return Object.assign(new Error(`EEXIST: ${reason}`), { code: 'EEXIST' });
}
