/** The local copies of a store's packs: whole indexes, and packs as sparse files. */

import { join } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { PackIndex } from '../../../git/packs/packIndex.ts';
import { isErrno, readFully, readFullySync } from '../../disk/durable.ts';
import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from '../../disk/fs.ts';
import { verified } from '../../packs/objectFaults.ts';
import { fetching } from '../../packs/reading/holes.ts';
import { PackFile } from '../../packs/reading/packFile.ts';
import { ReadCache } from '../../packs/reading/readCache.ts';
import type { GitObject } from '../../storage.ts';
import type { UpkeepOptions } from '../../storageUpkeep.ts';
import type { Engine } from '../engine/engine.ts';
import type { PackEntry, RecentObject } from '../head/headRecord.ts';
import type { CacheFolder } from './cacheFolder.ts';
import { packOf } from './packBytes.ts';
import {
  type LinkedObject,
  PackGoneError,
  type Repacked,
  type RepackJob,
  type Shelf,
  type StagedPack,
} from './shelf.ts';
import { cacheName, SparsePack, wholeMap } from './sparsePack.ts';

/** Fetch a pack up to this size whole, with its index. */
const SMALL_PACK = 1 << 20;
/** Bytes at the end of a larger pack to fetch with the index: commits and trees of the last session. */
const TAIL = 256 << 10;

export interface OpenPack {
  readonly entry: PackEntry;
  readonly file: PackFile;
  readonly holes: SparsePack;
}

export class DiskShelf implements Shelf {
  readonly folder: CacheFolder;
  readonly cache = new ReadCache();
  readonly #engine: Engine;
  readonly #open = new Map<string, OpenPack>();
  readonly #opening = new Map<string, Promise<OpenPack>>();

  constructor(folder: CacheFolder, engine: Engine) {
    this.folder = folder;
    this.#engine = engine;
  }

  /** The pack, if its index is open. */
  opened(entry: PackEntry): OpenPack | undefined {
    return this.#open.get(entry.key);
  }

  /** The pack with its index. Fetches a missing index. @throws PackGoneError */
  open(entry: PackEntry): OpenPack | Promise<OpenPack> {
    const open = this.#open.get(entry.key);
    if (open !== undefined) return open;
    let opening = this.#opening.get(entry.key);
    if (opening === undefined) {
      opening = this.#openNow(entry).finally(() => this.#opening.delete(entry.key));
      this.#opening.set(entry.key, opening);
    }
    return opening;
  }

  async has(entry: PackEntry, id: ObjectId): Promise<boolean> {
    const { file } = await this.open(entry);
    return file.find(id) !== undefined;
  }

  async read(entry: PackEntry, id: ObjectId): Promise<GitObject | undefined> {
    const open = await this.open(entry);
    return this.using(open, async () => {
      const found = open.file.find(id);
      if (found === undefined) return undefined;
      return verified(id, await open.file.read(found.offset, async () => undefined));
    });
  }

  async *links(entry: PackEntry): AsyncGenerator<LinkedObject> {
    const open = await this.open(entry);
    yield* linkedObjects(open.file, (act) => this.using(open, act));
  }

  async stage(objects: readonly RecentObject[]): Promise<StagedPack> {
    const folder = this.folder.newFolder();
    const { pack, index } = packOf(objects);
    writeFileSync(join(folder, 'new.pack'), pack);
    writeFileSync(join(folder, 'new.idx'), index);
    return this.staged(folder, 'new');
  }

  /** A new pack and its index in a private folder. @param name without ending */
  staged(folder: string, name: string): StagedPack {
    return new DiskStagedPack(this, folder, join(folder, name));
  }

  async repack(job: RepackJob): Promise<Repacked> {
    const { repack } = await import('./repackOnDisk.ts');
    return repack(this, job);
  }

  async merge(packs: readonly PackEntry[], options: UpkeepOptions): Promise<StagedPack> {
    const { mergePacks } = await import('./repackOnDisk.ts');
    return mergePacks(this, packs, options);
  }

  /** Fetches a whole pack. The file stays open, and complete, while `use` runs. */
  async withWhole<T>(
    entry: PackEntry,
    use: (pack: PackFile, fd: number) => Promise<T>,
  ): Promise<T> {
    const { file, holes } = await this.open(entry);
    const letGo = file.retain();
    try {
      const fd = file.openFile();
      const STEP = 16 << 20;
      for (let at = 0; at < entry.size; at += STEP) {
        await holes.fetch(at, Math.min(entry.size, at + STEP));
      }
      return await use(file, fd);
    } finally {
      letGo();
    }
  }

  /**
   * Reads from a pack. Fetches missing bytes. When data is corrupt, checks the local copy and fetches its
   * damaged blocks again.
   */
  async using<T>({ file, holes }: OpenPack, act: () => Promise<T> | T): Promise<T> {
    const letGo = file.retain();
    try {
      return await fetching(act);
    } catch (error) {
      if (!(error instanceof CorruptObjectError) || !holes.recheck()) throw error;
      return await fetching(act);
    } finally {
      letGo();
    }
  }

  /** Opens a pack that was put in place. */
  adopt(entry: PackEntry): OpenPack {
    const name = cacheName(entry.key);
    const holes = new SparsePack(entry, this.folder, this.#engine);
    const file = new PackFile(this.folder.file(`${name}.pack`), this.cache, holes);
    // Read the whole index: the file may disappear at any time.
    if (file.index.count !== entry.count || !file.index.checksumFits) {
      file.close();
      throw new CorruptObjectError(`the index of ${entry.key} is corrupt`);
    }
    const open = { entry, file, holes };
    this.#open.set(entry.key, open);
    return open;
  }

  /** Closes a pack that no head lists any more. */
  forget(key: string): void {
    const open = this.#open.get(key);
    if (open === undefined) return;
    this.#open.delete(key);
    open.file.close();
    open.holes.forget();
  }

  close(): void {
    for (const { file, holes } of this.#open.values()) {
      file.close();
      holes.forget();
      holes.release();
    }
    this.#open.clear();
    this.folder.trim();
    this.folder.close();
  }

  async #openNow(entry: PackEntry): Promise<OpenPack> {
    const name = cacheName(entry.key);
    this.folder.use(name);
    for (let attempt = 0; ; attempt++) {
      try {
        return this.adopt(entry);
      } catch (error) {
        const isAbsent = isErrno(error, 'ENOENT');
        if ((!isAbsent && !(error instanceof CorruptObjectError)) || attempt === 2) throw error;
        // Drop a damaged copy. The bucket's data has its own checksum.
        if (!isAbsent) this.folder.drop(name);
        await this.#fetchIndex(entry);
      }
    }
  }

  async #fetchIndex(entry: PackEntry): Promise<void> {
    const { key, size, index } = entry;
    const start = size <= SMALL_PACK ? 0 : size - TAIL - ((size - TAIL) % TAIL);
    const end = size + index;
    const answer = await this.#engine.get(key, { range: { start, end } });
    if (answer.kind !== 'ok') throw new PackGoneError(key);
    const bytes = Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.length);
    if (bytes.length !== end - start) {
      throw new CorruptObjectError(`the pack ${key} is cut short: run gitstore doctor --repair`);
    }
    const content = bytes.subarray(size - start);
    if (!PackIndex.parse(content, key).checksumFits) {
      throw new CorruptObjectError(`the index of ${key} is corrupt: run gitstore doctor --repair`);
    }
    const holes = new SparsePack(entry, this.folder, this.#engine);
    try {
      holes.fill(start, bytes.subarray(0, size - start));
    } finally {
      holes.release();
    }
    this.folder.put(`${cacheName(key)}.idx`, content);
  }
}

class DiskStagedPack implements StagedPack {
  readonly count: number;
  readonly size: number;
  readonly index: number;
  readonly #shelf: DiskShelf;
  readonly #folder: string;
  readonly #ids: PackIndex;
  /** Path without ending. */
  #stem: string;
  /** Kept open, so that the bytes stay readable when the cache removes the file. */
  #fd: number | undefined;
  #entry: PackEntry | undefined;

  constructor(shelf: DiskShelf, folder: string, stem: string) {
    this.#shelf = shelf;
    this.#folder = folder;
    this.#stem = stem;
    this.#ids = PackIndex.parse(readFileSync(`${stem}.idx`), stem);
    this.#fd = openSync(`${stem}.pack`, 'r');
    this.count = this.#ids.count;
    this.size = fstatSync(this.#fd).size;
    this.index = this.#ids.bytes.length;
  }

  async read(start: number, end: number): Promise<Uint8Array> {
    const stop = Math.min(end, this.size + this.index);
    const bytes = Buffer.allocUnsafeSlow(Math.max(0, stop - start));
    const ofPack = Math.max(0, Math.min(this.size, stop) - start);
    if (ofPack > 0) await readFully(this.#fd!, bytes, ofPack, start);
    const at = Math.max(0, start - this.size);
    this.#ids.bytes.copy(bytes, ofPack, at, at + bytes.length - ofPack);
    return bytes;
  }

  holds(id: ObjectId): boolean {
    return this.#ids.indexOf(id) !== -1;
  }

  async *links(): AsyncGenerator<LinkedObject> {
    if (this.#entry !== undefined) return yield* this.#shelf.links(this.#entry);
    const file = new PackFile(`${this.#stem}.pack`, this.#shelf.cache);
    try {
      yield* linkedObjects(file, async (act) => act());
    } finally {
      file.close();
    }
  }

  keep(entry: PackEntry): void {
    if (this.#entry !== undefined) this.#shelf.forget(this.#entry.key);
    this.#entry = entry;
    try {
      this.#putInPlace(entry);
    } catch (error) {
      // The cache has been cleared meanwhile. The bucket has the pack.
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #putInPlace(entry: PackEntry): void {
    const { folder } = this.#shelf;
    const name = cacheName(entry.key);
    const stem = folder.file(name);
    const map = wholeMap(this.size, (start, end) => {
      const block = Buffer.allocUnsafe(end - start);
      readFullySync(this.#fd!, block, block.length, start);
      return block;
    });
    renameSync(`${this.#stem}.pack`, `${stem}.pack`);
    folder.put(`${name}.map`, map);
    renameSync(`${this.#stem}.idx`, `${stem}.idx`);
    this.#stem = stem;
    this.#shelf.adopt(entry);
  }

  release(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  discard(): void {
    this.release();
    if (this.#entry === undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function* linkedObjects(
  file: PackFile,
  using: <T>(act: () => Promise<T> | T) => Promise<T>,
): AsyncGenerator<LinkedObject> {
  const { index } = file;
  for (let row = 0; row < index.count; row++) {
    const id = index.idAt(row);
    const offset = index.offsetAt(row);
    const { type } = await using(() => file.header(offset, async () => undefined));
    if (type === 'blob') continue;
    const object = await using(() => file.read(offset, async () => undefined));
    yield { id, ...verified(id, object) };
  }
}
