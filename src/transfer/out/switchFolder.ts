/**
 * Switches a folder from one tree to another, as `git switch` does with a working tree. It looks only at
 * files by which the trees differ, and touches each only while it still equals the first tree's entry.
 * Files that change meanwhile, and files that neither tree holds, stay unchanged.
 */
import { GitStoreError } from '../../errors.ts';
import type { ObjectId } from '../../git/objectId.ts';
import { isTreeMode, MODE_GITLINK, type TreeEntry } from '../../git/objects/tree.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import type { Memos } from '../../storage/storage.ts';
import { localError, reasonOf } from '../../systemFaults.ts';
import { ChangeReport, type FileEntry } from '../../tree/changes.ts';
import { diffTrees, type TreeDifference } from '../../tree/diff.ts';
import type { TreeEdit } from '../../tree/edit.ts';
import { parentPath } from '../../tree/paths.ts';
import type { TreeReader } from '../../tree/reader.ts';
import { DirectoryIdentity } from '../disk/directoryIdentity.ts';
import { refuseOnDisk } from '../plan/storePlaces.ts';
import { DiskDestination } from '../record/diskPlaces.ts';
import { DiskScan } from '../record/diskScan.ts';
import type { ScannedDirectory, ScannedEntry } from '../record/scannedDirectory.ts';
import { Exclusion } from '../rules/exclusion.ts';
import { type CopyOptions, type PathSelection, scanRules } from '../rules/options.ts';
import { CopyRun } from '../rules/run.ts';
import { DiskExecutor } from './diskExecutor.ts';
import type { DiskFile } from './diskPlan.ts';
import { isSameFile } from './sameFile.ts';

export interface SwitchStore {
  readonly trees: TreeReader;
  /** The store's own directory, which is never written to; none for a store in memory. */
  readonly storePath?: string | undefined;
  /** Holds stat records, which save reading files to recognize them. */
  readonly memos?: Memos | undefined;
}

export interface FolderSwitch {
  /** The tree that the folder holds, excluded entries aside. */
  readonly from: ObjectId;
  /** The tree to switch to. */
  readonly to: ObjectId;
  /** The mtime for written files, in milliseconds since the epoch. */
  readonly time: number;
}

export type SwitchOptions = Pick<
  CopyOptions,
  'dryRun' | 'exclude' | 'gitignore' | 'gitignoreFiles' | 'onProgress' | 'signal'
> &
  PathSelection;

export interface Switched {
  /** Changes made on disk, by path in the tree. Its errors list what could not be done. */
  readonly report: ChangeReport;
  /** What the folder now holds at the differing paths, as edits of `from`. */
  readonly edits: Map<string, TreeEdit>;
}

/** The remark on files that are left alone. */
const NOT_STORED = 'changed since the checkpoint, so it is left as it is';
const IN_THE_WAY = 'something that no checkpoint holds is in its place, which is left as it is';

/**
 * Changes the folder `local` to `to` at the paths where the trees differ.
 * @throws what ends the whole switch: an aborted signal, a missing folder
 */
export async function switchFolder(
  { trees, storePath, memos }: SwitchStore,
  local: string,
  { from, to, time }: FolderSwitch,
  options: SwitchOptions,
): Promise<Switched> {
  const run = new CopyRun({ ...options, ignoreErrors: true });
  const store = DirectoryIdentity.of(storePath);
  const scan = new DiskScan(local, run, {
    memos,
    trees,
    counterpart: '',
    rules: scanRules(options, ''),
    readsGitignore: options.gitignore,
  });
  try {
    const place = new DiskDestination(local, scan, store);
    const folder = new Folder(scan, place, run);
    const exclusion = new Exclusion(options.exclude, { only: options.only });
    const work = new Differences(trees, to, folder);
    run.begin('scan', {});
    for await (const difference of diffTrees(trees, from, to)) {
      if (run.tired) await run.rest();
      if (exclusion.excludes(difference.path, false)) continue;
      await work.take(difference, run);
    }
    run.end();
    const plan = await work.plan();
    const executor = new DiskExecutor({ trees, storePath, memos }, [new Date(time)], place, run, {
      dryRun: options.dryRun,
      onlyAsSeen: true,
    });
    const report = await executor.execute(plan, false);
    return work.result(report, place);
  } finally {
    scan.close();
  }
}

/** The folder on disk. Looks at each directory once and never through a link. */
class Folder {
  readonly #scan: DiskScan;
  readonly #place: DiskDestination;
  readonly #run: CopyRun;
  /** Null where there is no directory. */
  readonly #homes = new Map<string, ScannedDirectory | null>();

  constructor(scan: DiskScan, place: DiskDestination, run: CopyRun) {
    this.#scan = scan;
    this.#place = place;
    this.#run = run;
    this.#homes.set('', scan.root);
  }

  /** The existing entry at a path; undefined when it is missing. */
  entry(path: string): ScannedEntry | undefined {
    const above = parentPath(path);
    return this.#home(above)?.entry(path.slice(above === '' ? 0 : above.length + 1));
  }

  /** Whether the existing entry equals the entry of a tree. */
  async holds(path: string, existing: ScannedEntry, entry: TreeEntry): Promise<boolean> {
    const at = existing.home!.diskPath(existing.name);
    try {
      return await isSameFile(at, existing, entry, this.#run);
    } catch (error) {
      this.#run.throwIfStopped();
      throw localError(error, this.#place.show(path));
    }
  }

  #home(directory: string): ScannedDirectory | null {
    let at = '';
    let home: ScannedDirectory | null = this.#scan.root;
    for (const name of directory === '' ? [] : directory.split('/')) {
      at = at === '' ? name : `${at}/${name}`;
      const known = this.#homes.get(at);
      if (known !== undefined) {
        home = known;
        continue;
      }
      const entry: ScannedEntry | undefined = home?.entry(name);
      home = entry !== undefined && isTreeMode(entry.mode) ? entry.home! : null;
      this.#homes.set(at, home);
    }
    return home;
  }
}

/** The work to do, difference by difference. */
class Differences {
  readonly #trees: TreeReader;
  readonly #to: ObjectId;
  readonly #folder: Folder;
  readonly #files: DiskFile[] = [];
  readonly #deletes = new Map<string, ScannedEntry>();
  /** The differences to apply, by path. */
  readonly #differences = new Map<string, TreeDifference>();
  readonly #edits = new Map<string, TreeEdit>();
  readonly #problems: { path: string; error: string }[] = [];
  readonly #warnings: { path: string; error: string }[] = [];

  constructor(trees: TreeReader, to: ObjectId, folder: Folder) {
    this.#trees = trees;
    this.#to = to;
    this.#folder = folder;
  }

  async take(difference: TreeDifference, run: CopyRun): Promise<void> {
    const { path } = difference;
    try {
      await this.#take(difference);
    } catch (error) {
      run.throwIfStopped();
      this.#problems.push({ path, error: reasonOf(error) });
    }
  }

  async #take(difference: TreeDifference): Promise<void> {
    const { path, old, new: next } = difference;
    if (old?.mode === MODE_GITLINK || next?.mode === MODE_GITLINK) {
      this.#warnings.push({ path, error: 'skipped: a submodule' });
      return;
    }
    if (next !== undefined) {
      for (const name of path.split('/')) {
        const reason = refuseOnDisk(name);
        if (reason !== undefined) throw new GitStoreError(reason, 'EINVAL');
      }
    }
    const existing = this.#folder.entry(path);
    // A directory of the first tree replaced by a file: its files are differences of their own.
    const isCleared = existing !== undefined && isTreeMode(existing.mode) && old === undefined;
    if (existing !== undefined && !isCleared) {
      if (next !== undefined && (await this.#isThere(path, existing, next))) {
        this.#edits.set(path, edit(next));
        return;
      }
      if (old === undefined) throw new GitStoreError(IN_THE_WAY, 'EEXIST');
      if (!(await this.#isThere(path, existing, old))) throw new GitStoreError(NOT_STORED, 'EBUSY');
    }
    this.#differences.set(path, difference);
    if (next === undefined) {
      if (existing === undefined) this.#edits.set(path, null);
      else this.#deletes.set(path, existing);
      return;
    }
    this.#files.push({
      path,
      from: path,
      source: next,
      tree: undefined,
      existing: isCleared ? undefined : existing,
    });
  }

  async #isThere(path: string, existing: ScannedEntry, entry: TreeEntry): Promise<boolean> {
    if (isTreeMode(existing.mode)) return false;
    return this.#folder.holds(path, existing, entry);
  }

  async plan() {
    return {
      files: this.#files,
      deletes: this.#deletes,
      vacated: await this.#vacated(),
      grafts: [],
      hasSame: true,
    };
  }

  /** The directories that the second tree lacks, each after those within it. */
  async #vacated(): Promise<string[]> {
    const seen = new Set<string>();
    const vacated: string[] = [];
    for (const path of this.#deletes.keys()) {
      for (let at = parentPath(path); at !== '' && !seen.has(at); at = parentPath(at)) {
        seen.add(at);
        const entry = await this.#trees.lookup(this.#to, at);
        if (entry === undefined || !isTreeMode(entry.mode)) vacated.push(at);
      }
    }
    return vacated.sort((a, b) => b.length - a.length);
  }

  result(report: ChangeReport, place: DiskDestination): Switched {
    const byShown = new Map<string, TreeDifference>();
    for (const difference of this.#differences.values()) {
      byShown.set(place.show(difference.path), difference);
    }
    const inTree = (entries: readonly FileEntry[]): FileEntry[] => {
      return entries.map(({ path: shown, type }) => {
        const { path, new: next } = byShown.get(shown)!;
        this.#edits.set(path, next === undefined ? null : edit(next));
        return { path, type };
      });
    };
    const problem = ({ path: shown, error }: { path: string; error: string }) => {
      return { path: byShown.get(shown)?.path ?? shown, error };
    };
    const changes = new ChangeReport({
      add: inTree(report.add),
      update: inTree(report.update),
      delete: inTree(report.delete),
      errors: [...this.#problems, ...report.errors.map(problem)],
      warnings: [...this.#warnings, ...report.warnings.map(problem)],
    });
    changes.errors.sort((a, b) => comparePaths(a.path, b.path));
    return { report: changes, edits: this.#edits };
  }
}

function edit({ mode, id }: TreeEntry): TreeEdit {
  return { mode, id };
}
