/**
 * All objects of a repository in columns: each has the facts of object number n at position n. The columns are
 * shared memory, so threads work on one table. An object takes about 60 bytes there and none on the heap.
 */
import { ID_LENGTH as LENGTH_OF_ID } from '../../../git/idTable.ts';
import type { ObjectId } from '../../../git/objectId.ts';

/** Taken over once: between the chunks of a bundle every use of an import is a call. */
const ID_LENGTH = LENGTH_OF_ID;

/** In the column `pack`: the object lies loose. */
export const LOOSE = -1;

/** Bits in the column `flags`. */
export const Flag = {
  /** Reached from a ref, a reflog, a head or an index file. */
  reachable: 1,
  /** Unreachable, but young, or reached from something young. */
  young: 2,
  /** Lies in a pack with a `.keep` file, or of another kind that is left alone. */
  kept: 4,
  /** Lies in this repository itself; without it, in an alternate only. */
  local: 8,
  /** There is a loose file, whether or not it lies packed too. */
  loose: 16,
  /** Its entry is a delta. */
  delta: 32,
  /** Takes part in the current work. */
  chosen: 64,
  /** There is more than one packed copy. */
  copies: 128,
} as const;

/** The numbers of types as packs have them (git/packs/pack.ts); 0: not known yet. */
export const Kind = { unknown: 0, commit: 1, tree: 2, blob: 3, tag: 4 } as const;

export interface TableColumns {
  readonly count: number;
  readonly ids: Uint8Array;
  /** Number of the pack it is read from, or LOOSE. */
  readonly pack: Int32Array;
  /** Where its entry begins and ends in that pack. */
  readonly offset: Float64Array;
  readonly end: Float64Array;
  /** CRC-32 of that entry; meaningless for packs with an index of version 1. */
  readonly crc: Uint32Array;
  readonly kind: Uint8Array;
  /** Size of the inflated entry: for a delta that of the delta. */
  readonly size: Float64Array;
  /** The delta base that its entry names, or -1. */
  readonly base: Int32Array;
  readonly flags: Uint8Array;
  /** Of the path where it was first seen (git/packs/nameHash.ts). */
  readonly nameHash: Uint32Array;
  /** Open addressing by the first bytes of an id: object number + 1; 0 is empty. */
  readonly slots: Int32Array;
}

export function shared<T>(
  type: { new (buffer: SharedArrayBuffer): T; BYTES_PER_ELEMENT: number },
  count: number,
): T {
  return new type(new SharedArrayBuffer(Math.max(1, count) * type.BYTES_PER_ELEMENT));
}

export class ObjectTable {
  readonly columns: TableColumns;
  readonly ids: Buffer;
  readonly #slots: Int32Array;
  readonly #mask: number;
  /** How many objects there are. */
  count: number;

  constructor(columns: TableColumns, count = columns.count) {
    this.columns = columns;
    this.count = count;
    const { ids } = columns;
    this.ids = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
    this.#slots = columns.slots;
    this.#mask = columns.slots.length - 1;
  }

  /** An empty table with room for `count` objects. */
  static withRoom(count: number): ObjectTable {
    let slots = 16;
    while (slots < count * 1.6) slots *= 2;
    const columns: TableColumns = {
      count,
      ids: shared(Uint8Array, count * ID_LENGTH),
      pack: shared(Int32Array, count),
      offset: shared(Float64Array, count),
      end: shared(Float64Array, count),
      crc: shared(Uint32Array, count),
      kind: shared(Uint8Array, count),
      size: shared(Float64Array, count),
      base: shared(Int32Array, count),
      flags: shared(Uint8Array, count),
      nameHash: shared(Uint32Array, count),
      slots: shared(Int32Array, slots),
    };
    return new ObjectTable(columns, 0);
  }

  /** The number of the object whose id stands at `at`, or -1. */
  find(bytes: Uint8Array, at: number): number {
    const slot = this.#slot(bytes, at);
    return this.#slots[slot]! - 1;
  }

  findId(id: ObjectId): number {
    return wanted.write(id, 'hex') === ID_LENGTH ? this.find(wanted, 0) : -1;
  }

  /** The number of the object whose id stands at `at`; when it is new, `added` is true after it. */
  add(bytes: Uint8Array, at: number): number {
    const slot = this.#slot(bytes, at);
    const known = this.#slots[slot]!;
    this.added = known === 0;
    if (known !== 0) return known - 1;
    const object = this.count++;
    this.#slots[slot] = object + 1;
    const to = object * ID_LENGTH;
    for (let i = 0; i < ID_LENGTH; i++) this.ids[to + i] = bytes[at + i]!;
    this.columns.pack[object] = LOOSE;
    this.columns.base[object] = -1;
    return object;
  }

  added = false;

  idOf(object: number): ObjectId {
    return this.ids.toString('hex', object * ID_LENGTH, (object + 1) * ID_LENGTH);
  }

  has(object: number, flag: number): boolean {
    return (this.columns.flags[object]! & flag) !== 0;
  }

  #slot(bytes: Uint8Array, at: number): number {
    const slots = this.#slots;
    const mask = this.#mask;
    const { ids } = this;
    let slot =
      (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) & mask;
    for (;;) {
      const known = slots[slot]!;
      if (known === 0) return slot;
      const place = (known - 1) * ID_LENGTH;
      let i = 0;
      while (i < ID_LENGTH && ids[place + i] === bytes[at + i]) i++;
      if (i === ID_LENGTH) return slot;
      slot = (slot + 1) & mask;
    }
  }
}

const wanted = Buffer.alloc(ID_LENGTH);
