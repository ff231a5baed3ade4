/** The folder of a workspace beside snapshots: stored on one, compared with one, switched to one. */

import { FileNotFoundError } from '../errors.ts';
import { shortHash } from '../git/objects/commitText.ts';
import type { CommitChoices, Outcome } from '../store/commit/commit.ts';
import type { Snapshot } from '../store/context/snapshot.ts';
import { copyFromDisk } from '../store/write/copy.ts';
import { joinDisk } from '../transfer/disk/diskFiles.ts';
import type { Switched } from '../transfer/out/switchFolder.ts';
import type { ExcludeFilter } from '../transfer/rules/excludeFilter.ts';
import type { CopyInOptions, PathSelection } from '../transfer/rules/options.ts';
import type { ChangeReport } from '../tree/changes.ts';
import { normalizePath } from '../tree/paths.ts';
import { existsOnDisk } from './folders.ts';
import type { WorkOptions } from './options.ts';

export class WorkFolder {
  readonly #path: string;
  readonly #exclude: ExcludeFilter | undefined;
  readonly #gitignore: boolean;

  /** @param path absolute, links resolved */
  constructor(path: string, exclude: ExcludeFilter | undefined, gitignore: boolean) {
    this.#path = path;
    this.#exclude = exclude;
    this.#gitignore = gitignore;
  }

  /** @throws FileNotFoundError for a path that is neither in the folder nor in the snapshot */
  async requirePaths(
    paths: readonly string[] | undefined,
    { store, id, commit }: Snapshot,
  ): Promise<void> {
    for (const path of paths ?? []) {
      const normal = normalizePath(path);
      if (existsOnDisk(joinDisk(this.#path, normal))) continue;
      if ((await store.trees.lookup(commit.tree, normal)) !== undefined) continue;
      const message = `${path}: neither in ${this.#path} nor in ${shortHash(id)}`;
      throw new FileNotFoundError(message, { path });
    }
  }

  /**
   * Commits the folder, or some paths of it, on the snapshot.
   * @param isFew the paths are all that has changed
   */
  async store(
    snapshot: Snapshot,
    options: WorkOptions & { readonly ignoreErrors?: boolean | undefined },
    isFew: boolean,
    choices: CommitChoices,
  ): Promise<Outcome> {
    const copy = { ...this.#copyOptions(options), ignoreErrors: options.ignoreErrors, isFew };
    const outcome = await copyFromDisk(snapshot, [`${this.#path}/`], '', copy, choices);
    this.#passOverOwnGit(outcome.changes);
    return outcome;
  }

  /** The changes that storing the folder would make to the snapshot of a branch, by path. */
  async compare(
    snapshot: Snapshot,
    options: Pick<WorkOptions, 'paths' | 'signal'>,
  ): Promise<ChangeReport> {
    const copy = { ...this.#copyOptions(options), ignoreErrors: true, dryRun: true };
    const { changes } = await copyFromDisk(snapshot, [`${this.#path}/`], '', copy, {});
    this.#passOverOwnGit(changes);
    return changes;
  }

  /** Makes the folder, which is as `from`, equal to `to`. */
  async switch(from: Snapshot, to: Snapshot, options: WorkOptions): Promise<Switched> {
    const { store } = from;
    const { trees, memos, folder: storePath } = store;
    const { switchFolder } = await import('../transfer/out/switchFolder.ts');
    return switchFolder(
      { trees, memos, storePath },
      this.#path,
      { from: from.commit.tree, to: to.commit.tree, time: store.now() },
      this.#copyOptions(options),
    );
  }

  /** Many folders have a repository of their own beside the workspace: it is not worth a remark. */
  #passOverOwnGit({ warnings }: ChangeReport): void {
    const own = joinDisk(this.#path, '.git');
    const at = warnings.findIndex(({ path }) => path === own);
    if (at >= 0) warnings.splice(at, 1);
  }

  #copyOptions({ paths, signal, onProgress }: WorkOptions): CopyInOptions & PathSelection {
    return {
      delete: true,
      gitignore: this.#gitignore,
      gitignoreFiles: true,
      exclude: this.#exclude,
      only: paths?.map(normalizePath),
      signal,
      onProgress,
    };
  }
}
