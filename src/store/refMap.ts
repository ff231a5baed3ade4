/**
 * Branches and tags as async maps from names to snapshots. A tag that stands for another tag is
 * followed; a ref that stands for no commit is left out of every listing.
 */
import { randomBytes } from 'node:crypto';
import {
  CorruptObjectError,
  KeyNotFoundError,
  PermissionError,
  UnreadableRefError,
} from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { INSPECT } from '../inspected.ts';
import { checkOptions } from '../optionTypes.ts';
import { DELETED_REFS, deletionTime } from '../storage/refRules.ts';
import type { RefUpdate } from '../storage/storage.ts';
import type { StoreContext } from './context.ts';
import { FS } from './fs.ts';
import { findRef, refValue } from './resolve.ts';
import { loadSnapshot, ofStore, refFolder, type Snapshot, type SnapshotRef } from './snapshot.ts';

export interface DeleteOptions {
  /** Also the current branch. */
  readonly force?: boolean | undefined;
}

/** A branch or tag that was deleted and is kept for a while. */
export interface DeletedRef {
  readonly name: string;
  /** What it stood for; of an annotated tag the tag's own id. */
  readonly commitHash: string;
  /** When it was deleted. */
  readonly time: Date;
}

/** What the log of a kept ref says, before the full name that was deleted. */
const DELETED = 'deleted: ';

export abstract class RefMap implements AsyncIterable<string> {
  /** @internal */
  protected readonly store: StoreContext;
  /** @internal */
  protected readonly kind: SnapshotRef['kind'];

  /** @internal */
  constructor(store: StoreContext, kind: SnapshotRef['kind']) {
    this.store = store;
    this.kind = kind;
  }

  /** `Branches(path)` or `Tags(path)`, with the path of the store. */
  toString(): string {
    return `${this.constructor.name}(${this.store.location})`;
  }

  toJSON(): { path: string } {
    return { path: this.store.location };
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }

  /**
   * The snapshot that the name stands for.
   * @throws KeyNotFoundError when there is none of this name
   * @throws GitStoreError (`ENOTCOMMIT`) when it stands for no commit
   * @example
   * ```ts
   * const main = await store.branches.get('main');
   * const release = await store.tags.get('v1.0');
   * ```
   */
  async get(name: string): Promise<FS> {
    return (await this.find(name)) ?? this.missing(name);
  }

  /**
   * As `get`, but undefined when there is none of this name.
   * @throws GitStoreError (`ENOTCOMMIT`) when it stands for no commit
   */
  async find(name: string): Promise<FS | undefined> {
    const snapshot = await findRef(this.store, { kind: this.kind, name });
    return snapshot && FS.of(snapshot);
  }

  /** Whether there is one of this name that stands for a commit. A broken one stands for none. */
  async has(name: string): Promise<boolean> {
    const id = await unlessBroken(refValue(this.store, { kind: this.kind, name }));
    return id !== undefined && (await this.#isCommit(id));
  }

  /**
   * Deletes the name; also where it is broken, or stands for no commit. What it stood for, and its
   * reflog, are kept for the grace time of `gc`: `deleted()` tells them.
   * @returns the hash that it stood for, of a broken one the last that its reflog knows; null for none
   * @throws KeyNotFoundError when there is none of this name
   * @throws PermissionError for the current branch, unless forced
   */
  async delete(name: string, options: DeleteOptions = {}): Promise<string | null> {
    checkOptions(options);
    const { refs, objects } = this.store;
    const ref = this.fullName(name);
    if (!(await refs.has(ref))) this.missing(name);
    if (!options.force) {
      const head = await refs.head();
      if ('ref' in head && head.ref === ref) {
        const message = `Branch '${name}' is the current one: it is deleted with -f (force) only`;
        throw new PermissionError(message, { ref: name });
      }
    }
    const old = (await unlessBroken(refs.get(ref))) ?? null;
    const last = old ?? (await this.#lastLogged(ref));
    const updates: RefUpdate[] = [{ ref, old, new: null }];
    if (last !== null && (await objects.has(last))) {
      const who = this.store.signature();
      // Milliseconds too, so that those of one second are in order.
      const fraction = String(this.store.now() % 1000).padStart(3, '0');
      const kept = `${DELETED_REFS}${who.time}-${fraction}${randomBytes(8).toString('hex')}`;
      const reflog = { who, message: `${DELETED}${ref}` };
      // A log that names what is not here would be a fault of the store for as long as it is kept.
      const logOf = (await this.#isLogSound(ref)) ? ref : undefined;
      updates.push({ ref: kept, old: null, new: last, reflog, logOf });
    }
    await refs.update(updates);
    return last;
  }

  /** What was deleted and is kept until `gc` lets it go, newest first. */
  async deleted(): Promise<DeletedRef[]> {
    const folder = refFolder(this.kind);
    const found: DeletedRef[] = [];
    for (const { ref, id } of await this.store.listRefs(DELETED_REFS)) {
      const newest = await firstOf(this.store.refs.reflog(ref));
      const was = newest?.message.startsWith(DELETED) ? newest.message.slice(DELETED.length) : '';
      if (!was.startsWith(folder)) continue;
      const time = new Date(deletionTime(ref) * 1000);
      found.push({ name: was.slice(folder.length), commitHash: id, time });
    }
    return found.reverse();
  }

  async #isLogSound(ref: string): Promise<boolean> {
    const known = new Set<ObjectId | null>([null]);
    for await (const entry of this.store.refs.reflog(ref)) {
      for (const id of [entry.old, entry.new]) {
        if (known.has(id)) continue;
        if (!(await this.store.objects.has(id!))) return false;
        known.add(id);
      }
    }
    return true;
  }

  async #lastLogged(ref: string): Promise<ObjectId | null> {
    for await (const entry of this.store.refs.reflog(ref)) if (entry.new !== null) return entry.new;
    return null;
  }

  /** All names, sorted. */
  async list(): Promise<string[]> {
    const names: string[] = [];
    for await (const name of this.keys()) names.push(name);
    return names;
  }

  /** All names, sorted. */
  async *keys(): AsyncGenerator<string, void, undefined> {
    for await (const [name] of this.commits()) yield name;
  }

  /** All snapshots, in the order of their names. */
  async *values(): AsyncGenerator<FS, void, undefined> {
    for await (const [, fs] of this.entries()) yield fs;
  }

  /** All names with their snapshots, sorted by name. */
  async *entries(): AsyncGenerator<[string, FS], void, undefined> {
    for await (const [name, id] of this.commits()) {
      yield [name, FS.of(await loadSnapshot(this.store, id, { kind: this.kind, name }))];
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    return this.keys();
  }

  /** @internal */
  protected fullName(name: string): string {
    return refFolder(this.kind) + name;
  }

  /** @internal The snapshot that a caller wants a name to stand for. */
  protected snapshotToSet(fs: FS): Snapshot {
    return ofStore(this.store, FS.snapshotOf(fs));
  }

  /**
   * @internal
   * @throws KeyNotFoundError when there is none of this name that stands for a commit
   */
  protected async require(name: string): Promise<void> {
    const id = await refValue(this.store, { kind: this.kind, name });
    if (id === undefined || !(await this.#isCommit(id))) this.missing(name);
  }

  async #isCommit(id: ObjectId): Promise<boolean> {
    return (await this.store.commits.peel(id))?.type === 'commit';
  }

  /** @internal */
  protected missing(name: string): never {
    const what = this.kind === 'branch' ? 'Branch' : 'Tag';
    throw new KeyNotFoundError(`${what} not found: ${name}`, { ref: name });
  }

  /** @internal Names and the commits they stand for. */
  protected async *commits(): AsyncGenerator<[string, ObjectId], void, undefined> {
    const folder = refFolder(this.kind);
    for (const { ref, id } of await this.store.listRefs(folder)) {
      const peeled = await this.store.commits.peel(id);
      if (peeled?.type === 'commit') yield [ref.slice(folder.length), peeled.id];
    }
  }
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) return item;
  return undefined;
}

/** Whether an error says that a ref is there and has no value. */
function isBroken(error: unknown): boolean {
  return error instanceof CorruptObjectError || error instanceof UnreadableRefError;
}

/** A ref's value; undefined also for one that is broken. */
async function unlessBroken(value: Promise<ObjectId | undefined>): Promise<ObjectId | undefined> {
  try {
    return await value;
  } catch (error) {
    if (isBroken(error)) return undefined;
    throw error;
  }
}
