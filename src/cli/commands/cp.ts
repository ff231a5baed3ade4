/** `cp`: copy from disk, to disk, or from one place of the repository to another. */
import type { Command } from 'commander';
import { parseRefPath } from '../../store/refs/refPath.ts';
import { copyBetween } from '../actions/copying.ts';
import {
  addCopyOptions,
  addDelete,
  addGitignore,
  type CopyChoices,
} from '../arguments/copyOptions.ts';
import { parseArgument, UsageError } from '../errors.ts';
import { addExamples } from '../program.ts';

export function define(command: Command): void {
  command
    .usage('[options] <source...> <dest>')
    .argument('<path...>', 'the last is the destination; a colon marks paths in the repository');
  addGitignore(addDelete(addCopyOptions(command)));
  addExamples(command, [
    ['gitstore cp report.pdf :', 'one file to the root'],
    ['gitstore cp ./photos :', 'a folder, as photos/'],
    ['gitstore cp ./photos/ :pictures', 'what is in it, to pictures/'],
    ["gitstore cp './src/*.ts' :src", 'what a glob matches'],
    ['gitstore cp /data/./logs/app :backup', 'keep what follows /./: backup/logs/app/'],
    ['gitstore cp :docs ./out', 'from the repository to disk'],
    ['gitstore cp --before 2024-05-31 :docs ./out', 'as it was then'],
    ['gitstore cp v1.0:docs dev:old', 'from a tag to a branch'],
    ['gitstore cp -n ./photos :', 'print what would change'],
  ]);
  command.action((args: string[], options: CopyChoices) => {
    const paths = args.map((path) => parseArgument(parseRefPath, path));
    const dest = paths.pop()!;
    if (paths.length === 0) {
      const there = dest.kind === 'repository' ? 'FOLDER' : ':';
      throw new UsageError(`A destination is needed too: gitstore cp ${args[0]} ${there}`);
    }
    return copyBetween(command, paths, dest, options);
  });
}
