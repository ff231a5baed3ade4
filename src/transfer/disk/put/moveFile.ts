/** Names that files get and lose, also while another program has them open (Windows). */
import type * as fs from 'node:fs';
import { whileFree } from '../../../storage/disk/busyFiles.ts';
import type { FsPath } from '../anchors.ts';

export function renameWhenFree(disk: typeof fs, from: FsPath, to: FsPath): void {
  whileFree(disk.renameSync)(from, to);
}

/** Renames a file to a path where nothing is. @throws an error `KEPT` when another process was quicker */
export function moveToFree(disk: typeof fs, from: FsPath, to: FsPath): void {
  try {
    // Unlike a rename, a hard link replaces nothing.
    disk.linkSync(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw keptError();
    if (code === undefined) throw error;
    // Systems without hard links say so in many ways. The rename reports every other fault.
    renameWhenFree(disk, from, to);
    return;
  }
  dropTemporary(disk, from);
}

export function keptError(): Error {
  return Object.assign(new Error('another process has created it meanwhile'), { code: 'KEPT' });
}

/** Removes a temporary name. One that another process holds open stays for the next copy to remove. */
export function dropTemporary(disk: typeof fs, name: FsPath): void {
  try {
    whileFree(disk.unlinkSync)(name);
  } catch (error) {
    if (!/^(?:EPERM|EACCES|EBUSY)$/.test(String((error as NodeJS.ErrnoException).code)))
      throw error;
  }
}
