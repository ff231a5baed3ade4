/**
 * What `merge`, `pick` and `revert` share: how conflicts are decided, and how those that are left are
 * told.
 */
import { type Command, Option } from 'commander';
import { type MergeConflict, MergeConflictError } from '../../errors.ts';
import { shortHash } from '../../git/objects/commitText.ts';
import type { Favor } from '../../merge/text.ts';
import type { PickOptions } from '../../store/commitOptions.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { parseRepositoryPath } from '../../store/refs/refPath.ts';
import { isWithin } from '../../tree/paths.ts';
import {
  addBranch,
  addCommit,
  addDryRun,
  addFormat,
  type BranchOption,
  type CommitOptions,
  collect,
  type DryRunOption,
  type FormatOption,
} from '../arguments/options.ts';
import { defaultBranch, snapshotOfRef } from '../arguments/snapshots.ts';
import { parseArgument, UsageError } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { conflictsRecord, mergeRecord } from '../output/json.ts';
import { Listing } from '../output/listing.ts';
import { Lines, showName } from '../output/output.ts';
import { isVerbose, withStore } from '../repository/repository.ts';
import { commitOn } from './commit.ts';

export interface MergingOptions extends BranchOption, CommitOptions, DryRunOption, FormatOption {
  favor?: Favor | undefined;
  ours?: string[] | undefined;
  theirs?: string[] | undefined;
  markers?: boolean | undefined;
  /** False with `--no-renames`. */
  renames: boolean;
}

export function addMerging(
  command: Command,
  branch = 'branch to change (default: the current one)',
): Command {
  command
    .addOption(
      new Option('--favor <side>', 'whose lines to take where both have changed the same').choices([
        'ours',
        'theirs',
        'union',
      ]),
    )
    .addOption(
      new Option(
        '--ours <path>',
        'where this path conflicts, take that of the branch (repeatable)',
      ).argParser(collect),
    )
    .addOption(
      new Option('--theirs <path>', 'the same, what is brought in (repeatable)').argParser(collect),
    )
    .option('--markers', 'commit what conflicts with markers in the files')
    .option('--no-renames', 'do not look for files that were moved');
  return addCommit(addBranch(addFormat(addDryRun(command)), branch));
}

/** The rules that the options give. */
export function rulesOf(options: MergingOptions) {
  const { favor, renames, markers } = options;
  return {
    favor,
    renames,
    conflicts: markers ? ('markers' as const) : ('refuse' as const),
    resolve: resolverOf(options),
  };
}

/** @throws UsageError for a dry run of several steps, because each starts from the one before */
export function refuseLongPlan(
  sources: readonly string[],
  { dryRun }: Pick<MergingOptions, 'dryRun'>,
): void {
  if (dryRun && sources.length > 1) {
    throw new UsageError('-n shows one step: give a single source');
  }
}

/** Brings each source in, one after the other, in a commit of its own. */
export async function bringIn(
  command: Command,
  sources: readonly string[],
  options: MergingOptions,
  bring: (fs: FS, source: FS, how: PickOptions) => Promise<FS>,
): Promise<void> {
  refuseLongPlan(sources, options);
  await withStore(command, async (store) => {
    const found: FS[] = [];
    for (const source of sources) found.push(await snapshotOfRef(store, source));
    await bringInto(command, store, found, options, bring);
  });
}

/** The same for sources that are found. */
export async function bringInto(
  command: Command,
  store: GitStore,
  sources: readonly FS[],
  options: MergingOptions,
  bring: (fs: FS, source: FS, how: PickOptions) => Promise<FS>,
): Promise<void> {
  const branch = await defaultBranch(store, options);
  const rules = rulesOf(options);
  const isText = options.format === 'text';
  const before = (await store.branches.find(branch))?.commitHash;
  let merged: FS | undefined;
  const work = (signal: AbortSignal): Promise<void> =>
    inSteps(sources, options, async (source, tags, listing) => {
      const tell = async (fs: FS): Promise<void> => {
        await listing.add('', () => mergeRecord(fs, options.dryRun));
      };
      const choices = {
        ...options,
        ...tags,
        verbose: isVerbose(command),
        tell: isText ? undefined : tell,
      };
      merged = await commitOn(store, branch, choices, (fs, details) =>
        bring(fs, source, { ...details, ...rules, signal }),
      );
      if (isText) await printConflicts(merged.changes?.conflicts ?? []);
    });
  // What was brought in before the signal stays.
  await withSignals(work, () =>
    merged === undefined || options.dryRun || merged.commitHash === before
      ? 'nothing was committed'
      : `${shortHash(merged.commitHash)} had been committed`,
  );
}

/** The tag for one step: the last one gets it. */
export type StepTag = Pick<CommitOptions, 'tag' | 'forceTag'>;

/**
 * Runs a step for each source. Lists the conflicts of one that fails, and adds to its error how to decide
 * them.
 */
export async function inSteps<T>(
  sources: readonly T[],
  { format, tag, forceTag }: MergingOptions,
  step: (source: T, tags: StepTag, listing: Listing) => Promise<void>,
): Promise<void> {
  const listing = new Listing(format);
  for (const [i, source] of sources.entries()) {
    const isLast = i === sources.length - 1;
    const tags = isLast ? { tag, forceTag } : { tag: undefined, forceTag: undefined };
    try {
      await step(source, tags, listing);
    } catch (error) {
      if (!(error instanceof MergeConflictError)) throw error;
      if (format === 'text') await printConflicts(error.conflicts);
      else await listing.add('', () => conflictsRecord(error.conflicts));
      await listing.end();
      const count = error.conflicts.length;
      throw new MergeConflictError(
        `${error.message.replace(/: conflict in .*$/s, '')}: ${count} ${count === 1 ? 'conflict' : 'conflicts'} (--favor, --ours PATH and --theirs PATH decide, --markers commits them as they are)`,
        error.conflicts,
        { cause: error },
      );
    }
  }
  await listing.end();
}

function resolverOf({ ours, theirs }: MergingOptions): PickOptions['resolve'] {
  if (ours === undefined && theirs === undefined) return undefined;
  const mine = (ours ?? []).map(pathOf);
  const others = (theirs ?? []).map(pathOf);
  for (const path of mine) {
    if (others.includes(path))
      throw new UsageError(`Give --ours or --theirs for '${path}', not both`);
  }
  return (conflict) => {
    if (mine.some((path) => concerns(conflict, path))) return 'ours';
    return others.some((path) => concerns(conflict, path)) ? 'theirs' : undefined;
  };
}

function pathOf(argument: string): string {
  const { path, ref } = parseArgument(parseRepositoryPath, argument);
  if (ref !== '') throw new UsageError(`Only a path is meant, without a branch: '${argument}'`);
  return path;
}

function concerns({ path, paths, ours, theirs }: MergeConflict, given: string): boolean {
  const all = [path, ...paths, ours?.path, theirs?.path];
  return all.some((one) => one !== undefined && isWithin(one, given));
}

/** A line a conflict on stdout: `content  :path`. */
export async function printConflicts(conflicts: readonly MergeConflict[]): Promise<void> {
  const lines = new Lines();
  for (const { kind, path } of conflicts) {
    await lines.add(`${kind.replaceAll('-', ' ')}  :${showName(path)}`);
  }
  await lines.flush();
}
