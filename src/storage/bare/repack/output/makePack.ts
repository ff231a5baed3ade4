/** One pack out of objects of an inventory: plan, delta search, output. */

import { removeIfThere } from '../../../disk/durable.ts';
import type { Durability } from '../../../storage.ts';
import type { Inventory } from '../../inventory/inventory.ts';
import { planPack } from '../deltas/candidates.ts';
import type { SearchSettings } from '../deltas/deltaSearch.ts';
import { runSearch } from '../deltas/searchRunner.ts';
import { PackOutput, type WrittenPack } from './packOutput.ts';

/** How far the work has come; counts are of objects. */
export type PackProgress = (phase: 'compress' | 'write', done: number, total: number) => void;

export interface MakePackOptions {
  readonly durability: Durability;
  readonly settings: SearchSettings;
  readonly bigFileThreshold: number;
  /** Whether to look for deltas. */
  readonly search: boolean;
  /** Number of a pack for which deltas have been looked for, though it may have none; -1: none. */
  readonly searchedPack?: number | undefined;
  /** For a cruft pack: seconds since the epoch, by object number. */
  readonly mtimes?: ((object: number) => number) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: PackProgress | undefined;
}

export async function makePack(
  work: Inventory,
  objects: Int32Array,
  options: MakePackOptions,
): Promise<WrittenPack> {
  const { table, bytes, handles, objectsDirs, packDir, packs } = work;
  const { durability, settings, bigFileThreshold, search, mtimes, signal, onProgress } = options;
  const searched = packs.map(
    (_, number) => number === options.searchedPack || hasDeltas(work, number),
  );
  const plan = planPack(table, bytes, objects, { bigFileThreshold, searched, search });
  const spills = await runSearch({
    task: {
      search: plan.search,
      table: table.columns,
      count: table.count,
      packs: handles,
      objectsDirs,
      settings,
    },
    packDir,
    signal,
    onProgress: (done, total) => onProgress?.('compress', done, total),
  });
  try {
    const output = new PackOutput(table, bytes, plan, spills, {
      packDir,
      durability,
      level: settings.level,
      packs: handles,
      hasCrc: packs.map(({ index }) => index.version > 1),
      mtimes,
      signal,
      onProgress: (done, total) => onProgress?.('write', done, total),
    });
    return await output.write();
  } finally {
    for (const path of spills) removeIfThere(path);
  }
}

/**
 * Whether a pack was made with a delta search. The packs of our own writers hold whole objects only.
 */
function hasDeltas({ table, layouts }: Inventory, number: number): boolean {
  const { pack, base } = table.columns;
  for (const object of layouts[number]!.objects) {
    if (pack[object] === number && base[object] !== -1) return true;
  }
  return false;
}
