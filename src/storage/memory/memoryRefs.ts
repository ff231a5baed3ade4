/** A RefStore in memory. */
import type { ObjectId } from '../../git/objectId.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import { formatReflogLine, parseReflogLine } from '../../git/refs/reflogLine.ts';
import {
  checkRef,
  checkUpdates,
  collision,
  defaultReflog,
  parentNames,
  staleRef,
} from '../refRules.ts';
import type {
  Head,
  RefEntry,
  RefListing,
  ReflogEntry,
  ReflogMessage,
  RefStore,
  RefUpdate,
} from '../storage.ts';
import { Turns } from '../turns.ts';

export class MemoryRefs implements RefStore {
  readonly #refs = new Map<string, ObjectId>();
  /** Oldest first. */
  readonly #logs = new Map<string, ReflogEntry[]>();
  readonly #turns = new Turns();
  readonly #now: () => number;
  #head: string;

  constructor(head: string, now: () => number) {
    this.#head = head;
    this.#now = now;
  }

  async get(ref: string): Promise<ObjectId | undefined> {
    return this.#refs.get(ref === 'HEAD' ? this.#head : ref);
  }

  async has(ref: string): Promise<boolean> {
    return this.#refs.has(ref);
  }

  async list(prefix: string): Promise<RefListing> {
    const entries = Array.from(this.#refs, ([ref, id]): RefEntry => ({ ref, id }));
    const refs = entries
      .filter(({ ref }) => ref.startsWith(prefix))
      .sort((a, b) => comparePaths(a.ref, b.ref));
    return { refs, unreadable: [] };
  }

  async update(updates: readonly RefUpdate[]): Promise<void> {
    checkUpdates(updates);
    for (const update of updates) {
      const now = this.#refs.get(update.ref) ?? null;
      if (update.old !== undefined && update.old !== now) throw staleRef(update, now);
      if (now === null && update.new !== null) this.#checkCollisions(update.ref);
    }
    for (const { ref, logOf } of updates) {
      const log = logOf === undefined ? undefined : this.#logs.get(logOf);
      if (log !== undefined) this.#logs.set(ref, [...log]);
    }
    for (const update of updates) this.#move(update);
    for (const { ref, restartsLog } of updates) if (restartsLog) this.#restartLog(ref);
  }

  /** All values of refs, and all ids in their logs. */
  allValues(): ObjectId[] {
    const logged = [...this.#logs.values()].flat().flatMap((entry) => [entry.old, entry.new]);
    return [...this.#refs.values(), ...logged.filter((id) => id !== null)];
  }

  async head(): Promise<Head> {
    return { ref: this.#head };
  }

  async setHead(ref: string): Promise<void> {
    checkRef(ref);
    this.#head = ref;
  }

  async *reflog(ref: string): AsyncGenerator<ReflogEntry> {
    yield* (this.#logs.get(ref) ?? []).toReversed();
  }

  turn(ref: string, timeout: number): Promise<() => void> {
    return this.#turns.take(ref, timeout);
  }

  #checkCollisions(ref: string): void {
    const parent = parentNames(ref).find((name) => this.#refs.has(name));
    const other = parent ?? [...this.#refs.keys()].find((name) => name.startsWith(`${ref}/`));
    if (other !== undefined) throw collision(ref, other);
  }

  #move({ ref, new: next, reflog }: RefUpdate): void {
    const old = this.#refs.get(ref) ?? null;
    if (old === next) return;
    const message = reflog ?? defaultReflog(this.#now);
    if (ref === this.#head) this.#log('HEAD', old, next, message);
    if (next === null) {
      this.#refs.delete(ref);
      this.#logs.delete(ref);
    } else {
      this.#refs.set(ref, next);
      this.#log(ref, old, next, message);
    }
  }

  #restartLog(ref: string): void {
    const log = this.#logs.get(ref) ?? [];
    const newest = log.at(-1);
    if (newest === undefined) return;
    const gone = new Set(log.slice(0, -1).map((entry) => formatReflogLine(entry)));
    this.#logs.set(ref, [{ ...newest, old: null }]);
    const ofHead = this.#logs.get('HEAD');
    if (ref !== this.#head || ofHead === undefined) return;
    const kept = ofHead.filter((entry) => !gone.has(formatReflogLine(entry)));
    kept.push({ ...kept.pop()!, old: null });
    this.#logs.set('HEAD', kept);
  }

  /** Converts through Git's format and back, so that it loses the same information as on disk. */
  #log(ref: string, old: ObjectId | null, next: ObjectId | null, message: ReflogMessage): void {
    const entry = parseReflogLine(formatReflogLine({ old, new: next, ...message }));
    if (entry === undefined) return;
    const log = this.#logs.get(ref);
    if (log === undefined) this.#logs.set(ref, [entry]);
    else log.push(entry);
  }
}
