/** `pick`: make the change of a commit once more, on another branch. */
import type { Command } from 'commander';
import { addMerging, bringIn, type MergingOptions } from '../actions/merging.ts';
import { addExamples } from '../program.ts';

export function define(command: Command): void {
  command.argument('<commit...>', 'whose change, against its first parent, is made again');
  addMerging(command);
  addExamples(command, [
    ['gitstore pick dev', 'the last change of dev, on the current branch'],
    ["gitstore pick 'dev~2' dev", 'two changes, the older first'],
    ['gitstore pick abc1234 -b release', 'on another branch'],
    ['gitstore pick -n abc1234', 'what it would change, or what conflicts'],
  ]);
  command.action(async (commits: string[], options: MergingOptions) => {
    await bringIn(command, commits, options, (fs, commit, how) => fs.pick(commit, how));
  });
}
