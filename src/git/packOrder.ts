/**
 * The entries of a pack in the order in which they lie in it. An index names only where an entry
 * begins; it ends where the next one begins (Git calls this table a reverse index, gitformat-pack(5)).
 */
import type { PackIndex } from './packIndex.ts';

export class PackOrder {
  readonly #offsets: Float64Array;
  readonly #rows: Uint32Array;
  readonly #end: number;

  /**
   * @param end where the last entry ends, in bytes from the beginning of the pack
   * @throws CorruptObjectError when the index has an offset that cannot be right
   */
  constructor(index: PackIndex, end: number) {
    const { count } = index;
    this.#end = end;
    this.#offsets = new Float64Array(count);
    this.#rows = new Uint32Array(count);
    const offsets = Float64Array.from({ length: count }, (_, row) => index.offsetAt(row));
    this.#offsets.set(offsets);
    this.#offsets.sort();
    for (let row = 0; row < count; row++) this.#rows[this.#firstAfter(offsets[row]!) - 1] = row;
  }

  /** The row of the index that names the entry at `offset`, or -1. */
  rowOf(offset: number): number {
    const position = this.#firstAfter(offset) - 1;
    return this.#offsets[position] === offset ? this.#rows[position]! : -1;
  }

  /** Where the entry at `offset` ends. */
  endOf(offset: number): number {
    return this.#offsets[this.#firstAfter(offset)] ?? this.#end;
  }

  #firstAfter(offset: number): number {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#offsets[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
