/**
 * What one copy excludes: by the caller's `ExcludeFilter`, and with `gitignore` by the source's own
 * .gitignore files. As in Git, a deeper file takes precedence over a higher one, the caller's patterns
 * over both, and nothing below an excluded directory is read.
 */
import { foldsCase } from '../../platform.ts';
import { IgnoreRules, IgnoreTree, ignoreLines } from '../../tree/ignoreRules.ts';
import { isWithin } from '../../tree/paths.ts';
import type { CopyOptions, PathSelection } from './options.ts';
import { type Exclude, patternsOf } from './patterns.ts';

/** The name of the files, which are excluded themselves. */
export const GITIGNORE = '.gitignore';

export type ExclusionOptions = Pick<CopyOptions, 'gitignore' | 'gitignoreFiles'> & PathSelection;

export class Exclusion {
  readonly #tree: IgnoreTree;
  readonly #leavesOutRules: boolean;
  readonly #only: readonly string[] | undefined;
  /** Whether `add` must get a directory's `.gitignore` before `excludes` is asked about its entries. */
  readonly readsGitignore: boolean;
  /** Whether it cannot exclude anything. */
  readonly isEmpty: boolean;
  /** Some rules could not be read. Results found without them must not be recorded for another copy. */
  isIncomplete = false;

  readonly #folds: boolean;

  /** @param folds whether the rules ignore letter case */
  constructor(
    exclude: Exclude | undefined,
    options: ExclusionOptions,
    folds: boolean = foldsCase(),
  ) {
    const { gitignore = false, gitignoreFiles = false, only } = options;
    this.#folds = folds;
    this.#tree = new IgnoreTree(new IgnoreRules(patternsOf(exclude), folds));
    this.readsGitignore = gitignore;
    this.#leavesOutRules = gitignore && !gitignoreFiles;
    this.#only = only;
    this.isEmpty = exclude === undefined && !gitignore && only === undefined;
  }

  /** Takes the content of the .gitignore file in a directory. */
  add(directory: string, content: Uint8Array): void {
    if (!this.readsGitignore) return;
    this.#tree.set(directory, new IgnoreRules(ignoreLines(content), this.#folds));
  }

  /** Whether the path, or a directory above it, is excluded. Paths are those of `ExcludeFilter`. */
  excludes(path: string, isDirectory: boolean): boolean {
    if (this.#leavesOutRules && !isDirectory && isGitignore(path)) return true;
    if (this.#only !== undefined && !isSelected(this.#only, path, isDirectory)) return true;
    return this.#tree.excludes(path, isDirectory);
  }
}

/** Whether the path is a selected one, lies below one, or is a directory above one. */
function isSelected(only: readonly string[], path: string, isDirectory: boolean): boolean {
  return only.some((one) => isWithin(path, one) || (isDirectory && isWithin(one, path)));
}

function isGitignore(path: string): boolean {
  return path === GITIGNORE || path.endsWith(`/${GITIGNORE}`);
}
