/**
 * Deltas of a pack that wait for their base. Resolved depth first: deltas on an object follow right after
 * it, while it is in memory.
 */
import { type Entries, NAMED } from './entries.ts';
import type { PackLinks } from './links.ts';

export class PendingDeltas {
  readonly #entries: Entries;
  /** Lists of deltas on an entry: the first delta, and for each delta the next. */
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  /** Deltas on an unknown object, by position of its id. */
  readonly #named = new Map<number, number[]>();
  readonly #ready: number[] = [];
  /** Number of waiting deltas. */
  left: number;

  /**
   * @param pending entries in the order of the pack
   * @param namedBases position of the base's id, for deltas that name their base by id
   */
  constructor(
    entries: Entries,
    links: PackLinks,
    pending: readonly number[],
    namedBases: ReadonlyMap<number, number>,
  ) {
    this.#entries = entries;
    this.#first = new Int32Array(entries.count).fill(-1);
    this.#next = new Int32Array(entries.count).fill(-1);
    this.left = pending.length;
    // Backwards, so that the lists are in the order of the pack.
    for (let i = pending.length - 1; i >= 0; i--) {
      const entry = pending[i]!;
      const position = namedBases.get(entry);
      const isNamed = entries.bases[entry] === NAMED && position !== undefined;
      const base = isNamed ? links.entryAt(position) : entries.bases[entry]!;
      if (isNamed && base === -1) this.#waitFor(position, entry);
      else this.#follow(base, entry);
    }
  }

  /** The next delta with a known base; undefined when there is none. */
  take(): number | undefined {
    return this.#ready.pop();
  }

  /** Records that an entry is resolved. */
  resolved(entry: number): void {
    this.left--;
    this.wake(this.#entries.positions[entry]!, entry);
    for (let on = this.#first[entry]!; on !== -1; on = this.#next[on]!) this.#ready.push(on);
  }

  /** Positions of the ids of missing bases. */
  get missing(): readonly number[] {
    return [...this.#named.keys()];
  }

  /** Records that the object with this id is in an entry, so that deltas on it can be resolved. */
  wake(position: number, base: number): void {
    for (const entry of this.#named.get(position) ?? []) {
      this.#entries.bases[entry] = base;
      this.#ready.push(entry);
    }
    this.#named.delete(position);
  }

  #waitFor(position: number, entry: number): void {
    const others = this.#named.get(position);
    if (others === undefined) this.#named.set(position, [entry]);
    else others.push(entry);
  }

  #follow(base: number, entry: number): void {
    this.#entries.bases[entry] = base;
    if (this.#entries.isResolved(base)) this.#ready.push(entry);
    else {
      this.#next[entry] = this.#first[base]!;
      this.#first[base] = entry;
    }
  }
}
