/**
 * One writing session on a bare repository. A few small objects become loose files; many or large ones
 * become one pack. Small objects wait in memory until that is decided.
 */

import { join } from 'node:path';
import { BatchClosedError } from '../../../errors.ts';
import { hashObject, type ObjectId, type ObjectType } from '../../../git/objectId.ts';
import type { DeflatePool } from '../../../zlib/deflatePool.ts';
import { readFully, removeIfThere, temporaryName, writeFully } from '../../disk/durable.ts';
import { closeSync, openSync } from '../../disk/fs.ts';
import { PackWriter, sizeMismatch } from '../../packs/packWriter.ts';
import type { Durability, ObjectWriter } from '../../storage.ts';
import { LooseListings, loosePath } from '../loose/loose.ts';
import { type NewObject, writeLoose } from '../loose/looseWriter.ts';
import type { Settled } from './settled.ts';

/** Git's default for loose objects: half the time of level 6 for a tenth more bytes. */
export const DEFAULT_LEVEL = 1;
/** Write a pack for more objects than this, or for more bytes. */
const MAX_LOOSE_OBJECTS = 100;
const MAX_LOOSE_BYTES = 16 << 20;
/** Read streams of at most this many bytes into memory as whole objects. */
const SMALL_STREAM = 1 << 20;

/** How objects are written. */
export interface WriterOptions {
  readonly durability: Durability;
  /** zlib level, 0 to 9; default `DEFAULT_LEVEL`. */
  readonly compression?: number | undefined;
}

import { whileWritable } from '../../disk/readOnly.ts';

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
  readonly settled: Settled;
  packAdded(name: string): void;
  /** Called when the session has opened a file, which it keeps open until it `isOver`. */
  packOpened(): void;
  isOver(): void;
}

export class BareObjectWriter implements ObjectWriter {
  readonly #context: WriterContext;
  readonly #level: number;
  readonly #known = new Set<ObjectId>();
  #small: NewObject[] = [];
  #smallBytes = 0;
  #pack: PackWriter | undefined;
  #spilled = false;
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
  #over = false;
  /** Queue of users of the pack: a stream needs it exclusively. */
  #line: Promise<unknown> = Promise.resolve();

  constructor(context: WriterContext) {
    this.#context = context;
    this.#level = context.options.compression ?? DEFAULT_LEVEL;
  }

  get hasIdleThreads(): boolean {
    return this.#pack?.hasIdleThreads ?? true;
  }

  async write(type: ObjectType, body: Uint8Array): Promise<ObjectId> {
    this.#checkOpen();
    const id = hashObject(type, body);
    if (this.#known.has(id)) return id;
    const isThere = !this.#isSurelyNew(type) && this.#holds(id);
    this.#known.add(id);
    if (type !== 'blob') this.#leads = true;
    if (isThere) {
      if (type !== 'blob') this.#reliedLeads.push(id);
      return id;
    }
    if (type === 'commit' || type === 'tag') this.#written.push(id);
    this.#brings = true;
    if (this.#spilled) {
      await this.#inLine(() => this.#packWriter().add(id, type, body));
      return id;
    }
    this.#small.push({ id, type, body });
    this.#smallBytes += body.length;
    if (this.#small.length > MAX_LOOSE_OBJECTS || this.#smallBytes > MAX_LOOSE_BYTES) {
      await this.#inLine(() => this.#spill());
    }
    return id;
  }

  async writeStream(source: AsyncIterable<Uint8Array>, size?: number): Promise<ObjectId> {
    this.#checkOpen();
    if (size === undefined) return this.#spool(source);
    if (size <= SMALL_STREAM) return this.write('blob', await collect(source, size));
    return this.#inLine(() =>
      this.#packWriter().addStream(source, size, (id) => {
        if (this.#known.has(id)) return false;
        const isNew = !this.#holds(id);
        this.#known.add(id);
        return isNew;
      }),
    );
  }

  async finish(outside?: Iterable<ObjectId>): Promise<void> {
    this.#checkOpen();
    this.#over = true;
    try {
      await this.#line;
      const name = await this.#pack?.finish();
      const { settled, objectsDir } = this.#context;
      if (name !== undefined) this.#context.packAdded(name);
      const { durability } = this.#context.options;
      if (!this.#spilled && this.#small.length > 0) {
        await writeLoose(objectsDir, this.#small, this.#level, durability);
      }
      if (durability === 'full') {
        if (name !== undefined) settled.add(`${objectsDir}/pack/${name}`);
        if (!this.#spilled)
          for (const { id } of this.#small) settled.add(loosePath(objectsDir, id));
        if (this.#relied.size > 0) await settled.settle(this.#relied);
        if (this.#leads) await this.#complete(outside);
        else if (this.#known.size <= MAX_LOOSE_OBJECTS) {
          for (const id of this.#known) settled.addComplete(id);
        }
      }
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

  /**
   * Whether to skip the lookup. A commit holds its time, and the few trees after a new object refer to it:
   * they almost never exist, and if they do, the same bytes are written again.
   */
  #isSurelyNew(type: ObjectType): boolean {
    return type === 'commit' || (type === 'tree' && this.#brings && !this.#spilled);
  }

  /** A session of many objects uses listings, and stores twice what others store meanwhile. */
  #holds(id: ObjectId): boolean {
    const file = this.#context.holds(id, this.#spilled ? this.#listings : undefined);
    if (file !== undefined && this.#context.options.durability === 'full') this.#relied.add(file);
    return file !== undefined;
  }

  /** Makes everything that the session's objects refer to complete, and so the objects themselves. */
  async #complete(outside: Iterable<ObjectId> | undefined): Promise<void> {
    const { settled } = this.#context;
    if (outside === undefined) await settled.complete(undefined);
    else {
      const ids = [...this.#reliedLeads];
      for (const id of outside) if (!this.#known.has(id)) ids.push(id);
      await settled.complete(ids);
    }
    for (const id of this.#written) settled.addComplete(id);
  }

  #drop(): void {
    this.#context.isOver();
    this.#pack = undefined;
    this.#small = [];
    this.#known.clear();
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
    // If no pack can be created, they stay queued.
    const pack = this.#packWriter();
    this.#spilled = true;
    const objects = this.#small;
    this.#small = [];
    for (const { id, type, body } of objects) await pack.add(id, type, body);
  }

  #packWriter(): PackWriter {
    const { objectsDir, options, pool } = this.#context;
    if (this.#pack === undefined) this.#context.packOpened();
    this.#pack ??= new PackWriter({
      packDir: join(objectsDir, 'pack'),
      level: this.#level,
      durability: options.durability,
      pool,
    });
    return this.#pack;
  }

  /** Spools a stream of unknown size to a temporary file, because an id covers the size first. */
  async #spool(source: AsyncIterable<Uint8Array>): Promise<ObjectId> {
    const held: Uint8Array[] = [];
    let size = 0;
    const chunks = source[Symbol.asyncIterator]();
    let next = await chunks.next();
    while (!next.done && size + next.value.length <= SMALL_STREAM) {
      // Copy: the source may reuse its buffer.
      held.push(Uint8Array.from(next.value));
      size += next.value.length;
      next = await chunks.next();
    }
    if (next.done) return this.write('blob', Buffer.concat(held, size));

    const file = join(this.#context.objectsDir, 'pack', temporaryName('tmp_obj_'));
    const fd = whileWritable(file, () => openSync(file, 'wx+', 0o600));
    try {
      for (const chunk of held) writeFully(fd, chunk);
      for (; !next.done; next = await chunks.next()) {
        writeFully(fd, next.value);
        size += next.value.length;
      }
      return await this.writeStream(readAll(fd, size), size);
    } finally {
      await chunks.return?.();
      closeSync(fd);
      removeIfThere(file);
    }
  }
}

async function collect(source: AsyncIterable<Uint8Array>, size: number): Promise<Uint8Array> {
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

async function* readAll(fd: number, size: number): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.allocUnsafe(Math.min(1 << 20, size));
  for (let at = 0; at < size; ) {
    const got = await readFully(fd, chunk, Math.min(chunk.length, size - at), at);
    if (got === 0) return;
    yield chunk.subarray(0, got);
    at += got;
  }
}
