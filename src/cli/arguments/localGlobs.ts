/** Globs over the local disk in arguments, with the rules of `sources.ts`. */
import { diskGlob } from '../../transfer/disk/diskGlob.ts';
import { hasGlobChars } from '../../tree/glob.ts';
import { isOnDisk } from '../repository/onDisk.ts';
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
