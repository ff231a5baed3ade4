/**
 * Ignore rules as Git reads them (dir.c, gitignore(5)): the last pattern of a list that matches a
 * path decides, and everything below a directory that is left out is left out. Names are compared
 * byte by byte; upper and lower case differ where they do on most disks of the system, as Git's
 * `core.ignoreCase` has it: in ASCII letters alone.
 */

import { asBuffer } from '../bytes.ts';
import { decodePath, encodeText } from '../git/pathBytes.ts';
import { foldsCase } from '../platform.ts';
import { parentPath } from './paths.ts';
import { compileWildmatch } from './wildmatch.ts';

/** The lines of a file of patterns, in the string form of names. */
export function ignoreLines(content: Uint8Array): string[] {
  const bytes = asBuffer(content);
  const hasMark = bytes.length >= 3 && bytes.readUIntBE(0, 3) === 0xefbbbf;
  // The last line need not end in a line feed to lose a carriage return.
  return decodePath(bytes, hasMark ? 3 : 0).split(/\r?\n|\r$/);
}

interface Rule {
  readonly isNegated: boolean;
  readonly onlyDirectories: boolean;
  /** Compared with the last name of a path, not with the path. */
  readonly onName: boolean;
  readonly matches: (text: string) => boolean;
}

/** The patterns of one file, or of the command line. */
export class IgnoreRules {
  readonly #rules: readonly Rule[];
  readonly #folds: boolean;

  /**
   * @param patterns one each; blank ones and those that begin with `#` match nothing
   * @param folds whether letter case makes no difference
   */
  constructor(patterns: readonly string[], folds = foldsCase()) {
    this.#folds = folds;
    this.#rules = patterns
      .map((line) => parseRule(line, folds))
      .filter((rule) => rule !== undefined)
      .reverse();
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /**
   * Whether the last pattern that matches leaves the path out; undefined where none matches.
   * @param path from the directory of the patterns, in bytes as `toBytes` gives them
   */
  decide(path: string, name: string, isDirectory: boolean): boolean | undefined {
    if (this.#folds) [path, name] = [inLowerCase(path), inLowerCase(name)];
    for (const rule of this.#rules) {
      if (rule.onlyDirectories && !isDirectory) continue;
      if (rule.matches(rule.onName ? name : path)) return !rule.isNegated;
    }
    return undefined;
  }
}

/** A directory on the way to the path that was asked for last. */
interface Level {
  readonly directory: string;
  readonly isExcluded: boolean;
  /** What the directory's own file says, with the length of the path before its names. */
  readonly rules: IgnoreRules | undefined;
  readonly lead: number;
}

/** Rules above all, and rules of directories: a deeper one goes before a higher one. */
export class IgnoreTree {
  readonly #first: IgnoreRules;
  readonly #directories = new Map<string, IgnoreRules>();
  /** From the root down. A walk asks for neighbours, so most of it stays. */
  readonly #levels: Level[] = [];

  /** @param first the rules that go before those of every directory */
  constructor(first: IgnoreRules) {
    this.#first = first;
  }

  /** Sets the rules of a directory, `''` for the root. */
  set(directory: string, rules: IgnoreRules): void {
    this.#directories.set(directory, rules);
    this.#levels.length = 0;
  }

  /** Whether the path, or a directory it lies in, is left out. */
  excludes(path: string, isDirectory: boolean): boolean {
    if (path === '' || (this.#first.isEmpty && this.#directories.size === 0)) return false;
    return this.#enter(parentPath(path)).isExcluded || this.#decide(path, isDirectory);
  }

  /** Makes the levels those of a directory, and returns the last one. */
  #enter(directory: string): Level {
    const levels = this.#levels;
    let last = levels.at(-1);
    if (last?.directory === directory) return last;
    while (last !== undefined && !isBelow(directory, last.directory)) {
      levels.pop();
      last = levels.at(-1);
    }
    if (last === undefined) last = this.#push('', false);
    while (last.directory.length < directory.length) {
      const start: number = last.directory === '' ? 0 : last.directory.length + 1;
      const end = directory.indexOf('/', start);
      const next: string = end < 0 ? directory : directory.slice(0, end);
      last = this.#push(next, last.isExcluded || this.#decide(next, true));
    }
    return last;
  }

  #push(directory: string, isExcluded: boolean): Level {
    const rules = this.#directories.get(directory);
    const lead = rules === undefined || directory === '' ? 0 : toBytes(directory).length + 1;
    const level = { directory, isExcluded, rules, lead };
    this.#levels.push(level);
    return level;
  }

  /** What the rules say of a path itself. The levels are those of its directory. */
  #decide(path: string, isDirectory: boolean): boolean {
    const bytes = toBytes(path);
    const name = bytes.slice(bytes.lastIndexOf('/') + 1);
    let verdict = this.#first.decide(bytes, name, isDirectory);
    for (let at = this.#levels.length - 1; verdict === undefined && at >= 0; at--) {
      const { rules, lead } = this.#levels[at]!;
      verdict = rules?.decide(lead === 0 ? bytes : bytes.slice(lead), name, isDirectory);
    }
    return verdict ?? false;
  }
}

function isBelow(path: string, directory: string): boolean {
  return directory === '' || path === directory || path.startsWith(`${directory}/`);
}

/** The bytes of a name, each as a character. */
function toBytes(name: string): string {
  return /[^\x00-\x7f]/.test(name) ? encodeText(name).toString('latin1') : name;
}

function inLowerCase(bytes: string): string {
  return bytes.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}

function parseRule(line: string, folds: boolean): Rule | undefined {
  // Git reads a pattern up to its first NUL.
  const bytes = trimBlanks(toBytes(line).split('\0', 1)[0]!);
  if (bytes.startsWith('#')) return undefined;
  const isNegated = bytes.startsWith('!');
  const onlyDirectories = bytes.endsWith('/');
  const pattern = bytes.slice(isNegated ? 1 : 0, onlyDirectories ? -1 : undefined);
  const onName = !pattern.includes('/');
  const matches = matcher(pattern.replace(/^\//, ''), onName, folds);
  return matches === undefined ? undefined : { isNegated, onlyDirectories, onName, matches };
}

/** Takes off the blanks at the end that no backslash keeps. */
function trimBlanks(line: string): string {
  let end = line.length;
  while (line[end - 1] === ' ') end -= 1;
  let backslashes = 0;
  while (line[end - 1 - backslashes] === '\\') backslashes += 1;
  return line.slice(0, end + (backslashes % 2));
}

/** The test of a pattern; undefined where nothing can match. */
function matcher(
  pattern: string,
  onName: boolean,
  folds: boolean,
): ((text: string) => boolean) | undefined {
  if (pattern === '') return undefined;
  const wild = pattern.search(/[*?[\\]/);
  const spelled = (part: string) => (folds ? inLowerCase(part) : part);
  if (wild < 0) {
    const whole = spelled(pattern);
    return (text) => text === whole;
  }
  const end = spelled(pattern.slice(1));
  if (onName && pattern[0] === '*' && !/[*?[\\]/.test(end)) return (text) => text.endsWith(end);
  // As in Git, what follows the literal beginning is a pattern of its own: a `**` there is at a start.
  const prefix = spelled(pattern.slice(0, wild));
  const rest = compileWildmatch(pattern.slice(wild), folds);
  if (rest === undefined || prefix === '') return rest;
  return (text) => text.startsWith(prefix) && rest(text.slice(wild));
}
