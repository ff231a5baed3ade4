/**
 * What one copy leaves out: the caller's `ExcludeFilter`, and with `gitignore` what the source's own
 * .gitignore files say. As in Git, a deeper file goes before a higher one, the caller's patterns go
 * before both, and nothing below a directory that is left out is looked at.
 */
import { foldsCase } from '../../platform.ts';
import { IgnoreRules, IgnoreTree, ignoreLines } from '../../tree/ignoreRules.ts';
import { isWithin } from '../../tree/paths.ts';
import type { CopyOptions, PathSelection } from './options.ts';
import { type Exclude, patternsOf } from './patterns.ts';

/** The name of the files, which are left out themselves. */
export const GITIGNORE = '.gitignore';

export type ExclusionOptions = Pick<CopyOptions, 'gitignore' | 'gitignoreFiles'> & PathSelection;

export class Exclusion {
  readonly #tree: IgnoreTree;
  readonly #leavesOutRules: boolean;
  readonly #only: readonly string[] | undefined;
  /** Whether a directory's `.gitignore` is to be given to `add` before its entries are asked for. */
  readonly readsGitignore: boolean;
  /** Whether it cannot leave anything out. */
  readonly isEmpty: boolean;
  /** Rules could not be read. What was found out without them is not to be kept for another copy. */
  isIncomplete = false;

  readonly #folds: boolean;

  /** @param folds whether letter case makes no difference to the rules */
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

  /** Whether the path, or a directory it lies in, is left out. Paths as `ExcludeFilter` has them. */
  excludes(path: string, isDirectory: boolean): boolean {
    if (this.#leavesOutRules && !isDirectory && isGitignore(path)) return true;
    if (this.#only !== undefined && !isSelected(this.#only, path, isDirectory)) return true;
    return this.#tree.excludes(path, isDirectory);
  }
}

/** Whether the path is one of those selected, lies below one, or leads to one. */
function isSelected(only: readonly string[], path: string, isDirectory: boolean): boolean {
  return only.some((one) => isWithin(path, one) || (isDirectory && isWithin(one, path)));
}

function isGitignore(path: string): boolean {
  return path === GITIGNORE || path.endsWith(`/${GITIGNORE}`);
}
