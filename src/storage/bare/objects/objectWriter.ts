/**
 * One writing session on a bare repository. A few small objects become loose files; many or large ones
 * become one pack. Small objects wait in memory until that is decided.
 */

import { join } from 'node:path';
import { SnapshotExpiredError } from '../../../errors.ts';
import type { ObjectId, ObjectType } from '../../../git/objectId.ts';
import type { DeflatePool } from '../../../zlib/deflatePool.ts';
import { PackWriter } from '../../packs/writing/packWriter.ts';
import {
  MAX_WAITING,
  type SessionStorage,
  WritingSession,
} from '../../packs/writing/writingSession.ts';
import type { Durability, ObjectStore, ObjectWriter } from '../../storage.ts';
import { LooseListings, loosePath } from '../loose/loose.ts';
import { writeLoose } from '../loose/looseWriter.ts';
import type { Settled } from './settled.ts';

/** Git's default for loose objects: half the time of level 6 for a tenth more bytes. */
export const DEFAULT_LEVEL = 1;
/** Write a pack for more bytes than this. */
const MAX_LOOSE_BYTES = 16 << 20;

/** How objects are written. */
export interface WriterOptions {
  readonly durability: Durability;
  /** zlib level, 0 to 9; default `DEFAULT_LEVEL`. */
  readonly compression?: number | undefined;
}

export interface WriterContext {
  readonly objectsDir: string;
  readonly options: WriterOptions;
  readonly pool: DeflatePool;
  /**
   * The file in which the store already has the object, or undefined. Freshens the file, so that it is not
   * collected as old.
   * @param listings directory listings to search for loose objects instead of a lookup for each
   */
  holds(id: ObjectId, listings: LooseListings | undefined): string | undefined;
  readonly objects: Pick<ObjectStore, 'header' | 'readStream' | 'promisor'>;
  readonly settled: Settled;
  packAdded(name: string): void;
  /** Called when the session has opened a file, which it keeps open until it `isOver`. */
  packOpened(): void;
  isOver(): void;
}

export class BareObjectWriter implements ObjectWriter, SessionStorage {
  readonly maxWaitingBytes = MAX_LOOSE_BYTES;
  readonly #context: WriterContext;
  readonly #level: number;
  readonly #session = new WritingSession(this);
  /** True once the session has an object that the store lacked. */
  #brings = false;
  readonly #listings = new LooseListings();
  /** Files of existing objects, which may not be on stable storage. */
  readonly #relied = new Set<string>();
  /** The existing commits, trees and tags, which refer to other objects. */
  readonly #reliedLeads: ObjectId[] = [];
  /** Commits and tags written by the session, and whether it wrote anything but blobs. */
  readonly #written: ObjectId[] = [];
  #leads = false;

  constructor(context: WriterContext) {
    this.#context = context;
    this.#level = context.options.compression ?? DEFAULT_LEVEL;
  }

  get hasIdleThreads(): boolean {
    return this.#session.hasIdleThreads;
  }

  write(type: ObjectType, body: Uint8Array): Promise<ObjectId> {
    return this.#session.write(type, body);
  }

  writeStream(source: AsyncIterable<Uint8Array>, size?: number): Promise<ObjectId> {
    return this.#session.writeStream(source, size);
  }

  async finish(outside?: Iterable<ObjectId>, named: Iterable<ObjectId> = []): Promise<void> {
    const session = this.#session;
    for (const id of named) if (!session.known.has(id)) await this.#rely(id);
    await session.close();
    try {
      const name = await session.finishPack();
      const { settled, objectsDir } = this.#context;
      if (name !== undefined) this.#context.packAdded(name);
      const { durability } = this.#context.options;
      const { waiting, known } = session;
      if (waiting.length > 0) await writeLoose(objectsDir, waiting, this.#level, durability);
      if (durability === 'full') {
        if (name !== undefined) settled.add(`${objectsDir}/pack/${name}`);
        for (const { id } of waiting) settled.add(loosePath(objectsDir, id));
        if (this.#relied.size > 0) await settled.settle(this.#relied);
        if (this.#leads) await this.#complete(outside);
        else if (known.size <= MAX_WAITING) for (const id of known) settled.addComplete(id);
      }
    } catch (error) {
      session.abortPack();
      throw error;
    } finally {
      this.#drop();
    }
  }

  /** Gives an existing object a new time, or writes it again where that keeps it from no collection. */
  async #rely(id: ObjectId): Promise<void> {
    if (this.#holds(id)) return;
    const { objects } = this.#context;
    const found = await objects.header(id);
    const content = found && (await objects.readStream(id));
    if (found === undefined || content === undefined) {
      // A partial clone may lack it.
      if (objects.promisor !== undefined) return;
      throw new SnapshotExpiredError(
        `Object ${id} is gone: a collection has removed it meanwhile, as nothing led to it`,
      );
    }
    if (found.type === 'blob') await this.writeStream(content, found.size);
    else {
      const parts: Uint8Array[] = [];
      for await (const part of content) parts.push(part);
      await this.write(found.type, Buffer.concat(parts));
    }
  }

  async abort(): Promise<void> {
    if (await this.#session.abort()) this.#drop();
  }

  /** @internal For the session. */
  wants(id: ObjectId, type: ObjectType): boolean {
    const isThere = !this.#isSurelyNew(type) && this.#holds(id);
    if (type !== 'blob') this.#leads = true;
    if (isThere) {
      if (type !== 'blob') this.#reliedLeads.push(id);
      return false;
    }
    if (type === 'commit' || type === 'tag') this.#written.push(id);
    this.#brings = true;
    return true;
  }

  /** @internal For the session. */
  openPack(): PackWriter {
    const { objectsDir, options, pool } = this.#context;
    this.#context.packOpened();
    return new PackWriter({
      packDir: join(objectsDir, 'pack'),
      level: this.#level,
      durability: options.durability,
      pool,
    });
  }

  /** @internal For the session. */
  inFolder<T>(use: (folder: () => string) => Promise<T>): Promise<T> {
    return use(() => join(this.#context.objectsDir, 'pack'));
  }

  /**
   * Whether to skip the lookup. A commit holds its time, and the few trees after a new object refer to it:
   * they almost never exist, and if they do, the same bytes are written again.
   */
  #isSurelyNew(type: ObjectType): boolean {
    return type === 'commit' || (type === 'tree' && this.#brings && !this.#session.isSpilled);
  }

  /** A session of many objects uses listings, and stores twice what others store meanwhile. */
  #holds(id: ObjectId): boolean {
    const listings = this.#session.isSpilled ? this.#listings : undefined;
    const file = this.#context.holds(id, listings);
    if (file !== undefined && this.#context.options.durability === 'full') this.#relied.add(file);
    return file !== undefined;
  }

  /** Makes everything that the session's objects refer to complete, and so the objects themselves. */
  async #complete(outside: Iterable<ObjectId> | undefined): Promise<void> {
    const { settled } = this.#context;
    if (outside === undefined) await settled.complete(undefined);
    else {
      const ids = [...this.#reliedLeads];
      for (const id of outside) if (!this.#session.known.has(id)) ids.push(id);
      await settled.complete(ids);
    }
    for (const id of this.#written) settled.addComplete(id);
  }

  #drop(): void {
    this.#context.isOver();
    this.#session.drop();
  }
}
