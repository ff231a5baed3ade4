/** `mv`: move or rename files and directories. */
import type { Command } from 'commander';
import { parseRefPath, type RepositoryPath } from '../../store/refs/refPath.ts';
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
import { parseArgument, UsageError } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository/repository.ts';

interface MvOptions extends FormatOption, BranchOption, CommitOptions, DryRunOption, GlobOption {
  recursive?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .usage('[options] <source...> <dest>')
    .argument('<path...>', 'in the repository (:path); the last is the new name or the directory')
    .option('-R, --recursive', 'directories too, with all they hold');
  addCommit(addBranch(addNoGlob(addFormat(addDryRun(command)))));
  addExamples(command, [
    ['gitstore mv :old.txt :new.txt', 'rename'],
    ['gitstore mv :a.txt :b.txt :archive/', 'move into a directory'],
    ["gitstore mv ':*.log' :logs/", 'all that a glob matches'],
    ['gitstore mv -R :src :lib', 'a directory'],
  ]);
  command.action(async (args: string[], options: MvOptions) => {
    const paths = args.map(parseMovePath);
    const dest = paths.pop()!;
    if (paths.length === 0) {
      throw new UsageError(`A destination is needed too: gitstore mv ${args[0]} :NEW`);
    }
    await withStore(command, async (store) => {
      const branch = await commonWritableBranch(store, [...paths, dest], options);
      const patterns = paths.map(({ path }) => path);
      const recursive = options.recursive ?? false;
      const choices = { ...options, verbose: isVerbose(command) };
      const work = (signal: AbortSignal) =>
        commitOn(store, branch, choices, async (fs, details) => {
          const { paths: sources } = await expandGlobs(fs, patterns, options.glob);
          return fs.move(sources, dest.path, { ...details, recursive, signal });
        });
      await withSignals(work, fateOfCommit(options));
    });
  });
}

function parseMovePath(argument: string): RepositoryPath {
  const parsed = parseArgument(parseRefPath, argument);
  if (parsed.kind === 'repository') return parsed;
  throw new UsageError(`Only paths in the repository can be moved: write ':${argument}'`);
}
