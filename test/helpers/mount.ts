/** Small disks for tests, which mostly only root may mount. */
import { spawnSync } from 'node:child_process';
import { scratchFolder } from './scratch.ts';

/** @param size as mount(8) takes it, such as `8m`. @returns whether that is permitted here */
export function mountTmpfs(at: string, size: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', at]).status === 0;
}

/** Also while the disk is in use. */
export function unmount(at: string): void {
  spawnSync('umount', ['-l', at]);
}

/** Tries a mount: a container may refuse it to root. */
export function canMount(): boolean {
  const at = scratchFolder();
  const can = mountTmpfs(at, '1m');
  if (can) unmount(at);
  return can;
}
