/**
 * What the sources of a copy cover: the paths in the destination at which they have files and directories.
 * When two sources cover one path, the first wins. Where source and destination are known to be the same
 * tree, nothing below is read.
 */
import { isFileMode, isTreeMode } from '../../git/objects/tree.ts';
import { differingNames } from '../../tree/diff.ts';
import { checkDepth, joinPath, parentPath } from '../../tree/paths.ts';
import { joinDisk } from '../disk/diskFiles.ts';
import { GITIGNORE } from '../rules/exclusion.ts';
import type { Entry, Omissions } from '../rules/place.ts';
import type { CopyTask, Graft } from './copyPlan.ts';
import type { DestinationView } from './destinationView.ts';
import { type Landing, landingPath } from './sources.ts';

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

/** A file of a source, by its landing. */
export interface Covered<S extends Entry> {
  readonly from: string;
  readonly source: S;
  readonly tree: number | undefined;
}

export class Coverage<S extends Entry, D extends Entry> {
  readonly #task: CopyTask<S, D>;
  readonly #view: DestinationView<D>;
  /** All files of the sources by landing. */
  readonly covered = new Map<string, Covered<S>>();
  /** Landings of the sources' directories. */
  readonly directories = new Set<string>();
  /** Destination paths to leave alone because the source there could not be read. */
  readonly untouchable = new Set<string>();
  /** Destination directories that are the same tree as their source. */
  readonly same = new Set<string>();
  readonly grafts: Graft<S>[] = [];
  /** Some sources are known to be in place, at least in part, without a look at them. */
  hasSame = false;
  /** A tree somewhere in the sources cannot be read. */
  #hasUnreadable = false;
  /** The tree of the landing whose files are being collected. */
  #tree: number | undefined;
  /** No landing lies in another one, so that each directory has a single source. */
  readonly #isDisjoint: boolean;

  constructor(task: CopyTask<S, D>, view: DestinationView<D>) {
    this.#task = task;
    this.#view = view;
    this.#isDisjoint = areDisjoint(task.landings.map(({ path }) => path));
  }

  /** Collects what a source covers. */
  async add({ from, entry, path, filterPath, tree }: Landing<S>): Promise<void> {
    this.#tree = tree;
    const target = landingPath(this.#task.base, path);
    const isTree = isTreeMode(entry.mode);
    if (this.#task.exclusion.excludes(filterPath, isTree)) return;
    for (let above = target; above !== this.#task.base && above !== ''; ) {
      above = parentPath(above);
      if (this.covered.has(above)) return this.#overlap(from);
      this.directories.add(above);
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
      if (this.#task.exclusion.excludes(filterPath, isTree)) continue;
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
    if (this.covered.has(target)) {
      this.#overlap(from);
      return undefined;
    }
    if (await this.#isSubmodule(from, target)) {
      this.untouchable.add(target);
      run.warn(from, 'skipped: a submodule, which stays as it is in the destination');
      return undefined;
    }
    this.directories.add(target);
    const differing = this.#isDisjoint ? await this.#differing(entry, target) : undefined;
    if (differing !== undefined) {
      this.hasSame ||= await this.#holdsOthers(entry, differing);
      if (differing.size === 0) {
        this.same.add(target);
        return undefined;
      }
    }
    if (await this.#graft(from, entry, target)) return undefined;
    const omissions: Omissions = {
      skip: (name, remark) => {
        this.untouchable.add(joinPath(target, name));
        run.warn(joinDisk(from, name), remark);
      },
      fail: (name, error) => {
        this.untouchable.add(joinPath(target, name));
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
      this.untouchable.add(target);
      run.fail(from, error);
      return undefined;
    }
    // Without the rules it is unknown what they exclude. So the directory stays unchanged.
    hasRules = (await this.#readRules(from, children, filterPath)) && hasRules;
    if (!hasRules && this.#task.exclusion.readsGitignore) {
      this.#task.exclusion.isIncomplete = true;
      this.untouchable.add(target);
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
    if (this.hasSame || differing.size === 0) return true;
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
      this.grafts.push({ path: target, from, source: entry, tree: this.#tree, files });
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
    if (this.covered.has(target) || this.directories.has(target)) {
      this.#overlap(from);
      return false;
    }
    this.covered.set(target, { from, source, tree: this.#tree });
    this.#task.run.done(0);
    return true;
  }

  #overlap(from: string): void {
    this.#task.run.warn(from, 'skipped: another source lands on the same path');
  }
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
