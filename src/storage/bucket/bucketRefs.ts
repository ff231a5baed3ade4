/** Refs, their logs and HEAD, all stored in `head`. */
import type { ObjectId } from '../../git/objectId.ts';
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
  Head as HeadValue,
  RefListing,
  ReflogEntry,
  RefStore,
  RefUpdate,
} from '../storage.ts';
import { Turns } from '../turns.ts';
import type { Outbox } from './commit/outbox.ts';
import type { Draft } from './head/draft.ts';
import type { HeadKeeper } from './head/headKeeper.ts';
import type { LogEntry } from './head/headRecord.ts';
import type { LogReader } from './head/logReader.ts';
import type { RefTable } from './head/refTable.ts';

/** The name of HEAD's log, which no ref can have. */
const HEAD = 'HEAD';

export interface BucketRefsContext {
  readonly keeper: HeadKeeper;
  readonly outbox: Outbox;
  readonly logs: LogReader;
  readonly now: () => number;
}

export class BucketRefs implements RefStore {
  readonly #context: BucketRefsContext;
  readonly #turns = new Turns();

  constructor(context: BucketRefsContext) {
    this.#context = context;
  }

  async get(ref: string): Promise<ObjectId | undefined> {
    const { refs, branch } = await this.#context.keeper.look();
    return refs.get(ref === HEAD ? branch : ref);
  }

  async has(ref: string): Promise<boolean> {
    return (await this.#context.keeper.look()).refs.get(ref) !== undefined;
  }

  async list(prefix: string): Promise<RefListing> {
    const { refs } = await this.#context.keeper.look();
    return { refs: refs.list(prefix), unreadable: [] };
  }

  async update(updates: readonly RefUpdate[]): Promise<void> {
    checkUpdates(updates);
    const { keeper, outbox } = this.#context;
    const values = updates.flatMap(({ new: next }) => next ?? []);
    await keeper.commit({
      prepare: (base) => outbox.secure(values, base),
      apply: (draft) => this.#apply(updates, draft),
    });
  }

  async head(): Promise<HeadValue> {
    return { ref: (await this.#context.keeper.look()).branch };
  }

  async setHead(ref: string): Promise<void> {
    checkRef(ref);
    await this.#context.keeper.commit({ apply: (draft) => draft.set('branch', ref) });
  }

  async *reflog(ref: string): AsyncGenerator<ReflogEntry> {
    for await (const line of this.#context.logs.linesOf(ref)) {
      const entry = parseReflogLine(line);
      if (entry !== undefined) yield entry;
    }
  }

  turn(ref: string, timeout: number): Promise<() => void> {
    return this.#turns.take(ref, timeout);
  }

  #apply(updates: readonly RefUpdate[], draft: Draft): void {
    const { refs, branch } = draft.head;
    for (const update of updates) {
      const now = refs.get(update.ref) ?? null;
      if (update.old !== undefined && update.old !== now) throw staleRef(update, now);
      if (now === null && update.new !== null) checkCollisions(refs, update.ref);
    }
    const moves = new Map<string, ObjectId | null>();
    const beginnings: LogEntry[] = [];
    const entries: LogEntry[] = [];
    for (const { ref, new: next, reflog, logOf } of updates) {
      const old = refs.get(ref) ?? null;
      if (logOf !== undefined) beginnings.push({ ref, from: logOf });
      if (old === next) continue;
      moves.set(ref, next);
      const message = reflog ?? defaultReflog(this.#context.now);
      const line = formatReflogLine({ old, new: next, ...message }).trimEnd();
      entries.push({ ref, line, isHead: ref === branch });
    }
    draft.moveRefs(moves, [...beginnings, ...entries]);
  }
}

function checkCollisions(refs: RefTable, ref: string): void {
  const parent = parentNames(ref).find((name) => refs.get(name) !== undefined);
  const other = parent ?? refs.anyBelow(`${ref}/`);
  if (other !== undefined) throw collision(ref, other);
}
