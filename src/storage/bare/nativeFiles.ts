/**
 * The native module, for the two things Node cannot do with files: kernel locks, and swapping two
 * names. Loaded on the first use, which costs 15 ms; reading never needs it.
 */
import { createRequire } from 'node:module';

export interface NativeFiles {
  /** @returns false when another open file has the lock; a length of 0 means to the end */
  tryLock(fd: number, offset?: number, length?: number): boolean;
  unlock(fd: number, offset?: number, length?: number): void;
  /** Makes two paths change places, in one step on Linux and macOS. */
  swapSync(from: string, to: string): void;
}

let loaded: NativeFiles | null | undefined;

/** Null where the module has no build for this system. */
export function nativeFiles(): NativeFiles | null {
  if (loaded === undefined) {
    try {
      loaded = createRequire(import.meta.url)('fs-native-extensions') as NativeFiles;
    } catch {
      loaded = null;
    }
  }
  return loaded;
}
