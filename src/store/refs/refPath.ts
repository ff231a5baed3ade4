/**
 * The grammar of path arguments: distinguishes `main~2:docs/a.txt` from a file on the local disk.
 *
 * Nouns. An *argument* is what the user typed. A *repository path* is `[ref[~N]]:path`: a branch, a
 * tag or a commit hash, N first parents back from it, and a path in that snapshot. An empty ref is
 * the current branch, an empty path the root. A *local path* is everything else. A *target* is what
 * commands take that work on snapshots: a ref alone, or a ref with a path.
 *
 * Paths stay as typed (`normalizePath` cleans them), because a trailing `/` and `/./` have a meaning for
 * the commands that copy.
 */

import { InvalidRefNameError } from '../../errors.ts';
import { checkText } from '../../optionTypes.ts';

export interface RepositoryPath {
  readonly kind: 'repository';
  /** Branch, tag or commit hash; `''` is the current branch. */
  readonly ref: string;
  /** First parents to walk back from the ref; 0 when the argument has no `~N`. */
  readonly back: number;
  /** What stands behind the colon; `''` is the root. */
  readonly path: string;
}

export interface LocalPath {
  readonly kind: 'local';
  readonly path: string;
}

export type RefPath = RepositoryPath | LocalPath;

export interface RefTarget {
  /** Branch, tag or commit hash; `''` is the current branch. */
  readonly ref: string;
  /** First parents to walk back from the ref. */
  readonly back: number;
  /** What stands behind the colon; undefined when the argument has none. */
  readonly path?: string | undefined;
}

/**
 * Tells a repository path from a local one, by the first colon of the argument. Local are: no colon
 * at all, a Windows drive (`C:\data`, `C:/data`), a slash or backslash before the colon (`./x:y`).
 * @throws InvalidRefNameError when the ref ends in `~` and something that is no number above 0
 */
export function parseRefPath(argument: string): RefPath {
  checkText(argument, 'The argument');
  const colon = argument.indexOf(':');
  if (colon < 0 || isWindowsDrive(argument) || hasSlash(argument, colon)) {
    return { kind: 'local', path: argument };
  }
  return splitAt(argument, colon);
}

/**
 * Reads an argument that can only be a repository path, so that the colon may be left out: whatever
 * `parseRefPath` calls local is a path on the current branch.
 * @throws InvalidRefNameError as parseRefPath
 */
export function parseRepositoryPath(argument: string): RepositoryPath {
  const parsed = parseRefPath(argument);
  if (parsed.kind === 'repository') return parsed;
  return { kind: 'repository', ref: '', back: 0, path: argument };
}

/**
 * Reads an argument that names a snapshot: `main`, `v1.0~3`, `~2`, `abc1234`, or with a colon a path
 * in one. No argument here is local, so `feature/x:a` is the branch `feature/x`.
 * @throws InvalidRefNameError as parseRefPath
 */
export function parseRefTarget(argument: string): RefTarget {
  const colon = argument.indexOf(':');
  if (colon < 0) return splitBack(argument);
  const { ref, back, path } = splitAt(argument, colon);
  return { ref, back, path };
}

function splitAt(argument: string, colon: number): RepositoryPath {
  const path = argument.slice(colon + 1);
  return { kind: 'repository', ...splitBack(argument.slice(0, colon)), path };
}

/** Splits `ref~N` at its last `~`. */
function splitBack(text: string): { ref: string; back: number } {
  const tilde = text.lastIndexOf('~');
  if (tilde < 0) return { ref: text, back: 0 };
  const count = text.slice(tilde + 1);
  if (!/^[0-9]+$/.test(count)) {
    throw new InvalidRefNameError(
      `Invalid '~${count}' in '${text}': write ~N with a whole number of 1 or more, or drop it`,
      { ref: text },
    );
  }
  const back = Number(count);
  if (back === 0) {
    throw new InvalidRefNameError(
      `Invalid '~${count}' in '${text}': it goes back nowhere, drop it`,
      { ref: text },
    );
  }
  return { ref: text.slice(0, tilde), back };
}

function isWindowsDrive(argument: string): boolean {
  return /^[A-Za-z]:[/\\]/.test(argument);
}

function hasSlash(argument: string, end: number): boolean {
  const prefix = argument.slice(0, end);
  return prefix.includes('/') || prefix.includes('\\');
}
