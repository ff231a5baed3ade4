/**
 * Exclude patterns in gitignore syntax (gitignore(5)): `*.pyc`, `build/` for directories, `/build`
 * anchored, `!keep.log`; the last pattern that matches decides. Paths are taken relative to the
 * destination of the copy, that is, as they land there.
 */
import { readFile } from 'node:fs/promises';
import { localError } from '../../systemFaults.ts';
import { IgnoreRules, IgnoreTree, ignoreLines } from '../../tree/ignoreRules.ts';
import { checkPatterns } from './patterns.ts';

export class ExcludeFilter {
  /** In their order. */
  readonly patterns: readonly string[];
  readonly #tree: IgnoreTree;

  /** @param patterns one pattern each; blank ones and those that begin with `#` mean nothing */
  constructor(patterns: readonly string[] = []) {
    this.patterns = [...checkPatterns(patterns, 'The argument of ExcludeFilter')];
    this.#tree = new IgnoreTree(new IgnoreRules(patterns));
  }

  /**
   * A filter from pattern files, one pattern a line, and further patterns, which come after those of
   * the files and so have the last word.
   * @throws FileNotFoundError when a file is missing
   */
  static async read(
    files: readonly string[],
    patterns: readonly string[] = [],
  ): Promise<ExcludeFilter> {
    const lines: string[] = [];
    for (const file of files) {
      try {
        for (const line of ignoreLines(await readFile(file))) lines.push(line);
      } catch (error) {
        throw localError(error, file);
      }
    }
    return new ExcludeFilter([...lines, ...patterns]);
  }

  /** Whether the path, or a directory it lies in, is left out. */
  excludes(path: string, isDirectory: boolean): boolean {
    return this.#tree.excludes(path, isDirectory);
  }
}
