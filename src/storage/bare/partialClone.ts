/**
 * Partial clones (`git help partial-clone`): repositories that lack objects which their remote has. Objects
 * from that remote are in packs with a `.promisor` file beside them. Objects that these refer to are
 * promised.
 */
import { parseConfig } from '../../git/repository/config.ts';
import { isErrno } from '../disk/durable.ts';
import { readdirSync } from '../disk/fs.ts';
import { readConfigText } from './repositoryConfig.ts';

/** The remote that has the objects a partial clone lacks; undefined in any other repository. */
export function promisorOf(gitDir: string): string | undefined {
  const config = parseConfig(readConfigText(gitDir));
  const named = config.get('extensions.partialclone');
  if (named) return named;
  for (const key of config.keys()) {
    const remote = /^remote\.(.+)\.promisor$/.exec(key)?.[1];
    if (remote !== undefined && config.getBool(key)) return remote;
  }
  return hasPromisorPack(`${gitDir}/objects/pack`) ? 'origin' : undefined;
}

function hasPromisorPack(packDir: string): boolean {
  try {
    return readdirSync(packDir).some((name) => name.endsWith('.promisor'));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
