/**
 * Values of loose refs that are asked for again and again, as a server does for every request. One
 * look at the file's times takes the place of opening, reading and closing it.
 */

import type { ObjectId } from '../../../git/objectId.ts';
import { lstatSync, type Stats } from '../../disk/fs.ts';
import { readLooseRef } from './looseRefs.ts';
import { CLOCK_TICK_MS, type PackedRefsFile } from './packedRefsFile.ts';
import { diskPath } from './refPaths.ts';
import { resolveRef } from './resolveRef.ts';

/** More refs than that are not asked for again and again. */
const MOST_REFS = 256;

interface Known {
  readonly id: ObjectId;
  readonly stats: Stats;
}

export class RecentRefs {
  readonly #gitDir: string;
  readonly #packed: PackedRefsFile;
  /** Undefined: asked for once, and not looked at closely yet. */
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
    // Before the read: where the file changes in between, the next look finds other times.
    const stats = this.#look(ref);
    if (stats === undefined) return this.#packed.get(ref);
    const known = this.#known.get(ref);
    if (known !== undefined && stats !== null && sameFile(known.stats, stats)) return known.id;
    this.#known.set(ref, undefined);
    const loose = stats === null ? undefined : readLooseRef(this.#gitDir, ref);
    if (loose?.kind !== 'id') return resolveRef(this.#gitDir, this.#packed, ref);
    // A file that is too young may change again without its times showing it.
    if (stats !== null && Math.abs(Date.now() - stats.mtimeMs) > CLOCK_TICK_MS) {
      this.#known.set(ref, { id: loose.id, stats });
    }
    return loose.id;
  }

  /** Undefined when there is no file; null when what is there is no plain file. */
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
