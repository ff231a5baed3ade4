/**
 * Comparing what stands on disk with a stat record: which entries still have the recorded state, so
 * that nothing has to be read to know what they are. A copy that finds nothing to do spends its time
 * here. So this runs over the columns of the record and makes no objects of its own.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { EMPTY_TREE_ID } from '../../git/objectId.ts';
import { hasLoneSurrogate } from '../../git/pathBytes.ts';
import { errorCode } from '../../systemFaults.ts';
import { joinDisk, readNames, toDisk } from '../disk/diskFiles.ts';
import type { CopyRun } from '../rules/run.ts';
import { type DirectoryState, type StatRecord, stateOfDirectory } from './statRecord.ts';

/** What is known of a recorded directory. */
const NOT_COMPARED = 0;
/** It is the recorded tree, with all below it. */
const SAME = 1;
const DIFFERENT = 2;
/** It is no directory any more. */
const GONE = 3;
/** The directory cannot be listed, or the entry cannot be examined. */
const UNREADABLE = 4;

/** Entries to compare between two checks whether to let the event loop run. */
const STRETCH = 128;

const NO_THROW = { throwIfNoEntry: false } as const;

export interface ComparisonOptions {
  /** Look at what links point to instead of the links. */
  readonly follow?: boolean | undefined;
  /** The device on which a directory's times tell whether its names have changed. */
  readonly trustedDevice: number | undefined;
  /** An empty directory is a difference from its tree, which cannot hold one. */
  readonly countsEmpty?: boolean | undefined;
}

export class RecordComparison {
  readonly #record: StatRecord;
  readonly #run: CopyRun;
  readonly #options: ComparisonOptions;
  readonly #look: typeof lstatSync;
  readonly #verdicts: Uint8Array;
  /** Which entries are not as recorded, or have something below them that is not. */
  readonly #changed: Uint8Array;
  /** Of which directories the names are known to be the recorded ones, by their states alone. */
  readonly #namesStand: Uint8Array;
  /** The names in a directory that are not recorded. */
  readonly #added = new Map<number, readonly string[]>();
  /** States of directories whose names had to be read, from before that. */
  #states = new Map<number, DirectoryState>();
  readonly #paths: string[] = [];

  constructor(record: StatRecord, run: CopyRun, options: ComparisonOptions) {
    this.#record = record;
    this.#run = run;
    this.#options = options;
    this.#look = options.follow ? (statSync as typeof lstatSync) : lstatSync;
    this.#verdicts = new Uint8Array(record.directoryCount);
    this.#namesStand = new Uint8Array(record.directoryCount);
    this.#changed = new Uint8Array(record.entryCount);
  }

  /** Whether it is known by now what became of a recorded directory. */
  isCompared(directory: number): boolean {
    return this.#verdicts[directory] !== NOT_COMPARED;
  }

  /** Whether the names in a recorded directory are known, by its state, to be the recorded ones. */
  namesStand(directory: number): boolean {
    return this.#namesStand[directory] === 1;
  }

  /**
   * The names under which a recorded directory may not be the recorded tree any more. Undefined where
   * it is not known.
   * @param recorded gives the names that are recorded for it
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
   * Looks at a directory and all below it.
   * @param path where it is
   * @param namesStand its names are known to be the recorded ones
   * @returns the directories below that are as recorded, but whose names had to be read to know
   *   that, with the states that would have said so
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
    for (let at = directory; at < end; ) {
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
    this.#passUp(directory, end);
    for (const at of this.#states.keys()) if (verdicts[at] !== SAME) this.#states.delete(at);
    return this.#states;
  }

  /** A directory is the same only when all in it are. */
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

  /** Whether all entries, directories aside, are as recorded. */
  async #compareEntries(directory: number): Promise<boolean> {
    const run = this.#run;
    const path = this.#paths[directory]!;
    const first = this.#record.firstEntry(directory);
    const recorded = this.#record.joinedNames(directory);
    let names: readonly string[];
    /** The entries that the names belong to; undefined: all of them in their order. */
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
      if (!this.#compareSome(path, names, i, to, first, places, isPlain)) isSame = false;
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
  ): boolean {
    const record = this.#record;
    const look = this.#look;
    const lead = joinDisk(path, '');
    let isSame = true;
    for (let i = from; i < to; i++) {
      const at = lead + names[i]!;
      const entry = places === undefined ? first + i : places[i]!;
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

  /** A directory stands where one is recorded. */
  #found(entry: number, directory: number, path: string, stats: Stats): void {
    this.#paths[directory] = path;
    if (stats.dev !== this.#options.trustedDevice) return;
    if (this.#record.hasSameNames(entry, stats)) this.#namesStand[directory] = 1;
    else this.#states.set(directory, stateOfDirectory(stats));
  }

  /** The names that are recorded, with their entries. The others are noted as added or changed. */
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
