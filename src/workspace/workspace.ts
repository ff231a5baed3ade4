/**
 * A *workspace* is a folder on the local disk whose checkpoints are on a branch of a store. The folder
 * holds no files of the store. Only `rewind`, `merge` and `fork` write to folders.
 */

import { hostname } from 'node:os';
import { basename, resolve } from 'node:path';
import { KeyExistsError, StaleSnapshotError } from '../errors.ts';
import { shortHash } from '../git/objects/commitText.ts';
import { INSPECT } from '../inspected.ts';
import { checkObject, checkOptions, type LocalName, localName } from '../optionTypes.ts';
import { commitEdits, inSession } from '../store/commit/commit.ts';
import { trailersOf } from '../store/commit/labels.ts';
import { mergeSnapshots } from '../store/commit/merge.ts';
import { literalMessage } from '../store/commit/message.ts';
import { signingOf } from '../store/context/signers.ts';
import { ofStore, type Snapshot } from '../store/context/snapshot.ts';
import { choicesOf, FS } from '../store/fs.ts';
import { GitStore } from '../store/gitStore.ts';
import type { FilePatch } from '../store/read/patch.ts';
import { resolveSnapshot } from '../store/refs/resolve.ts';
import { requirePolicy, type ThinPolicy } from '../store/thinning/retention.ts';
import { ExcludeFilter } from '../transfer/rules/excludeFilter.ts';
import { patternsOf } from '../transfer/rules/patterns.ts';
import { ChangeReport } from '../tree/changes.ts';
import { cloneFiles } from './clones.ts';
import { describeChanges } from './describe.ts';
import { Checkpoints } from './findCheckpoint.ts';
import { pathOf, realFolder, requireEmpty } from './folders.ts';
import { FolderWatch } from './folderWatch.ts';
import type {
  CheckpointOptions,
  ForkOptions,
  MergedHome,
  MergeHomeOptions,
  RewindOptions,
  RewindTarget,
  Rewound,
  WorkOptions,
  WorkspaceChanges,
  WorkspaceOptions,
} from './options.ts';
import {
  findWorkspace,
  forgetWorkspace,
  freeBranch,
  listWorkspaces,
  rememberWorkspace,
  type WorkspaceRecord,
} from './registry.ts';
import { Thinning } from './thinning.ts';
import { WorkFolder } from './workFolder.ts';

/** Attempts to commit when other processes are quicker. */
const TRIES = 100;

export class Workspace implements AsyncDisposable {
  /** The folder: an absolute path, links resolved. */
  readonly path: string;
  readonly store: GitStore;
  /** Short name of the branch with the checkpoints. */
  readonly branch: string;
  readonly exclude: readonly string[];
  readonly gitignore: boolean;
  readonly #ownsStore: boolean;
  readonly #folder: WorkFolder;
  readonly #thinning: Thinning;
  readonly #checkpoints: Checkpoints;
  readonly #watch: FolderWatch;
  /** The newest checkpoint made by this object. */
  #last: string | undefined;
  /** Resolves with the running checkpoint. */
  #storing: Promise<void> = Promise.resolve();

  private constructor(
    store: GitStore,
    ownsStore: boolean,
    record: WorkspaceRecord,
    keep: ThinPolicy | undefined,
  ) {
    this.store = store;
    this.#ownsStore = ownsStore;
    this.path = record.path;
    this.branch = record.branch;
    this.exclude = record.exclude;
    this.gitignore = record.gitignore;
    const exclude = record.exclude.length > 0 ? new ExcludeFilter(record.exclude) : undefined;
    this.#folder = new WorkFolder(record.path, exclude, record.gitignore);
    this.#thinning = new Thinning(store, record.branch, keep);
    this.#checkpoints = new Checkpoints(store, record.branch);
    this.#watch = new FolderWatch({
      path: record.path,
      exclude,
      gitignore: record.gitignore,
      storePath: store.context.folder,
    });
  }

  /**
   * Opens a folder as a workspace of a store, and records it there.
   * @throws NotADirectoryError, FileNotFoundError for the folder
   * @throws KeyExistsError when no branch is given and another folder uses the current one
   * @example
   * ```ts
   * const work = await Workspace.open('folder', { store: 'folder.git' });
   * await work.checkpoint({ message: 'Before the run' });
   * await work.rewind({ back: 1 });
   * ```
   */
  static async open(place: LocalName, options: WorkspaceOptions): Promise<Workspace> {
    checkObject(options, 'The options, which name the store,');
    checkOptions(options);
    const path = localName(place, 'The folder');
    const folder = realFolder(path);
    if (options.keep !== undefined) requirePolicy(options.keep);
    const ownsStore = typeof options.store === 'string';
    const store =
      typeof options.store === 'string'
        ? await GitStore.open(options.store, options.storeOptions)
        : options.store;
    try {
      const known = await findWorkspace(store.context, folder).catch((error: unknown) => {
        if (options.branch === undefined) throw error;
        return undefined;
      });
      const record: WorkspaceRecord = {
        path: folder,
        host: hostname(),
        branch:
          options.branch ??
          known?.branch ??
          (await freeBranch(store.context, await store.branches.currentName(), folder)),
        exclude: options.exclude ? patternsOf(options.exclude) : (known?.exclude ?? []),
        gitignore: options.gitignore ?? known?.gitignore ?? true,
      };
      const workspace = new Workspace(store, ownsStore, record, options.keep);
      await workspace.#begin(record);
      if (options.watch ?? options.onChange !== undefined) await workspace.#watch.start(options);
      return workspace;
    } catch (error) {
      if (ownsStore) await store.close();
      throw error;
    }
  }

  /** The workspaces of a store, by path. */
  static list(store: GitStore): Promise<WorkspaceRecord[]> {
    return listWorkspaces(store.context);
  }

  /** Removes a workspace's record from a store. Branch and folder stay. @returns whether it existed */
  static forget(store: GitStore, path: string): Promise<boolean> {
    return forgetWorkspace(store.context, pathOf(path));
  }

  /** The newest checkpoint. */
  head(): Promise<FS> {
    return this.#checkpoints.head();
  }

  /** The checkpoints, newest first; with `labels` only those with all of these. */
  async *checkpoints(
    filter: { readonly labels?: Readonly<Record<string, string>> | undefined } = {},
  ): AsyncGenerator<FS, void, undefined> {
    yield* this.#checkpoints.list(filter.labels);
  }

  /**
   * Stores the folder, or a part of it, as a commit.
   * @returns the newest snapshot, with its `changes`; the same as before when nothing has changed
   * @throws GitStoreError for a file that cannot be read, unless `ignoreErrors`
   */
  async checkpoint(options: CheckpointOptions = {}): Promise<FS> {
    checkOptions(options);
    if (options.paths !== undefined) {
      await this.#folder.requirePaths(options.paths, FS.snapshotOf(await this.head()));
    }
    return this.#store(options);
  }

  /**
   * Runs checkpoints one by one, so that paths taken from the watch by one are stored before the next.
   * @param isWhole ignore the watch and look at the whole folder
   */
  #store(options: CheckpointOptions, isWhole = false): Promise<FS> {
    const made = this.#storing.then(() => this.#storeNow(options, isWhole));
    this.#storing = made.then(
      () => {},
      () => {},
    );
    return made;
  }

  async #storeNow(options: CheckpointOptions, isWhole: boolean): Promise<FS> {
    const { message, labels, signal } = options;
    const choices = {
      message: message && literalMessage(message),
      operation: 'checkpoint',
      trailers: trailersOf(labels),
      // A checkpoint must equal the folder exactly.
      staleWrites: 'refuse' as const,
      signing: signingOf(options),
      signal,
    };
    const paths =
      options.paths ?? (isWhole ? undefined : await this.#watch.take(() => this.#isLast()));
    if (paths?.length === 0 && options.paths === undefined) {
      const head = await this.head();
      return FS.of(FS.snapshotOf(head), new ChangeReport());
    }
    let tries = 0;
    let made: FS;
    try {
      made = await this.#update(async (snapshot) => {
        // When another process has moved the branch, compare the whole folder with it.
        const only = tries++ === 0 ? paths : options.paths;
        const isFew = only !== undefined && options.paths === undefined;
        const work = { ...options, paths: only };
        const outcome = await this.#folder.store(snapshot, work, isFew, choices);
        return FS.of(outcome.snapshot, outcome.changes);
      });
    } catch (error) {
      this.#watch.restore();
      throw error;
    }
    if (made.changes!.errors.length > 0) this.#watch.restore();
    this.#last = made.commitHash;
    const now = await this.#thinning.after(made.commitHash);
    if (now === undefined) return made;
    this.#last = now;
    const thinned = { ...FS.snapshotOf(await this.store.fs(now)), ref: FS.snapshotOf(made).ref };
    return FS.of(thinned, made.changes);
  }

  /** The differences between the folder and the newest checkpoint, or any snapshot. */
  async changes(
    since?: RewindTarget,
    options: Pick<WorkOptions, 'paths' | 'signal'> = {},
  ): Promise<WorkspaceChanges> {
    const target = since === undefined ? await this.head() : await this.#checkpoints.find(since, 0);
    await this.#folder.requirePaths(options.paths, FS.snapshotOf(target));
    const report = await this.#compare(target, options);
    return describeChanges(this.path, target, report);
  }

  /** The same differences as `changes`, line by line. */
  async *patches(
    since?: RewindTarget,
    options: Pick<WorkOptions, 'paths' | 'signal'> = {},
  ): AsyncGenerator<FilePatch, void, undefined> {
    const { patchesOnDisk } = await import('./patches.ts');
    yield* patchesOnDisk(this.path, await this.changes(since, options));
  }

  /**
   * Restores the folder, or some paths in it, to a snapshot. First stores unsaved changes, so that a rewind
   * can always be undone. Writes only what differs. Excluded files stay. A file that changes meanwhile is
   * left alone, and is in `changes.errors`.
   * @throws KeyNotFoundError when the snapshot does not exist
   */
  async rewind(target: RewindTarget, options: RewindOptions = {}): Promise<Rewound> {
    checkOptions(options);
    const { dryRun, labels, message } = options;
    if (dryRun === true) return this.#rewindDry(target, options);
    // Files that cannot be read are not overwritten either.
    const before = { ...options, message: undefined, labels: undefined, ignoreErrors: true };
    const saved = await this.#store(before, true);
    const to = await this.#checkpoints.find(target, 0);
    await this.#folder.requirePaths(options.paths, FS.snapshotOf(to));
    const what = options.paths === undefined ? '' : ` ${options.paths.join(', ')}`;
    const snapshot = await this.#switchTo(to, saved, {
      ...options,
      message: literalMessage(message ?? `Rewind${what} to ${shortHash(to.commitHash)}`),
      trailers: trailersOf({ ...labels, 'Rewound-To': to.commitHash }),
    });
    return { saved, snapshot, target: to, changes: snapshot.changes! };
  }

  /**
   * Makes a second folder with the same content, as a workspace of the same store with its own branch.
   * Excluded files are not copied.
   * @param place a missing or empty folder
   * @throws KeyExistsError when the branch exists, or the folder is not empty
   */
  async fork(place: LocalName, options: ForkOptions = {}): Promise<Workspace> {
    checkOptions(options);
    const path = localName(place, 'The folder');
    const { branch = basename(path), signal, onProgress, author, time } = options;
    const saved = await this.checkpoint({ signal, author, time });
    const { exclude, gitignore, store } = this;
    await requireEmpty(path);
    if (await store.branches.has(branch)) {
      throw new KeyExistsError(`Branch already exists: ${branch}`, { ref: branch });
    }
    await cloneFiles(store.context.trees, saved.treeHash, this.path, resolve(path), signal);
    await saved.copyOut('/', `${path}/`, { signal, onProgress });
    await store.branches.set(branch, saved, { create: true });
    return Workspace.open(path, { store, branch, exclude, gitignore });
  }

  /**
   * Merges another workspace, a snapshot, branch, tag or hash into this folder and its branch, as
   * `FS.merge` does. First stores unsaved changes of both folders.
   * @throws MergeConflictError on a conflict; nothing changes then
   */
  async merge(
    source: Workspace | FS | string,
    options: MergeHomeOptions = {},
  ): Promise<MergedHome> {
    checkOptions(options);
    const { signal, onProgress, author, time } = options;
    const storing = { signal, author, time };
    const theirs = source instanceof Workspace ? await source.checkpoint(storing) : source;
    const { context } = this.store;
    const from =
      theirs instanceof FS
        ? ofStore(context, FS.snapshotOf(theirs))
        : await resolveSnapshot(context, theirs);
    for (;;) {
      const saved = await this.checkpoint(storing);
      let report = new ChangeReport();
      // The folder changes first: if this process were killed with the branch ahead of the folder, the
      // next checkpoint would revert the merge.
      const beforeMove = async (made: Snapshot): Promise<void> => {
        const switched = await this.#folder.switch(FS.snapshotOf(saved), made, {
          signal,
          onProgress,
        });
        report = switched.report;
      };
      try {
        // The folder was compared with this snapshot, not with a newer one.
        const choices = { ...choicesOf(options), staleWrites: 'refuse' as const, beforeMove };
        const merged = await mergeSnapshots(FS.snapshotOf(saved), from, options, choices);
        const snapshot = FS.of(merged.snapshot, merged.changes);
        return { saved, snapshot, changes: report };
      } catch (error) {
        // Another process has stored the folder meanwhile.
        if (!(error instanceof StaleSnapshotError)) throw error;
      }
    }
  }

  /** `Workspace(folder on branch)`. */
  toString(): string {
    return `Workspace(${this.path} on ${this.branch})`;
  }

  toJSON(): { path: string; branch: string; store: string } {
    return { path: this.path, branch: this.branch, store: this.store.path };
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }

  /** Stops watching, and closes the store if the workspace has opened it. */
  async close(): Promise<void> {
    this.#watch.close();
    if (this.#ownsStore) await this.store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Creates a missing branch and records the folder in the store. */
  async #begin(record: WorkspaceRecord): Promise<void> {
    const { store, branch } = this;
    if (!(await store.branches.has(branch))) {
      try {
        await store.branches.setEmpty(branch, { create: true });
      } catch (error) {
        // Another process has opened the same workspace and was faster.
        if (!(error instanceof KeyExistsError)) throw error;
        await store.branches.get(branch);
      }
    }
    await rememberWorkspace(store.context, record);
  }

  async #rewindDry(target: RewindTarget, options: RewindOptions): Promise<Rewound> {
    const saved = await this.head();
    const { inSync } = await this.#compare(saved, options);
    const to = await this.#checkpoints.find(target, inSync ? 0 : 1);
    const { add, update, delete: gone, errors, warnings } = await this.#compare(to, options);
    const changes = new ChangeReport({ add: gone, update, delete: add, errors, warnings });
    return { saved, snapshot: saved, target: to, changes };
  }

  /** The changes that storing the folder would make to a snapshot, by path. */
  #compare(target: FS, options: Pick<WorkOptions, 'paths' | 'signal'>): Promise<ChangeReport> {
    const ref = { kind: 'branch', name: this.branch } as const;
    return this.#folder.compare({ ...FS.snapshotOf(target), ref }, options);
  }

  /** Whether the newest checkpoint is ours: another program may have moved the branch. */
  async #isLast(): Promise<boolean> {
    return (await this.head()).commitHash === this.#last;
  }

  /** Switches the folder from one snapshot to another, and commits the result. */
  async #switchTo(
    to: FS,
    saved: FS,
    options: RewindOptions & { readonly trailers: string },
  ): Promise<FS> {
    const { report, edits } = await this.#folder.switch(
      FS.snapshotOf(saved),
      FS.snapshotOf(to),
      options,
    );
    if (edits.size === 0) return FS.of(FS.snapshotOf(saved), report);
    const { message, trailers } = options;
    const signing = signingOf(options);
    // All entries of the edits are those of `to`.
    const from = [FS.snapshotOf(to)];
    const choices = { message, trailers, signing, from, staleWrites: 'refuse' as const };
    const made = await this.#update((snapshot) =>
      inSession(snapshot.store, async (writer) => {
        const outcome = await commitEdits(snapshot, writer, edits, report, choices);
        return FS.of(outcome.snapshot, report);
      }),
    );
    if (made.parentHashes[0] === this.#last) this.#last = made.commitHash;
    return made;
  }

  #update(change: (snapshot: Snapshot) => Promise<FS>): Promise<FS> {
    return this.store.update(this.branch, (fs) => change(FS.snapshotOf(fs)), { retries: TRIES });
  }
}
