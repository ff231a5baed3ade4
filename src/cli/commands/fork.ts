/** `fork`: a second folder that holds the same, on a branch of its own. */
import type { Command } from 'commander';
import { shortHash } from '../../git/objects/commitText.ts';
import { type FolderOptions, withWorkspace } from '../actions/workspaces.ts';
import { addAuthor, addFormat, type FormatOption } from '../arguments/options.ts';
import { withSignals } from '../interruption.ts';
import { printRecord } from '../output/json.ts';
import { Progress, shownBy } from '../output/progress.ts';
import { addExamples } from '../program.ts';

export function define(command: Command): void {
  command
    .argument('<folder>', 'the new folder, which does not exist or is empty')
    .option('-b, --branch <name>', "the new folder's branch (default: its name)")
    .option('--dir <dir>', 'the folder that is forked (default: the workspace here or above)');
  addFormat(addAuthor(command));
  addExamples(command, [
    ['gitstore fork ../try', 'a copy to try something, on the branch try'],
    ['gitstore fork ../try -b idea', 'on another branch'],
  ]);
  command.action(async (folder: string, { dir, branch, format }: FolderOptions & FormatOption) => {
    const progress = new Progress('Looking');
    const work = (signal: AbortSignal) =>
      withWorkspace(command, { dir }, async (workspace) => {
        const fork = await workspace.fork(folder, {
          branch,
          signal,
          onProgress: shownBy(progress, 'Writing'),
        });
        progress.stop();
        const { commitHash } = await fork.head();
        const { path, branch: name } = fork;
        const line = `${path} is on branch ${name} (${shortHash(commitHash)})`;
        await printRecord(format, line, () => ({ path, branch: name, hash: commitHash }));
        progress.done();
      });
    try {
      await withSignals(work);
    } finally {
      progress.stop();
    }
  });
}
