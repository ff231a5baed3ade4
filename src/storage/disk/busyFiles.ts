/**
 * Renaming and removing on Windows. There both fail as long as another program, a virus scanner or
 * an indexer say, has the file open; mostly that is over after some milliseconds.
 */
import type { System } from '../../platform.ts';

const BUSY = ['EPERM', 'EACCES', 'EBUSY'];

/** Milliseconds between the tries, a third of a second in all. */
const PAUSES = [1, 2, 4, 8, 16, 32, 64, 100, 100];

/**
 * The call, tried again while the file is in use. On other systems it is the call itself.
 * @param pause blocks for so many milliseconds
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
