/** All objects of a repository, opened for work on all of them. */
import { join } from 'node:path';
import { ObjectBytes, type PackHandle, type ReadBudget } from './objectBytes.ts';
import type { ObjectTable } from './objectTable.ts';
import { closePacks, openPacks, type Placement, type SourcePack } from './packSet.ts';
import { type PackLayout, scanObjects } from './scan.ts';

const TRAILER = 20;
const BUDGET: ReadBudget = { windows: 96 << 20, bases: 128 << 20 };

export interface Inventory {
  readonly table: ObjectTable;
  readonly packs: readonly SourcePack[];
  readonly layouts: readonly PackLayout[];
  /** Loose objects of the repository itself. */
  readonly loose: Int32Array;
  readonly bytes: ObjectBytes;
  readonly handles: readonly PackHandle[];
  readonly objectsDirs: readonly string[];
  readonly packDir: string;
  close(): void;
}

/**
 * @param objectsDirs the repository's own first, then its alternates'
 * @throws CorruptObjectError for a pack or index that cannot be read
 */
export function openInventory(objectsDirs: readonly string[]): Inventory {
  const places: Placement[] = objectsDirs.map((objectsDir, i) => ({ objectsDir, foreign: i > 0 }));
  const opened = openPacks(places, (error) => {
    throw error;
  });
  try {
    const { table, packs, layouts, loose } = scanObjects(places, opened);
    const handles = packs.map(({ name, fd, size }) => ({ name, fd, end: size - TRAILER }));
    const bytes = new ObjectBytes({ table, packs: handles, objectsDirs }, BUDGET);
    const packDir = join(objectsDirs[0]!, 'pack');
    const close = () => closePacks(packs);
    return { table, packs, layouts, loose, bytes, handles, objectsDirs, packDir, close };
  } catch (error) {
    closePacks(opened);
    throw error;
  }
}
