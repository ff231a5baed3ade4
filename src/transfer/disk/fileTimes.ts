/** What the times of files and directories prove. */
import { statfsSync, statSync } from 'node:fs';
import { toDisk } from './diskFiles.ts';

/**
 * A file may change again within one tick of its file system's clock, and its times stay the same.
 * So a state proves nothing about a file that was changed less than this before it was looked at.
 * Milliseconds: clocks tick every 16 ms or faster; some file systems keep times in whole seconds, or
 * every second one.
 */
const FINE_TICK = 100;
const COARSE_TICK = 3000;

/**
 * File systems (statfs(2), f_type) of which it is known that a directory's times change whenever a
 * name in it comes, goes or is replaced: ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS,
 * bcachefs. Elsewhere the names are read every time.
 */
const KEEPS_DIRECTORY_TIMES: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
]);

/**
 * Whether what has these times cannot change any more without them changing.
 * @param at when they were looked at, in milliseconds since the epoch
 */
export function isSettled(
  { mtimeMs, ctimeMs }: { readonly mtimeMs: number; readonly ctimeMs: number },
  at: number,
): boolean {
  const tick = tickOf(ctimeMs);
  // Where a file system keeps no ctime, the mtime must do, which may well be one in the future.
  return ctimeMs < at - tick && Math.abs(at - mtimeMs) > tick;
}

function tickOf(ctimeMs: number): number {
  return ctimeMs % 1000 === 0 ? COARSE_TICK : FINE_TICK;
}

/**
 * The clocks that file times on each device come from, as far as a copy has seen them go on by what
 * it wrote itself. A file that was written before the last tick that was seen gets another ctime
 * when it changes again, however long a tick is.
 */
export class DeviceClocks {
  readonly #latest = new Map<number, number>();

  /** A file that was written just now has this ctime. */
  saw(device: number, ctimeMs: number): void {
    if (ctimeMs > (this.#latest.get(device) ?? 0)) this.#latest.set(device, ctimeMs);
  }

  /** Whether a file on the device that has these times gets others when it changes. */
  isPast({ mtimeMs, ctimeMs }: { mtimeMs: number; ctimeMs: number }, device: number): boolean {
    const latest = this.#latest.get(device) ?? 0;
    return ctimeMs < latest && Math.abs(latest - mtimeMs) > tickOf(ctimeMs);
  }
}

/** The device that a directory lies on, where the times of directories are to be trusted. */
export function deviceOfTrust(path: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // Signed on some systems.
    const type = statfsSync(toDisk(path)).type >>> 0;
    return KEEPS_DIRECTORY_TIMES.has(type) ? statSync(toDisk(path)).dev : undefined;
  } catch {
    return undefined;
  }
}
