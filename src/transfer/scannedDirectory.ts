/**
 * A directory on disk as one scan sees it (diskScan.ts): each name is looked at once, answers what of
 * it is unchanged since it was recorded, and takes in what the copy finds out, for the next record.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { EMPTY_TREE_ID, hashObject, type ObjectId } from '../git/objectId.ts';
import {
  type FileMode,
  isTreeMode,
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_TREE,
  type TreeEntry,
} from '../git/tree.ts';
import { type EntryEdit, editTree, serializeTree } from '../git/treeWriter.ts';
import { isForbiddenSegment, joinPath } from '../tree/paths.ts';
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
} from './diskFiles.ts';
import type { DiskScan } from './diskScan.ts';
import { GITIGNORE } from './exclusion.ts';
import { isSettled } from './fileTimes.ts';
import type { Changes } from './place.ts';
import type { FileStamp } from './putFile.ts';
import { type KnownDirectory, type NewDirectory, type NewEntry, treeIdOf } from './recordWriter.ts';
import { type DirectoryState, type StatRecord, stateOfDirectory } from './statRecord.ts';

/** An entry of a directory that is scanned. */
export interface ScannedEntry extends DiskEntry {
  /** The blob that the file is, where that is known without reading it. */
  readonly id?: ObjectId | undefined;
  /** A directory's own scan; for anything else that of the directory it lies in. */
  readonly home?: ScannedDirectory | undefined;
}

/** What is known of a file: a state it had, and the blob it then was. */
interface KnownFile {
  readonly state: FileState;
  /** The mode it was stored with. */
  readonly mode: FileMode;
  readonly id: ObjectId;
  /** When reading the content began, in milliseconds since the epoch. */
  readonly since?: number;
  /** For what the copy itself has written instead: the device on which it lies. */
  readonly device?: number;
}

/** For a state that stood in the record: it was proof enough then. */
export const SETTLED = Number.POSITIVE_INFINITY;

export class ScannedDirectory {
  readonly path: string;
  readonly #scan: DiskScan;
  readonly #parent: ScannedDirectory | undefined;
  readonly #name: string;
  /** Its number in the record. */
  readonly #known: number | undefined;
  #names: readonly string[] | undefined;
  #recorded: readonly string[] | undefined;
  /** Null: the record does not say what tree it was. */
  #changes: Changes | null | undefined;
  /** All that is there has been listed, or will be told. */
  #isComplete = false;
  /** Its own state, from before its names were read. */
  #state: DirectoryState | undefined;
  /** That state says that its names are the recorded ones. */
  #namesStand = false;
  /** Something in it, or below it, is not as recorded. */
  #isTouched = false;
  /** The tree that the copy has made it to be. */
  #tree: ObjectId | undefined;
  /** Names of which the record is to be brought up to date. */
  readonly #news = new Set<string>();
  /** Its .gitignore is not the recorded one, so no recorded tree of it or below it counts. */
  #hasNewRules = false;
  /** Modes of all entries that were looked at. */
  readonly #modes = new Map<string, FileMode>();
  readonly #files = new Map<string, KnownFile>();
  readonly #below = new Map<string, ScannedDirectory>();

  constructor(
    scan: DiskScan,
    parent: ScannedDirectory | undefined,
    name: string,
    path: string,
    known: number | undefined,
  ) {
    this.#scan = scan;
    this.#parent = parent;
    this.#name = name;
    this.path = path;
    this.#known = known;
    this.#namesStand = known !== undefined && (scan.comparison?.namesStand(known) ?? false);
  }

  /**
   * The tree that the directory was when it was recorded, and the names under which it may be
   * another by now; all else is proven. What a tree cannot hold, or shall not, is never proven.
   */
  async changes(): Promise<Changes | undefined> {
    if (this.#changes === undefined) {
      this.#changes = null;
      this.#changes = (await this.#compare()) ?? null;
    }
    return this.#changes ?? undefined;
  }

  async #compare(): Promise<Changes | undefined> {
    const { record, comparison, options } = this.#scan;
    const known = this.#known;
    if (record === undefined || comparison === undefined || known === undefined) return undefined;
    const base = record.treeId(known);
    if (base === undefined || this.#isComplete) return undefined;
    for (let at = this.#parent; at !== undefined; at = at.#parent) {
      if (at.#hasNewRules) return undefined;
    }
    const states = comparison.isCompared(known)
      ? undefined
      : await comparison.compare(known, this.path, this.#namesStand);
    const names = comparison.changedNames(known, () => this.#recordedNames());
    if (names === undefined) return undefined;
    if (options.readsGitignore && names.has(GITIGNORE)) {
      this.#hasNewRules = true;
      return undefined;
    }
    for (const [directory, state] of states ?? []) await this.#takeState(record, directory, state);
    if (names.size > 0) this.#scan.wasRecorded(base, this);
    return { base, names };
  }

  /** Notes the state of a directory below that is as recorded, that state aside. */
  async #takeState(record: StatRecord, directory: number, state: DirectoryState): Promise<void> {
    const child = await this.#directoryBelow(record, directory);
    if (child === undefined) return;
    child.#state = state;
    if (child.#parent !== undefined && child.#provenState() !== undefined) {
      child.#parent.#touch(child.#name);
    }
  }

  /** The scan of a recorded directory below; undefined where no more is known of it than that. */
  async #directoryBelow(
    record: StatRecord,
    directory: number,
  ): Promise<ScannedDirectory | undefined> {
    const above = record.above(directory);
    // From the top: what .gitignore files say counts for all below.
    const parent = above === this.#known ? this : await this.#directoryBelow(record, above);
    if (parent === undefined) return undefined;
    const name = parent.#recordedNames()[record.entryOf(directory) - record.firstEntry(above)]!;
    const child = parent.#child(name, directory);
    return (await child.changes()) && child;
  }

  /** The state that goes with the names that are known; undefined when it proves nothing. */
  #provenState(): DirectoryState | undefined {
    const state = this.#state;
    if (state === undefined || !isSettled(state, this.#scan.started)) return undefined;
    return this.#knowsAllNames() ? state : undefined;
  }

  #knowsAllNames(): boolean {
    if (this.#isComplete) return this.#names?.length === this.#modes.size;
    const changes = this.#changes;
    if (changes == null) return false;
    for (const name of changes.names) if (!this.#news.has(name)) return false;
    return true;
  }

  /** What its recorded tree holds under a name: null for nothing, undefined where it is not known. */
  recordedEntry(name: string): TreeEntry | null | undefined {
    const { record, options } = this.#scan;
    // A tree's own modes are not in the record.
    if (!HAS_EXECUTE_BITS || options.fileMode !== undefined) return undefined;
    const place = this.#placeOf(name);
    return place === undefined ? null : record!.treeEntry(place, name);
  }

  /** All names in it, sorted by code units. */
  names(): readonly string[] {
    this.#isComplete = true;
    const names = this.#readNames();
    const { record } = this.#scan;
    if (record !== undefined && this.#known !== undefined) {
      // Now that all of it is seen, its tree may be known.
      if (record.treeId(this.#known) === undefined) this.#touch();
      const joined = record.joinedNames(this.#known);
      if (joined !== names.join('/')) {
        this.#hasNewRules ||= this.#placeOf(GITIGNORE) !== undefined && !names.includes(GITIGNORE);
        const allowed = names.filter((name) => !isForbiddenSegment(name));
        if (joined !== allowed.join('/')) this.#scan.changed = true;
      }
    } else {
      this.#scan.changed = true;
    }
    return names;
  }

  /** What stands there under one of its names; undefined when nothing does any more. */
  entry(name: string): ScannedEntry | undefined {
    const stats = this.#look(name);
    const place = this.#placeOf(name);
    if (stats === undefined) {
      if (place !== undefined) this.removed(name);
      return undefined;
    }
    const { record } = this.#scan;
    const isSame = place !== undefined && record!.isUnchanged(place, stats);
    if (isSame) this.#news.add(name);
    else {
      this.#touch(name);
      if (this.#scan.options.readsGitignore && name === GITIGNORE) this.#hasNewRules = true;
    }
    const entry = withFileMode(entryOf(name, stats), this.#scan.options.fileMode);
    this.#modes.set(name, entry.mode);
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
      this.#files.set(name, { state: stateOf(entry), mode: entry.mode, id, since: SETTLED });
    }
    return { ...entry, id, home: this };
  }

  /** The scan of a directory in it. */
  directory(name: string): ScannedDirectory {
    return this.#child(name, undefined);
  }

  /** The copy has made this directory: there is nothing in it but what is told. */
  made(): void {
    this.#isComplete = true;
    this.#touch();
  }

  /** All that was told since it was made comes to this tree. Nothing more is told. */
  became(tree: ObjectId): void {
    this.#tree = tree;
  }

  /**
   * A file in this state was read and is that blob. Its mode is the one it was stored with.
   * @param since when reading it began, in milliseconds since the epoch: the later, the more its
   *   times prove
   */
  learn(entry: DiskEntry, id: ObjectId, since: number): void {
    this.#set(entry, id, since);
  }

  /**
   * The copy has put a blob there as a file of that mode, and found it in that state then.
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
    this.#files.set(name, { state, mode, id, device });
    this.#modes.set(name, mode);
    this.#below.delete(name);
    this.#touch(name);
  }

  /** The copy has removed what stood there. */
  removed(name: string): void {
    this.#touch(name);
    this.#modes.delete(name);
    this.#files.delete(name);
    this.#below.delete(name);
  }

  /** The directory for the next record; undefined when nothing is known of it. */
  toRecord(path: string, now: number): NewDirectory | KnownDirectory | undefined {
    const { record } = this.#scan;
    const known = this.#known === undefined ? undefined : { record: record!, number: this.#known };
    if (!this.#isComplete) {
      if (known === undefined) return this.#isTouched ? this.#fromNews(path, now) : undefined;
      return this.#isTouched ? this.#patched(known, path, now) : known;
    }
    if (!this.#isTouched && this.#changes?.names.size === 0) return known;
    const entries: NewEntry[] = [];
    /** What the tree holds; undefined as soon as it is not known. */
    let tree: TreeEntry[] | undefined = this.#tree === undefined ? [] : undefined;
    for (const [name, mode] of this.#modes) {
      const { entry, inTree } = this.#newEntry(name, mode, path, now);
      entries.push(entry);
      if (inTree === undefined) tree = undefined;
      else if (inTree !== null) tree?.push({ name, ...inTree });
    }
    return {
      treeId: this.#tree ?? (tree && hashObject('tree', serializeTree(tree))),
      entries: entries.sort(compareNames),
    };
  }

  /** A directory of which only what was asked for is known. */
  #fromNews(path: string, now: number): NewDirectory {
    const entries: NewEntry[] = [];
    for (const name of this.#news) {
      const mode = this.#modes.get(name);
      if (mode !== undefined) entries.push(this.#newEntry(name, mode, path, now).entry);
    }
    return { treeId: undefined, entries: entries.sort(compareNames) };
  }

  /** The recorded directory with what has become known since. */
  #patched({ record, number }: KnownDirectory, path: string, now: number): KnownDirectory {
    const replaced = new Map<number, NewEntry | null>();
    const added: NewEntry[] = [];
    let edits: Map<string, EntryEdit> | undefined = new Map();
    let isSameTree = true;
    for (const name of this.#news) {
      const place = this.#placeOf(name);
      const mode = this.#modes.get(name);
      if (mode === undefined) {
        if (place !== undefined) replaced.set(place, null);
        edits?.set(name, null);
        isSameTree = false;
        continue;
      }
      const { entry, inTree } = this.#newEntry(name, mode, path, now);
      if (place === undefined) added.push(entry);
      else replaced.set(place, entry);
      isSameTree &&= place !== undefined && isRecordedAs(record, place, entry);
      if (inTree === undefined) edits = undefined;
      else edits?.set(name, inTree);
    }
    const base = record.treeId(number);
    const changes = { replaced, added };
    if (isSameTree) return { record, number, changes: { ...changes, treeId: base } };
    const body = base === undefined ? undefined : this.#scan.options.trees?.cached(base)?.body;
    const treeId =
      body === undefined || edits === undefined
        ? undefined
        : hashObject('tree', editTree(body, edits));
    return { record, number, changes: { ...changes, treeId } };
  }

  /** What the record is to say of a name, and its entry in the tree: null for none. */
  #newEntry(
    name: string,
    mode: FileMode,
    path: string,
    now: number,
  ): { entry: NewEntry; inTree: EntryEdit | undefined } {
    const isTree = isTreeMode(mode);
    const child = joinPath(path, name);
    const file = this.#files.get(name);
    const state = file && this.#isProof(file, now) ? file.state : undefined;
    if (this.#scan.options.isExcluded?.(child, isTree)) {
      if (name === GITIGNORE && file !== undefined) {
        return { entry: { name, state, mode: file.state.mode, id: undefined }, inTree: null };
      }
      return { entry: { name, excluded: isTree ? 'directory' : 'file' }, inTree: null };
    }
    if (!isTree) {
      return {
        entry: { name, state, mode: file?.state.mode, id: file?.id },
        inTree: file && { mode: file.mode, id: file.id },
      };
    }
    const directory = this.#below.get(name)?.toRecord(child, now);
    if (directory === undefined) {
      return { entry: { name, ...UNKNOWN }, inTree: undefined };
    }
    const id = treeIdOf(directory);
    const entry = { name, directory, state: this.#stateBelow(name) };
    if (id === undefined) return { entry, inTree: undefined };
    return { entry, inTree: id === EMPTY_TREE_ID ? null : { mode: MODE_TREE, id } };
  }

  #readNames(): readonly string[] {
    this.#names ??= readNames(this.path).sort();
    return this.#names;
  }

  #look(name: string): Stats | undefined {
    const at = toDisk(joinDisk(this.path, name));
    return this.#scan.options.follow ? statSync(at, NO_THROW) : lstatSync(at, NO_THROW);
  }

  /** The state of a directory in this one, for the record. */
  #stateBelow(name: string): DirectoryState | undefined {
    const child = this.#below.get(name);
    if (child === undefined) return undefined;
    const place = this.#placeOf(name);
    return child.#namesStand && place !== undefined && child.#hasRecordedNames()
      ? this.#scan.record!.directoryState(place)
      : child.#provenState();
  }

  /** Whether all that has become known of it leaves its names as they are recorded. */
  #hasRecordedNames(): boolean {
    for (const name of this.#news) {
      if (this.#placeOf(name) === undefined || !this.#modes.has(name)) return false;
    }
    return true;
  }

  #recordedNames(): readonly string[] {
    if (this.#recorded === undefined) {
      const joined = this.#known === undefined ? '' : this.#scan.record!.joinedNames(this.#known);
      this.#recorded = joined === '' ? [] : joined.split('/');
    }
    return this.#recorded;
  }

  /** The name's place in the record; undefined when it is not there. */
  #placeOf(name: string): number | undefined {
    if (this.#known === undefined) return undefined;
    const names = this.#recordedNames();
    let low = 0;
    for (let high = names.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (names[middle]! < name) low = middle + 1;
      else high = middle;
    }
    return names[low] === name ? this.#scan.record!.firstEntry(this.#known) + low : undefined;
  }

  #child(name: string, known: number | undefined): ScannedDirectory {
    let child = this.#below.get(name);
    if (child === undefined) {
      child = new ScannedDirectory(this.#scan, this, name, joinDisk(this.path, name), known);
      this.#below.set(name, child);
      this.#modes.set(name, MODE_TREE);
    }
    return child;
  }

  /** Whether a file that is in that state when the record is used must be the one that is known. */
  #isProof({ state, since, device }: KnownFile, now: number): boolean {
    if (isSettled(state, since ?? now)) return true;
    return device !== undefined && this.#scan.clocks.isPast(state, device);
  }

  #set(entry: DiskEntry, id: ObjectId, since: number): void {
    const known = this.#files.get(entry.name);
    const state = stateOf(entry);
    if (known?.id === id && known.mode === entry.mode && isSameState(known.state, state)) return;
    this.#files.set(entry.name, { state, mode: entry.mode, id, since });
    this.#touch(entry.name);
  }

  #touch(name?: string): void {
    this.#scan.changed = true;
    if (name !== undefined) this.#news.add(name);
    if (this.#isTouched) return;
    this.#isTouched = true;
    if (this.#parent !== undefined) this.#parent.#touch(this.#name);
  }
}

const NO_THROW = { throwIfNoEntry: false } as const;

/** What there is to be recorded of an entry of which nothing is known. */
const UNKNOWN = { state: undefined, mode: undefined, id: undefined } as const;

function compareNames(a: NewEntry, b: NewEntry): number {
  return a.name < b.name ? -1 : 1;
}

/** The state, with the mode that the disk has for the entry, which may be stored with another. */
function stateOf({ size, mtimeMs, ctimeMs, ino, mode, permissions }: DiskEntry): FileState {
  const isFile = (mode & 0o170000) === 0o100000;
  const onDisk = (permissions & 0o100) === 0 ? MODE_FILE : MODE_EXECUTABLE;
  return { size, mtimeMs, ctimeMs, ino, mode: isFile ? onDisk : mode };
}

/** Whether the entry makes no other entry in the tree than the recorded one. */
function isRecordedAs(record: StatRecord, place: number, entry: NewEntry): boolean {
  if ('directory' in entry) {
    const below = record.directoryOf(place);
    const tree = treeIdOf(entry.directory);
    return below !== undefined && tree !== undefined && tree === record.treeId(below);
  }
  return 'id' in entry && record.hasFile(place, entry.mode, entry.id);
}
