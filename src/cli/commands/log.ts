/** `log`: the commits of a branch. */
import { type Command, Option } from 'commander';
import { firstLine, shortHash } from '../../git/objects/commitText.ts';
import type { FS } from '../../store/fs.ts';
import type { GitStore } from '../../store/gitStore.ts';
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
import { isoTime } from '../output/dates.ts';
import { commitRecord } from '../output/json.ts';
import { Listing } from '../output/listing.ts';
import { showName } from '../output/output.ts';
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
      let commits: AsyncIterable<FS>;
      let branch: string | null = null;
      if (all) commits = store.log(filter);
      else {
        const start = await startOf(store, target, { ...options, path });
        branch = start?.refName ?? null;
        commits = start?.log(filter) ?? none();
      }
      await printAll(commits, limit, { ...options, format, branch, path });
    });
  });
}

async function* none(): AsyncGenerator<FS, void, undefined> {}

/** Undefined where no commit passes the filters. */
async function startOf(
  store: GitStore,
  target: RefTarget,
  options: Selection,
): Promise<FS | undefined> {
  try {
    return await findSnapshot(store, target, options);
  } catch (error) {
    if (error instanceof NoMatchError) return undefined;
    throw error;
  }
}

async function printAll(
  commits: AsyncIterable<FS>,
  limit: number,
  {
    branch,
    path,
    format,
    ...options
  }: FormatOption & PatchOption & { branch: string | null; path?: string | undefined },
): Promise<void> {
  if (limit === 0) return new Listing(format).end();
  if (format === 'text' && (options.patch || options.stat)) {
    const { CommitPrinter } = await import('../output/commitText.ts');
    const paths = path === undefined ? undefined : [path];
    const printer = new CommitPrinter({ ...options, paths });
    try {
      await eachUpTo(limit, commits, (commit) => printer.add(commit));
    } finally {
      await printer.end();
    }
    return;
  }
  const paint = paintFor(options);
  const listing = new Listing(format);
  await eachUpTo(limit, commits, (commit) =>
    listing.add(textOf(commit, paint), () => commitRecord(commit, branch)),
  );
  await listing.end();
}

async function eachUpTo(
  limit: number,
  commits: AsyncIterable<FS>,
  work: (commit: FS) => Promise<void> | undefined,
): Promise<void> {
  let count = 0;
  for await (const commit of commits) {
    const full = work(commit);
    if (full !== undefined) await full;
    count += 1;
    if (count >= limit) return;
  }
}

function textOf(commit: FS, paint: Paint): string {
  const time = isoTime(commit.time, commit.timezoneOffset);
  const hash = paint('yellow', shortHash(commit.commitHash));
  return `${hash}  ${time}  ${showName(firstLine(commit.message))}`;
}
