/**
 * Decides how each object of a new pack gets its data: by copying its present entry, delta or not, or by a
 * search for a delta (deltaSearch.ts).
 */
import { deltaSizes, LONGEST_DELTA_SIZES } from '../../../../git/packs/delta.ts';
import type { ObjectBytes } from '../../inventory/objectBytes.ts';
import { LOOSE, type ObjectTable, shared } from '../../inventory/objectTable.ts';
import { type SearchColumns, Task } from './deltaSearch.ts';

/** Below this many bytes a delta hardly saves anything, as Git has it. */
const SMALLEST = 50;

/** Objects above this are too large to be held several at a time, whatever the repository says. */
const LARGEST_SEARCHED = 64 << 20;

/** A loose object above this is deflated as a stream, when it is written. */
export const STREAMED = 16 << 20;

/** Where what goes into a pack comes from; by object number. */
export interface PackPlan {
  /** The objects in the order in which they were found. */
  readonly objects: Int32Array;
  /** The delta base that is kept from the old pack, or -1. */
  readonly reusedBase: Int32Array;
  /** Its place in `search`, or -1: it is copied as it lies, or streamed. */
  readonly slot: Int32Array;
  readonly search: SearchColumns;
}

export interface PlanOptions {
  /** Bytes; larger blobs are never deltified. */
  readonly bigFileThreshold: number;
  /** By pack number: whether someone has looked for deltas when that pack was made. */
  readonly searched: readonly boolean[];
  /** Whether deltas are looked for at all. */
  readonly search: boolean;
}

export function planPack(
  table: ObjectTable,
  bytes: ObjectBytes,
  objects: Int32Array,
  options: PlanOptions,
): PackPlan {
  const { columns } = table;
  const { pack, base, kind, size } = columns;
  const reusedBase = new Int32Array(table.count).fill(-1);
  const slot = new Int32Array(table.count).fill(-1);
  const below = depthsBelow(table, objects, reusedBase);

  const most = Math.min(options.bigFileThreshold, LARGEST_SEARCHED);
  const candidates: number[] = [];
  const sizes: number[] = [];
  const tasks: number[] = [];
  let searchedIn = -1;
  let several = false;
  for (const object of objects) {
    if (reusedBase[object] !== -1) continue;
    let whole = size[object]!;
    let task = 0;
    if (pack[object] === LOOSE) {
      const header = bytes.looseHeader(object);
      kind[object] = header.kind;
      whole = header.size;
      if (whole <= STREAMED || whole <= most) task = Task.deflate;
    } else if (base[object] !== -1) {
      const delta = bytes.inflate(object);
      whole = deltaSizes(delta.subarray(0, LONGEST_DELTA_SIZES)).resultSize;
      task = Task.deflate;
    }
    if (options.search && whole >= SMALLEST && whole <= most) {
      task |= Task.search;
      const home = task & Task.deflate ? -1 : searchedPack(pack[object]!, options.searched);
      if (candidates.length === 0) searchedIn = home;
      else if (home === -1 || home !== searchedIn) several = true;
      if (home === -1) several = true;
    }
    if (task === 0) continue;
    candidates.push(object);
    sizes.push(whole);
    tasks.push(task);
  }
  // All are whole entries of one pack that was made with a delta search: there are no deltas to find.
  const order = several ? sortCandidates(table, candidates, sizes, tasks) : onlyDeflate(tasks);
  const search = makeColumns(order.length);
  for (const [position, i] of order.entries()) {
    const object = candidates[i]!;
    slot[object] = position;
    search.objects[position] = object;
    search.task[position] = several ? tasks[i]! : tasks[i]! & Task.deflate;
    search.size[position] = sizes[i]!;
    search.below[position] = below.get(object) ?? 0;
    search.searchedIn[position] =
      tasks[i]! & Task.deflate ? -1 : searchedPack(pack[object]!, options.searched);
    search.base[position] = -1;
    search.file[position] = -1;
  }
  return { objects, reusedBase, slot, search };
}

function searchedPack(number: number, searched: readonly boolean[]): number {
  return searched[number] ? number : -1;
}

/** Fills in the bases that are kept, and returns how deep chains of them hang below others. */
function depthsBelow(
  table: ObjectTable,
  objects: Int32Array,
  reusedBase: Int32Array,
): Map<number, number> {
  const { base, pack } = table.columns;
  const isTaken = new Uint8Array(table.count);
  for (const object of objects) isTaken[object] = 1;
  for (const object of objects) {
    const stored = base[object]!;
    if (stored === -1 || pack[object] === LOOSE) continue;
    // One that goes to another pack of the same collection does not count.
    if (isTaken[stored] === 1) reusedBase[object] = stored;
  }
  const depth = new Uint16Array(table.count);
  const below = new Map<number, number>();
  const chain: number[] = [];
  for (const object of objects) {
    let at = object;
    while (depth[at] === 0 && reusedBase[at] !== -1) {
      chain.push(at);
      at = reusedBase[at]!;
    }
    let deep = depth[at]!;
    while (chain.length > 0) depth[chain.pop()!] = ++deep;
  }
  const root = new Int32Array(table.count).fill(-1);
  for (const object of objects) {
    if (reusedBase[object] === -1) continue;
    let at = object;
    while (reusedBase[at] !== -1 && root[at] === -1) {
      chain.push(at);
      at = reusedBase[at]!;
    }
    const top = root[at] === -1 ? at : root[at]!;
    while (chain.length > 0) root[chain.pop()!] = top;
    const deep = depth[object]!;
    if (deep > (below.get(top) ?? 0)) below.set(top, deep);
  }
  return below;
}

/**
 * Sorts by type, then by the end of the name, then the largest first: files mostly grow from version to
 * version, and deltas that remove bytes are smaller. Last, the newest first.
 */
function sortCandidates(
  { columns: { kind, nameHash } }: ObjectTable,
  candidates: readonly number[],
  sizes: readonly number[],
  tasks: readonly number[],
): Uint32Array {
  const order = Uint32Array.from(candidates.keys());
  return order.sort((a, b) => {
    const searchA = tasks[a]! & Task.search;
    const searchB = tasks[b]! & Task.search;
    if (searchA !== searchB) return searchB - searchA;
    const x = candidates[a]!;
    const y = candidates[b]!;
    return kind[y]! - kind[x]! || nameHash[y]! - nameHash[x]! || sizes[b]! - sizes[a]! || a - b;
  });
}

function onlyDeflate(tasks: readonly number[]): number[] {
  const order: number[] = [];
  for (const [i, task] of tasks.entries()) if (task & Task.deflate) order.push(i);
  return order;
}

function makeColumns(count: number): SearchColumns {
  return {
    objects: shared(Int32Array, count),
    task: shared(Uint8Array, count),
    size: shared(Float64Array, count),
    below: shared(Uint16Array, count),
    searchedIn: shared(Int32Array, count),
    base: shared(Int32Array, count),
    file: shared(Int32Array, count),
    dataOffset: shared(Float64Array, count),
    dataLength: shared(Float64Array, count),
    dataSize: shared(Float64Array, count),
  };
}
