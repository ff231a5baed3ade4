/**
 * Objects that this handle has written and no head lists yet. The next change of `head` lists a session's
 * objects: it contains few small ones itself, and refers to an uploaded pack with many or large ones. This
 * module keeps rules W and B (docs/bucket-format.md).
 */

import { SnapshotExpiredError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { addAll } from '../../../lists.ts';
import type { GitObject } from '../../storage.ts';
import { PackGoneError, type StagedPack } from '../cache/shelf.ts';
import type { Engine } from '../engine/engine.ts';
import type { Draft } from '../head/draft.ts';
import type { Companion } from '../head/headKeeper.ts';
import { epochOf, type Head, type PackEntry, type RecentObject } from '../head/headRecord.ts';
import { RULES, type Rules } from '../head/rules.ts';
import type { Contents } from './contents.ts';
import { linksOf, openRecent } from './linksOf.ts';
import { LIMITS, type Limits, relieve } from './relieve.ts';
import { deflateRecent, RIDING_LIMIT, recentBytes } from './riding.ts';
import { uploadPack } from './upload.ts';

/** Of no head: search for the objects that the session relies on. */
const UNCHECKED = -1;

/** A finished writing session. */
interface Session {
  readonly recent: ReadonlyMap<ObjectId, RecentObject>;
  readonly staged: StagedPack | undefined;
  /** The uploaded pack of `staged`. */
  entry: PackEntry | undefined;
  /** Whether a head may have listed the entry. Another must not list it again: it may be retired by then. */
  isTaken: boolean;
  /** Of the head that showed which objects the store has already. */
  generation: number;
}

export class Outbox implements Companion {
  readonly #engine: Engine;
  readonly #contents: Contents;
  readonly #rules: Rules;
  readonly #limits: Limits;
  readonly #sessions = new Set<Session>();
  /** In the order in which they are put into the next head. */
  #ready: readonly Session[] = [];
  #inDraft: readonly Session[] = [];
  /** Commits, trees and tags of sessions that lead to what has been collected, and is lost. */
  readonly #lost = new Set<ObjectId>();
  /** Of the first head that this handle knew. */
  #firstGeneration: number | undefined;

  constructor(engine: Engine, contents: Contents, rules: Rules = RULES, limits: Limits = LIMITS) {
    this.#engine = engine;
    this.#contents = contents;
    this.#rules = rules;
    this.#limits = limits;
  }

  /** Takes the objects of a session; a pack is uploaded before this returns. */
  async add(
    head: Head,
    generation: number,
    recent: Iterable<RecentObject>,
    staged: StagedPack | undefined,
  ): Promise<void> {
    const session: Session = {
      recent: new Map(Array.from(recent, (object) => [object.id, object])),
      staged,
      entry: undefined,
      isTaken: false,
      generation,
    };
    if (staged !== undefined) await this.#upload(session, head.epoch);
    this.#sessions.add(session);
  }

  /** The object, where a session has it as a small one. */
  recent(id: ObjectId): RecentObject | undefined {
    for (const session of this.#sessions) {
      const found = session.recent.get(id);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  *allRecent(): Generator<RecentObject> {
    for (const { recent } of this.#sessions) yield* recent.values();
  }

  /** Packs that are uploaded and not listed. */
  get packs(): PackEntry[] {
    return [...this.#sessions].flatMap(({ entry }) => entry ?? []);
  }

  holds(id: ObjectId): boolean {
    for (const { recent, staged } of this.#sessions) {
      if (recent.has(id) || staged?.holds(id)) return true;
    }
    return false;
  }

  async prepare(base: Head): Promise<void> {
    this.#firstGeneration ??= base.generation;
    for (let again = true; again; ) {
      again = false;
      for (const session of [...this.#sessions]) {
        if (await this.#lookAgain(session, base)) continue;
        // Others may have relied on its objects.
        for (const other of this.#sessions) other.generation = UNCHECKED;
        again = true;
      }
    }
    for (const session of [...this.#sessions]) {
      if (!this.#mayAdopt(session, base)) await this.#upload(session, base.epoch);
    }
    this.#choose(base);
  }

  /**
   * Ensures that the objects of new ref values exist, before `base` is replaced. Writes those again that this
   * handle may have seen and a collection has removed since.
   * @throws SnapshotExpiredError when they are lost
   */
  async secure(ids: readonly ObjectId[], base: Head): Promise<void> {
    for (const id of ids) {
      if (!this.#lost.has(id) || this.holds(id)) continue;
      if (!(await this.#isListed(id, base))) throw expired(id);
    }
    this.#firstGeneration ??= base.generation;
    if (!this.#rules.looksAgain || base.generation === this.#firstGeneration) return;
    // Allow a ref to an object that no store has.
    for (const id of ids) await this.#rescue([id], base);
    this.#choose(base);
  }

  /** Selects the sessions checked against this head. One of an earlier head waits for the next change. */
  #choose(base: Head): void {
    this.#ready = [...this.#sessions].filter(
      (session) =>
        this.#mayAdopt(session, base) &&
        (!this.#rules.looksAgain || session.generation === base.generation),
    );
  }

  /** Rule W. */
  #mayAdopt({ entry, isTaken }: Session, base: Head): boolean {
    if (entry === undefined) return true;
    return !isTaken && this.#rules.mayAdopt(epochOf(entry.key), base.epoch);
  }

  apply(draft: Draft): void {
    this.#inDraft = this.#ready;
    for (const { recent, entry } of this.#inDraft) {
      draft.addRecent(recent.values());
      if (entry !== undefined) draft.addPacks([entry]);
    }
  }

  async relieve(draft: Draft, attempt: number): Promise<void> {
    await relieve(draft, attempt, this.#engine, this.#contents.shelf, this.#limits);
  }

  settled(): void {
    for (const session of this.#inDraft) {
      this.#sessions.delete(session);
      session.staged?.release();
    }
    this.#inDraft = [];
  }

  unsettled(): void {
    for (const session of this.#inDraft) session.isTaken = true;
    this.#inDraft = [];
  }

  /** Drops what no head has taken. */
  close(): void {
    for (const { staged } of this.#sessions) {
      staged?.release();
      staged?.discard();
    }
    this.#sessions.clear();
  }

  async #upload(session: Session, epoch: number): Promise<void> {
    const staged = session.staged!;
    session.entry = await uploadPack(this.#engine, staged, epoch, 'written');
    session.isTaken = false;
    staged.keep(session.entry);
  }

  /** Rule B. @returns false when an object that the session needs is lost, after dropping the session */
  async #lookAgain(session: Session, base: Head): Promise<boolean> {
    if (!this.#rules.looksAgain || session.generation === base.generation) return true;
    const outside = new Set<ObjectId>();
    const own: ObjectId[] = [];
    for await (const { id, object } of this.#linked(session)) {
      own.push(id);
      for (const link of linksOf(object)) outside.add(link);
    }
    if (await this.#rescue(outside, base)) {
      session.generation = base.generation;
      return true;
    }
    this.#sessions.delete(session);
    for (const id of own) this.#lost.add(id);
    session.staged?.discard();
    return false;
  }

  async *#linked({
    recent,
    staged,
  }: Session): AsyncGenerator<{ readonly id: ObjectId; readonly object: GitObject }> {
    for (const one of recent.values()) {
      if (one.type !== 'blob') yield { id: one.id, object: openRecent(one) };
    }
    if (staged === undefined) return;
    for await (const object of staged.links()) yield { id: object.id, object };
  }

  /**
   * Copies objects that a head does not list, and all that they lead to, from earlier heads into a new session.
   * @returns false when one of them is lost, without a copy
   */
  async #rescue(ids: Iterable<ObjectId>, base: Head): Promise<boolean> {
    const saved = new Map<ObjectId, RecentObject>();
    const waiting = [...ids];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (saved.has(id) || this.holds(id) || (await this.#isListed(id, base))) continue;
      const object = await this.#contents.find(base, id);
      if (object === undefined) return false;
      saved.set(id, deflateRecent(id, object));
      addAll(waiting, linksOf(object));
    }
    if (saved.size > 0) {
      const objects = [...saved.values()];
      const rides = recentBytes(objects) <= RIDING_LIMIT;
      const staged = rides ? undefined : await this.#contents.shelf.stage(objects);
      await this.add(base, base.generation, rides ? objects : [], staged);
    }
    return true;
  }

  async #isListed(id: ObjectId, base: Head): Promise<boolean> {
    try {
      return await this.#contents.has(base, id);
    } catch (error) {
      // The base has been replaced: the PUT will fail.
      if (error instanceof PackGoneError) return false;
      throw error;
    }
  }
}

function expired(id: ObjectId): SnapshotExpiredError {
  return new SnapshotExpiredError(
    `${id} leads to objects that a collection has removed: take a new snapshot and write again`,
  );
}
