/**
 * What is known to be on stable storage. With durability `full` no ref moves to an object before all
 * that it leads to is there, also what others have written: Git, a writer with `fast` or one that was
 * killed need not have synced it.
 *
 * An object is *complete* when it, and all that it leads to, is on stable storage. What this process
 * writes is synced as it is written; so a commit is complete when those objects are to which it leads
 * and which its session did not write, mostly its parents. About an object of which that is not known:
 * all it leads to is in the store by now, so it is complete once every file of the store has been
 * synced. Of those most need not be synced again:
 *
 * - a directory of loose objects whose state (inode, times) is that in which all of it was synced;
 * - packs whose state is known the same way.
 *
 * Programs that move objects, as collections do, put them into new packs before the old files go. So new
 * packs are synced whenever there are any, and after a pack has gone nothing counts as complete.
 *
 * The next process learns from a record (settledRecord.ts) what this one knew.
 */
import { dirname } from 'node:path';
import type { ObjectId } from '../../../git/objectId.ts';
import { isErrno, syncDirectory, syncFileAt } from '../../disk/durable.ts';
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
 * A directory that has changed less long ago, in milliseconds, may change again without another time:
 * clocks of file systems move in steps, some of whole seconds.
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
  /** The state of the directory of packs when it was looked at last, if that proves anything. */
  #packDirectory: string | undefined;
  #isRead = false;
  /** Whether the record says less than is known here, complete objects aside. */
  #isBehind = false;
  /** How many complete objects the record names. */
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

  /** Puts loose objects, and packs with their indexes, on stable storage. */
  async settle(paths: Iterable<string>): Promise<void> {
    const open = [...paths].filter((path) => !this.#known.has(path));
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
   * Makes objects that are in the store complete.
   * @param ids undefined: whatever there is
   */
  async complete(ids: readonly ObjectId[] | undefined): Promise<void> {
    this.#readRecord();
    await this.#settlePacks();
    if (ids?.every((id) => this.#complete.has(id))) return;
    await this.#settleAll();
    for (const id of ids ?? []) this.addComplete(id);
  }

  /** Hands on to later processes what is known, when refs have moved to these complete objects. */
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

  /** Syncs every file that may not be synced. Callers at one time share the work of the next run. */
  #settleAll(): Promise<void> {
    if (this.#running === undefined) return this.#run();
    // The run that goes on may have passed what this caller has seen since.
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
    // Packs last: a collection moves loose objects into packs, and the packs are there first.
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
      const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats === undefined) continue;
      const state = stateOf(stats);
      if (this.#directories.get(path) === state) continue;
      changed.set(path, proves(stats, now) ? state : undefined);
      for (const id of listLoose(objectsDir, fanOut)) files.push(loosePath(objectsDir, id));
    }
    if (changed.size === 0) return;
    await this.settle(files);
    // Also where only names have changed.
    await inGroups([...changed.keys(), objectsDir], syncDirectory);
    for (const [path, state] of changed) {
      if (state === undefined) this.#directories.delete(path);
      else this.#directories.set(path, state);
    }
  }

  /** Syncs the packs that have come since the last look. */
  async #settlePacks(): Promise<void> {
    const directory = `${this.#objectsDir}/pack`;
    const now = Date.now();
    const stats = lstatSync(directory, { bigint: true, throwIfNoEntry: false });
    if (stats === undefined) return;
    const state = stateOf(stats);
    if (this.#packDirectory === state) return;
    const before = new Set(this.#packs.keys());
    const found = new Map<string, string>();
    for (const name of listPacks(directory) ?? []) {
      const path = `${directory}/${name}`;
      const pack = lstatSync(path, { bigint: true, throwIfNoEntry: false });
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
      // Git can have put what lay there into loose files again.
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

function stateOf({ dev, ino, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}.${ino}.${mtimeNs}.${ctimeNs}`;
}

/** Whether what changes from now on gets another state. */
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
