/** `sync`: make a directory equal to another, deletes included, in all directions that `cp` knows. */
import { type Command, Option } from 'commander';
import { parseRefPath, type RefPath } from '../../store/refs/refPath.ts';
import { copyBetween } from '../actions/copying.ts';
import { addCopyOptions, addGitignore, type CopyChoices } from '../arguments/copyOptions.ts';
import { wholeNumberFrom } from '../arguments/options.ts';
import { parseArgument, UsageError } from '../errors.ts';
import { addExamples } from '../program.ts';

/** Milliseconds. */
const DEFAULT_DEBOUNCE = 2000;

interface SyncOptions extends Omit<CopyChoices, 'watch'> {
  watch?: boolean | undefined;
  debounce?: number | undefined;
}

export function define(command: Command): void {
  command
    .usage('[options] <dir> | <source> <dest>')
    .argument('<source>', 'a directory; a colon marks paths in the repository')
    .argument(
      '[dest]',
      'the directory that becomes the same (default: the root of the repository)',
    );
  addGitignore(addCopyOptions(command))
    // As cp has it; here it goes without saying.
    .addOption(new Option('--delete').hideHelp())
    .option('--no-recall', 'to disk: delete also what the last sync from there left out')
    .option('--watch', 'go on, and sync whenever something has changed (disk to repository)')
    .addOption(
      new Option(
        '--debounce <ms>',
        'with --watch: how long nothing must change before (default: 2000)',
      ).argParser(wholeNumberFrom(100)),
    );
  addExamples(command, [
    ['gitstore sync ./site', 'the repository holds what the folder holds'],
    ['gitstore sync ./site :site', 'the same for a directory of the repository'],
    ['gitstore sync --gitignore ./work :', 'without what .gitignore files leave out'],
    ['gitstore sync :site ./site', 'the folder holds what the repository holds'],
    ['gitstore sync main~3:site ./site', '… as it was three commits ago'],
    ['gitstore sync v1.0:site dev:site', 'from a tag to a branch'],
    ['gitstore sync -n ./site :site', 'print what would change'],
    ['gitstore sync --watch ./site :site', 'until Ctrl-C'],
  ]);
  command.action((from: string, to: string | undefined, options: SyncOptions) => {
    const source = parseArgument(parseRefPath, from);
    if (to === undefined && source.kind === 'repository') {
      throw new UsageError(`Where to? Give a directory after '${from}'`);
    }
    const dest = parseArgument(parseRefPath, to ?? ':');
    const watch = watchChoice(source, dest, options);
    const choices = { ...options, watch, delete: true, operation: 'sync' } as const;
    return copyBetween(command, [contentsOf(source)], dest, choices);
  });
}

/** After how many quiet milliseconds to sync again; undefined for a single sync. */
function watchChoice(source: RefPath, dest: RefPath, options: SyncOptions): number | undefined {
  if (!options.watch) {
    if (options.debounce !== undefined) throw new UsageError('--debounce needs --watch');
    return undefined;
  }
  if (source.kind !== 'local' || dest.kind !== 'repository') {
    throw new UsageError('--watch works from disk to the repository only');
  }
  if (options.dryRun) throw new UsageError('--watch and --dry-run exclude each other');
  if (options.format !== 'text') throw new UsageError('--watch prints lines of text');
  if (options.parent) throw new UsageError('--parent has no use with --watch');
  if (options.tag !== undefined && !options.forceTag) {
    throw new UsageError('--tag needs --force-tag with --watch, as every sync moves it');
  }
  return options.debounce ?? DEFAULT_DEBOUNCE;
}

/** What is in the directory, not the directory itself. */
function contentsOf(source: RefPath): RefPath {
  return source.path === '' ? source : { ...source, path: `${source.path}/` };
}
