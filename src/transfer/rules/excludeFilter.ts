/**
 * Exclude patterns in gitignore syntax (gitignore(5)): `*.pyc`, `build/` for directories, `/build`
 * anchored, `!keep.log`. The last matching pattern decides. Paths are relative to the destination of
 * the copy.
 */
import { readFile } from 'node:fs/promises';
import { localError } from '../../systemFaults.ts';
import { IgnoreRules, IgnoreTree, ignoreLines } from '../../tree/ignoreRules.ts';
import { checkPatterns } from './patterns.ts';

export class ExcludeFilter {
  /** In order of precedence, lowest first. */
  readonly patterns: readonly string[];
  readonly #tree: IgnoreTree;

  /** @param patterns one pattern each; blank ones and those that begin with `#` are ignored */
  constructor(patterns: readonly string[] = []) {
    this.patterns = [...checkPatterns(patterns, 'The argument of ExcludeFilter')];
    this.#tree = new IgnoreTree(new IgnoreRules(patterns));
  }

  /**
   * A filter from pattern files, one pattern a line, and further patterns, which take precedence over
   * those of the files.
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

  /** Whether the path, or a directory above it, is excluded. */
  excludes(path: string, isDirectory: boolean): boolean {
    return this.#tree.excludes(path, isDirectory);
  }
}
