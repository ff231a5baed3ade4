/**
 * The objects of a store in a bucket: those inside `head`, and those in packs, of which this machine has
 * partial copies. Includes what this handle has written before any head lists it.
 */

import { basename } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../../git/objectId.ts';
import type { IdSet } from '../../../git/objectSet.ts';
import { DeflatePool } from '../../../zlib/deflatePool.ts';
import { rmSync } from '../../disk/fs.ts';
import { missingObject } from '../../missingObject.ts';
import { Pace } from '../../pace.ts';
import { within } from '../../packs/checkedStream.ts';
import { corrupt, isSystemError, verified } from '../../packs/objectFaults.ts';
import { readMany } from '../../packs/reading/bulkRead.ts';
import { MissingBytesError } from '../../packs/reading/holes.ts';
import { InflatePool } from '../../packs/reading/inflatePool.ts';
import { LARGE_OBJECT } from '../../packs/reading/packFile.ts';
import { readProvenPacked, tryReadPacked } from '../../packs/reading/readPacked.ts';
import { FileSpool } from '../../packs/writing/fileSpool.ts';
import type {
  ByteRange,
  ExportPackOptions,
  GitObject,
  ImportedPack,
  ImportOptions,
  ObjectHeader,
  ObjectStore,
  ObjectWriter,
  ReadAhead,
  TryReadOptions,
} from '../../storage.ts';
import { INDEX_ENTRY_BYTES } from '../../storageUpkeep.ts';
import type { OpenPack } from '../cache/diskShelf.ts';
import { openRecent } from '../commit/linksOf.ts';
import { BucketObjectWriter, DEFAULT_LEVEL } from './bucketWriter.ts';
import { ObjectPlaces, type Place, type PlacesContext } from './objectPlaces.ts';
import { streamEntry } from './objectStream.ts';
import { expected, prefetched } from './prefetch.ts';

const EMPTY_TREE: GitObject = { type: 'tree', body: Buffer.alloc(0) };
const CHUNK = 1 << 20;
/** Longest chain of deltas with bases in other packs. A longer one is a cycle. */
const MAX_OUTSIDE_BASES = 64;

export interface BucketObjectsContext extends PlacesContext {
  readonly level?: number | undefined;
}

export class BucketObjects implements ObjectStore {
  readonly #context: BucketObjectsContext;
  #deflatePool: DeflatePool | undefined;
  #inflatePool: InflatePool | undefined;
  readonly #places: ObjectPlaces;
  /** Reads under way. */
  #reading = 0;

  constructor(context: BucketObjectsContext) {
    this.#context = context;
    this.#places = new ObjectPlaces(context);
  }

  async header(id: ObjectId): Promise<ObjectHeader | undefined> {
    const found = await this.#places.search<ObjectHeader>(id, {
      small: ({ type, size }) => ({ type, size }),
      packed: ({ file, offset }) => file.header(offset, this.#findBase(0)),
    });
    return found ?? (id === EMPTY_TREE_ID ? { type: 'tree', size: 0 } : undefined);
  }

  async read(id: ObjectId): Promise<GitObject | undefined> {
    this.#reading++;
    try {
      return await this.#read(id, 0);
    } finally {
      this.#reading--;
    }
  }

  async #read(id: ObjectId, depth: number): Promise<GitObject | undefined> {
    const found = await this.#places.search<GitObject>(id, {
      small: (object) => verified(id, openRecent(object)),
      packed: async ({ file, offset, crc }) =>
        (await readProvenPacked(file, offset, crc, this.#reading < 2)) ??
        verified(id, await file.read(offset, this.#findBase(depth))),
    });
    return found ?? (id === EMPTY_TREE_ID ? EMPTY_TREE : undefined);
  }

  tryRead(id: ObjectId, options: TryReadOptions = {}): GitObject | undefined {
    try {
      const small = this.#places.small(id);
      if (small !== undefined) {
        const isLarge = small.size > (options.limit ?? LARGE_OBJECT);
        return isLarge ? undefined : verified(id, openRecent(small));
      }
      const place = this.#places.find(id);
      return place && tryReadPacked(id, place.file, place.offset, place.crc, options);
    } catch (error) {
      // `read` reports the reason.
      if (error instanceof MissingBytesError || error instanceof CorruptObjectError)
        return undefined;
      if (isSystemError(error)) return undefined;
      throw error;
    }
  }

  async readStream(
    id: ObjectId,
    range: ByteRange = {},
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const header = await this.header(id);
    if (header === undefined) return undefined;
    if (header.size <= LARGE_OBJECT) return this.#streamSmall(id, range);
    return this.#streamLarge(id, header, range);
  }

  expect(ids: readonly ObjectId[]): Promise<() => void> {
    return expected(ids, {
      know: () => this.#places.know(),
      find: (id) => this.#places.find(id),
    });
  }

  readMany(
    ids: AsyncIterable<readonly ObjectId[]>,
  ): AsyncIterable<readonly (ReadAhead | undefined)[]> {
    const groups = prefetched(ids, {
      know: () => this.#places.know(),
      find: (id) => this.#places.find(id),
    });
    return readMany(groups, {
      findPacked: (id) => {
        const place = this.#places.find(id);
        return place && { pack: place.file, offset: place.offset, crc: place.crc };
      },
      header: (id) => this.header(id),
      read: (id) => this.read(id),
      tryRead: (id) => this.tryRead(id),
      pool: () => {
        this.#inflatePool ??= new InflatePool();
        return this.#inflatePool;
      },
    });
  }

  async has(id: ObjectId): Promise<boolean> {
    if (id === EMPTY_TREE_ID) return true;
    return (await this.#places.search(id, { small: () => true, packed: () => true })) ?? false;
  }

  /** Bytes that these objects take in packs, with their share of the index, or in the head. */
  async storedBytes(ids: Iterable<ObjectId>): Promise<number> {
    await this.#places.know();
    let bytes = 0;
    for (const id of ids) {
      const place = this.#places.find(id);
      if (place === undefined) {
        bytes += this.#places.small(id)?.data.length ?? 0;
      } else {
        bytes += place.file.order.endOf(place.offset) - place.offset + INDEX_ENTRY_BYTES;
      }
    }
    return bytes;
  }

  async resolve(prefix: string, limit = 2): Promise<ObjectId[]> {
    const head = await this.#context.keeper.refresh();
    await this.#places.know();
    const found = new Set<ObjectId>();
    for (const { id } of [...head.recent, ...this.#context.outbox.allRecent()]) {
      if (id.startsWith(prefix)) found.add(id);
    }
    for (const { file } of this.#places.openPacks()) {
      for (const id of file.index.findPrefix(prefix, limit)) found.add(id);
    }
    return [...found].sort().slice(0, limit);
  }

  async *exportPack(objects: IdSet, options: ExportPackOptions = {}): AsyncGenerator<Uint8Array> {
    await this.#places.know();
    const open = [...this.#places.openPacks()];
    if (!(await isAllHere(open, objects.count, options.signal))) {
      const known = { know: async () => {}, find: (id: ObjectId) => this.#places.find(id) };
      for await (const _ of prefetched(one(Array.from(objects)), known)) void _;
    }
    const { exportPack } = await import('../../bare/objects/packExport.ts');
    const packs = open.map(({ file }) => file);
    const directory = {
      path: this.#context.shelf.folder.file('no-loose-objects'),
      packs: { usable: () => each(packs), forget: () => {} },
    };
    yield* exportPack(objects, options, {
      level: this.#context.level ?? DEFAULT_LEVEL,
      directories: () => [directory],
      rescan: () => false,
      store: this,
    });
  }

  writer(): ObjectWriter {
    this.#deflatePool ??= new DeflatePool();
    const { outbox, keeper, shelf, level = DEFAULT_LEVEL } = this.#context;
    // Existing objects are those of the head known now, or of one read later.
    let generation = keeper.known?.generation;
    return new BucketObjectWriter({
      shelf,
      level,
      pool: this.#deflatePool,
      holds: (id) => {
        generation ??= keeper.known?.generation;
        return this.#places.holds(id);
      },
      know: () => this.#places.know(),
      finish: async (recent, staged) => {
        const head = await keeper.current();
        await outbox.add(head, generation ?? head.generation, recent, staged);
      },
    });
  }

  async importPack(
    source: AsyncIterable<Uint8Array>,
    options: ImportOptions = {},
  ): Promise<ImportedPack> {
    const [{ PackImporter }, { Incoming }, { keepPack }] = await Promise.all([
      import('../../packs/import/packImporter.ts'),
      import('../../packs/import/incoming.ts'),
      import('../../bare/objects/packImport.ts'),
    ]);
    const { shelf, keeper, outbox, level } = this.#context;
    const start = await keeper.current();
    const folder = shelf.folder.newFolder();
    const spool = new FileSpool(() => folder);
    try {
      const pack = new PackImporter(source, spool, (id) => this.read(id), options);
      await pack.run();
      await options.check?.(new Incoming(pack, this));
      options.signal?.throwIfAborted();
      if (pack.count > 0) {
        const place = { packDir: folder, durability: 'fast', compression: level } as const;
        const name = await keepPack(pack, spool, place);
        const staged = shelf.staged(folder, basename(name, '.pack'));
        await outbox.add(await keeper.current(), start.generation, [], staged);
      }
      return { count: pack.count, bytes: pack.size };
    } finally {
      spool.discard();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#deflatePool?.close(), this.#inflatePool?.close()]);
    this.#deflatePool = undefined;
    this.#inflatePool = undefined;
  }

  async *#streamSmall(id: ObjectId, range: ByteRange): AsyncGenerator<Uint8Array> {
    const object = await this.#read(id, 0);
    if (object === undefined) throw missingObject(this as ObjectStore, id);
    const { from, to } = within(range, object.body.length);
    for (let at = from; at < to; at += CHUNK) {
      yield object.body.subarray(at, Math.min(to, at + CHUNK));
    }
  }

  async *#streamLarge(
    id: ObjectId,
    header: ObjectHeader,
    range: ByteRange,
  ): AsyncGenerator<Uint8Array> {
    const place = await this.#places.search<Place & { isWhole: boolean }>(id, {
      small: () => {
        throw corrupt(id, 'it has several sizes');
      },
      packed: (found) => ({ ...found, isWhole: found.file.whole(found.offset) !== undefined }),
    });
    // A delta must be applied in memory anyway.
    if (place?.isWhole !== true) return yield* this.#streamSmall(id, range);
    yield* streamEntry(id, header, place, range);
  }

  #findBase(depth: number) {
    return (id: ObjectId): Promise<GitObject | undefined> => {
      if (depth >= MAX_OUTSIDE_BASES) throw corrupt(id, 'delta chain without end');
      return this.#read(id, depth + 1);
    };
  }
}

/**
 * Whether the local copies of all packs are complete. Verifies all bytes that were not read before. So it
 * returns false at once if only a small part of the objects is needed.
 */
async function isAllHere(
  packs: readonly OpenPack[],
  needed: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const all = packs.reduce((sum, { entry }) => sum + entry.count, 0);
  if (needed * 2 < all) return false;
  const pace = new Pace(signal);
  for (const { entry, holes } of packs) {
    if (!(await holes.hasLong(0, entry.size, pace))) return false;
  }
  return true;
}

function* each<T>(items: readonly T[]): Generator<T> {
  yield* items;
}

async function* one<T>(group: T): AsyncGenerator<T> {
  yield group;
}
