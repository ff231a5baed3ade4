/**
 * Branches and tags as async maps from names to snapshots. Follows tags of tags. Listings omit refs that
 * do not lead to a commit.
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
import type { StoreContext } from './context/context.ts';
import {
  loadSnapshot,
  ofStore,
  refFolder,
  type Snapshot,
  type SnapshotRef,
} from './context/snapshot.ts';
import { FS } from './fs.ts';
import { findRef, refValue } from './refs/resolve.ts';

export interface DeleteOptions {
  /** Allow deleting the current branch. */
  readonly force?: boolean | undefined;
}

/** A deleted branch or tag that is still kept. */
export interface DeletedRef {
  readonly name: string;
  /** Its last value; of an annotated tag the tag's own id. */
  readonly commitHash: string;
  /** Time of the deletion. */
  readonly time: Date;
}

/** Prefix of the log message of a kept ref, before the full name of the deleted ref. */
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
   * The snapshot of a name.
   * @throws KeyNotFoundError when the name does not exist
   * @throws GitStoreError (`ENOTCOMMIT`) when it does not lead to a commit
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
   * As `get`, but undefined when the name does not exist.
   * @throws GitStoreError (`ENOTCOMMIT`) when it does not lead to a commit
   */
  async find(name: string): Promise<FS | undefined> {
    const snapshot = await findRef(this.store, { kind: this.kind, name });
    return snapshot && FS.of(snapshot);
  }

  /** Whether the name exists and leads to a commit. False for a broken one. */
  async has(name: string): Promise<boolean> {
    const id = await unlessBroken(refValue(this.store, { kind: this.kind, name }));
    return id !== undefined && (await this.#isCommit(id));
  }

  /**
   * Deletes the name, even when it is broken or does not lead to a commit. Its value and reflog are kept
   * for the grace time of `gc`: see `deleted()`.
   * @returns its last hash, of a broken one the newest in its reflog; null for none
   * @throws KeyNotFoundError when the name does not exist
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
      // With milliseconds, so that deletions of one second stay in order.
      const fraction = String(this.store.now() % 1000).padStart(3, '0');
      const kept = `${DELETED_REFS}${who.time}-${fraction}${randomBytes(8).toString('hex')}`;
      const reflog = { who, message: `${DELETED}${ref}` };
      // A kept log with missing objects would be a fault of the store.
      const logOf = (await this.#isLogSound(ref)) ? ref : undefined;
      updates.push({ ref: kept, old: null, new: last, reflog, logOf });
    }
    await refs.update(updates);
    return last;
  }

  /** The deleted names that are kept until `gc` removes them, newest first. */
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

  /** All snapshots, sorted by name. */
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

  /** @internal The snapshot to set a name to. */
  protected snapshotToSet(fs: FS): Snapshot {
    return ofStore(this.store, FS.snapshotOf(fs));
  }

  /**
   * @internal
   * @throws KeyNotFoundError when the name does not exist or does not lead to a commit
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

  /** @internal Names and their commits. */
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

/** Whether an error means that a ref exists without a value. */
function isBroken(error: unknown): boolean {
  return error instanceof CorruptObjectError || error instanceof UnreadableRefError;
}

/** A ref's value; undefined for a broken one too. */
async function unlessBroken(value: Promise<ObjectId | undefined>): Promise<ObjectId | undefined> {
  try {
    return await value;
  } catch (error) {
    if (isBroken(error)) return undefined;
    throw error;
  }
}
