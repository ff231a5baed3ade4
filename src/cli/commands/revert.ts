/** `revert`: take the change of a commit back and keep what came later. */
import type { Command } from 'commander';
import { addMerging, bringIn, type MergingOptions } from '../actions/merging.ts';
import { addExamples } from '../program.ts';

export function define(command: Command): void {
  command.argument('<commit...>', 'whose change, against its first parent, is taken back');
  addMerging(command);
  addExamples(command, [
    ["gitstore revert '~2'", 'a change of the current branch'],
    ["gitstore revert '~1' '~2'", 'two changes, the newer first'],
    ['gitstore revert abc1234 -b release', 'on another branch'],
    ["gitstore revert -n '~2'", 'what it would change, or what conflicts'],
  ]);
  command.action(async (commits: string[], options: MergingOptions) => {
    await bringIn(command, commits, options, (fs, commit, how) => fs.revert(commit, how));
  });
}
