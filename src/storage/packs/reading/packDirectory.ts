/**
 * The packs of one `objects/pack` directory. Other processes add and remove packs while we read. A scan
 * updates our list. Packs covered by a multi-pack-index are searched through it.
 */

import { join } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { MultiPackIndex } from '../../../git/packs/multiPackIndex.ts';
import type { PackOrder } from '../../../git/packs/packOrder.ts';
import { isErrno } from '../../disk/durable.ts';
import { freshen } from '../../disk/freshen.ts';
import { readdirSync, readFileSync, statSync } from '../../disk/fs.ts';
import { PackReach } from '../../shortcuts/packReach.ts';
import type { ReachRecord } from '../../shortcuts.ts';
import { PackFile } from './packFile.ts';
import type { ReadCache } from './readCache.ts';

export interface PackedObject {
  readonly pack: PackFile;
  readonly offset: number;
  /** CRC-32 of the entry, when the searched index has it. */
  readonly crc?: number | undefined;
}

/** Milliseconds between two freshenings of a pack. Grace periods for unreachable objects are longer. */
const FRESH_FOR = 60_000;
const MULTI_PACK_INDEX = 'multi-pack-index';

export class PackDirectory {
  readonly #cache: ReadCache;
  /** By file name. The pack of the last hit is searched first. */
  #packs = new Map<string, PackFile>();
  #last: PackFile | undefined;
  #scanned = false;
  #multi: { index: MultiPackIndex; covered: Set<string>; stamp: string } | undefined;
  /** Stamp of a damaged multi-pack-index. */
  #refused: string | undefined;
  /** Stamp of a multi-pack-index with a verified checksum. */
  #proven: string | undefined;
  readonly #freshened = new WeakMap<PackFile, number>();
  /** Packs with unreadable indexes. */
  readonly #broken = new Map<string, CorruptObjectError>();
  /** Packs whose indexes are readable but damaged: they may miss objects. */
  readonly #damaged = new Map<string, CorruptObjectError>();
  readonly #checked = new WeakSet<PackFile>();
  /** Names of the files that make packs cruft packs: `pack-….mtimes`. */
  #cruft: ReadonlySet<string> = new Set();

  constructor(
    readonly path: string,
    cache: ReadCache,
  ) {
    this.#cache = cache;
  }

  /** All copies of the object, the most likely one first. */
  *find(id: ObjectId): Generator<PackedObject> {
    if (!this.#scanned) this.scan();
    const last = this.#last;
    if (last !== undefined) {
      const found = this.#findIn(last, id);
      if (found !== undefined) yield found;
    }
    const multi = this.#multi;
    if (multi !== undefined) {
      const found = this.#findInMulti(multi.index, id);
      if (found !== undefined && found.pack !== last) yield found;
    }
    for (const [name, pack] of this.#packs) {
      if (pack === last || multi?.covered.has(name)) continue;
      const found = this.#findIn(pack, id);
      if (found !== undefined) {
        this.#last = pack;
        yield found;
      }
    }
  }

  /** The most likely copy of the object: the first that `find` yields. */
  findFirst(id: ObjectId): PackedObject | undefined {
    if (this.#last !== undefined) {
      const found = this.#findIn(this.#last, id);
      if (found !== undefined) return found;
    }
    const first = this.find(id).next();
    return first.done ? undefined : first.value;
  }

  /** The objects reachable from a commit, if a pack's bitmap has them. */
  reachOf(commit: ObjectId): ReachRecord | undefined {
    for (const pack of this.usable()) {
      const { bitmap } = pack;
      if (bitmap === undefined) continue;
      const row = pack.index.indexOf(commit);
      if (row === -1 || !bitmap.has(row)) continue;
      const order = this.#orderOf(pack);
      if (order !== undefined) return new PackReach(pack.index, order, bitmap, row);
    }
    return undefined;
  }

  /** Undefined when the pack is gone or damaged. */
  #orderOf(pack: PackFile): PackOrder | undefined {
    try {
      return pack.order;
    } catch (error) {
      if (isErrno(error, 'ENOENT')) this.forget(pack);
      else if (!(error instanceof CorruptObjectError)) throw error;
      return undefined;
    }
  }

  /** All packs with readable indexes. */
  *usable(): Generator<PackFile> {
    if (!this.#scanned) this.scan();
    for (const pack of [...this.#packs.values()]) {
      if (this.#indexOf(pack) !== undefined) yield pack;
    }
  }

  /** Adds to `found` the ids that begin with `prefix`. */
  findPrefix(prefix: string, found: Set<ObjectId>, limit: number): void {
    if (!this.#scanned) this.scan();
    for (const id of this.#multi?.index.findPrefix(prefix, limit) ?? []) found.add(id);
    for (const [name, pack] of this.#packs) {
      if (this.#multi?.covered.has(name)) continue;
      const index = this.#indexOf(pack);
      for (const id of index?.findPrefix(prefix, limit) ?? []) found.add(id);
    }
  }

  /** Faults of indexes: an object that is not found may be in one of their packs. */
  get broken(): CorruptObjectError[] {
    return [...this.#broken.values(), ...this.#damaged.values()];
  }

  /**
   * Verifies the checksums of the indexes in use, once each. Call when an object is not found, or not
   * where an index says. A damaged multi-pack-index is replaced by the packs' own indexes; packs with a
   * damaged index become `broken`.
   * @returns whether there are other places to search now
   */
  checkIndexes(): boolean {
    for (const [name, pack] of this.#packs) {
      if (this.#multi?.covered.has(name) || this.#checked.has(pack)) continue;
      this.#checked.add(pack);
      if (this.#indexOf(pack)?.checksumFits === false) {
        const message = `the index of ${name} is corrupt: its checksum does not fit`;
        this.#damaged.set(name, new CorruptObjectError(message, { path: pack.path }));
      }
    }
    const multi = this.#multi;
    if (multi === undefined || multi.stamp === this.#proven) return false;
    if (multi.index.checksumFits) {
      this.#proven = multi.stamp;
      return false;
    }
    this.#refused = multi.stamp;
    this.#multi = undefined;
    return true;
  }

  /** Updates the list of packs; returns whether any appeared or vanished. */
  scan(): boolean {
    this.#scanned = true;
    let names: string[];
    try {
      names = readdirSync(this.path);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) throw error;
      names = [];
    }
    const there = new Set(names);
    this.#cruft = new Set(names.filter((name) => name.endsWith('.mtimes')));
    let changed = this.#readMultiPackIndex(there.has(MULTI_PACK_INDEX));
    for (const name of names) {
      // A pack counts once it has an index, which is written last.
      if (!name.endsWith('.pack') || this.#packs.has(name)) continue;
      if (!there.has(name.replace(/\.pack$/, '.idx')) && !this.#multi?.covered.has(name)) continue;
      this.#packs.set(name, new PackFile(join(this.path, name), this.#cache));
      changed = true;
    }
    for (const [name, pack] of this.#packs) {
      if (there.has(name)) continue;
      this.forget(pack);
      changed = true;
    }
    return changed;
  }

  /** Adds a pack that this process has just put in place. */
  add(name: string): void {
    if (!this.#scanned || this.#packs.has(name)) return;
    this.#packs.set(name, new PackFile(join(this.path, name), this.#cache));
  }

  /**
   * Tells Git's collector, at most once a minute, that a pack is in use.
   * @param touch changes the times of the file
   */
  freshen(pack: PackFile, touch: (path: string) => void = freshen): void {
    const now = Date.now();
    if (now - (this.#freshened.get(pack) ?? 0) < FRESH_FOR) return;
    this.#freshened.set(pack, now);
    touch(pack.path);
  }

  /** Whether it is a cruft pack: unreachable objects, each with its own age. */
  isCruft(pack: PackFile): boolean {
    return this.#cruft.size > 0 && this.#cruft.has(pack.name.replace(/\.pack$/, '.mtimes'));
  }

  /** Removes a pack whose file is gone from the list. */
  forget(pack: PackFile): void {
    pack.close();
    this.#packs.delete(pack.name);
    this.#broken.delete(pack.name);
    this.#damaged.delete(pack.name);
    if (this.#last === pack) this.#last = undefined;
  }

  /** For good. */
  close(): void {
    for (const pack of this.#packs.values()) pack.end();
    this.#packs.clear();
    this.#last = undefined;
  }

  #findIn(pack: PackFile, id: ObjectId): PackedObject | undefined {
    if (!this.#opensIndex(pack)) return undefined;
    try {
      const found = pack.find(id);
      return found && { pack, offset: found.offset, crc: found.crc };
    } catch (error) {
      if (error instanceof CorruptObjectError) this.#damaged.set(pack.name, error);
      else if (isErrno(error, 'ENOENT')) this.forget(pack);
      else throw error;
      return undefined;
    }
  }

  #findInMulti(index: MultiPackIndex, id: ObjectId): PackedObject | undefined {
    try {
      const found = index.find(id);
      const pack = found && this.#packs.get(packName(index.packNames[found.pack]));
      return pack && { pack, offset: found.offset };
    } catch (error) {
      // Its checksum will not match either. Then the packs' own indexes are used.
      if (!(error instanceof CorruptObjectError)) throw error;
      return undefined;
    }
  }

  #indexOf(pack: PackFile): PackFile['index'] | undefined {
    return this.#usingIndex(pack, () => pack.index);
  }

  /** Whether the pack has a readable index. */
  #opensIndex(pack: PackFile): boolean {
    return pack.isIndexOpen || this.#usingIndex(pack, () => pack.openIndex()) !== undefined;
  }

  #usingIndex<T>(pack: PackFile, use: () => T): T | undefined {
    if (this.#broken.size > 0 && this.#broken.has(pack.name)) return undefined;
    try {
      return use();
    } catch (error) {
      if (error instanceof CorruptObjectError) this.#broken.set(pack.name, error);
      else if (isErrno(error, 'ENOENT')) this.forget(pack);
      else throw error;
      return undefined;
    }
  }

  #readMultiPackIndex(there: boolean): boolean {
    const file = join(this.path, MULTI_PACK_INDEX);
    const before = this.#multi?.stamp;
    if (!there) {
      this.#multi = undefined;
      return before !== undefined;
    }
    try {
      const { size, mtimeMs, ino } = statSync(file);
      const stamp = `${size}:${mtimeMs}:${ino}`;
      if (stamp === before) return false;
      this.#multi = undefined;
      if (stamp === this.#refused) return before !== undefined;
      this.#refused = stamp;
      const index = MultiPackIndex.parse(readFileSync(file), MULTI_PACK_INDEX);
      this.#multi = { index, covered: new Set(index.packNames.map(packName)), stamp };
      this.#refused = undefined;
    } catch (error) {
      // Every pack has its own index: without this one, reading is slower but correct.
      if (!(error instanceof CorruptObjectError) && !isErrno(error, 'ENOENT')) throw error;
    }
    return this.#multi?.stamp !== before;
  }
}

/** The name of the pack file. A multi-pack-index names the index file. */
function packName(indexName: string | undefined): string {
  return (indexName ?? '').replace(/\.idx$/, '.pack');
}
