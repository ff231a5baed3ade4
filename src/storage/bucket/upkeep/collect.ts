/**
 * Removes unreachable objects from the lists, and merges packs (docs/bucket-format.md). Deletes nothing
 * itself: packs removed from the lists are retired, and a later sweep deletes them.
 */

import { LockTimeoutError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { addAll, largest } from '../../../lists.ts';
import type { CollectionOptions, UpkeepOptions } from '../../storageUpkeep.ts';
import { PackGoneError, type Repacked, type StagedPack } from '../cache/shelf.ts';
import { linksOf, openRecent } from '../commit/linksOf.ts';
import { deflateRecent } from '../commit/riding.ts';
import { uploadPack } from '../commit/upload.ts';
import type { Draft } from '../head/draft.ts';
import type { Change } from '../head/headKeeper.ts';
import {
  epochOf,
  type Head,
  type PackEntry,
  type PackKind,
  type RecentObject,
} from '../head/headRecord.ts';
import { RULES } from '../head/rules.ts';
import type { CollectContext } from './context.ts';

/** Attempts when other processes change the packs meanwhile. */
const ATTEMPTS = 4;

interface Upload {
  readonly staged: StagedPack;
  readonly kind: PackKind;
  readonly time: number;
  entry: PackEntry | undefined;
}

/** Some packs that the work started with are no longer listed. */
class OvertakenError extends LockTimeoutError {
  constructor() {
    super('Another process packs or collects this store: try again later');
  }
}

/** Sweeps have gone by since a pack was uploaded: it may be deleted before a head lists it. */
class LateUploadError extends LockTimeoutError {
  constructor() {
    super('Uploading a pack takes longer than sweeps of this store are apart: try again later');
  }
}

/**
 * @param expire milliseconds since the epoch: removes unreachable objects written before
 * @returns number of objects removed from the lists
 */
export async function collect(
  context: CollectContext,
  expire: number,
  options: CollectionOptions,
): Promise<number> {
  return repeatedly(() => new Collection(context, expire, options).run());
}

/** Merges some packs. @returns false when there is nothing to merge */
export async function merge(
  context: CollectContext,
  choose: (packs: readonly PackEntry[]) => readonly PackEntry[],
  options: UpkeepOptions,
): Promise<boolean> {
  return repeatedly(async () => {
    const { keeper, contents } = context;
    const head = await keeper.refresh();
    const sources = choose(head.packs);
    if (sources.length < 2) return false;
    const staged = await contents.shelf.merge(sources, options);
    const time = largest(sources.map((pack) => pack.time));
    const upload: Upload = { staged, kind: 'written', time, entry: undefined };
    const keys = new Set(sources.map(({ key }) => key));
    try {
      const change: Change = {
        prepare: async (base) => checkListed(sources, base),
        apply: (draft) => {
          checkListed(sources, draft.head);
          draft.removePacks(keys);
          draft.addPacks([upload.entry!]);
        },
      };
      await commitUploads(context, [upload], change, options.signal);
    } finally {
      upload.staged.release();
      upload.staged.discard();
    }
    return true;
  });
}

async function repeatedly<T>(act: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act();
    } catch (error) {
      const isOvertaken = error instanceof OvertakenError || error instanceof PackGoneError;
      if (!isOvertaken || attempt === ATTEMPTS) throw error;
    }
  }
}

class Collection {
  readonly #context: CollectContext;
  readonly #expire: number;
  readonly #options: CollectionOptions;
  readonly #uploads: Upload[] = [];
  #sources: readonly PackEntry[] = [];
  #recent: readonly RecentObject[] = [];
  #seenPacks = new Set<string>();
  #seenRecent = new Set<ObjectId>();
  #seenSequence = 0;
  #kept: PackEntry | undefined;
  #lost = new Set<ObjectId>();
  /** Unreachable objects that turned out to be needed. */
  readonly #saved = new Map<ObjectId, RecentObject>();

  constructor(context: CollectContext, expire: number, options: CollectionOptions) {
    this.#context = context;
    this.#expire = expire;
    this.#options = options;
  }

  async run(): Promise<number> {
    const { keeper } = this.#context;
    const head = await keeper.refresh();
    const repacked = await this.#sortOut(head);
    this.#lost = new Set(repacked.lost);
    this.#kept = repacked.kept;
    const time = largest(this.#sources.map((pack) => pack.time));
    for (const [staged, kind] of [
      [repacked.main, 'collected'],
      [repacked.cruft, 'cruft'],
    ] as const) {
      if (staged !== undefined) this.#uploads.push({ staged, kind, time, entry: undefined });
    }
    try {
      if (this.#isNothing) return 0;
      const change: Change = {
        prepare: (base) => this.#prepare(base),
        apply: (draft) => this.#apply(draft),
      };
      await commitUploads(this.#context, this.#uploads, change, this.#options.signal);
      return this.#lost.size;
    } finally {
      for (const { staged } of this.#uploads) {
        staged.release();
        staged.discard();
      }
    }
  }

  get #isNothing(): boolean {
    const isKept = this.#sources.every(({ key }) => key === this.#kept?.key);
    return isKept && this.#recent.length === 0 && this.#uploads.length === 0;
  }

  async #sortOut(head: Head): Promise<Repacked> {
    const { contents, logs } = this.#context;
    this.#sources = head.packs;
    this.#recent = head.recent;
    this.#seenPacks = new Set(head.packs.map(({ key }) => key));
    this.#seenRecent = new Set(head.recent.map(({ id }) => id));
    this.#seenSequence = head.sequence;
    const { signal, onProgress } = this.#options;
    const now = this.#context.engine.environment.now();
    return contents.shelf.repack({
      packs: this.#sources,
      recent: this.#recent,
      firm: new Map(head.refs.list('').map(({ ref, id }) => [id, ref])),
      loose: await logs.values(head),
      isYoung: (pack) => (pack?.time ?? now) >= this.#expire,
      signal,
      onProgress,
    });
  }

  async #prepare(base: Head): Promise<void> {
    checkListed(this.#sources, base);
    if (base.sequence !== this.#seenSequence) await this.#saveForNewcomers(base);
    this.#seenSequence = base.sequence;
  }

  /**
   * Changes of the head since the work began may need unreachable objects: refs that were set to them, and
   * objects whose writers relied on them.
   */
  async #saveForNewcomers(base: Head): Promise<void> {
    const { contents, logs } = this.#context;
    const needed = await logs.values(base);
    for (const { id } of base.refs.list('')) needed.add(id);
    for (const object of base.recent) {
      if (this.#seenRecent.has(object.id)) continue;
      this.#seenRecent.add(object.id);
      if (object.type !== 'blob') for (const id of linksOf(openRecent(object))) needed.add(id);
    }
    for (const pack of base.packs) {
      if (this.#seenPacks.has(pack.key)) continue;
      for await (const object of contents.shelf.links(pack)) {
        for (const id of linksOf(object)) needed.add(id);
      }
      this.#seenPacks.add(pack.key);
    }
    const waiting = [...needed];
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      if (!this.#lost.has(id)) continue;
      const object = await contents.find(base, id);
      if (object === undefined) throw new OvertakenError();
      this.#lost.delete(id);
      this.#saved.set(id, deflateRecent(id, object));
      addAll(waiting, linksOf(object));
    }
  }

  #apply(draft: Draft): void {
    checkListed(this.#sources, draft.head);
    const gone = new Set(this.#sources.map(({ key }) => key));
    if (this.#kept !== undefined) gone.delete(this.#kept.key);
    draft.removePacks(gone);
    draft.removeRecent(new Set(this.#recent.map(({ id }) => id)));
    draft.addPacks(this.#uploads.map(({ entry }) => entry!));
    // If there are many, they move into a pack before the head is written.
    draft.addRecent(this.#saved.values());
    if (this.#lost.size > 0) draft.set('generation', draft.head.generation + 1);
  }
}

/**
 * Commits packs that are uploaded before: while a change is prepared the keeper does nothing else, such as
 * to renew the lease.
 */
async function commitUploads(
  { keeper, engine, rules = RULES }: CollectContext,
  uploads: readonly Upload[],
  change: Change,
  signal: AbortSignal | undefined,
): Promise<void> {
  /** Rule W. */
  const mayAdopt = ({ entry }: Upload, { epoch }: Head) =>
    entry !== undefined && rules.mayAdopt(epochOf(entry.key), epoch);
  for (let attempt = 1; ; attempt++) {
    const head = await keeper.current();
    for (const upload of uploads) {
      if (mayAdopt(upload, head)) continue;
      const { staged, kind, time } = upload;
      upload.entry = await uploadPack(engine, staged, head.epoch, kind, time, signal);
      staged.keep(upload.entry);
    }
    // What has come meanwhile may take long as well. The commit then prepares only the rest.
    await change.prepare?.(await keeper.current());
    try {
      await keeper.commit({
        prepare: async (base) => {
          if (!uploads.every((upload) => mayAdopt(upload, base))) throw new LateUploadError();
          await change.prepare?.(base);
        },
        apply: (draft) => change.apply(draft),
      });
      return;
    } catch (error) {
      if (!(error instanceof LateUploadError) || attempt === ATTEMPTS) throw error;
    }
  }
}

function checkListed(packs: readonly PackEntry[], head: Head): void {
  const listed = new Set(head.packs.map(({ key }) => key));
  if (!packs.every(({ key }) => listed.has(key))) throw new OvertakenError();
}
