/**
 * Reads and replaces `head`: the commit protocol (docs/bucket-format.md). A handle has one PUT of `head` in
 * flight at a time. Changes that arrive meanwhile share the next one.
 */
import { CorruptObjectError, LockTimeoutError } from '../../../errors.ts';
import type { Engine } from '../engine/engine.ts';
import { Waits } from '../engine/environment.ts';
import { Draft } from './draft.ts';
import { contains, formatHead, type Head, KEPT_NONCES, parseHead } from './headRecord.ts';
import { parseRefTable, RefTable } from './refTable.ts';
import { RULES, type Rules } from './rules.ts';

export const HEAD_KEY = 'head';
/** Attempts to read the table of refs. A missing one was replaced, and a newer `head` names the new one. */
const TABLE_ATTEMPTS = 5;

/** A change to make in `head`, alone or together with others. */
export interface Change {
  /** Prepares the change for replacing `base`. May be called several times. An error fails the change. */
  prepare?(base: Head): Promise<void>;
  /** Applies the change to a draft, or throws and leaves the draft unchanged. */
  apply(draft: Draft): void;
}

/** Additional content for every new head. */
export interface Companion {
  /** As in `Change`, before the changes' own. */
  prepare(base: Head): Promise<void>;
  /** Adds the ready content. */
  apply(draft: Draft): void;
  /** Moves data that is too large for `head` into other keys. @param attempt from 0 on */
  relieve(draft: Draft, attempt: number): Promise<void>;
  /** Called when the head was written. */
  settled(head: Head): void;
  /** Called when it is unknown whether the head was written. */
  unsettled(): void;
}

/** The key `head` is missing. */
export class NoHeadError extends CorruptObjectError {
  constructor(location: string) {
    super(`The store in ${location} has lost its record head: run gitstore doctor --repair`);
  }
}

interface Known {
  readonly head: Head;
  readonly tag: string;
}

interface Waiting {
  readonly change: Change;
  readonly resolve: (head: Head) => void;
  readonly reject: (error: unknown) => void;
}

export class HeadKeeper {
  readonly #engine: Engine;
  readonly #rules: Rules;
  readonly #maxAge: number;
  /** Last time when the known head was certainly the newest. */
  #knownAt = Number.NEGATIVE_INFINITY;
  #known: Known | undefined;
  #reading: Promise<Head> | undefined;
  #nextReading: Promise<Head> | undefined;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #companion: Companion | undefined;
  readonly #watchers: ((head: Head, before: Head | undefined) => void)[] = [];

  /** @param maxAge milliseconds for which `look` may return the known head without a request */
  constructor(engine: Engine, rules: Rules = RULES, maxAge = 0) {
    this.#engine = engine;
    this.#rules = rules;
    this.#maxAge = maxAge;
  }

  set companion(companion: Companion) {
    this.#companion = companion;
  }

  /** Calls back for every newly known head, in order. */
  watch(watcher: (head: Head, before: Head | undefined) => void): void {
    this.#watchers.push(watcher);
  }

  /** The newest known head. Sends no request. */
  get known(): Head | undefined {
    return this.#known?.head;
  }

  /** The newest known head; fetches it when none is known. */
  async current(): Promise<Head> {
    return this.#known?.head ?? this.refresh();
  }

  /** For reads: a head at most `maxAge` milliseconds old. Fetches one when the known head is older. */
  async look(): Promise<Head> {
    const age = this.#engine.environment.elapsed() - this.#knownAt;
    return age < this.#maxAge ? this.#known!.head : this.refresh();
  }

  /** Fetches the head. The result is from some moment after the call. */
  refresh(): Promise<Head> {
    if (this.#reading === undefined) {
      this.#reading = this.#read().finally(() => {
        this.#reading = undefined;
      });
      return this.#reading;
    }
    // The running request may already have been answered.
    this.#nextReading ??= this.#reading
      .catch(() => {})
      .then(() => {
        this.#nextReading = undefined;
        return this.refresh();
      });
    return this.#nextReading;
  }

  /** Commits a change to `head`. @returns a head that contains it */
  commit(change: Change): Promise<Head> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ change, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Waits until nothing is under way. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async #run(): Promise<void> {
    // Changes of one turn of the event loop share a PUT.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#commitAll(batch);
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    // In the same turn as the check for waiting changes.
    this.#running = undefined;
  }

  async #commitAll(batch: readonly Waiting[]): Promise<void> {
    const end = this.#engine.end();
    const waits = new Waits(this.#engine.environment);
    let isFresh = false;
    let live = batch;
    for (let attempt = 0; ; attempt++) {
      if (this.#engine.isPast(end)) throw this.#tooMany();
      if (this.#known === undefined) {
        await this.refresh();
        isFresh = true;
      }
      const base = this.#known!;
      const draft = new Draft(base.head, this.#engine.environment.name());
      const refused = await this.#fill(draft, live);
      // A head read before the call must neither refuse the change nor count as containing it.
      if (!isFresh && (refused.size > 0 || !draft.changed)) {
        await this.refresh();
        isFresh = true;
        continue;
      }
      for (const [waiting, error] of refused) waiting.reject(error);
      live = live.filter((waiting) => !refused.has(waiting));
      if (live.length === 0) return;
      if (!draft.changed) {
        for (const { resolve } of live) resolve(base.head);
        return;
      }
      this.#companion?.apply(draft);
      await this.#companion?.relieve(draft, attempt);
      const head = await this.#put(base, draft.head).catch((error: unknown) => {
        this.#companion?.unsettled();
        throw error;
      });
      if (head !== undefined) {
        for (const { resolve } of live) resolve(head);
        return;
      }
      isFresh = true;
      await waits.wait();
    }
  }

  /** @returns the refused changes with their errors */
  async #fill(draft: Draft, live: readonly Waiting[]): Promise<Map<Waiting, unknown>> {
    const refused = new Map<Waiting, unknown>();
    const attempt = async (waiting: Waiting, act: () => Promise<void> | void) => {
      try {
        await act();
      } catch (error) {
        refused.set(waiting, error);
      }
    };
    await this.#companion?.prepare(draft.base);
    for (const waiting of live) {
      const { change } = waiting;
      if (change.prepare !== undefined) await attempt(waiting, () => change.prepare!(draft.base));
    }
    for (const waiting of live) {
      if (!refused.has(waiting)) await attempt(waiting, () => waiting.change.apply(draft));
    }
    return refused;
  }

  /**
   * Replaces `base` by `head`.
   * @returns a head that contains the changes; undefined when another writer was first
   */
  async #put(base: Known, head: Head): Promise<Head | undefined> {
    const { bucket, environment } = this.#engine;
    const body = formatHead(head);
    const end = this.#engine.end();
    const waits = new Waits(environment);
    let mayHaveHappened = false;
    for (;;) {
      const answer = await bucket
        .put(HEAD_KEY, body, { ifMatch: base.tag })
        .catch((error: unknown) => {
          // An earlier request may still take effect, whatever became of this one.
          if (!mayHaveHappened) throw error;
          throw this.#engine.outcomeUnknown((error as Error).message, error);
        });
      if (answer.kind === 'ok') {
        this.#learn({ head, tag: answer.tag });
        this.#companion?.settled(head);
        return head;
      }
      if (answer.kind === 'busy') {
        if (this.#engine.isPast(end)) throw this.#gaveUp(mayHaveHappened, answer.reason);
        await waits.wait();
        continue;
      }
      if (!this.#rules.settlesUnknown) {
        await this.refresh();
        return undefined;
      }
      // A conflict may be one with our own request, duplicated by the network.
      mayHaveHappened = true;
      const now = await this.#readToSettle();
      if (contains(now.head, head)) {
        this.#companion?.settled(now.head);
        return now.head;
      }
      if (now.head.sequence - head.sequence >= KEPT_NONCES)
        throw this.#gaveUp(true, 'too much has been committed since');
      // Bodies never repeat: if the tag is another one, our request can no longer take effect.
      if (now.tag !== base.tag) return undefined;
      const reason = answer.kind === 'unknown' ? answer.reason : 'a conflict without a cause';
      if (this.#engine.isPast(end)) throw this.#gaveUp(true, reason);
      await waits.wait();
    }
  }

  async #readToSettle(): Promise<Known> {
    try {
      await this.refresh();
    } catch (cause) {
      throw this.#gaveUp(true, (cause as Error).message, cause);
    }
    return this.#known!;
  }

  #gaveUp(mayHaveHappened: boolean, reason: string, cause?: unknown): Error {
    return mayHaveHappened
      ? this.#engine.outcomeUnknown(reason, cause)
      : this.#engine.unreachable('write head', reason);
  }

  #tooMany(): LockTimeoutError {
    return new LockTimeoutError(
      `Others changed ${this.#engine.bucket.location} all the time: try again, or have fewer writers`,
    );
  }

  async #read(): Promise<Head> {
    for (let attempt = 1; ; attempt++) {
      const began = this.#engine.environment.elapsed();
      const answer = await this.#engine.get(HEAD_KEY, { ifNoneMatch: this.#known?.tag });
      if (answer.kind === 'unchanged') {
        this.#knownAt = began;
        return this.#known!.head;
      }
      if (answer.kind === 'absent') {
        throw new NoHeadError(this.#engine.bucket.location);
      }
      const { head, table } = parseHead(answer.body);
      const known = this.#known;
      // Answers may arrive out of order.
      if (known !== undefined && known.head.sequence >= head.sequence) return known.head;
      const refs = table === undefined ? head.refs : await this.#withTable(head, table);
      if (refs !== undefined) {
        this.#learn({ head: { ...head, refs }, tag: answer.tag });
        this.#knownAt = began;
        return this.#known!.head;
      }
      if (attempt === TABLE_ATTEMPTS) {
        throw new CorruptObjectError(`The table of refs ${table} is missing`);
      }
    }
  }

  /** Undefined when the table is gone. */
  async #withTable({ refs }: Head, key: string): Promise<RefTable | undefined> {
    const known = this.#known?.head.refs;
    if (known?.key === key) return new RefTable(refs.changes, key, known.table);
    const answer = await this.#engine.get(key);
    if (answer.kind !== 'ok') return undefined;
    return new RefTable(refs.changes, key, parseRefTable(answer.body, key));
  }

  #learn(known: Known): void {
    const before = this.#known?.head;
    if (before !== undefined && before.sequence >= known.head.sequence) return;
    this.#known = known;
    for (const watcher of this.#watchers) watcher(known.head, before);
  }
}
