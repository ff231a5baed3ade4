/** `log`: the commits of a branch. */
import type { Command } from 'commander';
import type { FS } from '../../store/fs.ts';
import { firstLine, shortHash } from '../../store/snapshot.ts';
import { isoTime } from '../dates.ts';
import { Listing } from '../listing.ts';
import { addBranch, addFilters, addFormat, type FormatOption } from '../options.ts';
import { showName } from '../output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository.ts';
import { checkAgainstTarget, findSnapshot, parseTarget, type Selection } from '../snapshots.ts';

export function define(command: Command): void {
  command.argument('[target]', 'a ref (main, v1.0, ~3), a path (:file), or both (main:file)');
  addFilters(addBranch(addFormat(command)));
  addExamples(command, [
    ['gitstore log', 'all commits of the current branch'],
    ['gitstore log main~2', 'from two commits back'],
    ['gitstore log :docs/a.md', 'those that changed one file'],
    ["gitstore log --match 'deploy*' --before 2024-05-31", 'by message and date'],
    ['gitstore log --format jsonl', 'one JSON object a line'],
  ]);
  command.action(async (argument: string | undefined, options: Selection & FormatOption) => {
    const target = parseTarget(argument);
    checkAgainstTarget(target, options);
    const path = target.path || options.path;
    const { match, before, format } = options;
    await withStore(command, async (store) => {
      const start = await findSnapshot(store, target, { ...options, path });
      const listing = new Listing(format);
      for await (const commit of start.log({ path, match, before })) {
        await listing.add(textOf(commit), () => jsonOf(commit, start.refName));
      }
      await listing.end();
    });
  });
}

function textOf(commit: FS): string {
  const time = isoTime(commit.time, commit.timezoneOffset);
  return `${shortHash(commit.commitHash)}  ${time}  ${showName(firstLine(commit.message))}`;
}

function jsonOf(commit: FS, branch: string | null): unknown {
  return {
    hash: commit.commitHash,
    message: commit.message,
    time: isoTime(commit.time, commit.timezoneOffset),
    author_name: commit.authorName,
    author_email: commit.authorEmail,
    branch,
  };
}
