/**
 * What a copy to disk removes, and when. Entries in the way of new files go before anything is written.
 * All others go last, so that a copy that fails half way has lost nothing.
 *
 * An entry that cannot be removed (a mount point, an immutable file) does not stop the rest. It becomes
 * an error at the end.
 */
import * as fs from 'node:fs';
import { GitStoreError } from '../../errors.ts';
import { rmdirSync, unlinkSync } from '../../storage/disk/fs.ts';
import { isErrorOf, localError } from '../../systemFaults.ts';
import type { FileEntry } from '../../tree/changes.ts';
import { baseName, isWithin, joinPath, parentPath } from '../../tree/paths.ts';
import { fileTypeOf } from '../../tree/types.ts';
import { newTemporaryPrefix } from '../disk/diskFiles.ts';
import { removeSeen } from '../disk/put/seenFile.ts';

import type { DiskDestination } from '../record/diskPlaces.ts';
import type { ScannedEntry } from '../record/scannedDirectory.ts';
import type { CopyRun } from '../rules/run.ts';
import type { DiskPlan } from './diskPlan.ts';

/** A file to remove, by its path in the destination, or a directory to remove if it is empty. */
interface Removal {
  readonly path: string;
  /** Undefined for a directory. */
  readonly entry: ScannedEntry | undefined;
}

export class Removals {
  /** The removed files. */
  readonly removed: FileEntry[] = [];
  readonly #place: DiskDestination;
  readonly #run: CopyRun;
  readonly #dryRun: boolean;
  readonly #onlyAsSeen: boolean;
  readonly #temporaryPrefix = newTemporaryPrefix();
  #temporaries = 0;
  readonly #first: readonly Removal[];
  readonly #last: readonly Removal[];
  /** Entries that could not be removed, by path in the destination. */
  readonly #stayed = new Map<string, GitStoreError>();

  constructor(
    plan: DiskPlan,
    place: DiskDestination,
    run: CopyRun,
    { dryRun, onlyAsSeen }: { dryRun: boolean; onlyAsSeen: boolean },
  ) {
    this.#place = place;
    this.#run = run;
    this.#dryRun = dryRun;
    this.#onlyAsSeen = onlyAsSeen;
    const all: Removal[] = [];
    for (const [path, entry] of plan.deletes) all.push({ path, entry });
    for (const path of plan.vacated) all.push({ path, entry: undefined });
    const way = all.length === 0 ? undefined : new Way(plan);
    this.#first = all.filter(({ path }) => way?.isBlockedBy(path));
    this.#last = all.filter(({ path }) => !way?.isBlockedBy(path));
  }

  /** Removes the entries in the way of new files. */
  clearWay(): Promise<void> {
    return this.#remove(this.#first);
  }

  /** Whether an entry that could not be removed blocks a file. */
  isBlocked(path: string): boolean {
    if (this.#stayed.size === 0) return false;
    for (const stayed of this.#stayed.keys()) {
      if (isWithin(path, stayed) || isWithin(stayed, path)) return true;
    }
    return false;
  }

  /** Removes the rest. */
  finish(): Promise<void> {
    return this.#remove(this.#last);
  }

  /**
   * Reports the entries that could not be removed.
   * @throws GitStoreError for the first such entry, unless the copy carries on past errors
   */
  report(): void {
    const [first, ...others] = this.#stayed;
    if (first === undefined) return;
    const [path, error] = first;
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
    const { code, cause } = error;
    const shown = this.#place.show(path);
    this.#run.fail(
      shown,
      new GitStoreError(`${error.message}; it is not deleted${more}`, code, { path: shown, cause }),
    );
    for (const [path, error] of others) this.#run.fail(this.#place.show(path), error);
  }

  async #remove(removals: readonly Removal[]): Promise<void> {
    for (const { path, entry } of removals) {
      if (this.#run.tired) await this.#run.rest();
      const shown = this.#place.show(path);
      try {
        if (entry === undefined) this.#removeDirectory(path);
        else this.#removeFile(path, shown, entry);
      } catch (error) {
        this.#stayed.set(path, localError(error, shown));
      }
    }
  }

  #removeFile(path: string, shown: string, entry: ScannedEntry): void {
    try {
      if (!this.#dryRun) {
        if (this.#onlyAsSeen) this.#removeSeen(path, entry);
        else unlinkSync(this.#place.at(path));
      }
    } catch (error) {
      if (isErrorOf(error, 'ENOENT')) return;
      throw error;
    }
    entry.home?.removed(entry.name);
    this.removed.push({ path: shown, type: fileTypeOf(entry.mode) });
  }

  #removeSeen(path: string, entry: ScannedEntry): void {
    const name = `${this.#temporaryPrefix}${this.#temporaries++}`;
    const aside = this.#place.at(joinPath(parentPath(path), name));
    removeSeen(fs, this.#place.at(path), entry, aside);
  }

  #removeDirectory(path: string): void {
    if (this.#dryRun) return;
    try {
      rmdirSync(this.#place.at(path));
      this.#place.home(parentPath(path)).removed(baseName(path));
    } catch (error) {
      // A directory that is not empty stays.
      if (!isErrorOf(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
    }
  }
}

/** The paths of new files of a copy, and the existing entries in their way. */
class Way {
  /** Paths of the files and directories to create. */
  readonly #files = new Set<string>();
  readonly #directories = new Set<string>();
  /** The same, folded so that names are equal if any disk takes them for the same. */
  readonly #folded = new Set<string>();
  /** Directories checked before: whether a file is to be created there or above. */
  readonly #taken = new Map<string, boolean>();

  constructor({ files, grafts }: DiskPlan) {
    for (const { path, existing } of files) {
      if (existing !== undefined) continue;
      this.#files.add(path);
      this.#folded.add(folded(path));
      this.#addDirectory(parentPath(path));
    }
    for (const { path } of grafts) this.#addDirectory(path);
  }

  /** Whether the entry at `path` must go before the new files can be created. */
  isBlockedBy(path: string): boolean {
    return this.#directories.has(path) || this.#isTaken(path) || this.#isInTaken(parentPath(path));
  }

  /** Whether a file is to be created there, or under another spelling of the name. */
  #isTaken(path: string): boolean {
    if (this.#files.has(path)) return true;
    return !this.#directories.has(path) && this.#folded.has(folded(path));
  }

  /** The same for a directory and those above it. Checks each once. */
  #isInTaken(directory: string): boolean {
    const unknown: string[] = [];
    let isTaken: boolean | undefined;
    for (let at = directory; isTaken === undefined; at = parentPath(at)) {
      isTaken = at === '' ? false : this.#taken.get(at);
      if (isTaken === undefined) unknown.push(at);
    }
    for (let at = unknown.pop(); at !== undefined; at = unknown.pop()) {
      isTaken ||= this.#isTaken(at);
      this.#taken.set(at, isTaken);
    }
    return isTaken;
  }

  #addDirectory(path: string): void {
    for (let at = path; at !== '' && !this.#directories.has(at); at = parentPath(at)) {
      this.#directories.add(at);
      this.#folded.add(folded(at));
    }
  }
}

function folded(path: string): string {
  const lower = path.toLowerCase();
  return /[^\x00-\x7f]/.test(lower) ? lower.normalize('NFC').toUpperCase() : lower;
}
