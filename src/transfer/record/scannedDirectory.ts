/**
 * A directory on disk as one scan sees it (diskScan.ts). Looks at each name once, tells what is unchanged
 * since it was recorded, and collects what the copy learns for the next record.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import type { ObjectId } from '../../git/objectId.ts';
import {
  type FileMode,
  isTreeMode,
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_TREE,
  type TreeEntry,
} from '../../git/objects/tree.ts';
import { isErrorOf } from '../../systemFaults.ts';
import { isForbiddenSegment, joinPath } from '../../tree/paths.ts';
import {
  type DiskEntry,
  entryOf,
  type FileState,
  HAS_EXECUTE_BITS,
  isSameState,
  joinDisk,
  modeOnDisk,
  readNames,
  toDisk,
  withFileMode,
} from '../disk/diskFiles.ts';
import { isSettled } from '../disk/fileTimes.ts';
import type { FileStamp } from '../disk/put/fileJobs.ts';
import { GITIGNORE } from '../rules/exclusion.ts';
import type { Changes } from '../rules/place.ts';
import { DirectoryFindings, type KnownFile } from './directoryFindings.ts';
import { RecordedDirectory } from './recordedDirectory.ts';
import type { KnownDirectory, NewDirectory } from './recordWriter.ts';
import type { ScanState } from './scanState.ts';
import { type DirectoryState, type StatRecord, stateOfDirectory } from './statRecord.ts';

/** An entry of a scanned directory. */
export interface ScannedEntry extends DiskEntry {
  /** The file's blob, when known without reading the file. */
  readonly id?: ObjectId | undefined;
  /** For a directory its own scan; for anything else that of its parent directory. */
  readonly home?: ScannedDirectory | undefined;
}

/** The `since` of a state from the record, which was proven when it was recorded. */
export const SETTLED = Number.POSITIVE_INFINITY;

export class ScannedDirectory {
  readonly path: string;
  readonly #scan: ScanState;
  readonly #parent: ScannedDirectory | undefined;
  readonly #name: string;
  /** The directory in the record. */
  readonly #recorded: RecordedDirectory | undefined;
  readonly #findings = new DirectoryFindings();
  #names: readonly string[] | undefined;
  /** Null when the record does not have its tree. */
  #changes: Changes | null | undefined;
  /** All entries have been listed, or will be reported. */
  #isComplete = false;
  /** Its own state, taken before its names were read. */
  #state: DirectoryState | undefined;
  /** That state proves that it has the recorded names. */
  #namesStand = false;
  /** Something in it or below it differs from the record. */
  #isTouched = false;
  /** Its .gitignore is not the recorded one, so no recorded tree of it or below it counts. */
  #hasNewRules = false;
  readonly #below = new Map<string, ScannedDirectory>();

  /** @param known its number in the record */
  constructor(
    scan: ScanState,
    parent: ScannedDirectory | undefined,
    name: string,
    path: string,
    known: number | undefined,
  ) {
    this.#scan = scan;
    this.#parent = parent;
    this.#name = name;
    this.path = path;
    this.#recorded = known === undefined ? undefined : new RecordedDirectory(scan.record!, known);
    this.#namesStand = known !== undefined && (scan.comparison?.namesStand(known) ?? false);
  }

  /**
   * The directory's recorded tree, and the names under which it may have changed. Everything else is
   * proven. Entries that a tree cannot or must not hold are never proven.
   */
  async changes(): Promise<Changes | undefined> {
    if (this.#changes === undefined) {
      this.#changes = null;
      this.#changes = (await this.#compare()) ?? null;
    }
    return this.#changes ?? undefined;
  }

  async #compare(): Promise<Changes | undefined> {
    const { comparison, options } = this.#scan;
    const recorded = this.#recorded;
    if (comparison === undefined || recorded === undefined) return undefined;
    const { number: known, treeId: base } = recorded;
    if (base === undefined || this.#isComplete) return undefined;
    for (let at = this.#parent; at !== undefined; at = at.#parent) {
      if (at.#hasNewRules) return undefined;
    }
    const states = comparison.isCompared(known)
      ? undefined
      : await comparison.compare(known, this.path, this.#namesStand);
    const names = comparison.changedNames(known, () => recorded.names);
    if (names === undefined) return undefined;
    if (options.readsGitignore && names.has(GITIGNORE)) {
      this.#hasNewRules = true;
      return undefined;
    }
    for (const [directory, state] of states ?? [])
      await this.#takeState(recorded.record, directory, state);
    if (names.size > 0) this.#scan.wasRecorded(base, this);
    return { base, names };
  }

  /** Records the new state of a directory below that is otherwise unchanged. */
  async #takeState(record: StatRecord, directory: number, state: DirectoryState): Promise<void> {
    const child = await this.#directoryBelow(record, directory);
    if (child === undefined) return;
    child.#state = state;
    if (child.#parent !== undefined && child.#provenState() !== undefined) {
      child.#parent.#touch(child.#name);
    }
  }

  /** The scan of a recorded directory below; undefined when a tree on the way to it is unknown. */
  async #directoryBelow(
    record: StatRecord,
    directory: number,
  ): Promise<ScannedDirectory | undefined> {
    const way: number[] = [];
    for (let at = directory; at !== this.#recorded?.number; at = record.above(at)) way.push(at);
    // From the top: the rules of a .gitignore file apply to everything below.
    let scan: ScannedDirectory = this;
    for (let at = way.pop(); at !== undefined; at = way.pop()) {
      scan = scan.#child(scan.#recorded!.nameOf(record.entryOf(at)), at);
      if ((await scan.changes()) === undefined) return undefined;
    }
    return scan;
  }

  /** The state that belongs to the known names; undefined when it proves nothing. */
  #provenState(): DirectoryState | undefined {
    const state = this.#state;
    if (state === undefined || !isSettled(state, this.#scan.started)) return undefined;
    return this.#knowsAllNames() ? state : undefined;
  }

  #knowsAllNames(): boolean {
    if (this.#isComplete) return this.#names?.length === this.#findings.count;
    const changes = this.#changes;
    if (changes == null) return false;
    for (const name of changes.names) if (!this.#findings.hasNews(name)) return false;
    return true;
  }

  /** Its recorded tree's entry under a name: null for a missing one, undefined when unknown. */
  recordedEntry(name: string): TreeEntry | null | undefined {
    if (!this.#hasTreeModes) return undefined;
    return this.#recorded === undefined ? null : this.#recorded.treeEntry(name);
  }

  /** Whether the record has files with the same modes as the trees. */
  get #hasTreeModes(): boolean {
    return HAS_EXECUTE_BITS && this.#scan.options.fileMode === undefined;
  }

  /** All names in it, sorted by code units. */
  names(): readonly string[] {
    this.#isComplete = true;
    const names = this.#readNames();
    const recorded = this.#recorded;
    if (recorded !== undefined) {
      // Now that all entries are seen, its tree may be known.
      if (recorded.treeId === undefined) this.#touch();
      const joined = recorded.joinedNames;
      if (joined !== names.join('/')) {
        this.#hasNewRules ||=
          recorded.entryOf(GITIGNORE) !== undefined && !names.includes(GITIGNORE);
        const allowed = names.filter((name) => !isForbiddenSegment(name));
        if (joined !== allowed.join('/')) this.#scan.changed = true;
      }
    } else {
      this.#scan.changed = true;
    }
    return names;
  }

  /** The entry under one of its names; undefined when it is gone. */
  entry(name: string): ScannedEntry | undefined {
    const stats = this.#look(name);
    const place = this.#recorded?.entryOf(name);
    if (stats === undefined) {
      if (place !== undefined) this.removed(name);
      return undefined;
    }
    const { record } = this.#scan;
    const isSame = place !== undefined && record!.isUnchanged(place, stats);
    if (isSame) this.#findings.addNews(name);
    else {
      this.#touch(name);
      if (this.#scan.options.readsGitignore && name === GITIGNORE) this.#hasNewRules = true;
    }
    const entry = withFileMode(entryOf(name, stats), this.#scan.options.fileMode);
    this.#findings.saw(name, entry.mode);
    if (isTreeMode(entry.mode)) {
      const known = isSame ? record!.directoryOf(place) : undefined;
      const home = this.#child(name, known);
      if (stats.dev === this.#scan.trustedDevice) {
        home.#namesStand = known !== undefined && record!.hasSameNames(place!, stats);
        if (!home.#namesStand) home.#state = stateOfDirectory(stats);
      }
      return { ...entry, home };
    }
    const id = isSame ? record!.blobId(place) : undefined;
    if (id !== undefined) {
      const file = { state: stateOf(entry), mode: entry.mode, id, since: SETTLED };
      this.#findings.identified(name, file);
    }
    return { ...entry, id, home: this };
  }

  /**
   * The anchored path of an entry. Valid until the next call of this for anything that the scan covers.
   */
  diskPath(name: string): string | Buffer {
    const path = toDisk(joinDisk(this.path, name));
    return this.#scan.anchors?.at(path) ?? path;
  }

  /** The scan of a subdirectory. */
  directory(name: string): ScannedDirectory {
    return this.#child(name, undefined);
  }

  /** Records that the copy has made this directory: it holds only the entries reported from now on. */
  made(): void {
    this.#isComplete = true;
    this.#touch();
  }

  /** Records that the entries reported since `made` form this tree. No more may be reported. */
  became(tree: ObjectId): void {
    this.#findings.tree = tree;
  }

  /**
   * Records that a file in this state was read and is that blob. Its mode is the one it was stored with.
   * @param since start of the read, in milliseconds since the epoch: the later, the more the file's
   *   times prove
   */
  learn(entry: DiskEntry, id: ObjectId, since: number): void {
    this.#set(entry, id, since);
  }

  /**
   * Records that the copy has written a blob as a file of that mode, with that resulting state.
   */
  wrote(
    name: string,
    stamp: FileStamp,
    { mode, id }: { readonly mode: FileMode; readonly id: ObjectId },
  ): void {
    const [ctimeMs, device] = [stamp[2], stamp[5]];
    const state = {
      size: stamp[0],
      mtimeMs: stamp[1],
      ctimeMs,
      ino: stamp[3],
      mode: modeOnDisk(stamp[4]),
    };
    this.#scan.clocks.saw(device, ctimeMs);
    this.#findings.identified(name, { state, mode, id, device });
    this.#findings.saw(name, mode);
    this.#below.delete(name);
    this.#touch(name);
  }

  /** Records that the copy has removed the entry. */
  removed(name: string): void {
    this.#touch(name);
    this.#findings.lost(name);
    this.#below.delete(name);
  }

  /**
   * The directory for the next record, with everything below it; undefined when nothing is known of it.
   * @param now milliseconds since the epoch
   */
  toRecord(now: number): NewDirectory | KnownDirectory | undefined {
    const all = [{ path: '', directory: this as ScannedDirectory }];
    for (const { path, directory } of all) {
      if (directory.#isAsRecorded) continue;
      for (const [name, below] of directory.#below) {
        all.push({ path: joinPath(path, name), directory: below });
      }
    }
    // Children come before their parents.
    const records = new Map<ScannedDirectory, NewDirectory | KnownDirectory | undefined>();
    for (const { path, directory } of all.reverse()) {
      records.set(directory, directory.#ownRecord(path, now, records));
    }
    return records.get(this);
  }

  /** Whether the record is current for the directory and everything below it. */
  get #isAsRecorded(): boolean {
    return !this.#isTouched && (!this.#isComplete || this.#changes?.names.size === 0);
  }

  /** @param below the records of the directories below it */
  #ownRecord(
    path: string,
    now: number,
    below: ReadonlyMap<ScannedDirectory, NewDirectory | KnownDirectory | undefined>,
  ): NewDirectory | KnownDirectory | undefined {
    const recorded = this.#recorded;
    if (this.#isAsRecorded) return recorded && asItWas(recorded);
    const findings = this.#findings;
    const { isExcluded, trees } = this.#scan.options;
    const context = {
      path,
      isExcluded,
      isProof: (file: KnownFile) => this.#isProof(file, now),
      below: (name: string) => {
        const child = this.#below.get(name);
        const directory = child && below.get(child);
        return directory && { directory, state: this.#stateBelow(name) };
      },
      cachedTree: (id: ObjectId) => trees?.cached(id)?.body,
      hasTreeModes: this.#hasTreeModes,
    };
    if (this.#isComplete) return findings.all(context);
    return recorded === undefined ? findings.some(context) : findings.since(recorded, context);
  }

  #readNames(): readonly string[] {
    this.#names ??= readNames(this.#scan.anchors?.directory(toDisk(this.path)) ?? this.path).sort();
    return this.#names;
  }

  #look(name: string): Stats | undefined {
    if (this.#scan.options.follow) return statSync(toDisk(joinDisk(this.path, name)), NO_THROW);
    try {
      return lstatSync(this.diskPath(name), NO_THROW);
    } catch (error) {
      // The directory itself is gone.
      if (isErrorOf(error, 'ENOENT')) return undefined;
      throw error;
    }
  }

  /** The state of a subdirectory, for the record. */
  #stateBelow(name: string): DirectoryState | undefined {
    const child = this.#below.get(name);
    if (child === undefined) return undefined;
    const place = this.#recorded?.entryOf(name);
    const before = child.#recorded;
    const hasItsNames = child.#namesStand && before && child.#findings.keepsNames(before);
    return hasItsNames && place !== undefined
      ? this.#scan.record!.directoryState(place)
      : child.#provenState();
  }

  #child(name: string, known: number | undefined): ScannedDirectory {
    let child = this.#below.get(name);
    if (child === undefined) {
      child = new ScannedDirectory(this.#scan, this, name, joinDisk(this.path, name), known);
      this.#below.set(name, child);
      this.#findings.saw(name, MODE_TREE);
    }
    return child;
  }

  /** Whether a file that still has that state when the record is used must have the known content. */
  #isProof({ state, since, device }: KnownFile, now: number): boolean {
    if (isSettled(state, since ?? now)) return true;
    return device !== undefined && this.#scan.clocks.isPast(state, device);
  }

  #set(entry: DiskEntry, id: ObjectId, since: number): void {
    const known = this.#findings.file(entry.name);
    const state = stateOf(entry);
    if (known?.id === id && known.mode === entry.mode && isSameState(known.state, state)) return;
    this.#findings.identified(entry.name, { state, mode: entry.mode, id, since });
    this.#touch(entry.name);
  }

  #touch(name?: string): void {
    this.#scan.changed = true;
    let touched = name;
    for (let at: ScannedDirectory | undefined = this; at !== undefined; at = at.#parent) {
      if (touched !== undefined) at.#findings.addNews(touched);
      if (at.#isTouched) return;
      at.#isTouched = true;
      touched = at.#name;
    }
  }
}

const NO_THROW = { throwIfNoEntry: false } as const;

/** The state, with the entry's mode on disk. The stored mode may be another one. */
function stateOf({ size, mtimeMs, ctimeMs, ino, mode, permissions }: DiskEntry): FileState {
  const isFile = (mode & 0o170000) === 0o100000;
  const onDisk = (permissions & 0o100) === 0 ? MODE_FILE : MODE_EXECUTABLE;
  return { size, mtimeMs, ctimeMs, ino, mode: isFile ? onDisk : mode };
}

function asItWas({ record, number }: RecordedDirectory): KnownDirectory {
  return { record, number };
}
