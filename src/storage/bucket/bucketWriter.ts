/**
 * One writing session on a bucket. A few small objects wait in memory and go into `head`; many or large
 * ones become a pack, which is uploaded when the session ends.
 */

import { basename } from 'node:path';
import { BatchClosedError } from '../../errors.ts';
import { hashObject, type ObjectId, type ObjectType } from '../../git/objectId.ts';
import type { DeflatePool } from '../../zlib/deflatePool.ts';
import { rmSync } from '../disk/fs.ts';
import { FileSpool } from '../packs/fileSpool.ts';
import { PackWriter, sizeMismatch } from '../packs/packWriter.ts';
import type { ObjectWriter } from '../storage.ts';
import type { DiskShelf } from './diskShelf.ts';
import type { RecentObject } from './headRecord.ts';
import { deflateRecent, RIDING_LIMIT, recentBytes } from './riding.ts';
import type { StagedPack } from './shelf.ts';

export const DEFAULT_LEVEL = 1;
/** Make a pack for more objects than this, or for more bytes of bodies. */
const MAX_SMALL_OBJECTS = 100;
const MAX_SMALL_BYTES = 1 << 20;
/** Read streams of at most this many bytes into memory as whole objects. */
const SMALL_STREAM = 1 << 20;
const READ_CHUNK = 1 << 20;

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

interface SmallObject {
  readonly id: ObjectId;
  readonly type: ObjectType;
  readonly body: Uint8Array;
}

export class BucketObjectWriter implements ObjectWriter {
  readonly #context: BucketWriterContext;
  readonly #known = new Set<ObjectId>();
  #small: SmallObject[] = [];
  #smallBytes = 0;
  #folder: string | undefined;
  #pack: PackWriter | undefined;
  #spilled = false;
  #over = false;
  /** Queue of users of the pack: a stream needs it exclusively. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(context: BucketWriterContext) {
    this.#context = context;
  }

  get hasIdleThreads(): boolean {
    return this.#pack?.hasIdleThreads ?? true;
  }

  async write(type: ObjectType, body: Uint8Array): Promise<ObjectId> {
    this.#checkOpen();
    const id = hashObject(type, body);
    if (this.#known.has(id)) return id;
    // A commit contains its time, so it almost never exists.
    const isThere = type !== 'commit' && this.#context.holds(id);
    this.#known.add(id);
    if (isThere) return id;
    if (this.#spilled) {
      await this.#inLine(() => this.#packWriter().add(id, type, body));
      return id;
    }
    this.#small.push({ id, type, body });
    this.#smallBytes += body.length;
    if (this.#small.length > MAX_SMALL_OBJECTS || this.#smallBytes > MAX_SMALL_BYTES) {
      await this.#inLine(() => this.#spill());
    }
    return id;
  }

  async writeStream(source: AsyncIterable<Uint8Array>, size?: number): Promise<ObjectId> {
    this.#checkOpen();
    if (size === undefined) return this.#spool(source);
    if (size <= SMALL_STREAM) return this.write('blob', await gathered(source, size));
    return this.#inLine(() =>
      this.#packWriter().addStream(source, size, (id) => {
        if (this.#known.has(id)) return false;
        const isNew = !this.#context.holds(id);
        this.#known.add(id);
        return isNew;
      }),
    );
  }

  async finish(): Promise<void> {
    this.#checkOpen();
    this.#over = true;
    try {
      await this.#line;
      const rest = this.#spilled ? [] : this.#small.map((one) => deflateRecent(one.id, one));
      const isPack = this.#pack !== undefined || recentBytes(rest) > RIDING_LIMIT;
      if (isPack) await this.#spill();
      const name = await this.#pack?.finish();
      const staged =
        name === undefined
          ? undefined
          : this.#context.shelf.staged(this.#folder!, basename(name, '.pack'));
      if (staged !== undefined) this.#folder = undefined;
      const riding = isPack ? [] : rest;
      if (staged !== undefined || riding.length > 0) await this.#context.finish(riding, staged);
    } catch (error) {
      this.#pack?.abort();
      throw error;
    } finally {
      this.#drop();
    }
  }

  async abort(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#line.catch(() => {});
    this.#pack?.abort();
    this.#drop();
  }

  #drop(): void {
    this.#pack = undefined;
    this.#small = [];
    this.#known.clear();
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
  }

  #checkOpen(): void {
    if (this.#over) throw new BatchClosedError('This writing session is over');
  }

  /** Runs steps that use the pack one by one. A failed step does not stop the next. */
  #inLine<T>(step: () => Promise<T>): Promise<T> {
    const result = this.#line.then(step);
    this.#line = result.catch(() => {});
    return result;
  }

  async #spill(): Promise<void> {
    if (this.#spilled) return;
    const pack = this.#packWriter();
    this.#spilled = true;
    const objects = this.#small;
    this.#small = [];
    await this.#context.know();
    for (const { id, type, body } of objects) {
      if (type === 'commit' || !this.#context.holds(id)) await pack.add(id, type, body);
    }
  }

  #packWriter(): PackWriter {
    const { shelf, level, pool } = this.#context;
    this.#folder ??= shelf.folder.newFolder();
    this.#pack ??= new PackWriter({ packDir: this.#folder, level, durability: 'fast', pool });
    return this.#pack;
  }

  /** Spools a stream of unknown size to a file, because an id covers the size first. */
  async #spool(source: AsyncIterable<Uint8Array>): Promise<ObjectId> {
    const folder = this.#context.shelf.folder.newFolder();
    const spool = new FileSpool(folder);
    try {
      let size = 0;
      for await (const chunk of source) {
        spool.append(chunk);
        size += chunk.length;
      }
      return await this.writeStream(readSpool(spool, size), size);
    } finally {
      spool.discard();
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

async function* readSpool(spool: FileSpool, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < size; at += READ_CHUNK) {
    yield await spool.readLarge(at, Math.min(READ_CHUNK, size - at));
  }
}

async function gathered(source: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > size) break;
    chunks.push(Uint8Array.from(chunk));
  }
  if (total !== size) throw sizeMismatch(size);
  return Buffer.concat(chunks, size);
}
