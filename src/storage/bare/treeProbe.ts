/**
 * Looking for one name in many trees of a history. A packed tree mostly is a delta against that of a
 * neighbour; from what stands in the neighbour and the few bytes of the delta it can be told what
 * stands in it (git/treeDelta.ts), without making either tree. Such trees are not hashed: what guards
 * them is the checksum of each zlib stream, as when Git reads packs.
 */
import { entryNeedle, type PlacedEntry, placeTreeEntry, type TreeEntry } from '../../git/tree.ts';
import { followEntry } from '../../git/treeDelta.ts';
import type { PackedObject } from './packDirectory.ts';
import type { PackFile } from './packFile.ts';

/** Trees whose entry is remembered, about 150 bytes each. */
const MOST_KNOWN = 200_000;
/** A larger delta is no small change. */
const buffer = Buffer.allocUnsafeSlow(16 << 10);

/** By pack and offset; null: the tree has no entry of the name. */
type Known = Map<number, PlacedEntry | null>;

export class TreeProbe {
  readonly #needle: Buffer;
  #known = new Map<PackFile, Known>();
  #count = 0;

  constructor(name: string) {
    this.#needle = entryNeedle(name);
  }

  /**
   * The entry in a tree; null when it has none. Undefined when the tree must be read as any other.
   * @throws CorruptObjectError
   */
  look({ pack, offset }: PackedObject): Pick<TreeEntry, 'mode' | 'id'> | null | undefined {
    let known = this.#known.get(pack);
    if (known === undefined) {
      known = new Map();
      this.#known.set(pack, known);
    }
    const before = known.get(offset);
    if (before !== undefined) return before;
    const chain: number[] = [];
    let entry: PlacedEntry | null | undefined;
    for (let at: number | undefined = offset; at !== undefined && entry === undefined; ) {
      entry = known.get(at);
      if (entry === undefined) {
        chain.push(at);
        at = pack.baseOf(at);
      }
    }
    for (let at = chain.pop(); at !== undefined; at = chain.pop()) {
      entry = this.#step(pack, at, entry);
      if (entry === undefined) return undefined;
      known.set(at, entry);
      this.#count += 1;
    }
    if (this.#count > MOST_KNOWN) {
      this.#known = new Map();
      this.#count = 0;
    }
    return entry;
  }

  /** @param base what stands in the tree's delta base, when that is known */
  #step(
    pack: PackFile,
    offset: number,
    base: PlacedEntry | null | undefined,
  ): PlacedEntry | null | undefined {
    if (base !== undefined) {
      const length = pack.inflateDelta(offset, buffer);
      const entry = length < 0 ? undefined : followEntry(base, this.#needle, buffer, length);
      if (entry !== undefined) return entry;
    }
    const tree = pack.readNow(offset);
    if (tree?.type !== 'tree') return undefined;
    return placeTreeEntry(tree.body, this.#needle) ?? null;
  }
}
