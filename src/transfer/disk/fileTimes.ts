/** What the times of files and directories prove about changes. */
import { statfsSync, statSync } from 'node:fs';
import { toDisk } from './diskFiles.ts';

/**
 * A file may change again within one tick of its file system's clock without a change of its times. So
 * a state proves nothing about a file that changed less than this before the look at it. Milliseconds:
 * clocks tick every 16 ms or faster; some file systems keep times in steps of one or two seconds.
 */
const FINE_TICK = 100;
const COARSE_TICK = 3000;

/**
 * File systems (statfs(2), f_type) known to update a directory's times whenever a name in it is
 * created, removed or replaced: ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS, bcachefs.
 * Elsewhere names are read every time.
 */
const KEEPS_DIRECTORY_TIMES: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
]);

/**
 * Whether any later change must change these times.
 * @param at when the times were read, in milliseconds since the epoch
 */
export function isSettled(
  { mtimeMs, ctimeMs }: { readonly mtimeMs: number; readonly ctimeMs: number },
  at: number,
): boolean {
  const tick = tickOf(ctimeMs);
  // A file system without ctime leaves only the mtime, which may be in the future.
  return ctimeMs < at - tick && Math.abs(at - mtimeMs) > tick;
}

function tickOf(ctimeMs: number): number {
  return ctimeMs % 1000 === 0 ? COARSE_TICK : FINE_TICK;
}

/**
 * The clocks behind file times, by device, observed through files that a copy has written itself. A file
 * written before the last observed tick gets another ctime when it changes again, however long a tick
 * is.
 */
export class DeviceClocks {
  readonly #latest = new Map<number, number>();

  /** Records the ctime of a file that was just written. */
  saw(device: number, ctimeMs: number): void {
    if (ctimeMs > (this.#latest.get(device) ?? 0)) this.#latest.set(device, ctimeMs);
  }

  /** Whether a file on the device with these times gets others when it changes. */
  isPast({ mtimeMs, ctimeMs }: { mtimeMs: number; ctimeMs: number }, device: number): boolean {
    const latest = this.#latest.get(device) ?? 0;
    return ctimeMs < latest && Math.abs(latest - mtimeMs) > tickOf(ctimeMs);
  }
}

/** The device of a directory, when the times of its directories can be trusted. */
export function deviceOfTrust(path: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // The value is signed on some systems.
    const type = statfsSync(toDisk(path)).type >>> 0;
    return KEEPS_DIRECTORY_TIMES.has(type) ? statSync(toDisk(path)).dev : undefined;
  } catch {
    return undefined;
  }
}
