/**
 * The entries of an incoming pack, in columns, because a pack may have millions. An entry is *resolved*
 * when its object's id and type are known.
 */
import type { ObjectType } from '../../../git/objectId.ts';

const FIRST_CAPACITY = 1024;
const TYPES: readonly ObjectType[] = ['commit', 'tree', 'blob', 'tag'];
export const TYPE_CODES = { commit: 0, tree: 1, blob: 2, tag: 3 } as const;

/** In `bases`: the entry is not a delta. */
export const WHOLE = -1;
/** In `bases`: a delta that names its base by id, with the base still unknown. */
export const NAMED = -2;

export class Entries {
  count = 0;
  /** Of the first byte in the pack. */
  offsets = new Float64Array(FIRST_CAPACITY);
  /** CRC-32 of the raw bytes in the pack. */
  crcs = new Uint32Array(FIRST_CAPACITY);
  /** The entry that holds the delta base, `WHOLE` or `NAMED`. */
  bases = new Int32Array(FIRST_CAPACITY);
  /** Position of the object's id in the set of ids; -1 while the entry is not resolved. */
  positions = new Int32Array(FIRST_CAPACITY);
  /** Size of the object in bytes, once it is resolved. */
  sizes = new Float64Array(FIRST_CAPACITY);
  /** Length of the delta chain, once the entry is resolved. */
  depths = new Uint16Array(FIRST_CAPACITY);
  #types = new Uint8Array(FIRST_CAPACITY);

  /** Adds an unresolved entry. */
  add(offset: number, base: number): number {
    const entry = this.count++;
    if (entry === this.offsets.length) this.#grow(entry * 2);
    this.offsets[entry] = offset;
    this.bases[entry] = base;
    this.positions[entry] = -1;
    return entry;
  }

  /** The entry that begins at an offset, or -1. */
  at(offset: number): number {
    let low = 0;
    let high = this.count - 1;
    while (low <= high) {
      const middle = (low + high) >>> 1;
      const found = this.offsets[middle]!;
      if (found === offset) return middle;
      if (found < offset) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  isResolved(entry: number): boolean {
    return this.positions[entry] !== -1;
  }

  resolve(entry: number, type: ObjectType, position: number, size: number): void {
    this.setType(entry, type);
    this.positions[entry] = position;
    this.sizes[entry] = size;
  }

  setType(entry: number, type: ObjectType): void {
    this.#types[entry] = TYPE_CODES[type];
  }

  /** Of a resolved entry. */
  typeOf(entry: number): ObjectType {
    return TYPES[this.#types[entry]!]!;
  }

  #grow(capacity: number): void {
    this.offsets = copied(this.offsets, new Float64Array(capacity));
    this.crcs = copied(this.crcs, new Uint32Array(capacity));
    this.bases = copied(this.bases, new Int32Array(capacity));
    this.positions = copied(this.positions, new Int32Array(capacity));
    this.sizes = copied(this.sizes, new Float64Array(capacity));
    this.depths = copied(this.depths, new Uint16Array(capacity));
    this.#types = copied(this.#types, new Uint8Array(capacity));
  }
}

type Column = Float64Array | Uint32Array | Int32Array | Uint16Array | Uint8Array;

function copied<T extends Column>(from: T, to: T): T {
  to.set(from);
  return to;
}
