/**
 * Finds deltas among many objects. They are sorted so that similar ones are neighbours (candidates.ts). A
 * *window* slides over them, and each object is tried against those before it in the window. The rules are
 * those of Git's `builtin/pack-objects.c`, so packs become as small as Git's.
 */

import { deflateSync } from 'node:zlib';
import { DeltaIndex, deltaRoom } from '../../../../git/packs/deltaEncoder.ts';
import { isDense } from '../../../../zlib/dense.ts';
import { deflateStored } from '../../../../zlib/storedDeflate.ts';
import { writeFully } from '../../../disk/durable.ts';
import { closeSync, openSync } from '../../../disk/fs.ts';
import type { ObjectBytes } from '../../inventory/objectBytes.ts';
import type { TableColumns } from '../../inventory/objectTable.ts';

export interface SearchSettings {
  /** How many objects each one is tried against, and itself. */
  readonly window: number;
  /** Longest chain of deltas. */
  readonly depth: number;
  /** zlib level, 0 to 9, or -1 for zlib's own choice. */
  readonly level: number;
  /** Bytes of objects and indexes that a window may hold. */
  readonly memory: number;
}

/** Bits in the column `task`. */
export const Task = {
  /** It may become a delta, and a base. */
  search: 1,
  /** It cannot be copied from where it lies: its data has to be deflated, delta or not. */
  deflate: 2,
} as const;

/** What is to be searched and what was found, in columns by position; shared between threads. */
export interface SearchColumns {
  /** Object numbers. */
  readonly objects: Int32Array;
  readonly task: Uint8Array;
  /** Size of the whole object in bytes. */
  readonly size: Float64Array;
  /** Length of the longest chain of reused deltas below it. */
  readonly below: Uint16Array;
  /** Number of the pack in which it lies whole after a search in vain, or -1. */
  readonly searchedIn: Int32Array;
  /** Found: the position of the delta base, or -1. */
  readonly base: Int32Array;
  /** Found: in which of the spill files the deflated data lies, or -1 to copy it as it lies. */
  readonly file: Int32Array;
  readonly dataOffset: Float64Array;
  readonly dataLength: Float64Array;
  /** Size of the inflated data. */
  readonly dataSize: Float64Array;
}

/** Deflated data on its way from the search to the pack. */
export class SpillFile {
  readonly #fd: number;
  readonly #buffer = Buffer.allocUnsafeSlow(1 << 20);
  #filled = 0;
  #end = 0;

  constructor(path: string) {
    this.#fd = openSync(path, 'wx', 0o600);
  }

  /** Returns where the bytes will lie. */
  append(bytes: Uint8Array): number {
    const at = this.#end;
    this.#end += bytes.length;
    if (this.#filled + bytes.length > this.#buffer.length) this.flush();
    if (bytes.length > this.#buffer.length) {
      writeFully(this.#fd, bytes);
    } else {
      this.#buffer.set(bytes, this.#filled);
      this.#filled += bytes.length;
    }
    return at;
  }

  flush(): void {
    writeFully(this.#fd, this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

interface Slot {
  /** -1: empty. */
  position: number;
  depth: number;
  data: Buffer | undefined;
  index: DeltaIndex | undefined;
  memory: number;
}

const ID_LENGTH = 20;

export class DeltaSearch {
  readonly #columns: SearchColumns;
  readonly #table: TableColumns;
  readonly #bytes: ObjectBytes;
  readonly #settings: SearchSettings;
  readonly #file: number;
  readonly #spill: SpillFile;
  readonly #freeIndexes: DeltaIndex[] = [];
  #slots: Slot[] = [];
  #memory = 0;
  #best = Buffer.allocUnsafeSlow(64 << 10);
  #trial = Buffer.allocUnsafeSlow(64 << 10);

  /** @param file the number of `spill`, as results name it */
  constructor(
    columns: SearchColumns,
    table: TableColumns,
    bytes: ObjectBytes,
    settings: SearchSettings,
    spill: SpillFile,
    file: number,
  ) {
    this.#columns = columns;
    this.#table = table;
    this.#bytes = bytes;
    this.#settings = settings;
    this.#spill = spill;
    this.#file = file;
  }

  /** Searches among the positions from `from` up to `to`. */
  run(from: number, to: number): void {
    const { window } = this.#settings;
    const { task } = this.#columns;
    this.#slots = Array.from({ length: window }, () => ({
      position: -1,
      depth: 0,
      data: undefined,
      index: undefined,
      memory: 0,
    }));
    this.#memory = 0;
    let at = 0;
    for (let position = from; position < to; position++) {
      if ((task[position]! & Task.search) === 0) {
        this.#deflateWhole(position, this.#bytes.read(this.#columns.objects[position]!));
        continue;
      }
      if (this.#place(position, at)) at = (at + 1) % window;
    }
    for (const slot of this.#slots) this.#empty(slot);
    this.#spill.flush();
  }

  /** Tries one object in slot `at`; false when that slot may be taken again at once. */
  #place(position: number, at: number): boolean {
    const { window, depth } = this.#settings;
    const { below } = this.#columns;
    const slots = this.#slots;
    const slot = slots[at]!;
    this.#empty(slot);
    slot.position = position;
    slot.depth = 0;
    // Deltas that are reused hang below this one and must not come too deep.
    const maxDepth = depth - below[position]!;
    let bestAt = -1;
    let deltaSize = -1;
    if (maxDepth > 0) {
      for (let j = window - 1; j > 0; j--) {
        const other = slots[(at + j) % window]!;
        if (other.position === -1) break;
        const size = this.#try(slot, other, maxDepth, deltaSize);
        if (size === NOT_ALIKE) break;
        if (size < 0) continue;
        deltaSize = size;
        slot.depth = other.depth + 1;
        bestAt = (at + j) % window;
        [this.#best, this.#trial] = [this.#trial, this.#best];
      }
    }
    this.#trim(at);
    if (bestAt === -1) {
      if ((this.#columns.task[position]! & Task.deflate) !== 0) {
        this.#deflateWhole(position, this.#load(slot));
      }
      return true;
    }
    this.#keepDelta(position, slots[bestAt]!.position, deltaSize);
    // At the greatest depth it cannot be a base: the next object takes its slot.
    if (slot.depth >= maxDepth) return false;
    // The base moves up behind the object, where it stays longest.
    const base = slots[bestAt]!;
    let to = bestAt;
    for (let steps = (window + at - bestAt) % window; steps > 0; steps--) {
      const next = (to + 1) % window;
      slots[to] = slots[next]!;
      to = next;
    }
    slots[to] = base;
    return true;
  }

  /** The size of a delta that is better than the one there is; -1 for none; NOT_ALIKE to give up. */
  #try(target: Slot, source: Slot, maxDepth: number, deltaSize: number): number {
    const { objects, size, searchedIn } = this.#columns;
    const { kind } = this.#table;
    const a = target.position;
    const b = source.position;
    if (kind[objects[a]!] !== kind[objects[b]!]) return NOT_ALIKE;
    // Both lie whole in one pack: an earlier search found nothing.
    if (searchedIn[a]! >= 0 && searchedIn[a] === searchedIn[b]) return -1;
    if (source.depth >= maxDepth) return -1;
    const targetSize = size[a]!;
    const sourceSize = size[b]!;
    let most = deltaSize >= 0 ? deltaSize : targetSize / 2 - ID_LENGTH;
    const depthNow = deltaSize >= 0 ? target.depth : 1;
    // The deeper the base lies, the more it must save.
    most = Math.floor((most * (maxDepth - source.depth)) / (maxDepth - depthNow + 1));
    if (most <= 0) return -1;
    if (sourceSize < targetSize && targetSize - sourceSize >= most) return -1;
    if (targetSize < sourceSize / 32) return -1;
    const data = this.#load(target);
    if (source.index === undefined) {
      const base = this.#load(source);
      source.index = this.#freeIndexes.pop() ?? new DeltaIndex();
      source.index.set(base);
      source.memory += source.index.size;
      this.#memory += source.index.size;
    }
    const room = deltaRoom(most);
    if (this.#trial.length < room) this.#trial = Buffer.allocUnsafeSlow(room * 2);
    const found = source.index.encode(data, most, this.#trial);
    if (found === -1) return -1;
    if (found === deltaSize && source.depth + 1 >= target.depth) return -1;
    return found;
  }

  #load(slot: Slot): Buffer {
    if (slot.data === undefined) {
      slot.data = this.#bytes.read(this.#columns.objects[slot.position]!);
      slot.memory += slot.data.length;
      this.#memory += slot.data.length;
    }
    return slot.data;
  }

  #empty(slot: Slot): void {
    this.#memory -= slot.memory;
    if (slot.index !== undefined && slot.index.size < 1 << 20) this.#freeIndexes.push(slot.index);
    slot.position = -1;
    slot.memory = 0;
    slot.data = undefined;
    slot.index = undefined;
  }

  /** Empties the oldest slots until the window fits into memory again. */
  #trim(at: number): void {
    const { window, memory } = this.#settings;
    for (let j = 1; j < window && this.#memory > memory; j++) {
      const slot = this.#slots[(at + j) % window]!;
      if (slot.position !== -1) this.#empty(slot);
    }
  }

  #keepDelta(position: number, base: number, deltaSize: number): void {
    const delta = this.#best.subarray(0, deltaSize);
    const columns = this.#columns;
    columns.base[position] = base;
    this.#keep(position, deflateSmall(delta, this.#settings.level), deltaSize);
  }

  #deflateWhole(position: number, body: Buffer): void {
    this.#columns.base[position] = -1;
    this.#keep(position, deflateBody(body, this.#settings.level), body.length);
  }

  #keep(position: number, data: Uint8Array, size: number): void {
    const columns = this.#columns;
    columns.dataOffset[position] = this.#spill.append(data);
    columns.dataLength[position] = data.length;
    columns.dataSize[position] = size;
    columns.file[position] = this.#file;
  }
}

const NOT_ALIKE = -2;

/** A body as the pack is to hold it; what does not shrink is stored, and can be read in parts. */
export function deflateBody(body: Uint8Array, level: number): Uint8Array {
  if (level === 0 || isDense(body, quickLength)) return deflateStored('', body);
  const deflated = deflateSmall(body, level);
  return deflated.length < body.length + 11 ? deflated : deflateStored('', body);
}

function quickLength(sample: Uint8Array): number {
  return deflateSync(sample, { level: 1 }).length;
}

/** For a few bytes zlib need not set up its full memory: that takes longer than the work. */
function deflateSmall(body: Uint8Array, level: number): Buffer {
  if (body.length > 1024) {
    const chunkSize = Math.max(1024, Math.min(body.length + 64, 1 << 20));
    return deflateSync(body, { level, chunkSize });
  }
  return deflateSync(body, { level, windowBits: 10, memLevel: 5, chunkSize: body.length + 64 });
}
