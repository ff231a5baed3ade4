/**
 * Compares the disk with a stat record: which entries still have the recorded state, so that they need
 * not be read. A copy with nothing to do spends its time here. So this runs over the columns of the
 * record and allocates no objects.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { EMPTY_TREE_ID } from '../../git/objectId.ts';
import { hasLoneSurrogate } from '../../git/pathBytes.ts';
import { errorCode } from '../../systemFaults.ts';
import { joinDisk, readNames, toDisk } from '../disk/diskFiles.ts';
import type { CopyRun } from '../rules/run.ts';
import { ComparisonThread } from './comparisonThread.ts';
import { type DirectoryState, type StatRecord, stateOfDirectory } from './statRecord.ts';

/** States of a recorded directory. */
const NOT_COMPARED = 0;
/** It equals the recorded tree, including everything below it. */
const SAME = 1;
const DIFFERENT = 2;
/** It is no longer a directory. */
const GONE = 3;
/** The directory cannot be listed, or the entry cannot be examined. */
const UNREADABLE = 4;

/** Entries to compare between two checks whether to let the event loop run. */
const STRETCH = 128;

const NO_THROW = { throwIfNoEntry: false } as const;

export interface ComparisonOptions {
  /** Look at the targets of links instead of the links. */
  readonly follow?: boolean | undefined;
  /** The device on which a directory's times show whether its names have changed. */
  readonly trustedDevice: number | undefined;
  /** An empty directory counts as a difference, because a tree cannot hold one. */
  readonly countsEmpty?: boolean | undefined;
}

export class RecordComparison {
  readonly #record: StatRecord;
  readonly #run: CopyRun;
  readonly #options: ComparisonOptions;
  readonly #look: typeof lstatSync;
  readonly #verdicts: Uint8Array;
  /** Entries that differ from the record, or have a difference below them. */
  readonly #changed: Uint8Array;
  /** Directories whose state alone proves that they have the recorded names. */
  readonly #namesStand: Uint8Array;
  /** Names in a directory that the record lacks. */
  readonly #added = new Map<number, readonly string[]>();
  /** States of directories whose names had to be read, taken before the read. */
  #states = new Map<number, DirectoryState>();
  readonly #paths: string[] = [];
  #thread: ComparisonThread | undefined;

  constructor(record: StatRecord, run: CopyRun, options: ComparisonOptions) {
    this.#record = record;
    this.#run = run;
    this.#options = options;
    this.#look = options.follow ? (statSync as typeof lstatSync) : lstatSync;
    this.#verdicts = new Uint8Array(record.directoryCount);
    this.#namesStand = new Uint8Array(record.directoryCount);
    this.#changed = new Uint8Array(record.entryCount);
  }

  /** Whether a recorded directory was compared. */
  isCompared(directory: number): boolean {
    return this.#verdicts[directory] !== NOT_COMPARED;
  }

  /** Whether the state of a recorded directory proves that it has the recorded names. */
  namesStand(directory: number): boolean {
    return this.#namesStand[directory] === 1;
  }

  /**
   * The names under which a recorded directory may differ from the recorded tree. Undefined when unknown.
   * @param recorded returns its recorded names
   */
  changedNames(directory: number, recorded: () => readonly string[]): Set<string> | undefined {
    const verdict = this.#verdicts[directory];
    if (verdict !== SAME && verdict !== DIFFERENT) return undefined;
    const names = new Set<string>(this.#added.get(directory));
    if (verdict === SAME) return names;
    const first = this.#record.firstEntry(directory);
    for (const [i, name] of recorded().entries()) {
      if (this.#changed[first + i] === 1) names.add(name);
    }
    return names;
  }

  /**
   * Compares a directory and everything below it.
   * @param namesStand it is known to have the recorded names
   * @returns the unchanged directories below whose names had to be read, with the states that will prove
   *   the same the next time
   */
  async compare(
    directory: number,
    path: string,
    namesStand: boolean,
  ): Promise<ReadonlyMap<number, DirectoryState>> {
    this.#paths[directory] = path;
    if (namesStand) this.#namesStand[directory] = 1;
    this.#states = new Map();
    const verdicts = this.#verdicts;
    const end = this.#record.endOf(directory);
    if (directory === 0) {
      const { trustedDevice: device, follow = false } = this.#options;
      this.#thread = ComparisonThread.start(path, this.#record.columns, { device, follow });
    }
    try {
      await this.#compareAll(directory, end);
    } finally {
      this.#thread?.stop();
      this.#thread = undefined;
    }
    this.#passUp(directory, end);
    for (const at of this.#states.keys()) if (verdicts[at] !== SAME) this.#states.delete(at);
    return this.#states;
  }

  /** Compares the directories with these numbers. */
  async #compareAll(first: number, end: number): Promise<void> {
    const verdicts = this.#verdicts;
    for (let at = first; at < end; ) {
      if (verdicts[at] !== GONE) {
        try {
          verdicts[at] = (await this.#compareEntries(at)) ? SAME : DIFFERENT;
          at++;
          continue;
        } catch (error) {
          if (errorCode(error) === undefined) throw error;
          // Listing the directory later meets the error again, and reports it.
          verdicts[at] = UNREADABLE;
        }
      }
      at = this.#record.endOf(at);
    }
  }

  /** Propagates differences upwards: a directory is the same only when all its entries are. */
  #passUp(first: number, end: number): void {
    const record = this.#record;
    for (let at = end - 1; at > first; at--) {
      if (this.#verdicts[at] === SAME && this.#hasTree(at)) continue;
      const above = record.above(at);
      this.#changed[record.entryOf(at)] = 1;
      if (this.#verdicts[above] === SAME) this.#verdicts[above] = DIFFERENT;
    }
  }

  #hasTree(directory: number): boolean {
    const id = this.#record.treeId(directory);
    return id !== undefined && !(this.#options.countsEmpty && id === EMPTY_TREE_ID);
  }

  /** Whether all entries other than directories are as recorded. */
  async #compareEntries(directory: number): Promise<boolean> {
    const run = this.#run;
    const path = this.#paths[directory]!;
    const first = this.#record.firstEntry(directory);
    this.#thread?.reach(directory);
    const marks = this.#thread?.hasDone(directory) === true ? this.#thread : undefined;
    if (marks !== undefined && this.#namesStand[directory] === 1) {
      if (marks.areSameFiles(first, this.#record.endOfEntries(directory))) {
        if (run.tired) await run.rest();
        return true;
      }
    }
    const recorded = this.#record.joinedNames(directory);
    let names: readonly string[];
    /** The entries of the names; undefined for all entries in order. */
    let places: readonly number[] | undefined;
    if (this.#namesStand[directory] === 1) {
      names = recorded === '' ? [] : recorded.split('/');
    } else {
      names = readNames(path).sort();
      if (names.join('/') !== recorded) [names, places] = this.#match(directory, names);
    }
    const isPlain = !hasLoneSurrogate(path) && !hasLoneSurrogate(recorded);
    let isSame = places === undefined;
    for (let i = 0; i < names.length; i += STRETCH) {
      const to = Math.min(i + STRETCH, names.length);
      if (!this.#compareSome(path, names, i, to, first, places, isPlain, marks)) isSame = false;
      if (run.tired) await run.rest();
    }
    return isSame;
  }

  #compareSome(
    path: string,
    names: readonly string[],
    from: number,
    to: number,
    first: number,
    places: readonly number[] | undefined,
    isPlain: boolean,
    marks: ComparisonThread | undefined,
  ): boolean {
    const record = this.#record;
    const look = this.#look;
    const lead = joinDisk(path, '');
    let isSame = true;
    for (let i = from; i < to; i++) {
      const entry = places === undefined ? first + i : places[i]!;
      if (marks?.isSameFile(entry)) continue;
      const at = lead + names[i]!;
      if (marks?.isSameDirectory(entry)) {
        const below = record.directoryOf(entry)!;
        this.#paths[below] = at;
        this.#namesStand[below] = 1;
        continue;
      }
      const stats = look(isPlain ? at : toDisk(at), NO_THROW);
      if (stats === undefined || !record.isUnchanged(entry, stats)) {
        this.#changed[entry] = 1;
        isSame = false;
        const below = record.directoryOf(entry);
        if (below !== undefined) this.#verdicts[below] = GONE;
      } else {
        const below = record.directoryOf(entry);
        if (below !== undefined) this.#found(entry, below, at, stats);
      }
    }
    return isSame;
  }

  /** Handles an existing directory that is recorded as one. */
  #found(entry: number, directory: number, path: string, stats: Stats): void {
    this.#paths[directory] = path;
    if (stats.dev !== this.#options.trustedDevice) return;
    if (this.#record.hasSameNames(entry, stats)) this.#namesStand[directory] = 1;
    else this.#states.set(directory, stateOfDirectory(stats));
  }

  /** The recorded names with their entries. Marks the others as added or changed. */
  #match(directory: number, names: readonly string[]): [names: string[], places: number[]] {
    const recorded = this.#record.names(directory);
    const first = this.#record.firstEntry(directory);
    const matched: string[] = [];
    const places: number[] = [];
    const added: string[] = [];
    let at = 0;
    const passOver = (isPassed: (name: string) => boolean) => {
      for (; at < recorded.length && isPassed(recorded[at]!); at++) {
        this.#changed[first + at] = 1;
        const below = this.#record.directoryOf(first + at);
        if (below !== undefined) this.#verdicts[below] = GONE;
      }
    };
    for (const name of names) {
      passOver((other) => other < name);
      if (recorded[at] === name) {
        matched.push(name);
        places.push(first + at++);
      } else {
        added.push(name);
      }
    }
    passOver(() => true);
    this.#added.set(directory, added);
    return [matched, places];
  }
}
