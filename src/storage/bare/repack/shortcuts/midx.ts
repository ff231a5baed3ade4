/** Writes a multi-pack-index over the packs there are, where several would have to be asked. */

import { join } from 'node:path';
import { ID_LENGTH } from '../../../../git/idTable.ts';
import { serializeMultiPackIndex } from '../../../../git/packs/multiPackIndex.ts';
import { sortIds } from '../../../../git/packs/packIndex.ts';
import { removeIfThere, syncFile, temporaryName, writeFully } from '../../../disk/durable.ts';
import { closeSync, openSync, renameSync, statSync } from '../../../disk/fs.ts';
import { share } from '../../../disk/sharing.ts';
import type { Durability } from '../../../storage.ts';
import { ObjectTable } from '../../inventory/objectTable.ts';
import { closePacks, openPacks } from '../../inventory/packSet.ts';

const NAME = 'multi-pack-index';
/** With fewer packs their own indexes are asked about as quickly. */
const WORTH_IT = 3;

/** Replaces the multi-pack index, or removes it when it is not wanted or not worth having. */
export async function writeMultiPackIndex(
  objectsDir: string,
  durability: Durability,
  isWanted: boolean,
): Promise<void> {
  const packDir = join(objectsDir, 'pack');
  const opened = openPacks([{ objectsDir, foreign: false }], (error) => {
    throw error;
  });
  try {
    // The format names packs only. Anything else with an index stays out.
    const packs = opened
      .filter(({ name }) => /^pack-[0-9a-f]{40}\.pack$/.test(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    if (packs.length < WORTH_IT || !isWanted) {
      if (!isCurrent(packDir)) removeIfThere(join(packDir, NAME));
      return;
    }
    const table = ObjectTable.withRoom(packs.reduce((sum, { index }) => sum + index.count, 0));
    const { pack: packOf, offset } = table.columns;
    for (const [number, { index }] of packs.entries()) {
      const { bytes, at, stride } = index.idRows;
      for (let row = 0; row < index.count; row++) {
        const object = table.add(bytes, at + row * stride);
        if (!table.added) continue;
        packOf[object] = number;
        offset[object] = index.offsetAt(row);
      }
    }
    const count = table.count;
    const ids = Buffer.alloc(count * ID_LENGTH);
    const packNumbers = new Uint32Array(count);
    const offsets = new Float64Array(count);
    for (const [row, object] of sortIds(table.ids, count).entries()) {
      table.ids.copy(ids, row * ID_LENGTH, object * ID_LENGTH, (object + 1) * ID_LENGTH);
      packNumbers[row] = packOf[object]!;
      offsets[row] = offset[object]!;
    }
    const packNames = packs.map(({ name }) => name.replace(/\.pack$/, '.idx'));
    const bytes = serializeMultiPackIndex({ packNames, ids, packs: packNumbers, offsets });
    await replaceFile(join(packDir, NAME), packDir, bytes, durability);
  } finally {
    closePacks(opened);
  }
}

/** Whether a multi-pack-index is younger than the last change to the packs. */
function isCurrent(packDir: string): boolean {
  const file = statSync(join(packDir, NAME), { throwIfNoEntry: false });
  return file !== undefined && file.mtimeMs >= statSync(packDir).mtimeMs;
}

/** Writes a file aside and puts it in the place of the one that is there. */
export async function replaceFile(
  path: string,
  packDir: string,
  bytes: Uint8Array,
  durability: Durability,
): Promise<void> {
  const aside = join(packDir, temporaryName('tmp_idx_'));
  try {
    const fd = openSync(aside, 'wx', 0o444);
    try {
      share(aside, fd);
      writeFully(fd, bytes);
      if (durability === 'full') await syncFile(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(aside, path);
  } catch (error) {
    removeIfThere(aside);
    throw error;
  }
}
