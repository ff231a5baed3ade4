import type { Command } from 'commander';
import { FileNotFoundError } from '../../errors.ts';
import { isOnDisk } from '../arguments/localGlobs.ts';
import { repositoryPath } from './repository.ts';

/**
 * Before a repository is made for what stands at the paths: a mistyped one is not to leave an empty one.
 * @throws FileNotFoundError where neither the repository nor any of the paths is there
 */
export async function requireSources(command: Command, paths: readonly string[]): Promise<void> {
  const [path] = paths;
  if (path === undefined || paths.some(isOnDisk)) return;
  const { repositoryExists } = await import('./destruction.ts');
  if (await repositoryExists(repositoryPath(command))) return;
  const typed = path.replace(/(.)\/+$/, '$1');
  throw new FileNotFoundError(`${typed}: no such file or directory`, { path: typed });
}
