/** `rm`: remove files and directories. */
import type { Command } from 'commander';
import { parseRepositoryPath } from '../../store/refs/refPath.ts';
import { commitOn, fateOfCommit } from '../actions/commit.ts';
import {
  addBranch,
  addCommit,
  addDryRun,
  addFormat,
  addNoGlob,
  type BranchOption,
  type CommitOptions,
  type DryRunOption,
  type FormatOption,
  type GlobOption,
} from '../arguments/options.ts';
import { commonWritableBranch } from '../arguments/snapshots.ts';
import { expandGlobs } from '../arguments/sources.ts';
import { parseArgument } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository/repository.ts';

interface RmOptions extends FormatOption, BranchOption, CommitOptions, DryRunOption, GlobOption {
  recursive?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .argument('<path...>', 'files, directories or globs; the colon may be left out')
    .option('-R, --recursive', 'directories too, with all they hold');
  addCommit(addBranch(addNoGlob(addFormat(addDryRun(command)))));
  addExamples(command, [
    ['gitstore rm old.txt', 'one file'],
    ['gitstore rm -R build docs/old', 'directories'],
    ["gitstore rm -n '**/*.bak'", 'what a glob would remove'],
    ['gitstore rm dev:old.txt', 'on another branch'],
  ]);
  command.action(async (args: string[], options: RmOptions) => {
    await withStore(command, async (store) => {
      const targets = args.map((path) => parseArgument(parseRepositoryPath, path));
      const branch = await commonWritableBranch(store, targets, options);
      const patterns = targets.map(({ path }) => path);
      const recursive = options.recursive ?? false;
      const choices = { ...options, verbose: isVerbose(command) };
      const work = (signal: AbortSignal) =>
        commitOn(store, branch, choices, async (fs, details) => {
          const { paths } = await expandGlobs(fs, patterns, options.glob);
          return fs.remove(paths, { ...details, recursive, signal });
        });
      await withSignals(work, fateOfCommit(options));
    });
  });
}
