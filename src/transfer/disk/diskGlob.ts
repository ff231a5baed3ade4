/** Globs over the local disk, with the rules of `tree/glob.ts`. */

import { isTreeMode } from '../../git/objects/tree.ts';
import { comparePaths } from '../../git/pathBytes.ts';
import { checkText } from '../../optionTypes.ts';
import { isErrorOf, localError } from '../../systemFaults.ts';
import { compileGlob, type GlobPattern, type GlobState, hasGlobChars } from '../../tree/glob.ts';
import { CopyRun } from '../rules/run.ts';
import { readEntry, readNames, withSlashes } from './diskFiles.ts';

/**
 * The matching local paths, files and directories, without duplicates and sorted by their bytes. They
 * begin as the pattern does (`../data/*.csv` gives `../data/a.csv`) and keep its `/./` and trailing
 * `/`, so that they can serve as copy sources. From the first wildcard on, links are not followed and
 * directories without read permission are skipped.
 * @throws InvalidPathError for a `..` after a wildcard
 */
export async function diskGlob(
  pattern: string,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<string[]> {
  checkText(pattern, 'A pattern');
  const { lead, rest } = splitPattern(withSlashes(pattern));
  const run = new CopyRun({ signal: options.signal });
  if (rest === '') {
    return readEntry(lead, '', lead.endsWith('/')) === undefined ? [] : [lead];
  }
  const found: string[] = [];
  await search(compileGlob(rest), lead, found, run);
  return found.sort(comparePaths);
}

/** Splits a pattern into its leading directories without wildcards, with their slash, and the rest. */
function splitPattern(pattern: string): { lead: string; rest: string } {
  const segments = pattern.split('/');
  const first = segments.findIndex(hasGlobChars);
  if (first < 0) return { lead: pattern, rest: '' };
  const lead = segments.slice(0, first).map((segment) => `${segment}/`);
  return { lead: lead.join(''), rest: segments.slice(first).join('/') };
}

/** Adds what matches below `lead`, which is empty or ends in a slash. */
async function search(
  glob: GlobPattern,
  lead: string,
  found: string[],
  run: CopyRun,
): Promise<void> {
  const open: { path: string; state: GlobState }[] = [{ path: lead, state: glob.start }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { path: directory, state } = next;
    const literal = glob.literal(state);
    for (const name of literal === undefined ? namesIn(directory) : [literal]) {
      if (run.tired) await run.rest();
      const step = glob.step(state, name);
      if (!step.matched && step.below === undefined) continue;
      const path = directory + name;
      const entry = readEntry(path, name);
      if (entry === undefined) continue;
      const isDirectory = isTreeMode(entry.mode);
      if (isDirectory && step.below !== undefined) {
        open.push({ path: `${path}/`, state: step.below });
      }
      if (!step.matched || (glob.directoriesOnly && !isDirectory)) continue;
      if (glob.afterPivot === undefined) found.push(glob.directoriesOnly ? `${path}/` : path);
      else if (isDirectory) await search(glob.afterPivot, `${path}/./`, found, run);
    }
  }
}

function namesIn(directory: string): string[] {
  const path = directory === '' ? '.' : directory;
  try {
    return readNames(path);
  } catch (error) {
    if (isErrorOf(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return [];
    throw localError(error, path);
  }
}
