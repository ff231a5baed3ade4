/** `init`: create a repository. */
import type { Command } from 'commander';
import { GitStoreError } from '../../errors.ts';
import { GitStore } from '../../store/gitStore.ts';
import { addAuthor, addBranch } from '../arguments/options.ts';
import { printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { finishRemovals, removeRepository, repositoryExists } from '../repository/destruction.ts';
import {
  isVerbose,
  onRequest,
  onWarning,
  printRequests,
  repositoryPath,
  signersOf,
} from '../repository/repository.ts';

interface InitOptions {
  branch?: string | undefined;
  force?: boolean | undefined;
}

export function define(command: Command): void {
  addBranch(command, 'name of the first branch (default: main)');
  addAuthor(command).option(
    '-f, --force',
    'remove the repository that is there, with all it holds',
  );
  addExamples(command, [
    ['gitstore -r data.git init', 'create data.git with the branch main'],
    ['gitstore init -r data.git -b trunk', 'call the first branch trunk'],
    ['gitstore init -r data.git -f', 'begin again with nothing'],
  ]);
  command.action(async (options: InitOptions) => {
    let path = repositoryPath(command);
    await finishRemovals(path);
    if (await repositoryExists(path)) {
      if (!options.force) {
        throw new GitStoreError(
          `Repository already exists: ${path} (-f destroys it first)`,
          'EEXIST',
          {
            path,
          },
        );
      }
      path = await removeRepository(path);
    }
    const store = await GitStore.open(path, {
      branch: options.branch ?? 'main',
      signers: signersOf(command, true),
      onWarning,
      onRequest,
    });
    await store.close();
    if (isVerbose(command)) {
      printNote(`Created ${path}`);
      await printRequests();
    }
  });
}
