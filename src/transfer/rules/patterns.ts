/** Checks exclude patterns given by a caller. */
import { GitStoreError } from '../../errors.ts';
import { shown } from '../../optionTypes.ts';
import type { ExcludeFilter } from './excludeFilter.ts';

/** What a copy excludes: a filter, or its patterns. */
export type Exclude = ExcludeFilter | readonly string[];

/** @throws GitStoreError (`EINVAL`) for anything else */
export function patternsOf(exclude: Exclude | undefined): readonly string[] {
  if (exclude === undefined) return [];
  const isFilter = typeof exclude === 'object' && exclude !== null && 'patterns' in exclude;
  return isFilter ? exclude.patterns : checkPatterns(exclude, 'exclude');
}

/** @throws GitStoreError (`EINVAL`) for anything but an array of strings, such as a single string */
export function checkPatterns(patterns: unknown, what: string): readonly string[] {
  if (Array.isArray(patterns) && patterns.every((pattern) => typeof pattern === 'string')) {
    return patterns;
  }
  const odd = Array.isArray(patterns)
    ? patterns.find((pattern) => typeof pattern !== 'string')
    : patterns;
  throw new GitStoreError(`${what} must be an array of patterns, not ${shown(odd)}`, 'EINVAL');
}
