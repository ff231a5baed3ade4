/**
 * What this handle has written and no head lists yet. A session's objects get into `head` with the next
 * change of it: small ones ride there, many or large ones lie in a pack that is uploaded already. Here
 * rules W and B are kept (docs/bucket-format.md).
 */
import { SnapshotExpiredError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
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

/** No head has it: what a session relies on has to be looked for. */
const UNCHECKED = -1;

/** A writing session that is over. */
interface Session {
  readonly recent: ReadonlyMap<ObjectId, RecentObject>;
  readonly staged: StagedPack | undefined;
  /** Where `staged` has been uploaded to. */
  entry: PackEntry | undefined;
  /** A head may have taken the entry: another must not take it again, it may be retired by then. */
  isTaken: boolean;
  /** Of the head by which its objects were told from those that the store has. */
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
   * Makes sure of what refs are to name, for a head that is to be replaced: objects that this handle may
   * have seen, and a collection has taken off the lists since, come back.
   * @throws SnapshotExpiredError when they are lost
   */
  async secure(ids: readonly ObjectId[], base: Head): Promise<void> {
    for (const id of ids) {
      if (!this.#lost.has(id) || this.holds(id)) continue;
      if (!(await this.#isListed(id, base))) throw expired(id);
    }
    this.#firstGeneration ??= base.generation;
    if (!this.#rules.looksAgain || base.generation === this.#firstGeneration) return;
    // A ref may name what no store has: that is not for us to decide.
    for (const id of ids) await this.#rescue([id], base);
    this.#choose(base);
  }

  /** A session that came in just now may be of an earlier head: it waits for the next one. */
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

  /** Rule B. @returns false when what the session needs is lost; it is dropped then */
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
   * Takes what a head does not list, and what that leads to, from earlier heads into a session of its own.
   * @returns false when something is nowhere any more; nothing is taken then
   */
  async #rescue(ids: Iterable<ObjectId>, base: Head): Promise<boolean> {
    const saved = new Map<ObjectId, RecentObject>();
    const waiting = [...ids];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (saved.has(id) || this.holds(id) || (await this.#isListed(id, base))) continue;
      const object = await this.#contents.find(base, id);
      if (object === undefined) return false;
      saved.set(id, deflateRecent(id, object));
      waiting.push(...linksOf(object));
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
      // Then the base has been replaced, and the PUT will tell.
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
