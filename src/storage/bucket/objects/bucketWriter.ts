/**
 * One writing session on a bucket. A few small objects wait in memory and go into `head`; many or large
 * ones become a pack, which is uploaded when the session ends.
 */

import { basename } from 'node:path';
import type { ObjectId, ObjectType } from '../../../git/objectId.ts';
import type { DeflatePool } from '../../../zlib/deflatePool.ts';
import { rmSync } from '../../disk/fs.ts';
import { PackWriter } from '../../packs/writing/packWriter.ts';
import {
  type NewObject,
  type SessionStorage,
  WritingSession,
} from '../../packs/writing/writingSession.ts';
import type { ObjectWriter } from '../../storage.ts';
import type { DiskShelf } from '../cache/diskShelf.ts';
import type { StagedPack } from '../cache/shelf.ts';
import { deflateRecent, RIDING_LIMIT, recentBytes } from '../commit/riding.ts';
import type { RecentObject } from '../head/headRecord.ts';

export const DEFAULT_LEVEL = 1;
/** Make a pack for more bytes of bodies than this. */
const MAX_SMALL_BYTES = 1 << 20;

export interface BucketWriterContext {
  readonly shelf: DiskShelf;
  readonly pool: DeflatePool;
  readonly level: number;
  /** Whether the store is known to have an object. Sends no request. */
  holds(id: ObjectId): boolean;
  /** Loads everything that `holds` needs to be complete. */
  know(): Promise<void>;
  finish(recent: readonly RecentObject[], staged: StagedPack | undefined): Promise<void>;
}

export class BucketObjectWriter implements ObjectWriter, SessionStorage {
  readonly maxWaitingBytes = MAX_SMALL_BYTES;
  readonly #context: BucketWriterContext;
  readonly #session = new WritingSession(this);
  /** Where the pack is made. */
  #folder: string | undefined;

  constructor(context: BucketWriterContext) {
    this.#context = context;
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

  async finish(): Promise<void> {
    const session = this.#session;
    await session.close();
    try {
      const rest = session.waiting.map((one) => deflateRecent(one.id, one));
      const isPack = session.hasPack || recentBytes(rest) > RIDING_LIMIT;
      if (isPack) await session.spill();
      const name = await session.finishPack();
      const staged =
        name === undefined
          ? undefined
          : this.#context.shelf.staged(this.#folder!, basename(name, '.pack'));
      if (staged !== undefined) this.#folder = undefined;
      const riding = isPack ? [] : rest;
      if (staged !== undefined || riding.length > 0) await this.#context.finish(riding, staged);
    } catch (error) {
      session.abortPack();
      throw error;
    } finally {
      this.#drop();
    }
  }

  async abort(): Promise<void> {
    if (await this.#session.abort()) this.#drop();
  }

  /** @internal For the session. A commit contains its time, so it almost never exists. */
  wants(id: ObjectId, type: ObjectType): boolean {
    return type === 'commit' || !this.#context.holds(id);
  }

  /** @internal For the session. */
  openPack(): PackWriter {
    const { shelf, level, pool } = this.#context;
    this.#folder ??= shelf.folder.newFolder();
    return new PackWriter({ packDir: this.#folder, level, durability: 'fast', pool });
  }

  /** @internal For the session. For many objects, loads the indexes that show which of them exist. */
  async stillWanted(waiting: readonly NewObject[]): Promise<readonly NewObject[]> {
    await this.#context.know();
    return waiting.filter(({ id, type }) => this.wants(id, type));
  }

  /** @internal For the session. */
  async inFolder<T>(use: (folder: () => string) => Promise<T>): Promise<T> {
    let folder: string | undefined;
    try {
      return await use(() => (folder ??= this.#context.shelf.folder.newFolder()));
    } finally {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
    }
  }

  #drop(): void {
    this.#session.drop();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }
}
