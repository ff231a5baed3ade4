/**
 * Renames and removals on Windows. Both fail while another program, such as a virus scanner or an
 * indexer, has the file open. Usually that is over after a few milliseconds.
 */
import type { System } from '../../platform.ts';

const BUSY = ['EPERM', 'EACCES', 'EBUSY'];

/** Milliseconds between attempts, a third of a second in all. */
const PAUSES = [1, 2, 4, 8, 16, 32, 64, 100, 100];

/**
 * Wraps a call to retry while the file is in use. On other systems returns the call itself.
 * @param pause blocks for the given number of milliseconds
 */
export function whileFree<A extends unknown[], R>(
  call: (...args: A) => R,
  system: System = process.platform,
  pause: (milliseconds: number) => void = sleep,
): (...args: A) => R {
  if (system !== 'win32') return call;
  return (...args) => {
    for (const milliseconds of PAUSES) {
      try {
        return call(...args);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === undefined || !BUSY.includes(code)) throw error;
      }
      pause(milliseconds);
    }
    return call(...args);
  };
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
