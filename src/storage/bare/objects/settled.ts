/**
 * Tracks what is known to be on stable storage. With durability `full` no ref moves to an object before
 * everything reachable from it is on stable storage. That includes what others have written, because
 * Git, a writer with `fast` or a killed writer may not have synced it.
 *
 * An object is *complete* when it and everything reachable from it are on stable storage. This process
 * syncs what it writes. So a commit is complete when the objects are complete that it refers to and its
 * session did not write, usually its parents. For any other object: everything reachable from it is in
 * the store by now, so it becomes complete once every file of the store is synced. Most files need not
 * be synced again:
 *
 * - a directory of loose objects with the same state (inode, times) as when all of it was synced;
 * - packs with a state known in the same way.
 *
 * Programs that move objects, such as collections, write new packs before they remove the old files. So
 * new packs are always synced, and after a pack has vanished no object counts as complete.
 *
 * A record (settledRecord.ts) passes this knowledge to the next process.
 */
import { dirname } from 'node:path';
import type { ObjectId } from '../../../git/objectId.ts';
import { isErrno, syncDirectory, syncFileAt } from '../../disk/durable.ts';
import { freshen } from '../../disk/freshen.ts';
import { type BigIntStats, lstatSync, readdirSync } from '../../disk/fs.ts';
import { listLoose, loosePath } from '../loose/loose.ts';
import { SettledRecord } from './settledRecord.ts';

/** Files to remember, at most. */
const MOST_KNOWN = 200_000;
/** Commits and tags to remember: the newest. */
const MOST_COMPLETE = 10_000;
/** Of those, how many the record hands to the next process. Past `MOST_HANDED_ON` lines it is rewritten. */
const HANDED_ON = 256;
const MOST_HANDED_ON = 1024;
/** How many files are open at a time. */
const AT_ONCE = 32;
/**
 * A directory changed less than this many milliseconds ago may change again without a new time: clocks
 * of file systems move in steps, some of whole seconds.
 */
const STEP = 100;
const COARSE_STEP = 3000;

export class Settled {
  readonly #objectsDir: string;
  /** The `objects` directories of alternates. */
  readonly #alternates: () => readonly string[];
  readonly #record: SettledRecord;
  readonly #known = new Set<string>();
  /** In the order in which they became complete. */
  readonly #complete = new Set<ObjectId>();
  /** States of directories of loose objects, by path. */
  readonly #directories = new Map<string, string>();
  /** States of packs, by path. */
  readonly #packs = new Map<string, string>();
  /** The last state of the directory of packs, if it proves anything. */
  #packDirectory: string | undefined;
  #isRead = false;
  /** Whether the record lacks facts known here, other than complete objects. */
  #isBehind = false;
  /** Number of complete objects in the record. */
  #handedOn = 0;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(gitDir: string, objectsDir: string, alternates: () => readonly string[]) {
    this.#objectsDir = objectsDir;
    this.#alternates = alternates;
    this.#record = new SettledRecord(gitDir);
  }

  /** Records a loose object or pack that is on stable storage, with its name. */
  add(path: string): void {
    if (this.#known.size >= MOST_KNOWN) this.#known.clear();
    this.#known.add(path);
  }

  /**
   * Changes the times of a pack that is about to be relied on. A pack that was on stable storage before still
   * is, although its state is another one.
   */
  touchPack(path: string): void {
    this.#readRecord();
    const known = this.#packs.get(path);
    const before = known === undefined ? undefined : statOf(path);
    freshen(path);
    if (before === undefined || stateOf(before) !== known) return;
    const after = statOf(path);
    if (after?.ino !== before.ino || after.dev !== before.dev || after.size !== before.size) return;
    this.#packs.set(path, stateOf(after));
    this.add(path);
    this.#isBehind = true;
  }

  /**
   * Flushes loose objects, and packs with their indexes, to stable storage.
   * @returns the directories that were flushed too
   */
  async settle(paths: Iterable<string>): Promise<ReadonlySet<string>> {
    const open = this.#unsettled(paths);
    const directories = new Set<string>();
    for (const path of open) {
      const directory = dirname(path);
      directories.add(directory);
      directories.add(dirname(directory));
    }
    const files = open.flatMap((path) =>
      path.endsWith('.pack') ? [path, path.replace(/pack$/, 'idx')] : [path],
    );
    await inGroups(files, syncFileAt);
    await inGroups([...directories], syncDirectory);
    for (const path of open) this.add(path);
    return directories;
  }

  /** Those that are neither known nor in a directory that has the state in which all of it was synced. */
  #unsettled(paths: Iterable<string>): string[] {
    this.#readRecord();
    const states = new Map<string, boolean>();
    return [...paths].filter((path) => {
      if (this.#known.has(path)) return false;
      const directory = dirname(path);
      const recorded = this.#directories.get(directory);
      if (recorded === undefined) return true;
      let isSame = states.get(directory);
      if (isSame === undefined) {
        const stats = statOf(directory);
        isSame = stats !== undefined && stateOf(stats) === recorded;
        states.set(directory, isSame);
      }
      return !isSame;
    });
  }

  /** Records a complete object. */
  addComplete(id: ObjectId): void {
    // The newest is the last.
    this.#complete.delete(id);
    this.#complete.add(id);
    if (this.#complete.size <= MOST_COMPLETE) return;
    for (const oldest of this.#complete) {
      this.#complete.delete(oldest);
      break;
    }
  }

  /**
   * Makes existing objects complete.
   * @param ids undefined for all objects
   */
  async complete(ids: readonly ObjectId[] | undefined): Promise<void> {
    this.#readRecord();
    await this.#settlePacks();
    if (ids?.every((id) => this.#complete.has(id))) return;
    await this.#settleAll();
    for (const id of ids ?? []) this.addComplete(id);
  }

  /** Saves the known facts for later processes, after refs have moved to these complete objects. */
  handOn(ids: readonly ObjectId[]): void {
    this.#handedOn += ids.length;
    if (!this.#isBehind && this.#handedOn <= MOST_HANDED_ON && this.#record.add(ids)) return;
    this.#isBehind = false;
    this.#handedOn = Math.min(this.#complete.size, HANDED_ON);
    this.#record.replace({
      directories: this.#own(this.#directories, this.#objectsDir),
      packs: this.#own(this.#packs, `${this.#objectsDir}/pack`),
      complete: [...this.#complete].slice(-HANDED_ON),
    });
  }

  #own(states: ReadonlyMap<string, string>, directory: string): Map<string, string> {
    const own = new Map<string, string>();
    for (const [path, state] of states) {
      if (dirname(path) === directory) own.set(path.slice(directory.length + 1), state);
    }
    return own;
  }

  #readRecord(): void {
    if (this.#isRead) return;
    this.#isRead = true;
    const facts = this.#record.read();
    if (facts === undefined) {
      this.#isBehind = true;
      return;
    }
    for (const [name, state] of facts.directories) {
      this.#directories.set(`${this.#objectsDir}/${name}`, state);
    }
    for (const [name, state] of facts.packs) {
      this.#packs.set(`${this.#objectsDir}/pack/${name}`, state);
    }
    for (const id of facts.complete) {
      this.addComplete(id);
      this.#handedOn++;
    }
  }

  /** Syncs every file that may not be synced. Concurrent callers share the next run. */
  #settleAll(): Promise<void> {
    if (this.#running === undefined) return this.#run();
    // The present run may already have passed files that this caller relies on.
    this.#next ??= this.#running.then(
      () => this.#run(),
      () => this.#run(),
    );
    return this.#next;
  }

  #run(): Promise<void> {
    this.#next = undefined;
    const run = this.#settleFiles().finally(() => {
      if (this.#running === run) this.#running = undefined;
    });
    this.#running = run;
    return run;
  }

  async #settleFiles(): Promise<void> {
    this.#isBehind = true;
    const places = [this.#objectsDir, ...this.#alternates()];
    for (const objectsDir of places) await this.#settleLoose(objectsDir);
    // Packs come last: a collection that moves loose objects into packs writes the packs first.
    await this.#settlePacks();
    for (const objectsDir of places.slice(1)) {
      const packs = listPacks(`${objectsDir}/pack`) ?? [];
      await this.settle(packs.map((name) => `${objectsDir}/pack/${name}`));
    }
  }

  async #settleLoose(objectsDir: string): Promise<void> {
    const files: string[] = [];
    const changed = new Map<string, string | undefined>();
    for (const fanOut of listNames(objectsDir, /^[0-9a-f]{2}$/) ?? []) {
      const path = `${objectsDir}/${fanOut}`;
      const now = Date.now();
      const stats = statOf(path);
      if (stats === undefined) continue;
      const state = stateOf(stats);
      if (this.#directories.get(path) === state) continue;
      changed.set(path, proves(stats, now) ? state : undefined);
      for (const id of listLoose(objectsDir, fanOut)) files.push(loosePath(objectsDir, id));
    }
    if (changed.size === 0) return;
    const synced = await this.settle(files);
    // Even when only names have changed.
    const rest = [...changed.keys(), objectsDir].filter((path) => !synced.has(path));
    await inGroups(rest, syncDirectory);
    for (const [path, state] of changed) {
      if (state === undefined) this.#directories.delete(path);
      else this.#directories.set(path, state);
    }
  }

  /** Syncs packs that are new since the last check. */
  async #settlePacks(): Promise<void> {
    const directory = `${this.#objectsDir}/pack`;
    const now = Date.now();
    const stats = statOf(directory);
    if (stats === undefined) return;
    const state = stateOf(stats);
    if (this.#packDirectory === state) return;
    const before = new Set(this.#packs.keys());
    const found = new Map<string, string>();
    for (const name of listPacks(directory) ?? []) {
      const path = `${directory}/${name}`;
      const pack = statOf(path);
      if (pack !== undefined) found.set(path, stateOf(pack));
    }
    const others: string[] = [];
    for (const [path, state] of found) {
      before.delete(path);
      if (this.#packs.get(path) === state) continue;
      if (this.#packs.has(path)) this.#known.delete(path);
      others.push(path);
    }
    if (before.size > 0) {
      // Git may have moved their objects into loose files again.
      this.#known.clear();
      this.#complete.clear();
      for (const path of before) this.#packs.delete(path);
    }
    await this.settle(others);
    for (const path of others) this.#packs.set(path, found.get(path)!);
    if (others.length > 0 || before.size > 0) this.#isBehind = true;
    this.#packDirectory = proves(stats, now) ? state : undefined;
  }
}

function statOf(path: string): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false });
}

function stateOf({ dev, ino, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}.${ino}.${mtimeNs}.${ctimeNs}`;
}

/** Whether every later change will change this state. */
function proves({ mtimeNs, ctimeNs }: BigIntStats, now: number): boolean {
  const newest = mtimeNs > ctimeNs ? mtimeNs : ctimeNs;
  const isCoarse = newest % 1_000_000_000n === 0n;
  return now - Number(newest / 1_000_000n) > (isCoarse ? COARSE_STEP : STEP);
}

/** The packs that count: those with an index. */
function listPacks(directory: string): string[] | undefined {
  const indexes = listNames(directory, /^pack-[0-9a-f]{40}\.idx$/);
  return indexes?.map((name) => name.replace(/idx$/, 'pack'));
}

function listNames(directory: string, pattern: RegExp): string[] | undefined {
  try {
    return readdirSync(directory).filter((name) => pattern.test(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

async function inGroups(
  paths: readonly string[],
  work: (path: string) => Promise<void>,
): Promise<void> {
  for (let next = 0; next < paths.length; next += AT_ONCE) {
    await Promise.all(paths.slice(next, next + AT_ONCE).map(work));
  }
}
