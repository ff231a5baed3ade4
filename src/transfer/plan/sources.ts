/**
 * Copy sources and their landings. A source is a path. A trailing `/` means the contents of a directory
 * instead of the directory itself. Of `base/./kept/name` the destination keeps everything after the
 * first `/./`, the *pivot*. A *landing* is the path that a source gets at the destination.
 */
import { GitStoreError, InvalidPathError, NotADirectoryError } from '../../errors.ts';
import { isTreeMode } from '../../git/objects/tree.ts';
import { joinPath, normalizePath, parentPath } from '../../tree/paths.ts';
import type { CopyOptions } from '../rules/options.ts';
import type { Entry } from '../rules/place.ts';
import type { CopyRun } from '../rules/run.ts';

export interface CopySource {
  /** As the caller wrote it. */
  readonly text: string;
  /** The same path without pivot and trailing slash. */
  readonly path: string;
  /** Means the contents of the directory, not the directory itself. */
  readonly contents: boolean;
  /** The directories that the pivot keeps; empty without one. */
  readonly kept: string;
  readonly hasPivot: boolean;
  /** The name the source arrives with; empty for contents. */
  readonly name: string;
}

/** Reads a source as the caller wrote it. Slashes separate segments. */
export function parseSource(text: string): CopySource {
  const pivot = text.indexOf('/./');
  const rest = pivot < 0 ? text : text.slice(pivot + 3);
  const contents = /(?:^|\/)\.{0,2}$/.test(rest);
  const path = pivot < 0 ? text : `${text.slice(0, pivot) || '/'}/${rest}`;
  const trimmed = path.replace(/(?:\/+\.?)+$/, '');
  const kept = pivot < 0 ? '' : normalizePath(rest);
  return {
    text,
    path: trimmed === '' && path.startsWith('/') ? '/' : trimmed,
    contents,
    kept: parentPath(kept),
    hasPivot: pivot >= 0,
    name: contents ? '' : rest.slice(rest.lastIndexOf('/') + 1),
  };
}

/** An existing source, and where it goes. */
export interface Landing<E extends Entry> {
  /** The source as the caller wrote it. */
  readonly text: string;
  /** The source's path in the source place. */
  readonly from: string;
  readonly entry: E;
  /** The path below the destination; empty for a file that becomes the destination itself. */
  readonly path: string;
  /** The path to match exclude patterns against. */
  readonly filterPath: string;
  /** The number of the tree that the source lies in, where there are several. */
  readonly tree?: number | undefined;
}

/** A source with the entry found there. */
export interface FoundSource<E extends Entry> {
  readonly source: CopySource;
  readonly entry: E;
  /** As a landing has it. */
  readonly tree?: number | undefined;
}

export interface Landings<E extends Entry> {
  readonly all: readonly Landing<E>[];
  /** The destination is the name of the one file, not a directory. */
  readonly exact: boolean;
}

/**
 * Decides where sources land.
 * @param found the existing sources
 * @param intoDirectory the destination is a directory, or has a trailing slash
 * @param given number of sources, including missing ones
 * @throws NotADirectoryError for a file that was written with a trailing slash
 */
export function land<E extends Entry>(
  found: readonly FoundSource<E>[],
  intoDirectory: boolean,
  given: number,
): Landings<E> {
  const only = given === 1 ? found[0] : undefined;
  const exact =
    only !== undefined && !intoDirectory && !only.source.hasPivot && !isTreeMode(only.entry.mode);
  const all = found.map(({ source, entry, tree }) => {
    if (source.contents && !isTreeMode(entry.mode)) {
      throw new NotADirectoryError(`${source.text}: not a directory`, { path: source.text });
    }
    const filterPath = source.name === '' ? source.kept : joinPath(source.kept, source.name);
    const { text, path: from } = source;
    return { text, from, entry, path: exact ? '' : filterPath, filterPath, tree };
  });
  return { all, exact };
}

/**
 * Whether this copy may delete. A missing source prevents deleting, because it is unknown what that
 * source would have covered. Warns when the caller asked to delete.
 * @param given the sources as the caller wrote them
 * @throws GitStoreError (`EINVAL`) when asked to delete what a single file does not cover
 */
export function deletesAllowed<E extends Entry>(
  options: CopyOptions,
  { all }: Landings<E>,
  given: readonly string[],
  run: CopyRun,
): boolean {
  if (!options.delete) return false;
  if (all.length < given.length) {
    const found = new Set(all.map(({ text }) => text));
    const missing = given.find((text) => !found.has(text)) ?? given[0]!;
    run.warn(missing, 'nothing is deleted in the destination, as this source was not copied');
    return false;
  }
  if (all.some(({ entry }) => isTreeMode(entry.mode))) return true;
  if (given.length === 1) {
    throw new GitStoreError(
      'Deleting needs a directory as the source, not a single file',
      'EINVAL',
    );
  }
  run.warn(given[0]!, 'nothing is deleted in the destination, as no source is a directory');
  return false;
}

/** The path of a landing in the destination directory `base`. */
export function landingPath(base: string, path: string): string {
  return path === '' ? base : joinPath(base, path);
}

/** @throws InvalidPathError when there is nothing to copy */
export function requireSources(sources: readonly string[]): void {
  if (sources.length === 0) throw new InvalidPathError('Nothing to copy: no source given');
}
