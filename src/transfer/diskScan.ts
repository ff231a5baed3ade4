/**
 * Looking at a local directory beside its stat record (statRecord.ts). A *scan* is one look at a
 * directory and what is below it, as far as it is asked for: each name is looked at once, answers
 * what of it is unchanged, and takes in what the copy finds out, for the next record.
 */
import { createHash } from 'node:crypto';
import { lstatSync, realpathSync, type Stats, statfsSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { EMPTY_TREE_ID, hashObject, type ObjectId } from '../git/objectId.ts';
import { decodePath, encodePath, hasLoneSurrogate } from '../git/pathBytes.ts';
import {
  type EntryEdit,
  editTree,
  type FileMode,
  isTreeMode,
  MODE_EXECUTABLE,
  MODE_FILE,
  MODE_TREE,
  serializeTree,
  type TreeEntry,
} from '../git/tree.ts';
import type { Memos } from '../storage/storage.ts';
import { isForbiddenSegment, joinPath } from '../tree/paths.ts';
import type { TreeReader } from '../tree/reader.ts';
import {
  type DiskEntry,
  entryOf,
  type FileState,
  isSameState,
  joinDisk,
  readNames,
  toDisk,
  withFileMode,
} from './diskFiles.ts';
import { GITIGNORE } from './exclusion.ts';
import type { Changes } from './place.ts';
import type { CopyRun } from './run.ts';
import {
  type ChangedDirectory,
  type DirectoryState,
  type KnownDirectory,
  type NewDirectory,
  type NewEntry,
  StatRecord,
  serializeRecord,
  treeIdOf,
} from './statRecord.ts';

/** The rules of a scan that takes all files as they are. */
const PLAIN_RULES = '0'.repeat(40);

/**
 * A file may change again within one tick of its file system's clock, and its times stay the same.
 * So a state proves nothing about a file that was changed less than this before it was looked at.
 * Milliseconds: clocks tick every 16 ms or faster; some file systems keep times in whole seconds, or
 * every second one.
 */
const FINE_TICK = 100;
const COARSE_TICK = 3000;

/**
 * File systems (statfs(2), f_type) of which it is known that a directory's times change whenever a
 * name in it comes, goes or is replaced: ext2 to ext4, XFS, Btrfs, tmpfs, overlayfs, F2FS, ZFS,
 * bcachefs. Elsewhere the names are read every time.
 */
const KEEPS_DIRECTORY_TIMES: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0xf2f52010, 0x2fc12fc1, 0xca451a4e,
]);

/** An entry of a directory that is scanned. */
export interface ScannedEntry extends DiskEntry {
  /** The blob that the file is, where that is known without reading it. */
  readonly id?: ObjectId | undefined;
  /** A directory's own scan; for anything else that of the directory it lies in. */
  readonly home?: ScannedDirectory | undefined;
}

export interface ScanOptions {
  /** Where the record is kept; undefined: there is none. */
  readonly memos: Memos | undefined;
  /** The trees of the store. */
  readonly trees?: TreeReader | undefined;
  /** What the directory is copied to or from, so that each pair has its record. */
  readonly counterpart: string;
  /** Look at what links point to instead of the links. */
  readonly follow?: boolean | undefined;
  /** The mode that all files get instead of their own. */
  readonly fileMode?: FileMode | undefined;
  /** Take nothing for known, as if there were no record yet. */
  readonly ignoreRecord?: boolean | undefined;
  /** Stands for everything, besides the files, that the trees of the directories depend on. */
  readonly rules?: string | undefined;
  /** Whether a path below the directory is left out of its tree. */
  readonly isExcluded?: ((path: string, isDirectory: boolean) => boolean) | undefined;
  /** .gitignore files are a part of the rules: one that has changed may change any tree below. */
  readonly readsGitignore?: boolean | undefined;
  /** An empty directory is a difference from its tree, which cannot hold one. */
  readonly countsEmpty?: boolean | undefined;
}

export class DiskScan {
  readonly root: ScannedDirectory;
  readonly run: CopyRun;
  readonly options: ScanOptions;
  readonly record: StatRecord | undefined;
  /** When it began, before anything was looked at. Milliseconds since the epoch. */
  readonly started = Date.now();
  /** 40 hex digits. */
  readonly rules: string;
  readonly #memo: string;
  /** The device on which a directory's times tell whether its names have changed. */
  readonly trustedDevice: number | undefined;
  /** Something is not as the record has it. */
  changed = false;

  /** @param path the directory, which need not exist yet */
  constructor(path: string, run: CopyRun, options: ScanOptions) {
    this.run = run;
    this.options = options;
    this.rules = options.rules === undefined ? PLAIN_RULES : sha1(options.rules);
    const { memos, counterpart, ignoreRecord } = options;
    this.#memo = memos ? `stat-${sha1(`${canonicalPath(path)}\0${counterpart}`)}` : '';
    const content = ignoreRecord ? undefined : memos?.read(this.#memo);
    this.record = content && StatRecord.parse(content);
    this.trustedDevice = memos && deviceOfTrust(path);
    this.root = new ScannedDirectory(this, undefined, '', path, this.record && 0);
    if (this.record?.rules !== this.rules) this.changed = true;
  }

  /** Writes the record anew where it has changed. Its blobs must be in the store by now. */
  save(): void {
    const { memos } = this.options;
    if (memos === undefined || !this.changed) return;
    const root = this.root.toNew('', Date.now());
    if (root !== undefined) memos.replace(this.#memo, serializeRecord(root, this.rules));
  }
}

/** What is known of a file: a state it had, and the blob it then was. */
interface KnownFile {
  readonly state: FileState;
  /** The mode it was stored with. */
  readonly mode: FileMode;
  readonly id: ObjectId;
  /**
   * When the state was looked at, in milliseconds since the epoch; of what the copy itself has
   * written, undefined. `SETTLED` for a state that stood in the record.
   */
  readonly since: number | undefined;
}

const SETTLED = Number.POSITIVE_INFINITY;

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
  }

  /**
   * The tree that the directory was when it was recorded, and the names under which it may be
   * another by now; all else is proven. What a tree cannot hold, or shall not, is never proven.
   */
  async changes(): Promise<Changes | undefined> {
    if (this.#changes === undefined) {
      this.#changes = null;
      try {
        this.#changes = (await this.#compare()) ?? null;
      } catch {
        // Whoever lists the directory meets the error again, and reports it.
      }
      if (this.#changes?.names.size === 0) this.#names = undefined;
    }
    return this.#changes ?? undefined;
  }

  async #compare(): Promise<Changes | undefined> {
    const { record, rules, options } = this.#scan;
    const known = this.#known;
    if (record === undefined || record.rules !== rules || known === undefined) return undefined;
    const base = record.treeId(known);
    if (base === undefined || this.#isComplete) return undefined;
    for (let at = this.#parent; at !== undefined; at = at.#parent) {
      if (at.#hasNewRules) return undefined;
    }
    const changed = await this.#compareEntries(record, known);
    if (options.readsGitignore && changed.has(GITIGNORE)) {
      this.#hasNewRules = true;
      return undefined;
    }
    const first = record.firstEntry(known);
    for (const [i, name] of this.#recordedNames().entries()) {
      const below = record.directoryOf(first + i);
      if (below === undefined || changed.has(name)) continue;
      const child = this.#child(name, below);
      const tree = await child.changes();
      const isSame = tree !== undefined && tree.names.size === 0;
      if (isSame && !child.#namesStand && child.#provenState() !== undefined) this.#touch(name);
      if (!isSame || (options.countsEmpty && tree.base === EMPTY_TREE_ID)) changed.add(name);
    }
    return { base, names: changed };
  }

  /** The names that are new, gone, or have another state. This is where a scan's time goes. */
  async #compareEntries(record: StatRecord, known: number): Promise<Set<string>> {
    const { run } = this.#scan;
    const changed = new Set<string>();
    const names = this.#namesStand ? this.#recordedNames() : this.#readNames();
    const joined = record.joinedNames(known);
    const isAligned = this.#namesStand || names.join('/') === joined;
    if (isAligned) this.#recorded = names;
    const recorded = this.#recordedNames();
    const first = record.firstEntry(known);
    const look = this.#scan.options.follow ? statSync : lstatSync;
    const lead = joinDisk(this.path, '');
    const isPlain = isAligned && !hasLoneSurrogate(lead) && !hasLoneSurrogate(joined);
    let at = 0;
    for (let i = 0; i < names.length; i++) {
      if (i % 64 === 0 && run.tired) await run.rest();
      const name = names[i]!;
      while (at < recorded.length && recorded[at]! < name) changed.add(recorded[at++]!);
      if (recorded[at] !== name) {
        changed.add(name);
        continue;
      }
      const stats = isPlain ? look(lead + name, NO_THROW) : this.#look(name);
      if (stats === undefined || !record.isUnchanged(first + at, stats)) changed.add(name);
      else this.#lookedAt(record, first + at, name, stats);
      at++;
    }
    while (at < recorded.length) changed.add(recorded[at++]!);
    return changed;
  }

  /** Notes the state of a directory in this one. */
  #lookedAt(record: StatRecord, entry: number, name: string, stats: Stats): void {
    const below = record.directoryOf(entry);
    if (below === undefined || stats.dev !== this.#scan.trustedDevice) return;
    const child = this.#child(name, below);
    child.#namesStand = record.hasSameNames(entry, stats);
    if (!child.#namesStand) child.#state = stateOfDirectory(stats);
  }

  /** The state that goes with the names that are known; undefined when it proves nothing. */
  #provenState(): DirectoryState | undefined {
    const state = this.#state;
    if (state === undefined) return undefined;
    const file = { state, since: this.#scan.started };
    return isSettled(file, 0) && this.#knowsAllNames() ? state : undefined;
  }

  #knowsAllNames(): boolean {
    if (this.#isComplete) return this.#names?.length === this.#modes.size;
    const changes = this.#changes;
    if (changes == null) return false;
    for (const name of changes.names) if (!this.#news.has(name)) return false;
    return true;
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
      const home = this.#child(name, isSame ? record!.directoryOf(place) : undefined);
      if (isSame) this.#lookedAt(record!, place, name, stats);
      else if (stats.dev === this.#scan.trustedDevice) home.#state = stateOfDirectory(stats);
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

  /** A file in this state was read and is that blob. Its mode is the one it was stored with. */
  learn(entry: DiskEntry, id: ObjectId): void {
    this.#set(entry, id, this.#scan.started);
  }

  /** The copy has put a blob there as a file of that mode, and found it in that state then. */
  wrote(name: string, state: FileState, mode: FileMode, id: ObjectId): void {
    this.#files.set(name, { state, mode, id, since: undefined });
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
  toNew(path: string, now: number): NewDirectory | ChangedDirectory | undefined {
    const { record } = this.#scan;
    const known = this.#known === undefined ? undefined : { record: record!, index: this.#known };
    if (!this.#isComplete) {
      if (known === undefined) return this.#isTouched ? this.#fromNews(path, now) : undefined;
      return this.#isTouched ? this.#patched(known, path, now) : { ...known, patches: NO_PATCHES };
    }
    if (!this.#isTouched && this.#changes?.names.size === 0)
      return { ...known!, patches: NO_PATCHES };
    const entries: NewEntry[] = [];
    /** What the tree holds; undefined as soon as it is not known. */
    let tree: TreeEntry[] | undefined = [];
    for (const [name, mode] of this.#modes) {
      const { entry, inTree } = this.#newEntry(name, mode, path, now);
      entries.push(entry);
      if (inTree === undefined) tree = undefined;
      else if (inTree !== null) tree?.push({ name, ...inTree });
    }
    return {
      treeId: tree && hashObject('tree', serializeTree(tree)),
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
  #patched(known: KnownDirectory, path: string, now: number): ChangedDirectory {
    const patches = new Map<string, NewEntry | null>();
    let edits: Map<string, EntryEdit> | undefined = new Map();
    let isSameTree = true;
    for (const name of this.#news) {
      const mode = this.#modes.get(name);
      if (mode === undefined) {
        patches.set(name, null);
        edits?.set(name, null);
        isSameTree = false;
        continue;
      }
      const { entry, inTree } = this.#newEntry(name, mode, path, now);
      patches.set(name, entry);
      isSameTree &&= this.#isRecordedAs(name, entry);
      if (inTree === undefined) edits = undefined;
      else edits?.set(name, inTree);
    }
    const base = known.record.treeId(known.index);
    if (isSameTree) return { ...known, patches, treeId: base };
    const body = base === undefined ? undefined : this.#scan.options.trees?.cached(base)?.body;
    const treeId =
      body === undefined || edits === undefined
        ? undefined
        : hashObject('tree', editTree(body, edits));
    return { ...known, patches, treeId };
  }

  /** Whether the entry makes no other entry in the tree than the recorded one. */
  #isRecordedAs(name: string, entry: NewEntry): boolean {
    const record = this.#scan.record!;
    const place = this.#placeOf(name);
    if (place === undefined) return false;
    if ('directory' in entry) {
      const below = record.directoryOf(place);
      const tree = treeIdOf(entry.directory);
      return below !== undefined && tree !== undefined && tree === record.treeId(below);
    }
    return (
      'state' in entry && entry.id !== undefined && record.hasFile(place, entry.state, entry.id)
    );
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
    const state = file && isSettled(file, now) ? file.state : undefined;
    if (this.#scan.options.isExcluded?.(child, isTree)) {
      if (name === GITIGNORE && file !== undefined) {
        return { entry: { name, state, id: undefined }, inTree: null };
      }
      return { entry: { name, excluded: isTree ? 'directory' : 'file' }, inTree: null };
    }
    if (!isTree) {
      return {
        entry: { name, state, id: file?.id },
        inTree: file && { mode: file.mode, id: file.id },
      };
    }
    const directory = this.#below.get(name)?.toNew(child, now);
    if (directory === undefined) {
      return { entry: { name, state: undefined, id: undefined }, inTree: undefined };
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

  #set(entry: DiskEntry, id: ObjectId, since: number | undefined): void {
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

function stateOfDirectory({ mtimeMs, ctimeMs, ino }: Stats): DirectoryState {
  return { mtimeMs, ctimeMs, ino };
}

const NO_THROW = { throwIfNoEntry: false } as const;

const NO_PATCHES: ReadonlyMap<string, NewEntry | null> = new Map();

function compareNames(a: NewEntry, b: NewEntry): number {
  return a.name < b.name ? -1 : 1;
}

/** The state, with the mode that the disk has for the entry, which may be stored with another. */
function stateOf({ size, mtimeMs, ctimeMs, ino, mode, permissions }: DiskEntry): FileState {
  const isFile = (mode & 0o170000) === 0o100000;
  const onDisk = (permissions & 0o100) === 0 ? MODE_FILE : MODE_EXECUTABLE;
  return { size, mtimeMs, ctimeMs, ino, mode: isFile ? onDisk : mode };
}

/** Whether the file cannot change any more without its state changing. */
function isSettled(
  { state, since }: { state: DirectoryState; since: number | undefined },
  now: number,
): boolean {
  const { mtimeMs, ctimeMs } = state;
  const tick = ctimeMs % 1000 === 0 ? COARSE_TICK : FINE_TICK;
  const at = since ?? now;
  // Where a file system keeps no ctime, the mtime must do, which may well be one in the future.
  return ctimeMs < at - tick && Math.abs(at - mtimeMs) > tick;
}

function deviceOfTrust(path: string): number | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    // Signed on some systems.
    const type = statfsSync(toDisk(path)).type >>> 0;
    return KEEPS_DIRECTORY_TIMES.has(type) ? statSync(toDisk(path)).dev : undefined;
  } catch {
    return undefined;
  }
}

/** The path without links, also when its last parts do not exist. */
function canonicalPath(path: string): string {
  try {
    return decodePath(realpathSync(toDisk(path), { encoding: 'buffer' }));
  } catch {
    const absolute = resolve(path);
    const above = dirname(absolute);
    return above === absolute ? absolute : `${canonicalPath(above)}/${basename(absolute)}`;
  }
}

function sha1(text: string): string {
  return createHash('sha1').update(encodePath(text)).digest('hex');
}
