/** A directory in a stat record. */
import type { ObjectId } from '../../git/objectId.ts';
import type { TreeEntry } from '../../git/objects/tree.ts';
import type { StatRecord } from './statRecord.ts';

export class RecordedDirectory {
  readonly record: StatRecord;
  readonly number: number;
  #names: readonly string[] | undefined;

  constructor(record: StatRecord, number: number) {
    this.record = record;
    this.number = number;
  }

  /** Its tree when it was recorded; undefined when unknown. */
  get treeId(): ObjectId | undefined {
    return this.record.treeId(this.number);
  }

  /** The names of its entries, sorted by code units. */
  get names(): readonly string[] {
    this.#names ??= this.record.names(this.number);
    return this.#names;
  }

  /** The same with a slash between them. */
  get joinedNames(): string {
    return this.record.joinedNames(this.number);
  }

  /** The name of one of its entries. */
  nameOf(entry: number): string {
    return this.names[entry - this.record.firstEntry(this.number)]!;
  }

  /** The number of the entry with a name; undefined when there is none. */
  entryOf(name: string): number | undefined {
    const { names } = this;
    let low = 0;
    for (let high = names.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (names[middle]! < name) low = middle + 1;
      else high = middle;
    }
    return names[low] === name ? this.record.firstEntry(this.number) + low : undefined;
  }

  /** As `treeEntry`, for the name at that position of `names`. */
  treeEntryAt(place: number): TreeEntry | null | undefined {
    const entry = this.record.firstEntry(this.number) + place;
    return this.record.treeEntry(entry, this.names[place]!);
  }

  /** Its tree's entry under a name: null for a missing one, undefined when unknown. */
  treeEntry(name: string): TreeEntry | null | undefined {
    const entry = this.entryOf(name);
    return entry === undefined ? null : this.record.treeEntry(entry, name);
  }
}
