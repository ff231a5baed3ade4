/**
 * The native module, for two file operations that Node lacks: kernel locks, and swapping two names.
 * Loaded on first use. Reading never needs it.
 */

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { LOADS_NATIVE_MODULES, OWN_FILE } from '../../runtime.ts';
import { isErrno } from './durable.ts';
import { existsSync } from './fs.ts';

export interface NativeFiles {
  /** @returns false when another open file has the lock; a length of 0 means to the end */
  tryLock(fd: number, offset?: number, length?: number): boolean;
  unlock(fd: number, offset?: number, length?: number): void;
  /** Exchanges two paths, atomically on Linux and macOS. */
  swapSync(from: string, to: string): void;
}

/** The functions of its binary, below the package's JavaScript. */
interface Binary {
  tryLock(fd: number, offset: number, length: number, isExclusive: boolean): void;
  unlock(fd: number, offset: number, length: number): void;
  swapSync(from: string, to: string): void;
}

const NAME = 'fs-native-extensions';

let loaded: NativeFiles | null | undefined;

/** Null when the module has no build for this system, or would crash the process. */
export function nativeFiles(): NativeFiles | null {
  if (!LOADS_NATIVE_MODULES || OWN_FILE === undefined) return null;
  if (loaded === undefined) {
    try {
      const require = createRequire(OWN_FILE);
      loaded = loadBinary(require) ?? (require(NAME) as NativeFiles);
    } catch {
      loaded = null;
    }
  }
  return loaded;
}

/**
 * Loads the binary from its known path in the package, in less than 1 ms. The package's own search covers
 * all systems and runtimes and takes 15 ms and more. Undefined when it is not found there. The binary's
 * interface is internal to the package, so package.json pins its version.
 */
function loadBinary(require: NodeJS.Require): NativeFiles | undefined {
  // The package has no builds for musl, on which those for glibc do not run.
  if (process.platform === 'linux' && existsSync('/etc/alpine-release')) return undefined;
  const build = join(NAME, 'prebuilds', `${process.platform}-${process.arch}`, `${NAME}.node`);
  const file = require.resolve
    .paths(NAME)
    ?.map((folder) => join(folder, build))
    .find((path) => existsSync(path));
  if (file === undefined) return undefined;
  const module = { exports: {} as Binary };
  process.dlopen(module, file);
  return withAnswers(module.exports);
}

function withAnswers(binary: Binary): NativeFiles {
  return {
    tryLock: (fd, offset = 0, length = 0) => {
      try {
        binary.tryLock(fd, offset, length, true);
        return true;
      } catch (error) {
        if (isErrno(error, 'EAGAIN')) return false;
        throw error;
      }
    },
    unlock: (fd, offset = 0, length = 0) => binary.unlock(fd, offset, length),
    swapSync: (from, to) => binary.swapSync(from, to),
  };
}
