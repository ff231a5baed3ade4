/**
 * Deltas of a pack that wait for their base. They are taken up depth first: what builds on an object
 * comes right after it, while it is in memory.
 */
import { type Entries, NAMED } from './entries.ts';
import type { PackLinks } from './links.ts';

export class PendingDeltas {
  readonly #entries: Entries;
  /** Deltas on an entry: the first of them, and for each the next. */
  readonly #first: Int32Array;
  readonly #next: Int32Array;
  /** Deltas on an object that is not there yet, by the position of its id. */
  readonly #named = new Map<number, number[]>();
  readonly #ready: number[] = [];
  /** How many there are. */
  left: number;

  /**
   * @param pending entries in the order in which they lie
   * @param namedBases of a delta whose base is named: the position of the base's id
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
    // From the last on, so that they are taken up in the order in which they lie.
    for (let i = pending.length - 1; i >= 0; i--) {
      const entry = pending[i]!;
      const position = namedBases.get(entry);
      const isNamed = entries.bases[entry] === NAMED && position !== undefined;
      const base = isNamed ? links.entryAt(position) : entries.bases[entry]!;
      if (isNamed && base === -1) this.#waitFor(position, entry);
      else this.#follow(base, entry);
    }
  }

  /** The next one whose base is there; undefined when there is none. */
  take(): number | undefined {
    return this.#ready.pop();
  }

  /** Takes note that an entry is resolved. */
  resolved(entry: number): void {
    this.left--;
    this.wake(this.#entries.positions[entry]!, entry);
    for (let on = this.#first[entry]!; on !== -1; on = this.#next[on]!) this.#ready.push(on);
  }

  /** Positions of the ids of bases that are not there. */
  get missing(): readonly number[] {
    return [...this.#named.keys()];
  }

  /** Deltas on the object with this id now have their base in an entry. */
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
