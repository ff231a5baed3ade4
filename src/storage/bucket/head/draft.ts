/** The next head, while changes are applied to it. */
import type { ObjectId } from '../../../git/objectId.ts';
import {
  type Head,
  KEPT_NONCES,
  type LogChunk,
  type LogEntry,
  type PackEntry,
  type RecentObject,
  type RetiredKey,
} from './headRecord.ts';
import type { RefTable } from './refTable.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class Draft {
  readonly base: Head;
  readonly #next: Mutable<Head>;
  #changed = false;

  constructor(base: Head, nonce: string) {
    this.base = base;
    this.#next = {
      ...base,
      sequence: base.sequence + 1,
      nonces: [nonce, ...base.nonces].slice(0, KEPT_NONCES),
    };
  }

  /** Whether it differs from the base. */
  get changed(): boolean {
    return this.#changed;
  }

  get head(): Head {
    return this.#next;
  }

  set<K extends 'branch' | 'epoch' | 'generation' | 'copy' | 'lease'>(
    field: K,
    value: Head[K],
  ): void {
    if (this.#next[field] === value) return;
    this.#next[field] = value;
    this.#changed = true;
  }

  moveRefs(moves: ReadonlyMap<string, ObjectId | null>, log: readonly LogEntry[]): void {
    if (moves.size === 0 && log.length === 0) return;
    this.#next.refs = this.#next.refs.with(moves);
    this.#next.log = [...this.#next.log, ...log];
    this.#changed = true;
  }

  addPacks(packs: readonly PackEntry[]): void {
    if (packs.length === 0) return;
    this.#next.packs = [...this.#next.packs, ...packs];
    this.#changed = true;
  }

  /** Adds objects, except those already listed. */
  addRecent(objects: Iterable<RecentObject>): void {
    const there = new Set(this.#next.recent.map(({ id }) => id));
    const added: RecentObject[] = [];
    for (const object of objects) {
      if (there.has(object.id)) continue;
      there.add(object.id);
      added.push(object);
    }
    if (added.length === 0) return;
    this.#next.recent = [...this.#next.recent, ...added];
    this.#changed = true;
  }

  /** Retires packs: removes them from the list, for a sweep to delete some epochs later. */
  removePacks(keys: ReadonlySet<string>): void {
    if (keys.size === 0) return;
    this.#next.packs = this.#next.packs.filter(({ key }) => !keys.has(key));
    this.retire(...keys);
  }

  removeRecent(ids: ReadonlySet<ObjectId>): void {
    if (ids.size === 0) return;
    this.#next.recent = this.#next.recent.filter(({ id }) => !ids.has(id));
    this.#changed = true;
  }

  replaceRefs(refs: RefTable): void {
    if (this.#next.refs.key !== undefined) this.retire(this.#next.refs.key);
    this.#next.refs = refs;
    this.#changed = true;
  }

  replaceLog(log: readonly LogEntry[], chunks: readonly LogChunk[]): void {
    const kept = new Set(chunks.map(({ key }) => key));
    this.retire(...this.#next.chunks.map(({ key }) => key).filter((key) => !kept.has(key)));
    this.#next.log = log;
    this.#next.chunks = chunks;
    this.#changed = true;
  }

  retire(...keys: readonly string[]): void {
    if (keys.length === 0) return;
    const { epoch } = this.#next;
    const added = keys.map((key): RetiredKey => ({ key, epoch }));
    this.#next.retired = [...this.#next.retired, ...added];
    this.#changed = true;
  }

  /** Removes deleted keys from the list of retired ones. */
  forgetRetired(keys: ReadonlySet<string>): void {
    const retired = this.#next.retired.filter(({ key }) => !keys.has(key));
    if (retired.length === this.#next.retired.length) return;
    this.#next.retired = retired;
    this.#changed = true;
  }
}
