/**
 * The object store of a bare repository. An object may be in several places (objectPlaces.ts). A whole read
 * verifies the copy, and skips a bad one when a good one exists.
 */

import { join } from 'node:path';
import { CorruptObjectError, GitStoreError } from '../../../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../../git/objectId.ts';
import type { IdSet } from '../../../git/objectSet.ts';
import { DeflatePool } from '../../../zlib/deflatePool.ts';
import { closeSync } from '../../disk/fs.ts';
import { checkOwner } from '../../disk/ownership.ts';
import { missingObject } from '../../missingObject.ts';
import { within } from '../../packs/checkedStream.ts';
import { corrupt, isSystemError, verified } from '../../packs/objectFaults.ts';
import { readMany } from '../../packs/reading/bulkRead.ts';
import { InflatePool } from '../../packs/reading/inflatePool.ts';
import { LARGE_OBJECT } from '../../packs/reading/packFile.ts';
import { readProvenPacked, tryReadPacked } from '../../packs/reading/readPacked.ts';
import type {
  ByteRange,
  ExportPackOptions,
  GitObject,
  ImportedPack,
  ImportOptions,
  ObjectHeader,
  ObjectStore,
  ObjectWriter,
  Promisor,
  ReadAhead,
  TryReadOptions,
} from '../../storage.ts';
import { INDEX_ENTRY_BYTES } from '../../storageUpkeep.ts';
import { listLoose, looseBytes, openLoose, readOpenLoose, tryReadLoose } from '../loose/loose.ts';
import { promisorOf } from '../partialClone.ts';
import { BareHistory } from './bareHistory.ts';
import type { ObjectDirectory } from './objectDirectories.ts';
import { ObjectPlaces } from './objectPlaces.ts';
import { openRegion, streamRegion } from './objectStream.ts';
import { BareObjectWriter, DEFAULT_LEVEL, type WriterOptions } from './objectWriter.ts';
import { exportPack } from './packExport.ts';
import { Settled } from './settled.ts';

const EMPTY_TREE: GitObject = { type: 'tree', body: Buffer.alloc(0) };
const EMPTY_TREE_HEADER: ObjectHeader = { type: 'tree', size: 0 };
/** Longest chain of deltas with bases in other packs. A longer one is a cycle. */
const MAX_OUTSIDE_BASES = 64;
const CHUNK = 1 << 20;
/** Bytes up to which a loose object is read whole for its header. */
const SMALL_OBJECT = 64 << 10;

/**
 * Packed objects to read whole for their type and size. Beyond that a table of where all entries end is
 * built; in a large pack it costs more than a few reads.
 */
const HEADERS_TO_READ = 256;

export class BareObjects implements ObjectStore {
  readonly options: WriterOptions;
  readonly #gitDir: string;
  readonly #objectsDir: string;
  readonly #places: ObjectPlaces;
  readonly #settled: Settled;
  /** Undefined where it is not recorded what is on stable storage. */
  readonly #touchPack: ((path: string) => void) | undefined;
  #pool: DeflatePool | undefined;
  #inflatePool: InflatePool | undefined;
  /** Writing sessions and streams that keep a file open. */
  readonly #sessions = new Set<BareObjectWriter>();
  readonly #streams = new Set<AsyncGenerator<Uint8Array>>();
  readonly history: BareHistory;
  /** Number of running calls of `read`. */
  #reading = 0;
  #headersRead = 0;
  /** The last object that `header` has read whole: often it is read next. */
  #seen: { readonly id: ObjectId; readonly object: GitObject } | undefined;

  constructor(gitDir: string, options: WriterOptions) {
    this.#gitDir = gitDir;
    this.#objectsDir = join(gitDir, 'objects');
    this.#places = new ObjectPlaces(this.#objectsDir);
    this.#settled = new Settled(gitDir, this.#objectsDir, () =>
      this.#places
        .open()
        .slice(1)
        .map(({ path }) => path),
    );
    if (options.durability === 'full') this.#touchPack = (path) => this.#settled.touchPack(path);
    this.history = new BareHistory(this.#places, join(gitDir, 'shallow'));
    this.options = options;
  }

  /** Read on demand, when an object is missing. */
  get promisor(): Promisor | undefined {
    const remote = promisorOf(this.#gitDir);
    return remote === undefined ? undefined : { remote, location: this.#gitDir };
  }

  async header(id: ObjectId): Promise<ObjectHeader | undefined> {
    return this.#places.search<ObjectHeader>(id, {
      emptyTree: EMPTY_TREE_HEADER,
      packed: async ({ pack, offset }) => {
        const findBase = this.#findBase(0);
        try {
          const object = this.#headersRead < HEADERS_TO_READ ? pack.tryRead(offset) : undefined;
          if (object !== undefined) {
            this.#headersRead++;
            return this.#headerOf(id, verified(id, object));
          }
          return await pack.provenHeader(id, offset, findBase);
        } catch (error) {
          if (!(error instanceof CorruptObjectError)) throw error;
          // Possibly only the checksum is damaged.
          return this.#headerOf(id, verified(id, await pack.read(offset, findBase)));
        }
      },
      loose: async (directory) => {
        const open = openLoose(directory, id);
        if (open === undefined) return undefined;
        try {
          // The header of a small one is verified, because the whole object was read anyway.
          if (open.size > SMALL_OBJECT) return { type: open.type, size: open.size };
          return this.#headerOf(id, verified(id, await readOpenLoose(open)));
        } finally {
          closeSync(open.fd);
        }
      },
    });
  }

  #headerOf(id: ObjectId, object: GitObject): ObjectHeader {
    if (object.body.length <= SMALL_OBJECT) this.#seen = { id, object };
    return { type: object.type, size: object.body.length };
  }

  async read(id: ObjectId): Promise<GitObject | undefined> {
    this.#reading++;
    try {
      return await this.#read(id, 0);
    } finally {
      this.#reading--;
    }
  }

  tryRead(id: ObjectId, options: TryReadOptions = {}): GitObject | undefined {
    if (this.#seen?.id === id) {
      const { object } = this.#seen;
      this.#seen = undefined;
      return object;
    }
    return this.#tryInEach(({ path, packs }) => {
      const place = packs.findFirst(id);
      if (place === undefined) return tryReadLoose(path, id, options.limit ?? LARGE_OBJECT);
      return tryReadPacked(id, place.pack, place.offset, place.crc, options);
    });
  }

  async readStream(
    id: ObjectId,
    range: ByteRange = {},
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const likely = await this.#likelyHeader(id);
    if (likely === undefined) return undefined;
    if (likely.size <= LARGE_OBJECT) return this.#streamSmall(id, range);
    const header = await this.header(id);
    if (header === undefined) throw missingObject(this, id);
    return this.#stream(id, header, range);
  }

  readMany(
    ids: AsyncIterable<readonly ObjectId[]>,
  ): AsyncIterable<readonly (ReadAhead | undefined)[]> {
    return readMany(ids, {
      findPacked: (id) => this.#places.findFirst(id),
      header: (id) => this.header(id),
      read: (id) => this.read(id),
      tryRead: (id) => this.tryRead(id),
      pool: () => {
        this.#places.assertOpen();
        this.#inflatePool ??= new InflatePool();
        return this.#inflatePool;
      },
    });
  }

  async has(id: ObjectId): Promise<boolean> {
    if (id === EMPTY_TREE_ID || this.#places.hasNow(id)) return true;
    return (this.#places.rescan() || this.#places.checkIndexes()) && this.#places.hasNow(id);
  }

  /** Bytes that these objects take in packs, with their share of the index, or as loose files. */
  storedBytes(ids: Iterable<ObjectId>): number {
    let bytes = 0;
    for (const id of ids) {
      bytes +=
        this.#tryInEach(({ path, packs }) => {
          const place = packs.findFirst(id);
          if (place === undefined) return looseBytes(path, id);
          const { pack, offset } = place;
          return pack.order.endOf(offset) - offset + INDEX_ENTRY_BYTES;
        }) ?? 0;
    }
    return bytes;
  }

  async resolve(prefix: string, limit = 2): Promise<ObjectId[]> {
    this.#places.rescan();
    const found = new Set<ObjectId>();
    for (const { path, packs } of this.#places.open()) {
      for (const id of listLoose(path, prefix.slice(0, 2))) {
        if (id.startsWith(prefix)) found.add(id);
      }
      packs.findPrefix(prefix, found, limit);
    }
    return [...found].sort().slice(0, limit);
  }

  /** The first answer of a directory; undefined when one fails: `read` reports the reason. */
  #tryInEach<T>(ask: (directory: ObjectDirectory) => T | undefined): T | undefined {
    try {
      for (const directory of this.#places.open()) {
        const answer = ask(directory);
        if (answer !== undefined) return answer;
      }
    } catch (error) {
      if (!(error instanceof CorruptObjectError) && !isSystemError(error)) throw error;
    }
    return undefined;
  }

  exportPack(objects: IdSet, options: ExportPackOptions = {}): AsyncIterable<Uint8Array> {
    return exportPack(objects, options, {
      level: this.options.compression ?? DEFAULT_LEVEL,
      directories: () => this.#places.open(),
      rescan: () => this.#places.rescan(),
      store: this,
    });
  }

  writer(): ObjectWriter {
    checkOwner(this.#gitDir);
    this.#places.assertOpen();
    this.#pool ??= new DeflatePool();
    const objectsDir = this.#objectsDir;
    const session: BareObjectWriter = new BareObjectWriter({
      objectsDir,
      options: this.options,
      pool: this.#pool,
      holds: (id, listings) => this.#places.holds(id, listings, this.#touchPack),
      objects: this,
      packAdded: (name) => this.#places.packAdded(name),
      settled: this.#settled,
      packOpened: () => this.#sessions.add(session),
      isOver: () => this.#sessions.delete(session),
    });
    return session;
  }

  async importPack(
    source: AsyncIterable<Uint8Array>,
    options: ImportOptions = {},
  ): Promise<ImportedPack> {
    checkOwner(this.#gitDir);
    // Loaded on first use: most programs import no packs.
    const { importPack } = await import('./packImport.ts');
    const target = {
      objectsDir: this.#objectsDir,
      options: this.options,
      store: this,
      holds: (id: ObjectId) => this.#places.holds(id, undefined, this.#touchPack),
      packAdded: (name: string) => this.#places.packAdded(name),
      settled: this.#settled,
    };
    return importPack(target, source, options);
  }

  /** Flushes objects that refs are about to move to, with everything reachable from them. */
  async complete(ids: readonly ObjectId[]): Promise<void> {
    await this.#settled.complete(ids);
  }

  /** Records that refs have moved to these complete objects. */
  handOn(ids: readonly ObjectId[]): void {
    this.#settled.handOn(ids);
  }

  async close(): Promise<void> {
    this.#places.close();
    for (const session of this.#sessions) void session.abort();
    for (const stream of this.#streams) void stream.return(undefined);
    this.#streams.clear();
    this.#seen = undefined;
    await Promise.all([this.#pool?.close(), this.#inflatePool?.close()]);
    this.#pool = undefined;
    this.#inflatePool = undefined;
  }

  async #read(id: ObjectId, depth: number): Promise<GitObject | undefined> {
    return this.#places.search<GitObject>(id, {
      emptyTree: EMPTY_TREE,
      packed: async ({ pack, offset, crc }) => {
        const proven = await readProvenPacked(pack, offset, crc, this.#reading < 2);
        if (proven !== undefined) return proven;
        const header = pack.whole(offset);
        if (header !== undefined && header.size > LARGE_OBJECT) return this.#readLarge(id, header);
        return verified(id, await pack.read(offset, this.#findBase(depth)));
      },
      loose: async (directory) => {
        const open = openLoose(directory, id);
        if (open === undefined) return undefined;
        try {
          if (open.size > LARGE_OBJECT) return await this.#readLarge(id, open);
          return verified(id, await readOpenLoose(open));
        } finally {
          closeSync(open.fd);
        }
      },
    });
  }

  async #readLarge(id: ObjectId, header: ObjectHeader): Promise<GitObject> {
    let body: Buffer;
    try {
      body = Buffer.allocUnsafeSlow(header.size);
    } catch (cause) {
      // Throws when the size is wrong.
      await this.header(id);
      const message = `object ${id} has ${header.size} bytes, too many for memory: read it as a stream`;
      throw new GitStoreError(message, 'EFBIG', { cause });
    }
    let at = 0;
    for await (const chunk of this.#stream(id, header, {})) {
      body.set(chunk, at);
      at += chunk.length;
    }
    return { type: header.type, body, own: true };
  }

  async *#stream(id: ObjectId, header: ObjectHeader, range: ByteRange): AsyncGenerator<Uint8Array> {
    const open = await openRegion(this.#places, id);
    // A delta must be applied in memory anyway.
    if (open === undefined) return yield* this.#streamSmall(id, range);
    const data = streamRegion(id, header, open, range);
    this.#streams.add(data);
    let isWhole = false;
    try {
      yield* data;
    } finally {
      isWhole = this.#streams.delete(data);
    }
    // `close` has ended it.
    if (!isWhole) this.#places.assertOpen();
  }

  async *#streamSmall(id: ObjectId, range: ByteRange): AsyncGenerator<Uint8Array> {
    const object = await this.#read(id, 0);
    if (object === undefined) throw missingObject(this, id);
    const { from, to } = within(range, object.body.length);
    for (let at = from; at < to; at += CHUNK) {
      yield object.body.subarray(at, Math.min(to, at + CHUNK));
    }
  }

  /** As `header`, without verifying the entry's header. */
  #likelyHeader(id: ObjectId): Promise<ObjectHeader | undefined> {
    return this.#places.search<ObjectHeader>(id, {
      emptyTree: EMPTY_TREE_HEADER,
      packed: ({ pack, offset }) => pack.header(offset, this.#findBase(0)),
      loose: (directory) => {
        const open = openLoose(directory, id);
        if (open !== undefined) closeSync(open.fd);
        return open;
      },
    });
  }

  #findBase(depth: number) {
    return (id: ObjectId): Promise<GitObject | undefined> => {
      if (depth >= MAX_OUTSIDE_BASES) throw corrupt(id, 'delta chain without end');
      return this.#read(id, depth + 1);
    };
  }
}
