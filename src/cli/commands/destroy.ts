/** `destroy`: remove a repository. */
import type { Command } from 'commander';
import { GitStoreError } from '../../errors.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import {
  finishRemovals,
  isHeadless,
  removeRepository,
  repositoryExists,
} from '../repository/destruction.ts';
import { isVerbose, repositoryPath, withStore } from '../repository/repository.ts';

export function define(command: Command): void {
  command.option('-f, --force', 'remove it even though it holds files or tags');
  addExamples(command, [
    ['gitstore -r empty.git destroy', 'remove a repository that holds nothing'],
    ['gitstore -r data.git destroy -f', 'remove it with all it holds'],
  ]);
  command.action(async (options: { force?: boolean }) => {
    const path = repositoryPath(command);
    if ((await finishRemovals(path)) && !(await repositoryExists(path))) {
      if (isVerbose(command)) printNote(`Removed the rest of ${path}`);
      return;
    }
    const content = await withStore(command, findContent).catch(async (error: unknown) => {
      if (!(await isHeadless(path, error))) throw error;
      return 'keys without a head, which gitstore doctor --repair writes anew';
    });
    if (content !== undefined && !options.force) {
      throw new GitStoreError(`The repository holds ${content} (-f destroys it anyway): ${path}`);
    }
    await removeRepository(path);
    if (isVerbose(command)) printNote(`Removed ${path}`);
  });
}

/** What would be lost: a tag or a branch with files, in words. */
async function findContent(store: GitStore): Promise<string | undefined> {
  for await (const tag of store.tags.keys()) return `the tag '${tag}'`;
  for await (const [name, fs] of store.branches.entries()) {
    if ((await fs.ls()).length > 0) return `files on the branch '${name}'`;
  }
  return undefined;
}
