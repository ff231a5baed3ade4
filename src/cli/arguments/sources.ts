/**
 * Globs in arguments. An argument that exists as it is written is never taken for a glob, so that
 * `[id].tsx` needs no `--no-glob`; a glob that matches nothing is an error.
 */
import { FileNotFoundError } from '../../errors.ts';
import type { FS } from '../../store/fs.ts';
import { hasGlobChars } from '../../tree/glob.ts';
import { normalizePath } from '../../tree/paths.ts';

export interface Expansion {
  readonly paths: readonly string[];
  /** The paths are matches, not the argument itself. */
  readonly isGlob: boolean;
}

/**
 * The paths in a snapshot that an argument means: its matches, or itself. Whether it exists is then
 * for the caller to find out.
 * @param glob false: never a glob
 */
export async function expandGlob(fs: FS, path: string, glob: boolean): Promise<Expansion> {
  if (!glob || !hasGlobChars(path) || (await fs.exists(normalizePath(path)))) {
    return { paths: [path], isGlob: false };
  }
  return { paths: requireMatches(await fs.glob(path), path), isGlob: true };
}

/** All arguments expanded, in their order, without repetitions. */
export async function expandGlobs(
  fs: FS,
  paths: readonly string[],
  glob: boolean,
): Promise<Expansion> {
  const all: Expansion[] = [];
  for (const path of paths) all.push(await expandGlob(fs, path, glob));
  return joined(all);
}

/** The paths of all, in their order, without repetitions; a glob where one of them is. */
export function joined(expansions: readonly Expansion[]): Expansion {
  return {
    paths: [...new Set(expansions.flatMap(({ paths }) => paths))],
    isGlob: expansions.some(({ isGlob }) => isGlob),
  };
}

/** @throws FileNotFoundError when there are none */
export function requireMatches(matches: readonly string[], pattern: string): readonly string[] {
  if (matches.length === 0) {
    throw new FileNotFoundError(`Nothing matches: ${pattern}`, { path: pattern });
  }
  return matches;
}
