/** Objects reachable from a commit, from its pack's bitmap (packBitmap.ts), without reading objects. */

import { CorruptObjectError } from '../../errors.ts';
import type { ObjectSet } from '../../git/objectSet.ts';
import { BITMAP_TYPES, PackBitmap } from '../../git/packs/packBitmap.ts';
import type { PackIndex } from '../../git/packs/packIndex.ts';
import type { PackOrder } from '../../git/packs/packOrder.ts';
import { isErrno } from '../disk/durable.ts';
import { readFileSync } from '../disk/fs.ts';
import type { Pace } from '../pace.ts';
import type { ObjectKinds, ReachRecord } from '../shortcuts.ts';

/** The bitmap beside a pack; undefined when there is no usable one. */
export function readBitmap(pack: {
  /** Of the `.pack` file. */
  readonly path: string;
  readonly index: PackIndex;
}): PackBitmap | undefined {
  const { index } = pack;
  try {
    const bytes = readFileSync(pack.path.replace(/\.pack$/, '.bitmap'));
    return new PackBitmap(bytes, index.count, index.packChecksum);
  } catch (error) {
    // The bitmap only saves time.
    if (error instanceof CorruptObjectError || isErrno(error, 'ENOENT', 'EACCES')) return undefined;
    throw error;
  }
}

/** Holds all it needs in memory: the pack may go meanwhile. */
export class PackReach implements ReachRecord {
  readonly #index: PackIndex;
  readonly #order: PackOrder;
  readonly #bitmap: PackBitmap;
  readonly #row: number;
  #bits: Uint32Array | undefined;

  /** @param row of the commit in the pack's index */
  constructor(index: PackIndex, order: PackOrder, bitmap: PackBitmap, row: number) {
    this.#index = index;
    this.#order = order;
    this.#bitmap = bitmap;
    this.#row = row;
  }

  has(ids: Uint8Array, at: number): boolean {
    const index = this.#index;
    const row = index.indexOfBytes(ids, at);
    if (row === -1) return false;
    const place = this.#order.placeOf(index.offsetAt(row));
    return (this.#reached()[place >>> 5]! & (1 << (place & 31))) !== 0;
  }

  async addTo(objects: ObjectSet, kinds: ObjectKinds, pace: Pace): Promise<void> {
    const bitmap = this.#bitmap;
    const order = this.#order;
    const index = this.#index;
    const { bytes } = index;
    const reached = this.#reached();
    for (const [number, type] of BITMAP_TYPES.entries()) {
      if ((type === 'tree' && !kinds.trees) || (type === 'blob' && !kinds.blobs)) continue;
      const ofType = bitmap.bitsOfType(number);
      for (let word = 0; word < reached.length; word++) {
        for (let bits = reached[word]! & ofType[word]!; bits !== 0; bits &= bits - 1) {
          const row = order.rowAt(word * 32 + 31 - Math.clz32(bits & -bits));
          objects.addObjectBytes(bytes, index.placeOf(row), type, bitmap.nameHashAt(row));
        }
        if (pace.due()) await pace.pause();
      }
    }
  }

  #reached(): Uint32Array {
    this.#bits ??= this.#bitmap.bitsOf(this.#row);
    return this.#bits;
  }
}
