/**
 * All places of a repository's objects: the `objects` directory and those of its *alternates*
 * (gitrepository-layout(5)), each with loose objects and packs. Other processes may move objects between
 * places at any time.
 */

import { dirname } from 'node:path';
import { CorruptObjectError, storeClosed } from '../../../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../../git/objectId.ts';
import { isErrno } from '../../disk/durable.ts';
import { freshen } from '../../disk/freshen.ts';
import { existsSync } from '../../disk/fs.ts';
import { corrupt, named } from '../../packs/objectFaults.ts';
import type { PackedObject } from '../../packs/reading/packDirectory.ts';
import { ReadCache } from '../../packs/reading/readCache.ts';
import { isWholePack } from '../../packs/reading/wholePack.ts';
import { hasLoose, isSoundLoose, type LooseListings, loosePath } from '../loose/loose.ts';
import { type ObjectDirectory, openWithAlternates } from './objectDirectories.ts';

/** How to search each kind of place. Undefined means that the object is not there. */
export interface Ways<T> {
  packed(place: PackedObject): Promise<T | undefined> | T | undefined;
  loose(objectsDir: string): Promise<T | undefined> | T | undefined;
  /** The answer for the empty tree, which exists without being stored. */
  readonly emptyTree?: T;
}

/** Searches for one object, at most: each but the last has met packs that other processes have changed. */
const MOST_ROUNDS = 100;

/** Files to remember, at most. */
const MOST_SOUND = 200_000;

export class ObjectPlaces {
  readonly #objectsDir: string;
  readonly #cache = new ReadCache();
  /** Files that were checked and found complete. */
  readonly #sound = new Set<string>();
  #directories: ObjectDirectory[] | undefined;
  #isClosed = false;

  constructor(objectsDir: string) {
    this.#objectsDir = objectsDir;
  }

  /**
   * Searches all places for the object until one answers. When none does, rescans the packs and tries
   * again, because another process may have packed the object meanwhile. Finally verifies the indexes.
   */
  async search<T>(id: ObjectId, ways: Ways<T>): Promise<T | undefined> {
    let fault: unknown;
    for (let round = 0; round < MOST_ROUNDS; round++) {
      for (const { path, packs } of this.open()) {
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
      if (!this.rescan() && round > 0 && !this.checkIndexes()) break;
    }
    if (fault !== undefined) throw named(id, fault);
    if (id === EMPTY_TREE_ID && ways.emptyTree !== undefined) return ways.emptyTree;
    const broken = this.open().flatMap(({ packs }) => packs.broken)[0];
    if (broken !== undefined) throw corrupt(id, `it may be in a pack that cannot be read`, broken);
    return undefined;
  }

  /** The most likely pack entry of an object. */
  findFirst(id: ObjectId): PackedObject | undefined {
    for (const { packs } of this.open()) {
      const place = packs.findFirst(id);
      if (place !== undefined) return place;
    }
    return undefined;
  }

  /** Whether the object exists, without a rescan for new packs. */
  hasNow(id: ObjectId): boolean {
    for (const { path, packs } of this.open()) {
      if (!packs.find(id).next().done || hasLoose(path, id)) return true;
    }
    return false;
  }

  /**
   * As `hasNow`, for a writer that will rely on the object. Ignores a copy that may be collected: one that
   * a collector removed before its time was updated, or one in a cruft pack, where it keeps aging. Ignores
   * a broken copy too, as a crash of the machine may leave it: the writer then writes the object again.
   * @param touchPack changes the times of a pack
   * @returns the file of the loose object or of the pack
   */
  holds(
    id: ObjectId,
    listings: LooseListings | undefined,
    touchPack?: (path: string) => void,
  ): string | undefined {
    for (const { path, packs } of this.open()) {
      for (const { pack } of packs.find(id)) {
        if (packs.isCruft(pack)) continue;
        packs.freshen(pack, touchPack);
        if (existsSync(pack.path) && this.#isSound(pack.path, () => isWholePack(pack))) {
          return pack.path;
        }
      }
      if (listings?.has(path, id) === false) continue;
      const file = loosePath(path, id);
      if (freshen(file) && this.#isSound(file, () => isSoundLoose(path, id))) return file;
    }
    return undefined;
  }

  /** Whether a file is complete. Checks each once. */
  #isSound(file: string, look: () => boolean): boolean {
    if (this.#sound.has(file)) return true;
    if (!look()) return false;
    if (this.#sound.size >= MOST_SOUND) this.#sound.clear();
    this.#sound.add(file);
    return true;
  }

  /** Rescans the packs. True when they have changed. */
  rescan(): boolean {
    let changed = false;
    for (const { packs } of this.open()) changed = packs.scan() || changed;
    return changed;
  }

  /** Verifies all indexes. True when one was damaged. */
  checkIndexes(): boolean {
    let changed = false;
    for (const { packs } of this.open()) changed = packs.checkIndexes() || changed;
    return changed;
  }

  /** @throws BatchClosedError after `close` */
  assertOpen(): void {
    if (this.#isClosed) throw storeClosed(dirname(this.#objectsDir));
  }

  /** The repository's own directory first. @throws BatchClosedError after `close` */
  open(): ObjectDirectory[] {
    this.assertOpen();
    this.#directories ??= openWithAlternates(this.#objectsDir, this.#cache);
    return this.#directories;
  }

  /** Adds a pack that was put into the repository's own directory. */
  packAdded(name: string): void {
    this.open()[0]?.packs.add(name);
  }

  /** Prevents further opens, which calls still under way would leave open. */
  close(): void {
    this.#isClosed = true;
    for (const { packs } of this.#directories ?? []) packs.close();
    this.#directories = undefined;
  }
}
