/** `log`: the commits of a branch. */
import { type Command, Option } from 'commander';
import { shortHash } from '../../git/objects/commitText.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
import type { LogFilter } from '../../store/history/log.ts';
import type { SnapshotSummary } from '../../store/history/summaries.ts';
import type { RefTarget } from '../../store/refs/refPath.ts';
import {
  addBranch,
  addFilters,
  addFormat,
  addLimit,
  type FormatOption,
  type LimitOption,
  limitOf,
  parseSince,
} from '../arguments/options.ts';
import {
  checkAgainstTarget,
  findSnapshot,
  NoMatchError,
  parseTarget,
  type Selection,
} from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { type Paint, paintFor } from '../output/colour.ts';
import { isoSeconds } from '../output/dates.ts';
import { commitRecord } from '../output/json.ts';
import { Listing, type OutputFormat } from '../output/listing.ts';
import { Lines, showName } from '../output/output.ts';
import { addPatch, type PatchOption } from '../output/patchOptions.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface LogOptions extends Selection, FormatOption, LimitOption, PatchOption {
  since?: Date | undefined;
  author?: string | undefined;
  all?: boolean | undefined;
}

export function define(command: Command): void {
  command.argument('[target]', 'a ref (main, v1.0, ~3), a path (:file), or both (main:file)');
  addLimit(addFilters(addBranch(addFormat(command))), 'the newest N only')
    .addOption(
      new Option('--since <date>', 'only commits made then or later').argParser(parseSince),
    )
    .option('--author <text>', 'only commits whose author holds this, or fits * and ?')
    .option('--all', 'the commits of all branches, merged ones too');
  addPatch(command);
  addExamples(command, [
    ['gitstore log', 'all commits of the current branch'],
    ['gitstore log main~2', 'from two commits back'],
    ['gitstore log :docs/a.md', 'those that changed one file'],
    ["gitstore log --match 'deploy*' --before 2024-05-31", 'by message and date'],
    ['gitstore log --all --since 2024-05-01 --author ada', 'of all branches, by date and author'],
    ['gitstore log --limit 3 --patch', 'with the lines that each has changed'],
    ['gitstore log --format jsonl', 'one JSON object a line'],
  ]);
  command.action(async (argument: string | undefined, options: LogOptions) => {
    const target = parseTarget(argument);
    checkAgainstTarget(target, options);
    const path = target.path || options.path;
    const { match, before, since, author, format, all } = options;
    const limit = limitOf(options) ?? Number.POSITIVE_INFINITY;
    if (all && (target.ref !== '' || options.ref || options.branch || options.back)) {
      throw new UsageError(
        '--all begins at every branch, so no ref, -b, --ref or --back goes with it',
      );
    }
    await withStore(command, async (store) => {
      const filter = { path, match, before, since, author };
      const start = all ? store : await startOf(store, target, { ...options, path });
      if (start === undefined || limit === 0) await new Listing(format).end();
      else if (format !== 'text') await printRecords(start, filter, limit, format);
      else if (options.patch || options.stat) await printLong(start, filter, limit, options);
      else await printLines(start, filter, limit, options);
    });
  });
}

/**
 * Undefined where no commit passes the filters, which decide where the list begins when it is to begin some
 * commits back from there. Otherwise the list itself applies them.
 */
async function startOf(
  store: GitStore,
  target: RefTarget,
  { path, match, before, ...options }: Selection,
): Promise<FS | undefined> {
  try {
    const filters = options.back ? { path, match, before } : {};
    return await findSnapshot(store, target, { ...options, ...filters });
  } catch (error) {
    if (error instanceof NoMatchError) return undefined;
    throw error;
  }
}

async function printRecords(
  start: FS | GitStore,
  filter: LogFilter,
  limit: number,
  format: OutputFormat,
): Promise<void> {
  const branch = 'refName' in start ? start.refName : null;
  const listing = new Listing(format);
  let count = 0;
  for await (const commit of start.log(filter)) {
    const full = listing.add('', () => commitRecord(commit, branch));
    if (full !== undefined) await full;
    if (++count >= limit) break;
  }
  await listing.end();
}

async function printLong(
  start: FS | GitStore,
  filter: LogFilter,
  limit: number,
  options: PatchOption,
): Promise<void> {
  const { CommitPrinter } = await import('../output/commitText.ts');
  const paths = filter.path === undefined ? undefined : [filter.path];
  const printer = new CommitPrinter({ ...options, paths });
  try {
    let count = 0;
    for await (const commit of start.log(filter)) {
      await printer.add(commit);
      if (++count >= limit) break;
    }
  } finally {
    await printer.end();
  }
}

async function printLines(
  start: FS | GitStore,
  filter: LogFilter,
  limit: number,
  options: PatchOption,
): Promise<void> {
  const paint = paintFor(options);
  const lines = new Lines();
  let left = limit;
  for await (const block of start.summaryBlocks(filter)) {
    const shown = block.length > left ? block.slice(0, left) : block;
    const full = lines.add(shown.map((commit) => textOf(commit, paint)).join('\n'));
    if (full !== undefined) await full;
    left -= shown.length;
    if (left === 0) break;
  }
  await lines.flush();
}

function textOf(commit: SnapshotSummary, paint: Paint): string {
  const time = isoSeconds(commit.seconds, commit.timezoneOffset);
  const hash = paint('yellow', shortHash(commit.commitHash));
  return `${hash}  ${time}  ${showName(commit.subject)}`;
}
