/** The options of commands that copy, and what each direction makes of them. */
import { type Command, Option } from 'commander';
import type { ExcludeFilter } from '../../transfer/rules/excludeFilter.ts';
import type { CopyOptions } from '../../transfer/rules/options.ts';
import { UsageError } from '../errors.ts';
import {
  addBranch,
  addCommit,
  addDryRun,
  addFilters,
  addFormat,
  addNoCreate,
  addNoGlob,
  type BranchOption,
  type CommitOptions,
  type CreateOption,
  collect,
  type DryRunOption,
  type FilterOptions,
  type FormatOption,
  type GlobOption,
} from './options.ts';

export interface CopyChoices
  extends BranchOption,
    FilterOptions,
    CommitOptions,
    DryRunOption,
    FormatOption,
    GlobOption,
    CreateOption {
  type?: 'blob' | 'executable' | undefined;
  followSymlinks?: boolean | undefined;
  ignoreExisting?: boolean | undefined;
  delete?: boolean | undefined;
  exclude?: string[] | undefined;
  excludeFrom?: string[] | undefined;
  ignoreErrors?: boolean | undefined;
  checksum?: boolean | undefined;
  gitignore?: boolean | undefined;
  recall?: boolean | undefined;
  /** Name of the operation in the commit; default `cp`. */
  operation?: 'cp' | 'sync' | undefined;
  /** Copy again when the source has changed, after this many milliseconds without a change. */
  watch?: number | undefined;
}

export function addCopyOptions(command: Command): Command {
  command
    .addOption(
      new Option('--type <type>', 'store every file as this type').choices(['blob', 'executable']),
    )
    .option('--follow-symlinks', 'store what links point to (disk to repository)')
    .option('--ignore-existing', 'leave alone what stands in the destination already')
    .addOption(
      new Option('--exclude <pattern>', 'leave out, in gitignore syntax (repeatable)').argParser(
        collect,
      ),
    )
    .addOption(
      new Option(
        '--exclude-from <file>',
        'patterns from a file, one a line (repeatable)',
      ).argParser(collect),
    )
    .option('-c, --checksum', 'read every file; do not trust times and sizes')
    .option('--ignore-errors', 'carry on past files that fail; exit with 1 at the end');
  return addFormat(addNoCreate(addNoGlob(addDryRun(addCommit(addFilters(addBranch(command)))))));
}

export function addDelete(command: Command): Command {
  return command.option('--delete', 'remove destination files that the sources do not cover');
}

export function addGitignore(command: Command): Command {
  return command.option(
    '--gitignore',
    'leave out what .gitignore files say, and them; on disk protect that',
  );
}

/** Options that mean something in some directions only, as they are typed. */
const FLAGS = {
  ref: '--ref',
  path: '--path',
  match: '--match',
  before: '--before',
  back: '--back',
  type: '--type',
  followSymlinks: '--follow-symlinks',
  message: '--message',
  parent: '--parent',
  tag: '--tag',
  forceTag: '--force-tag',
} as const satisfies Partial<Record<keyof CopyChoices, string>>;

type Flag = keyof typeof FLAGS;

export const FILTERS: readonly Flag[] = ['ref', 'path', 'match', 'before', 'back'];
export const ONLY_FROM_DISK: readonly Flag[] = ['type', 'followSymlinks'];
export const ONLY_COMMIT: readonly Flag[] = ['message', 'parent', 'tag', 'forceTag'];

/** @throws UsageError when an option was given that could only be ignored */
export function refuseOptions(options: CopyChoices, flags: readonly Flag[], where: string): void {
  for (const flag of flags) {
    if (options[flag] !== undefined) throw new UsageError(`${FLAGS[flag]} has no use ${where}`);
  }
}

/** The options as the library takes them, for every direction. */
export async function libraryOptions(options: CopyChoices): Promise<CopyOptions> {
  const { dryRun, ignoreExisting, ignoreErrors, checksum } = options;
  const { exclude = [], excludeFrom = [] } = options;
  const hasFilter = exclude.length > 0 || excludeFrom.length > 0;
  return {
    dryRun,
    ignoreExisting,
    ignoreErrors,
    checksum,
    delete: options.delete,
    gitignore: options.gitignore,
    recall: options.recall,
    exclude: hasFilter ? await readFilter(excludeFrom, exclude) : undefined,
  };
}

async function readFilter(files: string[], patterns: string[]): Promise<ExcludeFilter> {
  const { ExcludeFilter } = await import('../../transfer/rules/excludeFilter.ts');
  return ExcludeFilter.read(files, patterns);
}
