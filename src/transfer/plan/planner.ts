/**
 * The planner compares the sources with the destination and decides what a copy has to do. It is the
 * same for all directions. Executors carry the plan out; a dry run reports it.
 *
 * A source *covers* the paths at which it has files. When two sources cover one path, the first wins. A
 * file in the way of a directory is deleted, and so are the files of a directory in the way of a file.
 * With `delete`, files that no source covers are deleted too, inside the source directories.
 *
 * Where source and destination are known to be the same tree, nothing below is read.
 */
import { GitStoreError } from '../../errors.ts';
import { isFileMode, isTreeMode } from '../../git/objects/tree.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import { localError } from '../../systemFaults.ts';
import { differingNames } from '../../tree/diff.ts';
import { checkDepth, joinPath, parentPath } from '../../tree/paths.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { joinDisk } from '../disk/diskFiles.ts';
import { type Exclusion, GITIGNORE } from '../rules/exclusion.ts';
import type { CopyOptions } from '../rules/options.ts';
import {
  type DestinationPlace,
  type Entry,
  MODE_NONE,
  type Omissions,
  type SourcePlace,
  type WholeFile,
} from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';
import { DestinationView } from './destinationView.ts';
import type { Protection } from './protection.ts';
import { type Landing, landingPath } from './sources.ts';

export interface PlannedFile<S extends Entry, D extends Entry> {
  /** Path in the destination place. */
  readonly path: string;
  /** Path in the source place. */
  readonly from: string;
  readonly source: S;
  /** As its landing has it. */
  readonly tree: number | undefined;
  /** The existing entry to replace: a file, a link, or something that Git cannot hold. */
  readonly existing: D | undefined;
}

/** A directory that is copied as a whole to a landing where nothing exists. */
export interface Graft<S extends Entry> {
  readonly path: string;
  readonly from: string;
  readonly source: S;
  /** As its landing has it. */
  readonly tree: number | undefined;
  readonly files: readonly WholeFile[];
}

export interface Plan<S extends Entry, D extends Entry> {
  /** The files to copy. Where a file exists, the executor still compares contents. */
  readonly files: readonly PlannedFile<S, D>[];
  /** The files to remove, by path in the destination place. */
  readonly deletes: ReadonlyMap<string, D>;
  /** Destination directories that the sources do not have, each after the ones within it. */
  readonly vacated: readonly string[];
  /** Only from sources that can be copied as a whole. */
  readonly grafts: readonly Graft<S>[];
  /**
   * Some source directories are known to be in place already, at least in part. The plan does not list
   * those files.
   */
  readonly hasSame: boolean;
}

export interface CopyTask<S extends Entry, D extends Entry> {
  readonly source: SourcePlace<S>;
  readonly landings: readonly Landing<S>[];
  readonly destination: DestinationPlace<D>;
  /** Path in the destination place that landings are relative to. */
  readonly base: string;
  readonly options: CopyOptions;
  /** The trees that either place knows of. */
  readonly trees: TreeReader;
  /** What to exclude, both from copying and from deleting. */
  readonly exclusion: Exclusion;
  /** What else must be neither deleted nor replaced. */
  readonly protection?: Protection | undefined;
  /** Whether to remove what no source covers. */
  readonly deletes: boolean;
  /** Whether a directory may be copied as a whole; default false. */
  readonly grafts?: boolean;
  readonly run: CopyRun;
}

export async function planCopy<S extends Entry, D extends Entry>(
  task: CopyTask<S, D>,
): Promise<Plan<S, D>> {
  task.run.begin('scan', {});
  const planner = new Planner(task);
  const plan = await planner.plan();
  task.run.end();
  return plan;
}

/** A source directory that was found, and where it lands. */
interface Found<S extends Entry> {
  readonly from: string;
  readonly entry: S;
  readonly target: string;
  readonly filterPath: string;
}

/** A source directory whose entries are being collected. */
interface Collected<S extends Entry> {
  readonly from: string;
  readonly target: string;
  readonly filterPath: string;
  readonly children: readonly S[];
  /** Nothing exists at its landing. */
  readonly isVacant: boolean;
  next: number;
}

class Planner<S extends Entry, D extends Entry> {
  readonly #task: CopyTask<S, D>;
  /** All files of the sources by landing. */
  readonly #covered = new Map<string, { from: string; source: S; tree: number | undefined }>();
  /** Landings of the sources' directories. */
  readonly #directories = new Set<string>();
  /** Destination paths to leave alone because the source there could not be read. */
  readonly #untouchable = new Set<string>();
  readonly #view: DestinationView<D>;
  readonly #deletes = new Map<string, D>();
  readonly #vacated: string[] = [];
  readonly #grafts: Graft<S>[] = [];
  /** Destination directories whose .gitignore has been read. */
  readonly #learned = new Set<string>();
  /** Destination directories that are the same tree as their source. */
  readonly #same = new Set<string>();
  /** Some sources are known to be in place, at least in part, without a look at them. */
  #hasSame = false;
  /** A tree somewhere in the sources cannot be read. */
  #hasUnreadable = false;
  /** The tree of the landing whose files are being collected. */
  #tree: number | undefined;
  /** No landing lies in another one, so that each directory has a single source. */
  readonly #isDisjoint: boolean;

  constructor(task: CopyTask<S, D>) {
    this.#task = task;
    this.#view = new DestinationView(task.destination, (path, error) => {
      const shown = task.destination.show(path);
      task.run.fail(shown, localError(error, shown));
    });
    this.#isDisjoint = areDisjoint(task.landings.map(({ path }) => path));
  }

  async plan(): Promise<Plan<S, D>> {
    const { landings, base, deletes } = this.#task;
    for (const landing of landings) await this.#collect(landing);
    const files = await this.#match();
    await this.#clearWay();
    if (deletes) {
      for (const { path, entry } of landings) {
        if (isTreeMode(entry.mode)) await this.#sweep(landingPath(base, path));
      }
    }
    const remark = this.#task.protection?.remark;
    if (remark !== undefined) this.#task.run.warn(this.#task.destination.show(''), remark);
    if (landings.length > 1) files.sort((a, b) => comparePaths(a.path, b.path));
    return {
      files,
      deletes: this.#deletes,
      vacated: this.#vacated,
      grafts: this.#grafts,
      hasSame: this.#hasSame,
    };
  }

  // Collect what the sources cover.

  async #collect({ from, entry, path, filterPath, tree }: Landing<S>): Promise<void> {
    this.#tree = tree;
    const target = landingPath(this.#task.base, path);
    const isTree = isTreeMode(entry.mode);
    if (this.#isExcluded(filterPath, isTree)) return;
    for (let above = target; above !== this.#task.base && above !== ''; ) {
      above = parentPath(above);
      if (this.#covered.has(above)) return this.#overlap(from);
      this.#directories.add(above);
    }
    if (isTree) await this.#collectDirectory({ from, entry, target, filterPath });
    else this.#collectFile(from, entry, target);
  }

  /** Collects the files in a directory and below it: depth first, without recursion. */
  async #collectDirectory(top: Found<S>): Promise<void> {
    const { source, run } = this.#task;
    const open: Collected<S>[] = [];
    let next: Found<S> | undefined = top;
    for (;;) {
      if (next !== undefined) {
        const isAboveVacant = open.at(-1)?.isVacant ?? false;
        const entered: Collected<S> | undefined = await this.#enter(next, isAboveVacant);
        if (entered !== undefined) open.push(entered);
        next = undefined;
      }
      const level: Collected<S> | undefined = open.at(-1);
      if (level === undefined) return;
      const child = level.children[level.next++];
      if (child === undefined) {
        open.pop();
        continue;
      }
      const isTree = isTreeMode(child.mode);
      const filterPath = joinPath(level.filterPath, child.name);
      if (this.#isExcluded(filterPath, isTree)) continue;
      const from = joinDisk(level.from, child.name);
      const target = joinPath(level.target, child.name);
      if (isTree) {
        next = { from, entry: child, target, filterPath };
        continue;
      }
      const isNeeded = this.#collectFile(from, child, target) && level.isVacant;
      const taken = isNeeded ? source.offer?.(from, child) : undefined;
      if (taken !== undefined) {
        await taken;
        if (run.tired) await run.rest();
      }
    }
  }

  /** Looks into a source directory; undefined when nothing in it is wanted. */
  async #enter(found: Found<S>, isAboveVacant: boolean): Promise<Collected<S> | undefined> {
    const { from, entry, target, filterPath } = found;
    const { source, run } = this.#task;
    if (this.#covered.has(target)) {
      this.#overlap(from);
      return undefined;
    }
    if (await this.#isSubmodule(from, target)) {
      this.#untouchable.add(target);
      run.warn(from, 'skipped: a submodule, which stays as it is in the destination');
      return undefined;
    }
    this.#directories.add(target);
    const differing = this.#isDisjoint ? await this.#differing(entry, target) : undefined;
    if (differing !== undefined) {
      this.#hasSame ||= await this.#holdsOthers(entry, differing);
      if (differing.size === 0) {
        this.#same.add(target);
        return undefined;
      }
    }
    if (await this.#graft(from, entry, target)) return undefined;
    const omissions: Omissions = {
      skip: (name, remark) => {
        this.#untouchable.add(joinPath(target, name));
        run.warn(joinDisk(from, name), remark);
      },
      fail: (name, error) => {
        this.#untouchable.add(joinPath(target, name));
        run.fail(joinDisk(from, name), error);
        if (name === GITIGNORE) hasRules = false;
      },
    };
    let hasRules = true;
    let children: readonly S[];
    try {
      checkDepth(target, 1);
      if (differing === undefined) {
        children = await source.list(from, entry, omissions);
      } else {
        await this.#view.listSome(target, differing);
        children = await source.pick(from, entry, differing, omissions);
      }
    } catch (error) {
      this.#untouchable.add(target);
      run.fail(from, error);
      return undefined;
    }
    // Without the rules it is unknown what they exclude. So the directory stays unchanged.
    hasRules = (await this.#readRules(from, children, filterPath)) && hasRules;
    if (!hasRules && this.#task.exclusion.readsGitignore) {
      this.#task.exclusion.isIncomplete = true;
      this.#untouchable.add(target);
      return undefined;
    }
    const isVacant = isAboveVacant || (await this.#view.isVacant(target));
    if (this.#view.isClosed(target)) return undefined;
    return { from, target, filterPath, children, isVacant, next: 0 };
  }

  /** Records an error and returns false when the directory has rules that cannot be read. */
  async #readRules(from: string, children: readonly S[], filterPath: string): Promise<boolean> {
    const { source, exclusion, run } = this.#task;
    if (!exclusion.readsGitignore || source.readRules === undefined) return true;
    const file = children.find(({ name, mode }) => name === GITIGNORE && isFileMode(mode));
    if (file === undefined) return true;
    const path = joinDisk(from, GITIGNORE);
    try {
      exclusion.add(filterPath, await source.readRules(path, file));
      return true;
    } catch (error) {
      run.fail(path, error);
      run.warn(
        from,
        'left as it is in the destination: what its .gitignore leaves out is not known',
      );
      return false;
    }
  }

  /**
   * The names under which a source directory and its destination may differ; undefined when finding out
   * takes listing them.
   */
  async #differing(entry: S, target: string): Promise<Set<string> | undefined> {
    const { source, destination, exclusion, trees } = this.#task;
    const existing = await this.#view.entry(target);
    if (existing === undefined || !isTreeMode(existing.mode)) return undefined;
    const here = await source.changes(entry);
    const there = here && (await destination.changes(existing));
    if (here === undefined || there === undefined) return undefined;
    const names = await differingNames(trees, here.base, there.base);
    if (names === undefined) return undefined;
    for (const name of here.names) names.add(name);
    for (const name of there.names) names.add(name);
    if (names.size > 0 && (exclusion.readsGitignore || this.#task.protection?.readsGitignore)) {
      names.add(GITIGNORE);
    }
    return names;
  }

  /** Whether a source directory whose tree is known holds anything under other names than these. */
  async #holdsOthers(entry: S, differing: ReadonlySet<string>): Promise<boolean> {
    if (this.#hasSame || differing.size === 0) return true;
    const { base } = (await this.#task.source.changes(entry))!;
    const { entries } = await this.#task.trees.tree(base);
    return entries.some(({ name }) => !differing.has(name));
  }

  /** Copies a directory as a whole to a landing where nothing exists. False when that is not possible. */
  async #graft(from: string, entry: S, target: string): Promise<boolean> {
    const { source, exclusion, grafts } = this.#task;
    if (!grafts || source.whole === undefined || !this.#isDisjoint) return false;
    // Searching for the unreadable tree again from each directory above it would take long.
    if (this.#hasUnreadable) return false;
    if (target === '' || !exclusion.isEmpty) return false;
    if ((await this.#view.entry(target)) !== undefined) return false;
    if ((await this.#view.blocker(target)) !== undefined) return false;
    if (this.#view.isClosed(target)) return false;
    // An unreadable tree must not stop the other sources. Listing it later reports the error.
    const files = await source.whole(entry, target).catch(() => {
      this.#hasUnreadable = true;
      return undefined;
    });
    if (files === undefined) return false;
    if (files.length > 0) {
      this.#grafts.push({ path: target, from, source: entry, tree: this.#tree, files });
    }
    return true;
  }

  /** Whether a source directory is the checked out form of an entry of the destination. */
  async #isSubmodule(from: string, target: string): Promise<boolean> {
    const { source, destination } = this.#task;
    if (source.isRepository === undefined || destination.keeps === undefined) return false;
    const existing = await this.#view.entry(target);
    if (existing === undefined || destination.keeps(existing) === undefined) return false;
    return source.isRepository(from);
  }

  /** Whether it is the file that the copy puts at the target. */
  #collectFile(from: string, source: S, target: string): boolean {
    if (this.#covered.has(target) || this.#directories.has(target)) {
      this.#overlap(from);
      return false;
    }
    this.#covered.set(target, { from, source, tree: this.#tree });
    this.#task.run.done(0);
    return true;
  }

  #overlap(from: string): void {
    this.#task.run.warn(from, 'skipped: another source lands on the same path');
  }

  // Plan what that means for the destination.

  async #match(): Promise<PlannedFile<S, D>[]> {
    const { run, destination, options } = this.#task;
    const files: PlannedFile<S, D>[] = [];
    let parent: string | undefined;
    let listing: ReadonlyMap<string, D> | undefined;
    let blocker: string | undefined;
    for (const [path, { from, source, tree }] of this.#covered) {
      if (run.tired) await run.rest();
      const slash = path.lastIndexOf('/');
      const above = slash < 0 ? '' : path.slice(0, slash);
      if (above !== parent) {
        parent = above;
        listing = await this.#view.listing(above);
        blocker = listing === undefined ? await this.#view.blocker(above) : undefined;
      }
      if (this.#view.isClosed(above)) continue;
      if (blocker !== undefined && (await this.#isProtected(blocker, false))) {
        const shown = destination.show(blocker);
        const reason = 'in the way of a directory, and protected as left out';
        run.fail(shown, new GitStoreError(`${shown}: ${reason}`, 'EEXIST', { path: shown }));
        continue;
      }
      const existing = listing?.get(path.slice(slash + 1));
      if (options.ignoreExisting && (existing !== undefined || blocker !== undefined)) continue;
      if (blocker !== undefined && !this.#deletes.has(blocker)) {
        this.#replace(blocker, (await this.#view.entry(blocker))!);
      }
      if (existing !== undefined && !isTreeMode(existing.mode)) {
        if (await this.#isProtected(path, false)) continue;
      }
      if (existing === undefined || !isTreeMode(existing.mode)) {
        if (existing !== undefined) this.#warnOfReplacing(path, existing);
        files.push({ path, from, source, tree, existing });
      } else if (await this.#clear(path)) {
        this.#vacated.push(path);
        files.push({ path, from, source, tree, existing: undefined });
      } else {
        const shown = destination.show(path);
        const reason = 'the directory in the way holds files that are excluded or cannot be seen';
        run.fail(shown, new GitStoreError(`${shown}: ${reason}`, 'EISDIR', { path: shown }));
      }
    }
    return files;
  }

  /** Plans the removal of files where the sources have directories, including directories without files. */
  async #clearWay(): Promise<void> {
    if (this.#task.options.ignoreExisting) return;
    for (const path of this.#directories) {
      const entry = await this.#view.entry(path);
      if (entry === undefined || isTreeMode(entry.mode) || this.#deletes.has(path)) continue;
      // A copy to disk represents a submodule as a directory without files.
      if (this.#task.destination.keeps?.(entry) !== undefined) continue;
      if (!(await this.#isProtected(path, false))) this.#deletes.set(path, entry);
    }
  }

  /** Plans the removal of an entry that is in the way. */
  #replace(path: string, entry: D): void {
    this.#warnOfReplacing(path, entry);
    this.#deletes.set(path, entry);
  }

  #warnOfReplacing(path: string, entry: D): void {
    const { run, destination } = this.#task;
    if (destination.keeps?.(entry) === undefined) return;
    run.warn(destination.show(path), 'a submodule, replaced by the entry in the source');
  }

  /** Plans the removal of everything in a directory. Returns false and plans nothing when it must stay. */
  async #clear(path: string): Promise<boolean> {
    const deletes: [string, D][] = [];
    const vacated: string[] = [];
    const open = [{ path, entries: entriesOf(await this.#view.listing(path)) }];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const next = level.entries.next();
      if (next.done) {
        if (this.#view.isClosed(level.path)) return false;
        open.pop();
        if (open.length > 0) vacated.push(level.path);
        continue;
      }
      const [name, entry] = next.value;
      const child = joinPath(level.path, name);
      const isTree = isTreeMode(entry.mode);
      if (this.#isExcluded(this.#filterPath(child), isTree)) return false;
      if (await this.#isProtected(child, isTree)) return false;
      if (!isTree) deletes.push([child, entry]);
      else open.push({ path: child, entries: entriesOf(await this.#view.listing(child)) });
    }
    for (const [child, entry] of deletes) this.#replace(child, entry);
    for (const directory of vacated) this.#vacated.push(directory);
    return true;
  }

  /** Plans the removal of the entries that no source covers in a destination directory. */
  async #sweep(top: string): Promise<void> {
    const open = [await this.#swept(top)];
    for (let level = open.at(-1); level !== undefined; level = open.at(-1)) {
      const next = level.entries.next();
      if (!next.done) {
        const [name, entry] = next.value;
        const path = joinPath(level.path, name);
        if (await this.#sweepEntry(path, entry)) open.push(await this.#swept(path));
        continue;
      }
      open.pop();
      const { path } = level;
      if (open.length === 0 || this.#directories.has(path) || this.#view.isClosed(path)) continue;
      this.#vacated.push(path);
    }
  }

  /** A destination directory and the names to look at in it. */
  async #swept(path: string): Promise<{ path: string; entries: Iterator<[string, D]> }> {
    const isLeft = this.#untouchable.has(path) || this.#same.has(path);
    const listing = isLeft ? undefined : await this.#view.listing(path);
    return { path, entries: entriesOf(listing) };
  }

  /** Whether the entry is a directory to look into. Plans the removal of any other entry. */
  async #sweepEntry(path: string, entry: D): Promise<boolean> {
    const { run, destination, options } = this.#task;
    const isTree = isTreeMode(entry.mode);
    if (this.#untouchable.has(path) || this.#covered.has(path) || this.#deletes.has(path)) {
      return false;
    }
    if (this.#isExcluded(this.#filterPath(path), isTree)) return false;
    if (await this.#isProtected(path, isTree)) return false;
    // A file in the way of a source directory counts as existing.
    if (options.ignoreExisting && !isTree && this.#directories.has(path)) return false;
    if (isTree) return true;
    const isNone = entry.mode === MODE_NONE;
    const reason = isNone ? 'not deleted: neither a file nor a link' : destination.keeps?.(entry);
    if (reason === undefined) this.#deletes.set(path, entry);
    else run.warn(destination.show(path), reason);
    return false;
  }

  /** Whether the destination's .gitignore files, or the memo of the last sync, protect the entry. */
  async #isProtected(path: string, isDirectory: boolean): Promise<boolean> {
    const { protection } = this.#task;
    if (protection === undefined) return false;
    if (protection.isGuess && isRules(path) && this.#covered.has(path)) return false;
    if (protection.readsGitignore) await this.#learn(parentPath(path), protection);
    return protection.protects(path, isDirectory);
  }

  /** Reads the .gitignore files of a destination directory and of those above it. */
  async #learn(directory: string, protection: Protection): Promise<void> {
    const missing: string[] = [];
    for (let at = directory; !this.#learned.has(at); at = parentPath(at)) {
      missing.push(at);
      if (at === '') break;
    }
    for (let at = missing.pop(); at !== undefined; at = missing.pop()) {
      this.#learned.add(at);
      await this.#readProtection(at, protection);
    }
  }

  async #readProtection(directory: string, protection: Protection): Promise<void> {
    const { destination, run } = this.#task;
    const path = joinPath(directory, GITIGNORE);
    const file = await this.#view.entry(path);
    if (file === undefined || !isFileMode(file.mode) || destination.readRules === undefined) return;
    if (protection.isGuess && this.#covered.has(path)) return;
    try {
      protection.add(directory, await destination.readRules(path, file));
    } catch (error) {
      protection.seal(directory);
      const shown = destination.show(path);
      run.fail(shown, localError(error, shown));
    }
  }

  #filterPath(path: string): string {
    const { base } = this.#task;
    return base === '' ? path : path.slice(base.length + 1);
  }

  #isExcluded(path: string, isDirectory: boolean): boolean {
    return this.#task.exclusion.excludes(path, isDirectory);
  }
}

function entriesOf<D>(listing: ReadonlyMap<string, D> | undefined): Iterator<[string, D]> {
  return (listing ?? new Map<string, D>()).entries();
}

function isRules(path: string): boolean {
  return path === GITIGNORE || path.endsWith(`/${GITIGNORE}`);
}

/** Whether no path equals another one or lies below it. */
function areDisjoint(paths: readonly string[]): boolean {
  const all = new Set(paths);
  if (all.size < paths.length) return false;
  for (const path of paths) {
    for (let above = path; above !== ''; ) {
      above = parentPath(above);
      if (all.has(above)) return false;
    }
  }
  return true;
}
