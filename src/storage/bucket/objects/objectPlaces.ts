/**
 * The places of an object in a bucket's store: what this handle has written, `head`, and packs, of which this
 * machine has partial copies.
 */
import { CorruptObjectError, SnapshotExpiredError } from '../../../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../../git/objectId.ts';
import { isErrno } from '../../disk/durable.ts';
import { named } from '../../packs/objectFaults.ts';
import type { DiskShelf, OpenPack } from '../cache/diskShelf.ts';
import { lostPack, PackGoneError } from '../cache/shelf.ts';
import type { Contents } from '../commit/contents.ts';
import type { Outbox } from '../commit/outbox.ts';
import type { HeadKeeper } from '../head/headKeeper.ts';
import type { Head, PackEntry, RecentObject } from '../head/headRecord.ts';

/** Attempts to read `head` again after a listed pack turned out to be gone. */
const ROUNDS = 6;

export interface PlacesContext {
  readonly keeper: HeadKeeper;
  readonly contents: Contents;
  readonly outbox: Outbox;
  readonly shelf: DiskShelf;
}

export interface Place extends OpenPack {
  readonly offset: number;
  readonly crc: number | undefined;
}

interface Ways<T> {
  small(object: RecentObject): T;
  packed(place: Place): Promise<T> | T;
}

export class ObjectPlaces {
  readonly #context: PlacesContext;
  /** The pack of the last hit, which is searched first. */
  #last: OpenPack | undefined;

  constructor(context: PlacesContext) {
    this.#context = context;
    context.keeper.watch((head, before) => {
      if (before === undefined || before.packs === head.packs) return;
      const listed = new Set(head.packs.map(({ key }) => key));
      const last = this.#last;
      if (last !== undefined && !listed.has(last.entry.key)) this.#last = undefined;
      // An earlier snapshot that still needs one opens it again.
      for (const { key } of before.packs) if (!listed.has(key)) context.shelf.forget(key);
    });
  }

  /**
   * Searches all places of the object. When none has it, reads `head` again: another writer may have written
   * the object, or moved it to another pack.
   */
  async search<T>(id: ObjectId, ways: Ways<T>): Promise<T | undefined> {
    const { keeper } = this.#context;
    let fault: unknown;
    let head = await keeper.current();
    let gone: PackGoneError[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      gone = [];
      const small = this.#smallIn(head, id);
      if (small !== undefined) return ways.small(small);
      for (const entry of this.#entries(head)) {
        try {
          const found = await this.#searchIn(entry, id, ways);
          if (found !== undefined) return found.result;
        } catch (error) {
          if (error instanceof PackGoneError) gone.push(error);
          else if (error instanceof CorruptObjectError) fault ??= error;
          else throw error;
        }
      }
      const now = await keeper.refresh();
      if (now.sequence === head.sequence) break;
      head = now;
    }
    if (fault !== undefined) throw named(id, fault);
    for (const error of gone) {
      const lost = lostPack(head, error);
      if (lost !== undefined) throw lost;
    }
    if (gone.length > 0) {
      throw new SnapshotExpiredError(
        `${id} has been collected: no ref led to it any more; take a new snapshot`,
      );
    }
    return undefined;
  }

  async #searchIn<T>(
    entry: PackEntry,
    id: ObjectId,
    ways: Ways<T>,
  ): Promise<{ result: T } | undefined> {
    const { shelf } = this.#context;
    const open = await shelf.open(entry);
    const found = findIn(open, id);
    if (found === undefined) return undefined;
    this.#last = open;
    const result = await shelf.using(open, () => ways.packed(placeIn(open, found)));
    return { result };
  }

  /** The object itself where the head known now, or what this handle has written, holds it. */
  small(id: ObjectId): RecentObject | undefined {
    return this.#smallIn(this.#context.keeper.known, id);
  }

  #smallIn(head: Head | undefined, id: ObjectId): RecentObject | undefined {
    const { contents, outbox } = this.#context;
    return outbox.recent(id) ?? (head && contents.recent(head, id));
  }

  /** Packs to search, the most likely first. */
  *#entries(head: Head): Generator<PackEntry> {
    const last = this.#last?.entry;
    if (last !== undefined) yield last;
    for (const entry of [...this.#context.outbox.packs, ...head.packs.toReversed()]) {
      if (entry.key !== last?.key) yield entry;
    }
  }

  /** Packs with a local index. */
  *openPacks(): Generator<OpenPack> {
    const { keeper, shelf } = this.#context;
    const head = keeper.known;
    if (head === undefined) return;
    for (const entry of this.#entries(head)) {
      const open = shelf.opened(entry);
      if (open !== undefined) yield open;
    }
  }

  /** The object's place according to the local indexes. */
  find(id: ObjectId): Place | undefined {
    const last = this.#last;
    const likely = last && findIn(last, id);
    if (likely !== undefined) return placeIn(last!, likely);
    for (const open of this.openPacks()) {
      const found = findIn(open, id);
      if (found === undefined) continue;
      this.#last = open;
      return placeIn(open, found);
    }
    return undefined;
  }

  /** Whether the store is known to have the object. Sends no request. */
  holds(id: ObjectId): boolean {
    if (id === EMPTY_TREE_ID || this.#context.outbox.holds(id)) return true;
    return this.small(id) !== undefined || this.find(id) !== undefined;
  }

  /** Fetches all indexes. */
  async know(): Promise<void> {
    const { keeper, shelf, outbox } = this.#context;
    let head = await keeper.current();
    for (let round = 0; ; round++) {
      const missing = [...outbox.packs, ...head.packs].filter(
        (entry) => shelf.opened(entry) === undefined,
      );
      try {
        await Promise.all(missing.map((entry) => shelf.open(entry)));
        return;
      } catch (error) {
        if (!(error instanceof PackGoneError) || round === ROUNDS) throw error;
        const now = await keeper.refresh();
        const lost = now.sequence === head.sequence ? lostPack(now, error) : undefined;
        if (lost !== undefined) throw lost;
        head = now;
      }
    }
  }
}

interface Found {
  readonly offset: number;
  readonly crc: number | undefined;
}

/** Field by field: bulk reads make millions of them. */
function placeIn({ entry, file, holes }: OpenPack, { offset, crc }: Found): Place {
  return { entry, file, holes, offset, crc };
}

function findIn({ file }: OpenPack, id: ObjectId): Found | undefined {
  try {
    return file.find(id);
  } catch (error) {
    // The local copy was evicted while it was open. Fetch it again.
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}
