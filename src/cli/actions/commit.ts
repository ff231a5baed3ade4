/**
 * What every command that commits has in common: `-m`, `--parent`, `--tag`, `--force-tag`, `-n`, the
 * new try when the branch has moved, and what is printed about the changes.
 */
import { KeyExistsError } from '../../errors.ts';
import { firstLine, shortHash } from '../../git/objects/commitText.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import type { ChangeAction, ChangeReport } from '../../tree/changes.ts';
import type { CommitOptions, DryRunOption, FormatOption } from '../arguments/options.ts';
import { snapshotOfRef } from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import type { Fate } from '../interruption.ts';
import { madeRecord, printRecord } from '../output/json.ts';
import { Lines, printNote, showName } from '../output/output.ts';

/** What the options say about the commit, as the library takes it. */
export interface CommitDetails {
  readonly messageTemplate?: string | undefined;
  readonly parents: readonly FS[];
  readonly tag: string | undefined;
  readonly forceTag: boolean | undefined;
  readonly dryRun: boolean;
  readonly staleWrites: 'merge';
}

type Choices = CommitOptions &
  DryRunOption &
  Partial<FormatOption> & {
    readonly verbose: boolean;
    /** Tells what has become of it, in the place of what `format` says. */
    readonly tell?: ((fs: FS) => Promise<void>) | undefined;
  };

/**
 * Makes a change on the tip of a branch and tags the result. Where another writer was faster the change
 * is put on what that has made, and when both have changed the same, it is made again.
 * On a dry run it prints the changes instead.
 */
export function commitOn(
  store: GitStore,
  branch: string,
  options: Choices,
  change: (fs: FS, details: CommitDetails) => Promise<FS>,
): Promise<FS> {
  return commit(store, options, async (details) =>
    details.dryRun
      ? change(await store.branches.get(branch), details)
      : store.update(branch, (tip) => change(tip, details), { eager: true }),
  );
}

/** The same for a change that finds the tip of its branch itself. */
export async function commit(
  store: GitStore,
  options: Choices,
  change: (details: CommitDetails) => Promise<FS>,
): Promise<FS> {
  await checkTag(store, options);
  const parents: FS[] = [];
  for (const ref of options.parent ?? []) parents.push(await snapshotOfRef(store, ref));
  const dryRun = options.dryRun ?? false;
  const { message: messageTemplate, tag, forceTag } = options;
  const fs = await change({
    messageTemplate,
    parents,
    tag,
    forceTag,
    dryRun,
    staleWrites: 'merge',
  });
  if (options.tell !== undefined) {
    await options.tell(fs);
    return fs;
  }
  if (options.format !== undefined && options.format !== 'text') {
    await printRecord(options.format, undefined, () => madeRecord(fs, dryRun));
    return fs;
  }
  if (dryRun) {
    if (fs.changes) await printPlan(fs.changes, ':');
    return fs;
  }
  if (options.verbose) printResult(fs);
  return fs;
}

/** Before anything is written: the tag must be free, or `--force-tag` given. */
async function checkTag(store: GitStore, { tag, forceTag }: CommitOptions): Promise<void> {
  if (tag === undefined) {
    if (forceTag) throw new UsageError('--force-tag needs --tag NAME');
    return;
  }
  try {
    await store.tags.checkSettable(tag, { force: forceTag });
  } catch (error) {
    if (!(error instanceof KeyExistsError)) throw error;
    throw new KeyExistsError(`Tag already exists: ${tag} (--force-tag moves it)`, { ref: tag });
  }
}

/** Prints a dry run's changes on stdout: `+ :path`, `~ :path`, `- :path`. */
export async function printPlan(changes: ChangeReport, prefix: '' | ':'): Promise<void> {
  const lines = new Lines();
  for (const action of changes.actions()) await lines.add(changeLine(action, prefix));
  await lines.flush();
}

/** The same on stderr, for what has been done. */
export function printChanges(changes: ChangeReport, prefix: '' | ':'): void {
  for (const action of changes.actions()) printNote(changeLine(action, prefix));
}

function printResult(fs: FS): void {
  if (fs.changes) printChanges(fs.changes, ':');
  const commit = shortHash(fs.commitHash);
  const message = showName(firstLine(fs.message));
  printNote(
    fs.changes?.inSync ? `Nothing to change: ${commit}` : `Committed ${commit}: ${message}`,
  );
}

/** The end of the line about a copy that changed nothing. */
export const NOTHING_TO_CHANGE = '(nothing to change)';

/** What a commit has made, for the line that closes long work. */
export function resultOf(fs: FS): string {
  return fs.changes?.inSync ? NOTHING_TO_CHANGE : `→ ${shortHash(fs.commitHash)}`;
}

/** What has become of a commit that a signal came into. */
export function fateOfCommit({ dryRun }: DryRunOption): Fate<FS> {
  return (fs) =>
    fs === undefined || dryRun || fs.changes?.inSync
      ? 'nothing was committed'
      : `${shortHash(fs.commitHash)} had been committed`;
}

const SIGNS = { add: '+', update: '~', delete: '-' } as const;

function changeLine({ action, path }: ChangeAction, prefix: '' | ':'): string {
  return `${SIGNS[action]} ${prefix}${showName(path)}`;
}
