import { lstatSync } from 'node:fs';
import { encodePath } from '../git/pathBytes.ts';

/** Whether anything stands at a local path, be it a link that leads nowhere. */
export function isOnDisk(path: string): boolean {
  try {
    return lstatSync(encodePath(path), { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}
