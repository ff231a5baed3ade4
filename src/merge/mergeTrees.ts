/**
 * Three-way merge of trees. Paths are resolved in four steps: changes of only one side (collect.ts);
 * renames (renames.ts), which move a side's version to another path; then path by path; and finally files
 * in the way of directories, which depends on the remaining contents of the directories.
 *
 * The rules are those of Git's merges without directory renames, so that results and conflicts are equal.
 * The result also contains the outcome of conflicts: a file with markers, ours of two binary files, the
 * modified version of a modified and deleted file.
 */
import type { ConflictEntry, ConflictKind, MergeConflict } from '../errors.ts';
import type { ObjectId } from '../git/objectId.ts';
import { comparePaths } from '../git/pathBytes.ts';
import type { Pace } from '../storage/pace.ts';
import type { ObjectWriter } from '../storage/storage.ts';
import type { TreeEdit } from '../tree/edit.ts';
import { parentPath } from '../tree/paths.ts';
import type { AnyTreeReader } from '../tree/reader.ts';
import { type Collected, Collector, type PathState } from './collect.ts';
import { type BlobWriter, type ContentMerge, mergeContent } from './contents.ts';
import { findRenames, type Renames } from './renames.ts';
import { Scratch } from './scratch.ts';
import type { Favor } from './text.ts';
import {
  BASE,
  isFile,
  isSame,
  isSameKind,
  OURS,
  otherSide,
  SIDES,
  type Side,
  THEIRS,
  type Version,
} from './types.ts';

export interface TreeMergeOptions {
  readonly favor?: Favor | undefined;
  /** Labels of ours and theirs for markers, and for names of files moved out of the way. */
  readonly labels: { readonly ours: string; readonly theirs: string };
  readonly renames: boolean;
  readonly renameLimit: number;
  /** 0 for the merge itself, 1 for that of its bases, and so on. */
  readonly depth: number;
  readonly pace: Pace;
}

export interface TreeMerge {
  /** The edits that turn ours into the result. */
  readonly edits: Map<string, TreeEdit>;
  /** Sorted by path. */
  readonly conflicts: readonly MergeConflict[];
}

/** Files to merge concurrently. */
const TOGETHER = 32;

/** A conflict under construction, to which paths are added. */
interface OpenConflict extends MergeConflict {
  readonly paths: string[];
}

/** The resolution of a path. */
interface Outcome {
  readonly version: Version | undefined;
  readonly conflict?: ConflictKind | undefined;
}

/** @param writer receives the merged files. The caller writes the trees */
export function mergeTrees(
  trees: AnyTreeReader,
  writer: ObjectWriter,
  roots: { readonly base: ObjectId; readonly ours: ObjectId; readonly theirs: ObjectId },
  options: TreeMergeOptions,
): Promise<TreeMerge> {
  return new TreeMerger(trees, writer, options).merge(roots.base, roots.ours, roots.theirs);
}

class TreeMerger {
  readonly #trees: AnyTreeReader;
  readonly #writer: ObjectWriter;
  readonly #options: TreeMergeOptions;
  readonly #conflicts: OpenConflict[] = [];
  /** Merged files of renames, which may be merged again. */
  readonly #made: Scratch;
  #ours: ObjectId = '';
  #theirs: ObjectId = '';
  #collected!: Collected;
  /** Directories that are not empty in the result. Tracked only when files may be in the way. */
  #filled: Set<string> | undefined;

  constructor(trees: AnyTreeReader, writer: ObjectWriter, options: TreeMergeOptions) {
    this.#trees = trees;
    this.#writer = writer;
    this.#options = options;
    this.#made = new Scratch(trees.objects);
  }

  async merge(base: ObjectId, ours: ObjectId, theirs: ObjectId): Promise<TreeMerge> {
    const { renames, renameLimit: limit, pace } = this.#options;
    this.#ours = ours;
    this.#theirs = theirs;
    this.#collected = await new Collector(this.#trees, renames, pace).collect(base, ours, theirs);
    if (renames) {
      const { changes } = this.#collected;
      const search = { objects: this.#trees.objects, limit, pace };
      await this.#applyRenames(
        await findRenames(changes[OURS], search),
        await findRenames(changes[THEIRS], search),
      );
    }
    await this.#settleAll();
    const conflicts = this.#conflicts.sort((a, b) => comparePaths(a.path, b.path));
    return { edits: this.#collected.edits, conflicts };
  }

  async #applyRenames(ours: Renames, theirs: Renames): Promise<void> {
    const sources = new Set([...ours.keys(), ...theirs.keys()]);
    for (const source of [...sources].sort(comparePaths)) {
      const mine = ours.get(source);
      const other = theirs.get(source);
      if (mine === undefined) await this.#applyRename(THEIRS, source, other!);
      else if (other === undefined) await this.#applyRename(OURS, source, mine);
      else if (mine === other) this.#applySameRename(source, mine);
      else await this.#applyTwoRenames(source, mine, other);
    }
  }

  #state(path: string): PathState {
    return this.#collected.states.get(path)!;
  }

  #applySameRename(source: string, destination: string): void {
    const from = this.#state(source);
    const to = this.#state(destination);
    to.bring(BASE, from.versions[BASE], source);
    from.isGone = true;
  }

  /** Gives both new paths the merged content, and leaves all three in conflict. */
  async #applyTwoRenames(source: string, mine: string, other: string): Promise<void> {
    const from = this.#state(source);
    const ours = this.#state(mine);
    const theirs = this.#state(other);
    const base = from.versions[BASE]!;
    const conflict = this.#open('renamed-twice', source, [
      entryOf(source, base),
      entryOf(mine, ours.originals[OURS]),
      entryOf(other, theirs.originals[THEIRS]),
    ]);
    for (const state of [from, ours, theirs]) state.conflict = conflict;
    const [a, b] = [ours.versions[OURS]!, theirs.versions[THEIRS]!];
    // Entries of different kinds cannot be merged. Each keeps its new path.
    if (!isSameKind(a, b)) return;
    const merged = await this.#mergeMoved({
      base,
      ours: a,
      theirs: b,
      paths: [source, mine, other],
      widerMarkers: 1 + 2 * this.#options.depth,
    });
    const tookOurs = merged.conflict !== undefined && isSame(merged.version, a);
    ours.versions[OURS] = merged.version;
    if (!tookOurs) theirs.versions[THEIRS] = merged.version;
  }

  /** Applies the other side's change of the old path to the new one. */
  async #applyRename(side: Side, source: string, destination: string): Promise<void> {
    const other = otherSide(side);
    const from = this.#state(source);
    const to = this.#state(destination);
    const base = from.versions[BASE];
    const changed = from.versions[other];
    const moved = to.versions[side];
    if (moved === undefined || base === undefined) return;
    const changesType = changed !== undefined && isFile(changed) !== isFile(moved);
    const collides = to.versions[other] !== undefined && !changesType;
    if (changed === undefined) {
      to.conflict = this.#open('modified-and-deleted', destination, [
        entryOf(source, base),
        side === OURS ? entryOf(destination, moved) : undefined,
        side === THEIRS ? entryOf(destination, moved) : undefined,
      ]);
      if (!collides) to.bring(BASE, base, source);
    } else if (collides) {
      // First merge the moved file, then the result with the other side's file there.
      if (!isSameKind(changed, moved)) return;
      const paths: [string, string, string] = [source, source, source];
      paths[side] = destination;
      const merged = await this.#mergeMoved({
        base,
        ours: side === OURS ? moved : changed,
        theirs: side === OURS ? changed : moved,
        paths,
        widerMarkers: 1 + 2 * this.#options.depth,
      });
      to.versions[side] = merged.version;
    } else {
      to.bring(BASE, base, source);
      if (changesType) {
        from.versions[BASE] = undefined;
        return;
      }
      to.bring(other, changed, source);
    }
    from.isGone = true;
  }

  async #settleAll(): Promise<void> {
    const plain: PathState[] = [];
    const blocked: PathState[] = [];
    for (const state of this.#collected.states.values()) {
      (state.hasDirectory ? blocked : plain).push(state);
    }
    if (blocked.length > 0) {
      this.#filled = new Set();
      for (const path of this.#collected.settled) this.#fill(path, true);
    }
    const { pace } = this.#options;
    for (let at = 0; at < plain.length; at += TOGETHER) {
      const some = plain.slice(at, at + TOGETHER);
      const outcomes = await Promise.all(some.map((state) => this.#outcomeOf(state)));
      for (const [i, state] of some.entries()) await this.#settle(state, state.path, outcomes[i]!);
      if (pace.due()) await pace.pause();
    }
    // Deeper paths first: their results decide about the paths above.
    blocked.sort((a, b) => comparePaths(b.path, a.path));
    for (const state of blocked) await this.#settleBlocked(state);
  }

  /** Resolves a file at a path where some side has a directory. */
  async #settleBlocked(state: PathState): Promise<void> {
    const { path, directories } = state;
    const outcome = await this.#outcomeOf(state);
    if (!this.#filled!.has(path)) {
      await this.#settle(state, path, outcome);
      return;
    }
    this.#put(path, undefined);
    const isLeft = state.versions[OURS] !== undefined || state.versions[THEIRS] !== undefined;
    if (!isLeft || (outcome.version === undefined && outcome.conflict === undefined)) return;
    const side = directories[OURS] === undefined ? OURS : THEIRS;
    const { labels } = this.#options;
    const place = await this.#freePath(path, side === OURS ? labels.ours : labels.theirs);
    if (outcome.conflict !== undefined || state.conflict !== undefined) {
      await this.#settle(state, place, outcome);
      return;
    }
    const conflict = this.#open('directory-and-file', path, [
      this.#entry(state, BASE),
      this.#entry(state, OURS),
      this.#entry(state, THEIRS),
    ]);
    conflict.paths.push(place);
    this.#put(place, outcome.version);
  }

  async #outcomeOf(state: PathState): Promise<Outcome> {
    if (state.isGone) return { version: undefined };
    const { versions, sources, agreement } = state;
    const [base, ours, theirs] = versions;
    if (agreement === 'ours-base') return { version: theirs };
    if (agreement === 'theirs-base') return { version: ours };
    const isTold = state.conflict?.kind === 'renamed-twice';
    if (agreement === 'both-sides' && (isTold || isSame(ours, theirs))) return { version: ours };
    if (ours !== undefined && theirs !== undefined) {
      if (!isSameKind(ours, theirs)) return { version: undefined, conflict: 'type' };
      const merged = await this.#mergeContent({
        base,
        ours,
        theirs,
        paths: sources,
        widerMarkers: 2 * this.#options.depth,
      });
      const conflict =
        merged.conflict === 'content' && base === undefined ? 'added-twice' : merged.conflict;
      return { version: merged.version, conflict };
    }
    const version = ours ?? theirs;
    if (base === undefined || version === undefined) return { version };
    const kept = this.#options.depth > 0 ? base : version;
    return { version: kept, conflict: 'modified-and-deleted' };
  }

  #mergeContent(merge: ContentMerge, writer: BlobWriter = this.#writer) {
    const { favor, labels, depth } = this.#options;
    return mergeContent(this.#made, writer, merge, { favor, labels, isBase: depth > 0 });
  }

  /** The same for a file that may be merged again, without storing it yet. */
  #mergeMoved(merge: ContentMerge) {
    const kept = this.#made.writer();
    return this.#mergeContent(merge, {
      write: async (type, body) => {
        await kept.write(type, body);
        return this.#writer.write(type, body);
      },
    });
  }

  /** @param place path for the result */
  async #settle(state: PathState, place: string, outcome: Outcome): Promise<void> {
    const { version, conflict: kind } = outcome;
    if (kind === 'type') {
      await this.#settleTypes(state, place);
      return;
    }
    this.#put(place, version);
    // A file that was renamed and deleted is not a second conflict.
    const isTold = state.conflict !== undefined && kind === 'modified-and-deleted';
    const isOver = version === undefined && state.versions[BASE] === undefined;
    if (state.conflict !== undefined && !state.isGone && !isOver) state.conflict.paths.push(place);
    if (kind === undefined || isTold) return;
    const conflict = this.#open(kind, state.path, [
      this.#entry(state, BASE),
      this.#entry(state, OURS),
      this.#entry(state, THEIRS),
    ]);
    conflict.paths.push(place);
  }

  /** Resolves entries of different kinds: files move to another path. When neither is a file, both move. */
  async #settleTypes(state: PathState, place: string): Promise<void> {
    const { labels, depth } = this.#options;
    const conflict = this.#open('type', state.path, [
      this.#entry(state, BASE),
      this.#entry(state, OURS),
      this.#entry(state, THEIRS),
    ]);
    if (depth > 0) {
      this.#put(place, state.versions[BASE]);
      return;
    }
    const ours = state.versions[OURS]!;
    const theirs = state.versions[THEIRS]!;
    const neitherIsFile = !isFile(ours) && !isFile(theirs);
    this.#put(place, undefined);
    for (const side of SIDES) {
      const version = side === OURS ? ours : theirs;
      const givesWay = neitherIsFile || isFile(version);
      const label = side === OURS ? labels.ours : labels.theirs;
      const path = givesWay ? await this.#freePath(place, label) : place;
      conflict.paths.push(path);
      this.#put(path, version);
    }
  }

  #open(
    kind: ConflictKind,
    path: string,
    entries: readonly (ConflictEntry | undefined)[],
  ): OpenConflict {
    const [base, ours, theirs] = entries;
    const conflict = { kind, path, paths: [], base, ours, theirs };
    this.#conflicts.push(conflict);
    return conflict;
  }

  #entry(state: PathState, side: 0 | 1 | 2): ConflictEntry | undefined {
    const version = state.originals[side];
    if (version !== undefined) return entryOf(state.sources[side], version);
    return entryOf(state.path, state.directories[side]);
  }

  /** Sets the entry at a path of the result. */
  #put(path: string, version: Version | undefined): void {
    const { edits, states } = this.#collected;
    const standing = states.get(path)?.standing;
    if (version !== undefined && isSame(version, standing)) edits.delete(path);
    else if (version !== undefined) edits.set(path, { mode: version.mode, id: version.id });
    else if (standing !== undefined) edits.set(path, null);
    else edits.delete(path);
    if (version !== undefined) this.#fill(path, false);
  }

  #fill(path: string, isDirectory: boolean): void {
    const filled = this.#filled;
    if (filled === undefined) return;
    for (let at = isDirectory ? path : parentPath(path); at !== ''; at = parentPath(at)) {
      if (filled.has(at)) return;
      filled.add(at);
    }
  }

  /** An unused path derived from `path`. */
  async #freePath(path: string, label: string): Promise<string> {
    const first = `${path}~${label.replaceAll('/', '_')}`;
    for (let i = -1; ; i++) {
      const free = i < 0 ? first : `${first}_${i}`;
      if (this.#collected.states.has(free) || this.#collected.edits.has(free)) continue;
      if ((await this.#trees.lookup(this.#ours, free)) !== undefined) continue;
      if ((await this.#trees.lookup(this.#theirs, free)) === undefined) return free;
    }
  }
}

function entryOf(path: string, version: Version | undefined): ConflictEntry | undefined {
  return version && { path, mode: version.mode, id: version.id };
}
