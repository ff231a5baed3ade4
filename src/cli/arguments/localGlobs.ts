/** Globs over the local disk in arguments, with the rules of `sources.ts`. */
import { encodePath } from '../../git/pathBytes.ts';
import { lstatSync } from '../../storage/disk/fs.ts';
import { isErrorOf } from '../../systemFaults.ts';
import { diskGlob } from '../../transfer/disk/diskGlob.ts';
import { hasGlobChars } from '../../tree/glob.ts';
import { type Expansion, joined, requireMatches } from './sources.ts';

/**
 * All local paths that the arguments mean, in their order, without repetitions.
 * @param glob false: no argument is a glob
 * @throws FileNotFoundError for a glob that matches nothing
 */
export async function expandLocalGlobs(
  paths: readonly string[],
  glob: boolean,
): Promise<Expansion> {
  const all: Expansion[] = [];
  for (const path of paths) {
    const isGlob = glob && hasGlobChars(path) && !isOnDisk(path);
    all.push({ paths: isGlob ? requireMatches(await diskGlob(path), path) : [path], isGlob });
  }
  return joined(all);
}

/**
 * Whether anything is at a local path, be it a link that leads nowhere. What cannot be looked at counts as
 * there: the fault is told of when it is read.
 */
export function isOnDisk(path: string): boolean {
  try {
    return lstatSync(encodePath(path), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    return !isErrorOf(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE');
  }
}
