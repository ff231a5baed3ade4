/**
 * The first step of a merge: walks three trees in parallel. Changes of only one side are resolved
 * immediately, without opening whole directories. What remains are paths that both sides have changed, and
 * added or deleted paths, which may be renames.
 *
 * A directory that only one side has changed is opened only if it may hold the new path of a renamed file.
 * Whether such a file is wanted is known only at the end, so these directories are postponed until then.
 */
import type { MergeConflict } from '../errors.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../git/objectId.ts';
import { compareTreeEntries, isTreeMode, MODE_TREE, type TreeEntry } from '../git/objects/tree.ts';
import { differingEntries } from '../git/objects/treeDifference.ts';
import { comparePaths } from '../git/pathBytes.ts';
import type { Pace } from '../storage/pace.ts';
import type { TreeEdit } from '../tree/edit.ts';
import { checkDepth, joinPath } from '../tree/paths.ts';
import type { AnyTreeReader, Tree } from '../tree/reader.ts';
import {
  BASE,
  isSame,
  OURS,
  SIDES,
  type Side,
  THEIRS,
  type Version,
  type Versions,
} from './types.ts';

/** The sides that agree at a path. */
export type Agreement = 'none' | 'ours-base' | 'theirs-base' | 'both-sides';

/** A path with added or deleted files, or with changes by both sides. */
export class PathState {
  readonly path: string;
  /** The version of each side. A rename moves versions to another path. */
  readonly versions: Versions;
  /** The former path of each version. */
  readonly sources: [string, string, string];
  /** The version of ours here, regardless of renames. */
  readonly standing: Version | undefined;
  readonly agreement: Agreement;
  /** As `versions`, before moved files were merged: all of these are in the store. */
  readonly originals: Versions;
  /** Everything here was moved to another path. */
  isGone = false;
  /** The conflict caused by renames. */
  conflict: (MergeConflict & { readonly paths: string[] }) | undefined;
  /** Sides that have a directory here. */
  readonly directories: Readonly<Versions>;

  constructor(path: string, files: Versions, directories: Versions) {
    this.path = path;
    this.versions = [...files];
    this.originals = [...files];
    this.sources = [path, path, path];
    this.standing = files[OURS];
    this.directories = directories;
    this.agreement = agreementOf(files);
  }

  get hasDirectory(): boolean {
    return this.directories.some(isThere);
  }

  /** Moves a side's version here from another path. */
  bring(side: 0 | 1 | 2, version: Version | undefined, from: string): void {
    this.versions[side] = version;
    this.originals[side] = version;
    this.sources[side] = from;
  }
}

function agreementOf([base, ours, theirs]: Versions): Agreement {
  if (isSame(ours, base)) return 'ours-base';
  if (isSame(theirs, base)) return 'theirs-base';
  return isSame(ours, theirs) ? 'both-sides' : 'none';
}

/** A file that one side has deleted or added, and so a possible end of a rename. */
export interface RenameEnd extends Version {
  readonly path: string;
  /** It was found in a postponed directory. */
  readonly late: boolean;
}

export interface RenameSource extends RenameEnd {
  /** Whether its destination matters to the merge. */
  readonly relevant: boolean;
}

/** Files that one side has deleted and added. */
export interface SideChanges {
  readonly sources: RenameSource[];
  readonly destinations: RenameEnd[];
}

export interface Collected {
  /** By path. */
  readonly states: ReadonlyMap<string, PathState>;
  /** Immediately resolved changes, as edits of ours. */
  readonly edits: Map<string, TreeEdit>;
  /** Immediately resolved files and directories of the result, if requested. */
  readonly settled: readonly string[];
  readonly changes: readonly [undefined, SideChanges, SideChanges];
}

/** Three directories of one name. */
interface Directory {
  readonly path: string;
  readonly trees: readonly [ObjectId | undefined, ObjectId | undefined, ObjectId | undefined];
  /** The side that may have added a file where the other has removed the directory. */
  readonly watching: Watching;
  /** Files found in it are processed last. */
  readonly late: boolean;
  /** Open everything below it that differs. */
  readonly inFull: boolean;
}

/**
 * A directory that one side has removed and to which the other has added files: Git then looks for renames
 * of all its files.
 */
type Watching = undefined | Side | 'needed';

/** A postponed directory. */
interface Postponed extends Directory {
  /** The sides whose renames may need it. */
  readonly sides: readonly Side[];
  /** Its edit when it is not opened; undefined when ours stays. */
  readonly edit: TreeEdit | undefined;
  /** Whether it is part of the result. */
  readonly remains: boolean;
}

/** The entries under one name of a directory. */
interface Slot {
  readonly name: string;
  readonly files: Versions;
  readonly directories: Versions;
}

export class Collector {
  readonly #trees: AnyTreeReader;
  readonly #findRenames: boolean;
  readonly #pace: Pace;
  readonly #states = new Map<string, PathState>();
  readonly #edits = new Map<string, TreeEdit>();
  readonly #settled: string[] = [];
  readonly #changes: [undefined, SideChanges, SideChanges] = [
    undefined,
    { sources: [], destinations: [] },
    { sources: [], destinations: [] },
  ];
  readonly #postponed: Postponed[] = [];
  readonly #open: Directory[] = [];

  constructor(trees: AnyTreeReader, findRenames: boolean, pace: Pace) {
    this.#trees = trees;
    this.#findRenames = findRenames;
    this.#pace = pace;
  }

  async collect(base: ObjectId, ours: ObjectId, theirs: ObjectId): Promise<Collected> {
    const trees = [base, ours, theirs] as const;
    this.#open.push({ path: '', trees, watching: undefined, late: false, inFull: false });
    await this.#walk();
    const isWanted = (side: Side): boolean =>
      this.#changes[side].sources.some(({ relevant }) => relevant);
    const wanted = SIDES.filter((side) => this.#findRenames && isWanted(side));
    for (const one of this.#postponed) {
      if (one.sides.some((side) => wanted.includes(side))) this.#open.push(one);
      else {
        if (one.edit !== undefined) this.#edits.set(one.path, one.edit);
        if (one.remains) this.#settled.push(one.path);
      }
    }
    await this.#walk();
    for (const side of SIDES) {
      this.#changes[side].sources.sort(inOrder);
      this.#changes[side].destinations.sort(inOrder);
    }
    return {
      states: this.#states,
      edits: this.#edits,
      settled: this.#settled,
      changes: this.#changes,
    };
  }

  async #walk(): Promise<void> {
    for (let at = this.#open.pop(); at !== undefined; at = this.#open.pop()) {
      const trees: Tree[] = [];
      for (const id of at.trees) {
        const tree = id === undefined ? EMPTY_TREE_ID : id;
        trees.push(this.#trees.cached(tree) ?? (await this.#trees.tree(tree)));
      }
      this.#visit(at, slotsOf(differingEntries(trees)));
      if (this.#pace.due()) await this.#pace.pause();
    }
  }

  #visit(directory: Directory, slots: readonly Slot[]): void {
    let { watching } = directory;
    if (watching === OURS || watching === THEIRS) {
      const side = watching;
      if (slots.some(({ files }) => isOnly(files, side))) watching = 'needed';
    }
    for (const slot of slots) {
      const path = joinPath(directory.path, slot.name);
      if (slot.files.some(isThere)) this.#visitFile(path, slot, watching, directory.late);
      if (slot.directories.some(isThere)) this.#visitDirectory(path, slot, watching, directory);
    }
  }

  #visitFile(path: string, slot: Slot, watching: Watching, late: boolean): void {
    const { files, directories } = slot;
    const [base, ours, theirs] = files;
    if (base !== undefined && ours !== undefined && theirs !== undefined) {
      if (isSame(theirs, base) || isSame(ours, theirs)) return;
      if (isSame(ours, base)) {
        this.#edits.set(path, { mode: theirs.mode, id: theirs.id });
        return;
      }
    }
    const state = new PathState(path, files, directories);
    this.#states.set(path, state);
    for (const side of SIDES) {
      const version = files[side];
      if (base !== undefined && version === undefined) {
        const relevant = state.agreement === 'none' || watching === 'needed';
        const { mode, id } = base;
        this.#changes[side].sources.push({ path, mode, id, relevant, late });
      } else if (base === undefined && version !== undefined) {
        const { mode, id } = version;
        this.#changes[side].destinations.push({ path, mode, id, late });
      }
    }
  }

  #visitDirectory(path: string, slot: Slot, above: Watching, parent: Directory): void {
    checkDepth(path, 1);
    const { late, inFull } = parent;
    const [base, ours, theirs] = slot.directories;
    let watching = above;
    if (watching !== 'needed' && base !== undefined) {
      if (ours !== undefined && theirs === undefined) watching = OURS;
      else if (ours === undefined && theirs !== undefined) watching = THEIRS;
    }
    const trees = [base?.id, ours?.id, theirs?.id] as const;
    const directory: Directory = { path, trees, watching, late, inFull };
    const isBeside = slot.files.some(isThere);
    const sides = sidesThatChange(slot);
    // Git needs the files of a removed directory when it needs those of its parent.
    const isAsked = above === 'needed' && base !== undefined;
    const comesLast = late || (sides?.length === 1 && !isAsked);
    if (inFull || sides === undefined || isAsked || isBeside) {
      this.#open.push({ ...directory, late: comesLast });
      return;
    }
    const takesTheirs = sides.length === 1 && sides[0] === THEIRS;
    this.#postponed.push({
      ...directory,
      late: comesLast,
      inFull: true,
      sides,
      edit: takesTheirs
        ? theirs === undefined
          ? null
          : { mode: MODE_TREE, id: theirs.id }
        : undefined,
      remains: takesTheirs ? theirs !== undefined : ours !== undefined,
    });
  }
}

/** The sides that changed the slot, when its ids show that; undefined: its trees must be opened. */
function sidesThatChange({ files, directories }: Slot): readonly Side[] | undefined {
  const agree = (a: 0 | 1 | 2, b: 0 | 1 | 2): boolean =>
    files[a]?.id === files[b]?.id &&
    files[a]?.mode === files[b]?.mode &&
    directories[a]?.id === directories[b]?.id;
  if (agree(BASE, OURS)) return [THEIRS];
  if (agree(BASE, THEIRS)) return [OURS];
  const isNew = files[BASE] === undefined && directories[BASE] === undefined;
  return isNew && agree(OURS, THEIRS) ? SIDES : undefined;
}

function isThere(version: Version | undefined): boolean {
  return version !== undefined;
}

function isOnly(files: Versions, side: Side): boolean {
  return files.every((version, at) => (version !== undefined) === (at === side));
}

/** Groups three lists of entries by name. */
function slotsOf(lists: readonly (readonly TreeEntry[])[]): Slot[] {
  const slots = new Map<string, Slot>();
  const at = [0, 0, 0];
  for (;;) {
    let first: TreeEntry | undefined;
    for (let side = 0; side < 3; side++) {
      const entry = lists[side]![at[side]!];
      if (entry === undefined) continue;
      if (first === undefined || compareTreeEntries(entry, first) < 0) first = entry;
    }
    if (first === undefined) break;
    const found: Versions = [undefined, undefined, undefined];
    for (let side = 0; side < 3; side++) {
      const entry = lists[side]![at[side]!];
      if (entry === undefined || compareTreeEntries(entry, first) !== 0) continue;
      found[side] = entry;
      at[side]! += 1;
    }
    let slot = slots.get(first.name);
    if (slot === undefined) {
      const none: Versions = [undefined, undefined, undefined];
      slot = { name: first.name, files: none, directories: [...none] };
      slots.set(first.name, slot);
    }
    const versions = isTreeMode(first.mode) ? slot.directories : slot.files;
    for (let side = 0; side < 3; side++) versions[side] ??= found[side];
  }
  return [...slots.values()];
}

function inOrder(a: RenameEnd, b: RenameEnd): number {
  return Number(a.late) - Number(b.late) || comparePaths(a.path, b.path);
}
