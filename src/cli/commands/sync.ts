/** `sync`: make a directory equal to another, deletes included, in all directions that `cp` knows. */
import type { Command } from 'commander';
import { parseRefPath, type RefPath } from '../../store/refPath.ts';
import { copyBetween } from '../copying.ts';
import { addCopyOptions, addGitignore, type CopyChoices } from '../copyOptions.ts';
import { parseArgument, UsageError } from '../errors.ts';
import { addExamples } from '../program.ts';

export function define(command: Command): void {
  command
    .usage('[options] <dir> | <source> <dest>')
    .argument('<source>', 'a directory; a colon marks paths in the repository')
    .argument(
      '[dest]',
      'the directory that becomes the same (default: the root of the repository)',
    );
  addGitignore(addCopyOptions(command));
  addExamples(command, [
    ['gitstore sync ./site', 'the repository holds what the folder holds'],
    ['gitstore sync ./site :site', 'the same for a directory of the repository'],
    ['gitstore sync --gitignore ./work :', 'without what .gitignore files leave out'],
    ['gitstore sync :site ./site', 'the folder holds what the repository holds'],
    ['gitstore sync main~3:site ./site', '… as it was three commits ago'],
    ['gitstore sync v1.0:site dev:site', 'from a tag to a branch'],
    ['gitstore sync -n ./site :site', 'print what would change'],
  ]);
  command.action((from: string, to: string | undefined, options: CopyChoices) => {
    const source = parseArgument(parseRefPath, from);
    if (to === undefined && source.kind === 'repository') {
      throw new UsageError(`Where to? Give a directory after '${from}'`);
    }
    const dest = parseArgument(parseRefPath, to ?? ':');
    const choices = { ...options, delete: true, operation: 'sync' } as const;
    return copyBetween(command, [contentsOf(source)], dest, choices);
  });
}

/** What is in the directory, not the directory itself. */
function contentsOf(source: RefPath): RefPath {
  return source.path === '' ? source : { ...source, path: `${source.path}/` };
}
