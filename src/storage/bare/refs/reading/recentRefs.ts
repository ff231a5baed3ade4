/**
 * Caches values of loose refs that are read repeatedly, as a server does for every request. One lstat
 * replaces opening, reading and closing the file.
 */

import type { ObjectId } from '../../../../git/objectId.ts';
import { lstatSync, type Stats } from '../../../disk/fs.ts';
import { readLooseRef } from '../files/looseRefs.ts';
import { CLOCK_TICK_MS, type PackedRefsFile } from '../files/packedRefsFile.ts';
import { diskPath } from '../files/refPaths.ts';
import { resolveRef } from './resolveRef.ts';

/** Refs to remember, at most. */
const MOST_REFS = 256;

interface Known {
  readonly id: ObjectId;
  readonly stats: Stats;
}

export class RecentRefs {
  readonly #gitDir: string;
  readonly #packed: PackedRefsFile;
  /** Undefined: resolved once, and not cached yet. */
  readonly #known = new Map<string, Known | undefined>();

  constructor(gitDir: string, packed: PackedRefsFile) {
    this.#gitDir = gitDir;
    this.#packed = packed;
  }

  /** As `resolveRef`. */
  resolve(ref: string): ObjectId | undefined {
    if (!this.#known.has(ref)) {
      if (this.#known.size >= MOST_REFS) this.#known.clear();
      this.#known.set(ref, undefined);
      return resolveRef(this.#gitDir, this.#packed, ref);
    }
    // Taken before the read: if the file changes in between, the next lstat shows other times.
    const stats = this.#look(ref);
    if (stats === undefined) return this.#packed.get(ref);
    const known = this.#known.get(ref);
    if (known !== undefined && stats !== null && sameFile(known.stats, stats)) return known.id;
    this.#known.set(ref, undefined);
    const loose = stats === null ? undefined : readLooseRef(this.#gitDir, ref);
    if (loose?.kind !== 'id') return resolveRef(this.#gitDir, this.#packed, ref);
    // A file changed within the last clock tick may change again without its times showing it.
    if (stats !== null && Math.abs(Date.now() - stats.mtimeMs) > CLOCK_TICK_MS) {
      this.#known.set(ref, { id: loose.id, stats });
    }
    return loose.id;
  }

  /** Undefined when nothing exists there; null when it is no plain file. */
  #look(ref: string): Stats | null | undefined {
    try {
      const stats = lstatSync(diskPath(this.#gitDir, ref), { throwIfNoEntry: false });
      return stats === undefined || stats.isFile() ? stats : null;
    } catch {
      return null;
    }
  }
}

function sameFile(a: Stats, b: Stats): boolean {
  return a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs && a.ino === b.ino && a.size === b.size;
}
