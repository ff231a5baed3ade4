/**
 * What one copy leaves out: the caller's `ExcludeFilter`, and with `gitignore` what the source's own
 * .gitignore files say. As in Git, a deeper file goes before a higher one, the caller's patterns go
 * before both, and nothing below a directory that is left out is looked at.
 */
import type { Ignore } from 'ignore';
import { joinPath, parentPath } from '../tree/paths.ts';
import type { ExcludeFilter } from './excludeFilter.ts';
import { patternLines } from './patternLines.ts';

/** The name of the files, which are left out themselves. */
export const GITIGNORE = '.gitignore';

/** The patterns that hold in a directory. */
interface Level {
  readonly patterns: readonly string[];
  readonly rules: Ignore;
}

export class Exclusion {
  readonly #filter: ExcludeFilter | undefined;
  readonly #levels: Map<string, Level> | undefined;
  /** Rules could not be read. What was found out without them is not to be kept for another copy. */
  isIncomplete = false;
  #lastDirectory = '';
  #lastLevel: Level | undefined;

  /** @param gitignore whether there may be .gitignore files */
  constructor(filter: ExcludeFilter | undefined, gitignore: boolean) {
    this.#filter = filter;
    this.#levels = gitignore ? new Map() : undefined;
  }

  /** Whether a directory's `.gitignore` is to be given to `add` before its entries are asked for. */
  get readsGitignore(): boolean {
    return this.#levels !== undefined;
  }

  /** Whether it cannot leave anything out. */
  get isEmpty(): boolean {
    return this.#filter === undefined && this.#levels === undefined;
  }

  /** Takes the content of the .gitignore file in a directory. */
  async add(directory: string, content: Uint8Array): Promise<void> {
    const { default: ignore } = await import('ignore');
    const patterns = [...(this.#levelOf(directory)?.patterns ?? [])];
    for (const line of patternLines(content)) {
      const pattern = placed(line, directory);
      if (pattern !== undefined) patterns.push(pattern);
    }
    const rules = ignore({ ignorecase: false }).add(patterns);
    if (this.#filter !== undefined) rules.add(this.#filter.patterns);
    this.#levels?.set(directory, { patterns, rules });
    this.#lastLevel = undefined;
  }

  /** Whether the path, or a directory it lies in, is left out. Paths as `ExcludeFilter` has them. */
  excludes(path: string, isDirectory: boolean): boolean {
    if (path === '') return false;
    if (this.#levels !== undefined) {
      if (!isDirectory && (path === GITIGNORE || path.endsWith(`/${GITIGNORE}`))) return true;
      const level = this.#levelOf(parentPath(path));
      if (level !== undefined) return level.rules.ignores(isDirectory ? `${path}/` : path);
    }
    return this.#filter?.excludes(path, isDirectory) ?? false;
  }

  /** The nearest level at or above a directory. */
  #levelOf(directory: string): Level | undefined {
    const levels = this.#levels;
    if (levels === undefined || levels.size === 0) return undefined;
    if (this.#lastLevel !== undefined && this.#lastDirectory === directory) return this.#lastLevel;
    let level = levels.get(directory);
    for (let at = directory; level === undefined && at !== ''; ) {
      at = parentPath(at);
      level = levels.get(at);
    }
    this.#lastDirectory = directory;
    this.#lastLevel = level;
    return level;
  }
}

/** The pattern of a file in `directory`, as it would stand in one above all; undefined for none. */
function placed(line: string, directory: string): string | undefined {
  if (line.startsWith('#')) return undefined;
  if (directory === '') return line;
  const isNegated = line.startsWith('!');
  const pattern = isNegated ? line.slice(1) : line;
  // There is no name in it. Below a directory it would say something of that directory's own.
  if (/^\/* *$/.test(pattern)) return undefined;
  // A slash anywhere but at its end ties a pattern to the directory of its file.
  const slash = pattern.indexOf('/');
  const isTied = slash >= 0 && slash < pattern.replace(/[ \t]+$/, '').length - 1;
  const escaped = directory.replace(/[\\*?[\]!# ]/g, '\\$&');
  const rest = isTied ? pattern.replace(/^\//, '') : `**/${pattern}`;
  return `${isNegated ? '!' : ''}/${joinPath(escaped, rest)}`;
}
