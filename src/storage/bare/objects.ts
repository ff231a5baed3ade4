/**
 * The object store of a bare repository: its `objects` directory and those of its *alternates*
 * (gitrepository-layout(5)), each with loose objects and packs.
 *
 * An object may be in several places. Each copy is checked when it is read whole; a bad copy is
 * passed over where a good one exists.
 */
import { closeSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { CorruptObjectError, GitStoreError } from '../../errors.ts';
import {
  EMPTY_TREE_ID,
  hashObject,
  type ObjectId,
  type ObjectType,
  startObjectHash,
} from '../../git/objectId.ts';
import type { IdSet } from '../../git/objectSet.ts';
import type { CommitGraph, EntryProbe, ReachRecord } from '../shortcuts.ts';
import type {
  BodyRoom,
  ByteRange,
  ExportPackOptions,
  GitObject,
  ImportedPack,
  ImportOptions,
  ObjectHeader,
  ObjectStore,
  ObjectWriter,
  ReadAhead,
} from '../storage.ts';
import { readMany } from './bulkRead.ts';
import { openCommitGraph } from './commitGraphFiles.ts';
import { DeflatePool } from './deflatePool.ts';
import { isErrno } from './durable.ts';
import { InflatePool } from './inflatePool.ts';
import {
  freshen,
  hasLoose,
  type LooseListings,
  listLoose,
  loosePath,
  looseRegion,
  openLoose,
  readLooseNow,
  readOpenLoose,
} from './loose.ts';
import { type ObjectDirectory, openWithAlternates } from './objectDirectories.ts';
import { BareObjectWriter, DEFAULT_LEVEL, type WriterOptions } from './objectWriter.ts';
import type { PackedObject } from './packDirectory.ts';
import { exportPack } from './packExport.ts';
import { type CommitUser, PackedCommits } from './packedCommit.ts';
import { LARGE_OBJECT } from './packFile.ts';
import { ReadCache } from './readCache.ts';
import { ShallowFile } from './shallowFile.ts';
import { TreeProbe } from './treeProbe.ts';
import { streamZlib, type ZlibRegion } from './zlibFile.ts';

const EMPTY_TREE: GitObject = { type: 'tree', body: Buffer.alloc(0) };
const EMPTY_TREE_HEADER: ObjectHeader = { type: 'tree', size: 0 };
/** Deltas whose bases lie in other packs; more of them in a row is a loop. */
const MAX_OUTSIDE_BASES = 64;
const CHUNK = 1 << 20;
/** Bytes up to which a loose object is read whole for its header. */
const SMALL_OBJECT = 64 << 10;

/** Raw data of one object that is stored whole, ready to be streamed. */
interface OpenRegion extends ObjectHeader {
  readonly region: ZlibRegion;
  /** Bytes before the body. */
  readonly skip: number;
  release(): void;
}

/**
 * So many packed objects are read to learn their type and size. Without that it takes a table of
 * where all entries end, which in a large pack costs more than most programs ever ask for.
 */
const HEADERS_TO_READ = 256;

export class BareObjects implements ObjectStore {
  readonly options: WriterOptions;
  readonly #objectsDir: string;
  readonly #shallow: ShallowFile;
  readonly #cache = new ReadCache();
  #directories: ObjectDirectory[] | undefined;
  #pool: DeflatePool | undefined;
  #inflatePool: InflatePool | undefined;
  #commits: PackedCommits | undefined;
  #headersRead = 0;
  /** What `header` has read whole: often it is asked for next. */
  #seen: { readonly id: ObjectId; readonly object: GitObject } | undefined;
  /** Null: there is none. */
  #graph: CommitGraph | null | undefined;

  constructor(gitDir: string, options: WriterOptions) {
    this.#objectsDir = join(gitDir, 'objects');
    this.#shallow = new ShallowFile(join(gitDir, 'shallow'));
    this.options = options;
  }

  async header(id: ObjectId): Promise<ObjectHeader | undefined> {
    return this.#search<ObjectHeader>(id, {
      emptyTree: EMPTY_TREE_HEADER,
      packed: async ({ pack, offset }) => {
        const findBase = this.#findBase(0);
        try {
          const object = this.#headersRead < HEADERS_TO_READ ? pack.readNow(offset) : undefined;
          if (object !== undefined) {
            this.#headersRead++;
            return this.#headerOf(id, verified(id, object));
          }
          return await pack.provenHeader(id, offset, findBase);
        } catch (error) {
          if (!(error instanceof CorruptObjectError)) throw error;
          // Perhaps only the checksum is damaged.
          return this.#headerOf(id, verified(id, await pack.read(offset, findBase)));
        }
      },
      loose: async (directory) => {
        const open = openLoose(directory, id);
        if (open === undefined) return undefined;
        try {
          // What a small one says about itself is checked; it has been read anyway.
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

  read(id: ObjectId): Promise<GitObject | undefined> {
    const object = this.readAtOnce(id);
    return object === undefined ? this.#read(id, 0) : Promise.resolve(object);
  }

  /**
   * The object when it is small and where it is likeliest, which holds for nearly all of a packed
   * history.
   */
  readAtOnce(id: ObjectId, room?: BodyRoom): GitObject | undefined {
    if (this.#seen?.id === id) {
      const { object } = this.#seen;
      this.#seen = undefined;
      return object;
    }
    try {
      for (const { packs } of this.#open()) {
        const place = packs.findFirst(id);
        if (place === undefined) continue;
        const proven = place.pack.readProven(place.offset, place.crc, room);
        if (proven !== undefined) return proven;
        const object = place.pack.readNow(place.offset);
        if (object !== undefined) return verified(id, object);
      }
    } catch {
      // What is wrong, and whether the object is sound elsewhere, the thorough search finds out.
    }
    return undefined;
  }

  async readStream(
    id: ObjectId,
    range: ByteRange = {},
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const likely = await this.#likelyHeader(id);
    if (likely === undefined) return undefined;
    if (likely.size <= LARGE_OBJECT) return this.#streamSmall(id, range);
    const header = await this.header(id);
    if (header === undefined) throw missing(id);
    return this.#stream(id, header, range);
  }

  readMany(
    ids: AsyncIterable<readonly ObjectId[]>,
  ): AsyncIterable<readonly (ReadAhead | undefined)[]> {
    return readMany(ids, {
      findPacked: (id) => this.#findFirst(id),
      header: (id) => this.header(id),
      read: (id) => this.read(id),
      pool: () => {
        this.#inflatePool ??= new InflatePool();
        return this.#inflatePool;
      },
    });
  }

  async has(id: ObjectId): Promise<boolean> {
    if (id === EMPTY_TREE_ID || this.#hasNow(id)) return true;
    return (this.#rescan() || this.#checkIndexes()) && this.#hasNow(id);
  }

  async resolve(prefix: string, limit = 2): Promise<ObjectId[]> {
    this.#rescan();
    const found = new Set<ObjectId>();
    for (const { path, packs } of this.#open()) {
      for (const id of listLoose(path, prefix.slice(0, 2))) {
        if (id.startsWith(prefix)) found.add(id);
      }
      packs.findPrefix(prefix, found, limit);
    }
    return [...found].sort().slice(0, limit);
  }

  readNow(ids: Uint8Array, at: number): GitObject | undefined {
    for (const { path, packs } of this.#open()) {
      try {
        const object = packs.readNow(ids, at) ?? readLooseNow(path, ids, at);
        if (object !== undefined) return object;
      } catch (error) {
        // Gone meanwhile, or broken: `read` knows where else to look.
        if (error instanceof CorruptObjectError || isSystemError(error)) return undefined;
        throw error;
      }
    }
    return undefined;
  }

  reachOf(ids: Uint8Array, at: number): ReachRecord | undefined {
    for (const { packs } of this.#open()) {
      const reach = packs.reachOf(ids, at);
      if (reach !== undefined) return reach;
    }
    return undefined;
  }

  exportPack(objects: IdSet, options: ExportPackOptions = {}): AsyncIterable<Uint8Array> {
    return exportPack(objects, options, {
      level: this.options.compression ?? DEFAULT_LEVEL,
      directories: () => this.#open(),
      rescan: () => this.#rescan(),
      store: this,
    });
  }

  commitNow<T>(id: ObjectId, use: CommitUser<T>): T | undefined {
    try {
      this.#commits ??= new PackedCommits((wanted) => this.#findFirst(wanted));
      return this.#commits.use(id, use);
    } catch {
      // As in `readAtOnce`.
      return undefined;
    }
  }

  entryProbe(name: string): EntryProbe {
    const probe = new TreeProbe(name);
    return (tree) => {
      try {
        const place = this.#findFirst(tree);
        if (place !== undefined) return probe.look(place);
      } catch {
        // As in `readAtOnce`.
      }
      return undefined;
    };
  }

  shallow(): ReadonlySet<ObjectId> {
    return this.#shallow.read();
  }

  commitGraph(): CommitGraph | undefined {
    if (this.#graph === undefined) {
      // The commits at a shallow clone's end have parents that are not there, and a graph may be older.
      const isShallow = this.shallow().size > 0;
      const directories = this.#open().map(({ path }) => path);
      this.#graph = (isShallow ? undefined : openCommitGraph(directories)) ?? null;
    }
    return this.#graph ?? undefined;
  }

  writer(): ObjectWriter {
    this.#pool ??= new DeflatePool();
    const objectsDir = this.#objectsDir;
    return new BareObjectWriter({
      objectsDir,
      options: this.options,
      pool: this.#pool,
      holds: (id, listings) => this.#holds(id, listings),
      packAdded: (name) => this.#open()[0]?.packs.add(name),
    });
  }

  async importPack(
    source: AsyncIterable<Uint8Array>,
    options: ImportOptions = {},
  ): Promise<ImportedPack> {
    // Loaded when the first pack comes in: most programs take none.
    const { importPack } = await import('./packImport.ts');
    const target = {
      objectsDir: this.#objectsDir,
      options: this.options,
      store: this,
      holds: (id: ObjectId) => this.#holds(id, undefined),
      packAdded: (name: string) => this.#open()[0]?.packs.add(name),
    };
    return importPack(target, source, options);
  }

  async close(): Promise<void> {
    for (const { packs } of this.#directories ?? []) packs.close();
    this.#directories = undefined;
    this.#commits = undefined;
    this.#seen = undefined;
    await Promise.all([this.#pool?.close(), this.#inflatePool?.close()]);
    this.#pool = undefined;
    this.#inflatePool = undefined;
  }

  async #read(id: ObjectId, depth: number): Promise<GitObject | undefined> {
    return this.#search<GitObject>(id, {
      emptyTree: EMPTY_TREE,
      packed: async ({ pack, offset, crc }) => {
        const header = pack.whole(offset);
        if (header !== undefined && header.size > LARGE_OBJECT) {
          return (await pack.readProvenLarge(offset, crc)) ?? (await this.#readLarge(id, header));
        }
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
      // Unless the size is wrong.
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
    const open = await this.#openRegion(id);
    // A delta has to be built in memory anyway.
    if (open === undefined) return yield* this.#streamSmall(id, range);
    try {
      const { from, to } = within(range, header.size);
      const whole = from === 0 && to === header.size;
      const span = { from: open.skip + from, to: open.skip + to };
      const data = streamZlib(open.region, span);
      yield* whole ? checkedStream(id, header.type, header.size, data) : data;
    } catch (error) {
      if (error instanceof CorruptObjectError || isSystemError(error)) throw error;
      throw corrupt(id, 'its data does not inflate', error);
    } finally {
      open.release();
    }
  }

  async *#streamSmall(id: ObjectId, range: ByteRange): AsyncGenerator<Uint8Array> {
    const object = await this.#read(id, 0);
    if (object === undefined) throw missing(id);
    const { from, to } = within(range, object.body.length);
    for (let at = from; at < to; at += CHUNK) {
      yield object.body.subarray(at, Math.min(to, at + CHUNK));
    }
  }

  #openRegion(id: ObjectId): Promise<OpenRegion | undefined> {
    return this.#search<OpenRegion>(id, {
      packed: ({ pack, offset }) => {
        const whole = pack.whole(offset);
        if (whole === undefined) return undefined;
        const { type, size, fd, dataStart, dataEnd } = whole;
        const region = { fd, start: dataStart, end: dataEnd, size };
        return { type, size, region, skip: 0, release: pack.retain() };
      },
      loose: (directory) => {
        const open = openLoose(directory, id);
        if (open === undefined) return undefined;
        const { type, size, fd, headerLength } = open;
        const release = () => closeSync(fd);
        return { type, size, region: looseRegion(open), skip: headerLength, release };
      },
    });
  }

  /**
   * Tries every place where the object may be until one answers. When none does, looks which packs
   * there are by now and tries again: another process may have packed the object meanwhile. At last
   * the indexes have to prove that they are whole.
   */
  async #search<T>(id: ObjectId, ways: Ways<T>): Promise<T | undefined> {
    let fault: unknown;
    for (let round = 0; round < 4; round++) {
      for (const { path, packs } of this.#open()) {
        for (const place of packs.find(id)) {
          try {
            const found = await ways.packed(place);
            if (found !== undefined) return found;
          } catch (error) {
            if (isErrno(error, 'ENOENT')) packs.forget(place.pack);
            else if (error instanceof CorruptObjectError) fault ??= error;
            else throw error;
          }
        }
        try {
          const found = await ways.loose(path);
          if (found !== undefined) return found;
        } catch (error) {
          if (!(error instanceof CorruptObjectError)) throw error;
          fault ??= error;
        }
      }
      if (!this.#rescan() && round > 0 && !this.#checkIndexes()) break;
    }
    if (fault !== undefined) throw named(id, fault);
    if (id === EMPTY_TREE_ID && ways.emptyTree !== undefined) return ways.emptyTree;
    const broken = this.#open().flatMap(({ packs }) => packs.broken)[0];
    if (broken !== undefined) throw corrupt(id, `it may be in a pack that cannot be read`, broken);
    return undefined;
  }

  /** The likeliest place of an object in a pack. */
  #findFirst(id: ObjectId): PackedObject | undefined {
    for (const { packs } of this.#open()) {
      const place = packs.findFirst(id);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** As `header`, but what an entry says about itself is not proven. */
  #likelyHeader(id: ObjectId): Promise<ObjectHeader | undefined> {
    return this.#search<ObjectHeader>(id, {
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

  /** Whether the object is there, by what is known without looking for new packs. */
  #hasNow(id: ObjectId): boolean {
    for (const { path, packs } of this.#open()) {
      if (!packs.find(id).next().done || hasLoose(path, id)) return true;
    }
    return false;
  }

  /**
   * As `#hasNow`, for a writer that relies on the object from now on. A copy that is about to be
   * collected does not count: a collector that is quicker than the new time has taken it away, and in
   * a cruft pack it ages on.
   */
  #holds(id: ObjectId, listings: LooseListings | undefined): boolean {
    for (const { path, packs } of this.#open()) {
      for (const { pack } of packs.find(id)) {
        if (packs.isCruft(pack)) continue;
        packs.freshen(pack);
        if (existsSync(pack.path)) return true;
      }
      if (listings?.has(path, id) === false) continue;
      if (freshen(loosePath(path, id))) return true;
    }
    return false;
  }

  #rescan(): boolean {
    let changed = false;
    for (const { packs } of this.#open()) changed = packs.scan() || changed;
    return changed;
  }

  #checkIndexes(): boolean {
    let changed = false;
    for (const { packs } of this.#open()) changed = packs.checkIndexes() || changed;
    return changed;
  }

  #open(): ObjectDirectory[] {
    this.#directories ??= openWithAlternates(this.#objectsDir, this.#cache);
    return this.#directories;
  }
}

interface Ways<T> {
  packed(place: PackedObject): Promise<T | undefined> | T | undefined;
  loose(objectsDir: string): Promise<T | undefined> | T | undefined;
  /** The answer for the empty tree, which every repository has without storing it. */
  readonly emptyTree?: T;
}

function within(range: ByteRange, size: number): { from: number; to: number } {
  const from = Math.min(range.offset ?? 0, size);
  return { from, to: Math.min(size, from + (range.size ?? size)) };
}

function verified(id: ObjectId, object: GitObject): GitObject {
  if (hashObject(object.type, object.body) !== id) throw corrupt(id, 'its bytes have another id');
  return object;
}

/** Passes a whole body on and holds its last chunk back until the id is known to fit. */
async function* checkedStream(
  id: ObjectId,
  type: ObjectType,
  size: number,
  data: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = startObjectHash(type, size);
  let held: Uint8Array | undefined;
  for await (const chunk of data) {
    if (held !== undefined) yield held;
    hash.update(chunk);
    held = chunk;
  }
  if (hash.digest('hex') !== id) throw corrupt(id, 'its bytes have another id');
  if (held !== undefined) yield held;
}

function corrupt(id: ObjectId, what: string, cause?: unknown): CorruptObjectError {
  return new CorruptObjectError(`object ${id} is corrupt: ${what}`, { objectId: id, cause });
}

function missing(id: ObjectId): CorruptObjectError {
  return new CorruptObjectError(`object ${id} is missing`, { objectId: id });
}

/** Adds the object's id to an error about the pack it is in. */
function named(id: ObjectId, error: unknown): unknown {
  if (!(error instanceof CorruptObjectError) || error.objectId === id) return error;
  return new CorruptObjectError(`object ${id} is corrupt: ${error.message}`, {
    objectId: id,
    path: error.path,
    cause: error,
  });
}

function isSystemError(error: unknown): boolean {
  const { syscall } = (error ?? {}) as NodeJS.ErrnoException;
  return typeof syscall === 'string';
}
