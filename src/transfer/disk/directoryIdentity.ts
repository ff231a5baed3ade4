/** A directory by identity rather than by name, to recognize the store itself during a walk. */
import { realpathSync, statSync } from 'node:fs';
import { fromDisk } from '../../git/pathBytes.ts';
import { type DiskEntry, parentOnDisk, toDisk, withSlashes } from './diskFiles.ts';
import { type FileIdentity, identityAt, isSameIdentity } from './fileIdentity.ts';

export class DirectoryIdentity {
  readonly #real: string;
  readonly #identity: FileIdentity;

  private constructor(real: string, identity: FileIdentity) {
    this.#real = real;
    this.#identity = identity;
  }

  /** Undefined when the directory is missing. */
  static of(path: string | undefined): DirectoryIdentity | undefined {
    if (path === undefined) return undefined;
    const stats = statSync(toDisk(path), { bigint: true, throwIfNoEntry: false });
    return stats?.isDirectory() ? new DirectoryIdentity(realPath(path), stats) : undefined;
  }

  /** Whether the entry found at `path` is this directory. */
  is({ dev, ino }: DiskEntry, path: string): boolean {
    if (ino !== Number(this.#identity.ino) || dev !== Number(this.#identity.dev)) return false;
    const identity = identityAt(path);
    return identity !== undefined && isSameIdentity(identity, this.#identity);
  }

  /** Whether `path`, which need not exist, is the directory or lies in it. */
  contains(path: string): boolean {
    const real = realPathOfNearest(path);
    return real === this.#real || real.startsWith(`${this.#real}/`);
  }
}

function realPath(path: string): string {
  return withSlashes(fromDisk(realpathSync(toDisk(path), { encoding: 'buffer' })));
}

/** The real path of `path` or of its nearest existing ancestor. */
function realPathOfNearest(path: string): string {
  for (let at = path; ; at = parentOnDisk(at)) {
    try {
      return realPath(at);
    } catch (error) {
      if (at === '/' || at === '.' || at === parentOnDisk(at)) throw error;
    }
  }
}
