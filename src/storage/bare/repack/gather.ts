/**
 * Gathers loose objects and relatively small packs into one pack. Walks no history and removes no objects: a
 * collection does that.
 */

import { removeIfThere, syncDirectory } from '../../disk/durable.ts';
import type { Durability } from '../../storage.ts';
import { type Inventory, openInventory } from '../inventory/inventory.ts';
import { GoneError } from '../inventory/objectBytes.ts';
import { Flag, Kind, LOOSE } from '../inventory/objectTable.ts';
import type { SourcePack } from '../inventory/packSet.ts';
import { loosePath } from '../loose/loose.ts';
import type { SearchSettings } from './deltas/deltaSearch.ts';
import { makePack, type PackProgress } from './output/makePack.ts';
import { Walker } from './reach/walker.ts';
import { removeEmptyFanOuts, removePack, settlePacks } from './removal.ts';

export interface GatherOptions {
  /** The repository's own first, then its alternates'. */
  readonly objectsDirs: readonly string[];
  readonly durability: Durability;
  readonly settings: SearchSettings;
  readonly bigFileThreshold: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: PackProgress | undefined;
}

/** Keep a pack that has at least this many times the objects of all smaller ones together. */
const GROWTH = 2;
const ATTEMPTS = 4;

export async function gather(options: GatherOptions): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const work = openInventory(options.objectsDirs);
    try {
      return await gatherOnce(work, options);
    } catch (error) {
      if (!(error instanceof GoneError) || attempt === ATTEMPTS) throw error;
    } finally {
      work.close();
    }
  }
}

async function gatherOnce(work: Inventory, options: GatherOptions): Promise<void> {
  const { table, packs, layouts, loose, packDir } = work;
  const { flags, pack } = table.columns;
  const objectsDir = options.objectsDirs[0]!;
  const unpacked = loose.filter((object) => !liesPacked(work, object));
  const merged = choosePacks(packs, unpacked.length);
  if (unpacked.length === 0 && merged.length < 2) merged.length = 0;
  for (const object of unpacked) flags[object]! |= Flag.chosen;
  for (const one of merged) {
    for (const object of layouts[packs.indexOf(one)]!.objects) {
      if ((flags[object]! & Flag.kept) === 0) flags[object]! |= Flag.chosen;
    }
  }
  const objects = await inOrder(work, options.signal);
  let base: string | undefined;
  if (objects.length > 0) {
    const { durability, settings, bigFileThreshold, signal, onProgress } = options;
    const made = { durability, settings, bigFileThreshold, search: true, signal, onProgress };
    base = (await makePack(work, objects, made)).base;
  }
  await settlePacks(packs, packDir);
  if (merged.length > 0) removeIfThere(`${packDir}/multi-pack-index`);
  for (const { stem, name } of merged) if (name !== `${base}.pack`) removePack(stem);
  for (const object of loose) {
    const isPacked = (flags[object]! & Flag.chosen) !== 0 || pack[object] !== LOOSE;
    if (isPacked) removeIfThere(loosePath(objectsDir, table.idOf(object)));
  }
  removeEmptyFanOuts(objectsDir);
  if (options.durability === 'full') await syncDirectory(packDir);
}

/** Whether a pack of this repository that is no cruft pack has the object. */
function liesPacked({ table, packs }: Inventory, object: number): boolean {
  const { pack, flags } = table.columns;
  const home = packs[pack[object]!];
  if (home === undefined) return false;
  if (!home.foreign && home.mtimes === undefined) return true;
  if ((flags[object]! & Flag.copies) === 0) return false;
  const id = table.idOf(object);
  return packs.some(
    ({ foreign, mtimes, index }) => !foreign && mtimes === undefined && index.indexOf(id) !== -1,
  );
}

/** The smallest packs, as long as each is small beside what has been gathered before it. */
function choosePacks(packs: readonly SourcePack[], looseCount: number): SourcePack[] {
  const own = packs.filter(
    ({ foreign, kept, mtimes }) => !foreign && !kept && mtimes === undefined,
  );
  const sorted = own.sort((a, b) => a.index.count - b.index.count);
  const chosen: SourcePack[] = [];
  let total = looseCount;
  for (const [i, one] of sorted.entries()) {
    const next = sorted[i + 1];
    // A pack alone is worth rewriting only if the next one is of similar size.
    const crowded = next !== undefined && next.index.count < one.index.count * GROWTH;
    if (one.index.count >= total * GROWTH && !crowded) break;
    chosen.push(one);
    total += one.index.count;
  }
  return chosen;
}

/** The chosen objects as a walk through them alone finds them, and then those it does not find. */
async function inOrder(work: Inventory, signal: AbortSignal | undefined): Promise<Int32Array> {
  const { table, bytes } = work;
  const { flags, kind } = table.columns;
  const walker = new Walker(table, bytes, {
    mark: Flag.reachable,
    within: Flag.chosen,
    lenient: true,
    onTurn: () => signal?.throwIfAborted(),
  });
  const chosen: number[] = [];
  for (let object = 0; object < table.count; object++) {
    if ((flags[object]! & Flag.chosen) === 0) continue;
    if (kind[object] === Kind.unknown) kind[object] = bytes.looseHeader(object).kind;
    chosen.push(object);
  }
  for (const wanted of [[Kind.commit, Kind.tag], [Kind.tree], [Kind.blob]]) {
    for (const object of chosen) {
      if (wanted.some((one) => one === kind[object])) walker.addRoot(object);
    }
    await walker.run();
  }
  return walker.found.slice();
}
