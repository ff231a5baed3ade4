/** Fills a table with all objects there are: what the indexes name, and the loose files. */
import { join } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import { ID_LENGTH } from '../../../git/idTable.ts';
import {
  LONGEST_ENTRY_HEADER,
  PACK_HEADER_LENGTH,
  type PackEntryStart,
  PackType,
  parsePackEntry,
} from '../../../git/packs/pack.ts';
import { readFullySync } from '../../disk/durable.ts';
import { Flag, ObjectTable } from './objectTable.ts';
import { type Placement, readNames, type SourcePack } from './packSet.ts';

const TRAILER = 20;
const WINDOW = 1 << 20;

/** The entries of one pack by their places in it. */
export interface PackLayout {
  /** Ascending. */
  readonly offsets: Float64Array;
  /** The object of each. */
  readonly objects: Int32Array;
}

export interface Scan {
  readonly table: ObjectTable;
  readonly packs: readonly SourcePack[];
  readonly layouts: readonly PackLayout[];
  /** Loose objects of the repository itself; some of them lie packed too. */
  readonly loose: Int32Array;
}

export function scanObjects(places: readonly Placement[], opened: readonly SourcePack[]): Scan {
  // An object with several copies is read from the first: own packs before others, larger ones (with better
  // deltas) before smaller ones, cruft packs last.
  const packs = [...opened].sort(
    (a, b) =>
      Number(a.foreign) - Number(b.foreign) ||
      Number(a.mtimes !== undefined) - Number(b.mtimes !== undefined) ||
      b.size - a.size,
  );
  const looseNames = places.map(({ objectsDir }) => listLooseIds(objectsDir));
  let room = 0;
  for (const { index } of packs) room += index.count;
  for (const ids of looseNames) room += ids.length / ID_LENGTH;
  const table = ObjectTable.withRoom(room);
  const layouts = packs.map((pack, number) => addPack(table, pack, number));
  const own: number[] = [];
  for (const [i, { foreign }] of places.entries()) {
    const ids = looseNames[i]!;
    for (let at = 0; at < ids.length; at += ID_LENGTH) {
      const object = table.add(ids, at);
      if (foreign) continue;
      table.columns.flags[object]! |= Flag.local | Flag.loose;
      own.push(object);
    }
  }
  return { table, packs, layouts, loose: Int32Array.from(own) };
}

function listLooseIds(objectsDir: string): Buffer {
  const names: string[] = [];
  for (let byte = 0; byte < 256; byte++) {
    const fanOut = byte.toString(16).padStart(2, '0');
    for (const name of readNames(join(objectsDir, fanOut))) {
      if (/^[0-9a-f]{38}$/.test(name)) names.push(fanOut + name);
    }
  }
  const ids = Buffer.alloc(names.length * ID_LENGTH);
  for (const [i, name] of names.entries()) ids.write(name, i * ID_LENGTH, 'hex');
  return ids;
}

function addPack(table: ObjectTable, pack: SourcePack, number: number): PackLayout {
  const { index, foreign, kept } = pack;
  const { columns } = table;
  const { bytes, at, stride } = index.idRows;
  const count = index.count;
  const flags = (foreign ? 0 : Flag.local) | (kept && !foreign ? Flag.kept : 0);
  const offsets = new Float64Array(count);
  for (let row = 0; row < count; row++) offsets[row] = index.offsetAt(row);
  offsets.sort();
  const objects = new Int32Array(count);
  const end = pack.size - TRAILER;
  for (let row = 0; row < count; row++) {
    const object = table.add(bytes, at + row * stride);
    const isFirst = table.added;
    const offset = index.offsetAt(row);
    const place = placeOf(offsets, offset);
    objects[place] = object;
    if (!isFirst) {
      columns.flags[object]! |= flags | Flag.copies;
      continue;
    }
    columns.flags[object]! |= flags;
    columns.pack[object] = number;
    columns.offset[object] = offset;
    columns.end[object] = place + 1 < count ? offsets[place + 1]! : end;
    columns.crc[object] = index.crcAt(row) ?? 0;
  }
  if (count > 0 && (offsets[0]! < PACK_HEADER_LENGTH || offsets[count - 1]! >= end)) {
    throw new CorruptObjectError(`pack ${pack.name}: its index names places outside of it`, {
      path: `${pack.stem}.pack`,
    });
  }
  readHeaders(table, pack, number, { offsets, objects });
  return { offsets, objects };
}

/** The position of a value in ascending numbers, or -1. */
export function placeOf(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const here = sorted[middle]!;
    if (here === value) return middle;
    if (here < value) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}

/** Reads every entry's header, in the order of the pack: kind, size and base. */
function readHeaders(
  table: ObjectTable,
  pack: SourcePack,
  number: number,
  { offsets, objects }: PackLayout,
): void {
  const { columns } = table;
  const { pack: packOf, offset: offsetOf, kind: kinds, size: sizes, base, flags } = columns;
  const window = Buffer.allocUnsafe(WINDOW);
  let windowStart = 0;
  let windowLength = 0;
  /** Deltas whose base stands behind them, or names its base by id. */
  const open: number[] = [];
  const broken = (offset: number, what: string): CorruptObjectError =>
    new CorruptObjectError(`pack ${pack.name}, entry at ${offset}: ${what}`, {
      path: `${pack.stem}.pack`,
    });
  for (let place = 0; place < offsets.length; place++) {
    const object = objects[place]!;
    const offset = offsets[place]!;
    if (packOf[object] !== number || offsetOf[object] !== offset) continue;
    if (offset < windowStart || offset + LONGEST_ENTRY_HEADER > windowStart + windowLength) {
      windowStart = offset;
      const most = Math.min(WINDOW, pack.size - TRAILER - offset);
      windowLength = readFullySync(pack.fd, window, most, offset);
      window.fill(0, windowLength, Math.min(WINDOW, windowLength + LONGEST_ENTRY_HEADER));
    }
    let entry: PackEntryStart;
    try {
      entry = parsePackEntry(window, offset - windowStart);
    } catch (error) {
      throw error instanceof CorruptObjectError ? broken(offset, error.message) : error;
    }
    const { type: kind, distance } = entry;
    sizes[object] = entry.size;
    if (kind === PackType.ofsDelta) {
      const basePlace = placeOf(offsets, offset - distance);
      if (basePlace === -1) throw broken(offset, 'no delta base there');
      const baseObject = objects[basePlace]!;
      base[object] = baseObject;
      flags[object]! |= Flag.delta;
      kinds[object] = kinds[baseObject]!;
      if (kinds[baseObject] === 0) open.push(object);
    } else if (kind === PackType.refDelta) {
      const idAt = offset - windowStart + entry.headerLength;
      const baseObject = table.find(window, idAt);
      if (baseObject === -1) {
        const id = window.toString('hex', idAt, idAt + ID_LENGTH);
        throw broken(offset, `delta base ${id} missing`);
      }
      base[object] = baseObject;
      flags[object]! |= Flag.delta;
      kinds[object] = kinds[baseObject]!;
      if (kinds[baseObject] === 0) open.push(object);
    } else {
      kinds[object] = kind;
    }
  }
  settleKinds(open, kinds, base, (object) => broken(offsetOf[object]!, 'delta chain without end'));
}

function settleKinds(
  open: readonly number[],
  kinds: Uint8Array,
  base: Int32Array,
  fault: (object: number) => CorruptObjectError,
): void {
  for (const object of open) {
    let at = object;
    let steps = 0;
    while (kinds[at] === 0 && base[at]! >= 0) {
      at = base[at]!;
      if (++steps > open.length + 1) throw fault(object);
    }
    const kind = kinds[at]!;
    if (kind === 0) throw fault(object);
    for (let below = object; kinds[below] === 0; below = base[below]!) kinds[below] = kind;
  }
}
