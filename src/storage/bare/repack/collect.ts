/**
 * A collection: reachable objects go into one pack, unreachable old ones are removed, unreachable young ones
 * stay.
 *
 * The order makes it safe. Roots are read before objects are listed, so everything they need is in the list.
 * New packs are in place and on stable storage before anything is removed, and only listed objects are ever
 * removed. Before that, under the store's lock, roots are read again: what has become reachable meanwhile
 * stays (`rescue`). See removal.ts for writers that are about to use an object.
 */

import { ID_LENGTH } from '../../../git/idTable.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import { sortIds } from '../../../git/packs/packIndex.ts';
import { removeIfThere, syncDirectory } from '../../disk/durable.ts';
import { existsSync, statSync } from '../../disk/fs.ts';
import type { Durability } from '../../storage.ts';
import { type Inventory, openInventory } from '../inventory/inventory.ts';
import { GoneError } from '../inventory/objectBytes.ts';
import { Flag, LOOSE } from '../inventory/objectTable.ts';
import type { SourcePack } from '../inventory/packSet.ts';
import { type Roots, readRoots } from '../inventory/roots.ts';
import { loosePath } from '../loose/loose.ts';
import { SettledRecord } from '../objects/settledRecord.ts';
import { promisorOf } from '../partialClone.ts';
import type { BareRefs } from '../refs/refs.ts';
import type { SearchSettings } from './deltas/deltaSearch.ts';
import { makePack, type PackProgress } from './output/makePack.ts';
import type { WrittenPack } from './output/packOutput.ts';
import { forget, markRemembered, recall, remember } from './reach/memory.ts';
import { Rescue } from './reach/rescue.ts';
import { Walker } from './reach/walker.ts';
import {
  removeEmptyFanOuts,
  removePack,
  removeUnusedLoose,
  removeUnusedPack,
  settlePacks,
} from './removal.ts';
import { removeCommitGraph, writeCommitGraph } from './shortcuts/commitGraph.ts';
import { writeMultiPackIndex } from './shortcuts/midx.ts';

export type CollectPhase = 'count' | Parameters<PackProgress>[0];

export interface CollectOptions {
  readonly gitDir: string;
  /** The repository's own first, then its alternates'. */
  readonly objectsDirs: readonly string[];
  readonly refs: BareRefs;
  readonly durability: Durability;
  readonly settings: SearchSettings;
  readonly bigFileThreshold: number;
  /** Milliseconds since the epoch: what is unreachable and older goes. Infinity: all; -Infinity: none. */
  readonly expire: number;
  readonly writeCommitGraph: boolean;
  readonly writeMultiPackIndex: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((phase: CollectPhase, done: number, total: number) => void) | undefined;
  /** Called at the places where a crash hurts, for tests. */
  readonly onStep?: ((step: CollectStep) => void) | undefined;
}

export type CollectStep = 'counted' | 'packed' | 'removed' | 'pruned';

export interface Collected {
  /** Objects that were removed for good. */
  readonly pruned: number;
}

/** Young unreachable objects up to this number stay loose; more are moved to the cruft pack. */
const MANY_LOOSE = 1000;
/** How often the work begins anew when another program packs under our hands. */
const ATTEMPTS = 4;
/** Files removed in one hold of the store's lock. */
const REMOVALS_A_HOLD = 2000;

export async function collect(options: CollectOptions): Promise<Collected> {
  for (let attempt = 1; ; attempt++) {
    const roots = await readRoots(options.gitDir, options.refs);
    const work = openInventory(options.objectsDirs);
    try {
      return await new Collection(work, roots, options).run();
    } catch (error) {
      // Objects that are gone may be in a pack that came after the list was made.
      if (!(error instanceof GoneError) || attempt === ATTEMPTS) throw error;
    } finally {
      work.close();
    }
  }
}

class Collection {
  readonly #work: Inventory;
  readonly #roots: Roots;
  readonly #options: CollectOptions;
  /** Of unreachable objects, in seconds since the epoch. */
  readonly #times = new Map<number, number>();
  /** Number of the pack of which an earlier collection has told that all of it is reachable. */
  #remembered = -1;
  /** Whether everything that can be reached is there. */
  #isComplete = false;
  #hasBrokenYoung = false;

  constructor(work: Inventory, roots: Roots, options: CollectOptions) {
    this.#work = work;
    this.#roots = roots;
    this.#options = options;
  }

  async run(): Promise<Collected> {
    const { table } = this.#work;
    const { flags } = table.columns;
    const reachable = await this.#markReachable();
    const young = await this.#markYoung();
    this.#options.onStep?.('counted');

    const isOurs = (object: number): boolean =>
      (flags[object]! & (Flag.local | Flag.kept)) === Flag.local;
    const needed = reachable.filter(isOurs);
    const main = await this.#packUnlessThere(needed, false);
    // A broken object goes into no pack: then all young ones stay where they are.
    const aside = this.#hasBrokenYoung ? NONE : this.#cruftOf(young.filter(isOurs));
    const cruft = await this.#packUnlessThere(aside, true);
    this.#options.onStep?.('packed');

    // Remember the pack only if it holds all of them: packs that are left alone now may be removed later.
    const isClosed = this.#isComplete && needed.length === reachable.length;
    if (main !== undefined && isClosed) this.#remember(main, needed);
    else forget(this.#options.gitDir);

    const kept = new Set([main, cruft].filter((base) => base !== undefined));
    const hasGraph = await this.#writeGraph(reachable);
    const collected = await this.#remove(kept, this.#inPacks(kept, aside));
    // A graph that is no longer maintained must not name commits that are gone.
    if (!hasGraph && collected.pruned > 0) removeCommitGraph(this.#options.objectsDirs[0]!);
    const { durability, objectsDirs, writeMultiPackIndex: isWanted } = this.#options;
    await writeMultiPackIndex(objectsDirs[0]!, durability, isWanted);
    return collected;
  }

  /** False where Git would not use a graph, or is told not to write one. */
  async #writeGraph(reachable: Int32Array): Promise<boolean> {
    const { gitDir, writeCommitGraph: isWanted, durability, signal } = this.#options;
    if (!isWanted || !this.#isComplete || existsSync(`${gitDir}/info/grafts`)) return false;
    for (const name of this.#roots.firm.values()) {
      if (name.startsWith('refs/replace/')) return false;
    }
    return writeCommitGraph(this.#work, reachable, { durability, signal });
  }

  #remember(base: string, objects: Int32Array): void {
    const { table, packs } = this.#work;
    if (packs[this.#remembered]?.name === `${base}.pack`) return;
    const ids = Buffer.alloc(objects.length * ID_LENGTH);
    for (const [i, object] of objects.entries()) {
      table.ids.copy(ids, i * ID_LENGTH, object * ID_LENGTH, (object + 1) * ID_LENGTH);
    }
    const sorted = Buffer.alloc(ids.length);
    for (const [row, i] of sortIds(ids, objects.length).entries()) {
      ids.copy(sorted, row * ID_LENGTH, i * ID_LENGTH, (i + 1) * ID_LENGTH);
    }
    remember(this.#options.gitDir, base, sorted, table, this.#roots);
  }

  async #markReachable(): Promise<Int32Array> {
    const { table, bytes, packs, layouts } = this.#work;
    const { signal, onProgress } = this.#options;
    const memory = recall(this.#options.gitDir);
    // A fetch that deepens a shallow or partial clone adds links that the memory does not know.
    const isPartial = promisorOf(this.#options.gitDir) !== undefined;
    const isWhole = this.#roots.shallow.size === 0 && !isPartial;
    if (memory !== undefined && isWhole) {
      this.#remembered = markRemembered(memory, table, packs, this.#roots);
    }
    const cutOff = new Set<number>();
    for (const id of this.#roots.shallow) cutOff.add(table.findId(id));
    const onTurn = (found: number) => {
      signal?.throwIfAborted();
      onProgress?.('count', found, table.count);
    };
    const walk = (lenient: boolean) =>
      new Walker(table, bytes, { mark: Flag.reachable, cutOff, onTurn, lenient });
    const firm = walk(isPartial);
    for (const [id, name] of this.#roots.firm) {
      const object = table.findId(id);
      if (object !== -1) firm.addRoot(object);
      else if (!isEmptyTree(id) && !isPartial) throw new GoneError(id, name);
    }
    await firm.run();
    // Logs may name objects that were collected long ago, or objects that lead to those.
    const old = walk(true);
    for (const id of this.#roots.loose) {
      const object = table.findId(id);
      if (object !== -1) old.addRoot(object);
    }
    await old.run();
    this.#isComplete = isWhole && !firm.missed && !old.missed;
    const found = joined(firm.found, old.found);
    return this.#remembered === -1 ? found : joined(found, layouts[this.#remembered]!.objects);
  }

  /** What is unreachable but not old enough to go, with all that it refers to. */
  async #markYoung(): Promise<Int32Array> {
    const { table, bytes } = this.#work;
    const { expire, signal } = this.#options;
    const { flags } = table.columns;
    const walker = new Walker(table, bytes, {
      mark: Flag.young,
      lenient: true,
      onTurn: () => signal?.throwIfAborted(),
      // Unreachable objects may be broken. They stay unchanged.
      onFault: () => {
        this.#hasBrokenYoung = true;
      },
    });
    for (let object = 0; object < table.count; object++) {
      if ((flags[object]! & (Flag.reachable | Flag.local)) !== Flag.local) continue;
      const seconds = this.#timeOf(object);
      this.#times.set(object, seconds);
      if (seconds * 1000 >= expire) walker.addRoot(object);
    }
    await walker.run();
    return walker.found.filter((object) => (flags[object]! & Flag.reachable) === 0);
  }

  /** When an unreachable object was last used, in seconds since the epoch. */
  #timeOf(object: number): number {
    const { table, packs, objectsDirs } = this.#work;
    const { pack, flags } = table.columns;
    let newest = 0;
    if ((flags[object]! & Flag.loose) !== 0) {
      const path = loosePath(objectsDirs[0]!, table.idOf(object));
      newest = (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) / 1000;
    }
    if (pack[object] === LOOSE) return newest;
    const id = table.idOf(object);
    const homes = (flags[object]! & Flag.copies) !== 0 ? packs : [packs[pack[object]!]!];
    for (const home of homes) {
      if (home.foreign) continue;
      const row = home.index.indexOf(id);
      if (row === -1) continue;
      newest = Math.max(newest, home.mtimes?.[row] ?? home.mtimeMs / 1000);
    }
    return newest;
  }

  /** Which of the young objects move to the cruft pack. */
  #cruftOf(young: Int32Array): Int32Array {
    const { pack } = this.#work.table.columns;
    const loose = young.reduce((count, object) => count + (pack[object] === LOOSE ? 1 : 0), 0);
    const some = loose > MANY_LOOSE ? young : young.filter((object) => pack[object] !== LOOSE);
    // Always in the same order, so that the same objects make the same pack.
    return some.sort();
  }

  /** @returns the name of the pack that holds just these objects; undefined for none */
  async #packUnlessThere(objects: Int32Array, isCruft: boolean): Promise<string | undefined> {
    if (objects.length === 0) return undefined;
    const there = this.#packOf(objects, isCruft);
    if (there !== undefined) return there.name.slice(0, -'.pack'.length);
    const { durability, settings, bigFileThreshold, signal, onProgress } = this.#options;
    const written: WrittenPack = await makePack(this.#work, objects, {
      durability,
      settings,
      bigFileThreshold,
      search: !isCruft,
      searchedPack: this.#remembered,
      mtimes: isCruft ? (object) => Math.floor(this.#times.get(object) ?? 0) : undefined,
      signal,
      onProgress,
    });
    return written.base;
  }

  /** The pack that holds these objects and no others, made by a collection. */
  #packOf(objects: Int32Array, isCruft: boolean): SourcePack | undefined {
    const { packs, table } = this.#work;
    const { pack, base } = table.columns;
    const number = pack[objects[0]!]!;
    const one = packs[number];
    if (one === undefined || one.foreign || one.kept) return undefined;
    if (one.index.count !== objects.length || (one.mtimes !== undefined) !== isCruft) {
      return undefined;
    }
    let deltas = 0;
    for (const object of objects) {
      if (pack[object] !== number) return undefined;
      if (base[object] !== -1) deltas++;
    }
    // A pack without deltas comes from a writer: a search may find some.
    const isSearched = deltas > 0 || isCruft || number === this.#remembered;
    return isSearched || objects.length === 1 ? one : undefined;
  }

  async #remove(kept: ReadonlySet<string>, packed: Uint8Array): Promise<Collected> {
    const { table, packs, loose, objectsDirs, packDir } = this.#work;
    const { durability, onStep } = this.#options;
    const { flags } = table.columns;
    const objectsDir = objectsDirs[0]!;
    const redundant: SourcePack[] = [];
    const doomed: SourcePack[] = [];
    for (const [number, one] of packs.entries()) {
      if (one.foreign || one.kept || kept.has(one.name.slice(0, -'.pack'.length))) continue;
      const { objects } = this.#work.layouts[number]!;
      (objects.every((object) => packed[object] === 1) ? redundant : doomed).push(one);
    }
    await settlePacks(packs, packDir);
    if (redundant.length + doomed.length > 0) removeIfThere(`${packDir}/multi-pack-index`);
    for (const { stem } of redundant) removePack(stem);

    const looseDoomed: { path: string; mtimeMs: number; object: number }[] = [];
    for (const object of loose) {
      const path = loosePath(objectsDir, table.idOf(object));
      if (packed[object] === 1 || (flags[object]! & Flag.kept) !== 0) {
        removeIfThere(path);
        continue;
      }
      const marks = flags[object]!;
      if ((marks & (Flag.reachable | Flag.young)) !== 0) continue;
      const mtimeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
      if (mtimeMs !== undefined) looseDoomed.push({ path, mtimeMs, object });
    }
    onStep?.('removed');
    const pruned = await this.#prune(doomed, looseDoomed, packed);
    removeEmptyFanOuts(objectsDir);
    if (durability === 'full') await syncDirectory(packDir);
    onStep?.('pruned');
    return { pruned };
  }

  /** By object number: 1 for what lies in one of the packs that stay. */
  #inPacks(kept: ReadonlySet<string>, cruft: Int32Array): Uint8Array {
    const { table, packs, layouts } = this.#work;
    const { flags } = table.columns;
    const packed = new Uint8Array(table.count);
    const isOurs = (object: number): boolean =>
      (flags[object]! & (Flag.local | Flag.kept)) === Flag.local;
    for (let object = 0; object < table.count; object++) {
      if ((flags[object]! & Flag.kept) !== 0) packed[object] = 1;
      else if ((flags[object]! & Flag.reachable) !== 0 && isOurs(object)) packed[object] = 1;
    }
    for (const [number, { name, foreign }] of packs.entries()) {
      if (foreign || !kept.has(name.slice(0, -'.pack'.length))) continue;
      for (const object of layouts[number]!.objects) packed[object] = 1;
    }
    for (const object of cruft) packed[object] = 1;
    return packed;
  }

  async #prune(
    packs: readonly SourcePack[],
    loose: readonly { path: string; mtimeMs: number; object: number }[],
    packed: Uint8Array,
  ): Promise<number> {
    if (packs.length === 0 && loose.length === 0) return 0;
    const { refs, gitDir, signal, objectsDirs } = this.#options;
    const { layouts, packs: all } = this.#work;
    const rescue = new Rescue(this.#work, this.#roots);
    // It may name objects that are removed now, and a writer may store those again without a sync.
    new SettledRecord(gitDir).remove();
    // A ref whose removal is not on stable storage may come back, and needs its objects then.
    await refs.settleNames();
    const gone = new Set<number>();
    const stays = (object: number): boolean => packed[object] === 1 || rescue.has(object);
    for (let next = 0, first = true; first || next < loose.length; first = false) {
      signal?.throwIfAborted();
      await refs.whileLocked(async () => {
        await rescue.look(await readRoots(gitDir, refs), objectsDirs);
        if (first) {
          for (const one of packs) {
            const { objects } = layouts[all.indexOf(one)]!;
            const lost = [...objects].filter((object) => packed[object] === 0);
            if (lost.some((object) => rescue.has(object) || !this.#mayGo(object))) continue;
            if (!removeUnusedPack(one.stem, one.mtimeMs)) continue;
            for (const object of lost) gone.add(object);
          }
        }
        const end = Math.min(loose.length, next + REMOVALS_A_HOLD);
        for (; next < end; next++) {
          const { path, mtimeMs, object } = loose[next]!;
          if (!stays(object) && removeUnusedLoose(path, mtimeMs)) gone.add(object);
        }
      });
    }
    return gone.size;
  }

  #mayGo(object: number): boolean {
    const flags = this.#work.table.columns.flags[object]!;
    return (flags & (Flag.reachable | Flag.young)) === 0;
  }
}

const NONE = new Int32Array(0);

function joined(a: Int32Array, b: Int32Array): Int32Array {
  const both = new Int32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function isEmptyTree(id: ObjectId): boolean {
  return id === '4b825dc642cb6eb9a060e54bf8d69288fbee4904';
}
