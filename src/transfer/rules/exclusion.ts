/**
 * What one copy leaves out: the caller's `ExcludeFilter`, and with `gitignore` what the source's own
 * .gitignore files say. As in Git, a deeper file goes before a higher one, the caller's patterns go
 * before both, and nothing below a directory that is left out is looked at.
 */
import { IgnoreRules, IgnoreTree, ignoreLines } from '../../tree/ignoreRules.ts';
import type { ExcludeFilter } from './excludeFilter.ts';

/** The name of the files, which are left out themselves. */
export const GITIGNORE = '.gitignore';

export class Exclusion {
  readonly #tree: IgnoreTree;
  /** Whether a directory's `.gitignore` is to be given to `add` before its entries are asked for. */
  readonly readsGitignore: boolean;
  /** Whether it cannot leave anything out. */
  readonly isEmpty: boolean;
  /** Rules could not be read. What was found out without them is not to be kept for another copy. */
  isIncomplete = false;

  /** @param gitignore whether there may be .gitignore files */
  constructor(filter: ExcludeFilter | undefined, gitignore: boolean) {
    this.#tree = new IgnoreTree(new IgnoreRules(filter?.patterns ?? []));
    this.readsGitignore = gitignore;
    this.isEmpty = filter === undefined && !gitignore;
  }

  /** Takes the content of the .gitignore file in a directory. */
  add(directory: string, content: Uint8Array): void {
    if (this.readsGitignore) this.#tree.set(directory, new IgnoreRules(ignoreLines(content)));
  }

  /** Whether the path, or a directory it lies in, is left out. Paths as `ExcludeFilter` has them. */
  excludes(path: string, isDirectory: boolean): boolean {
    if (this.readsGitignore && !isDirectory && isGitignore(path)) return true;
    return this.#tree.excludes(path, isDirectory);
  }
}

function isGitignore(path: string): boolean {
  return path === GITIGNORE || path.endsWith(`/${GITIGNORE}`);
}
