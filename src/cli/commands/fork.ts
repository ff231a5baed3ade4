/** `fork`: a second folder that holds the same, on a branch of its own. */
import type { Command } from 'commander';
import { shortHash } from '../../store/snapshot.ts';
import { withSignals } from '../interruption.ts';
import { addAuthor } from '../options.ts';
import { printLine } from '../output.ts';
import { addExamples } from '../program.ts';
import { Progress, shownBy } from '../progress.ts';
import { type FolderOptions, withWorkspace } from '../workspaces.ts';

export function define(command: Command): void {
  command
    .argument('<folder>', 'the new folder, which does not exist or is empty')
    .option('-b, --branch <name>', "the new folder's branch (default: its name)")
    .option('--dir <dir>', 'the folder that is forked (default: the workspace here or above)');
  addAuthor(command);
  addExamples(command, [
    ['gitstore fork ../try', 'a copy to try something, on the branch try'],
    ['gitstore fork ../try -b idea', 'on another branch'],
  ]);
  command.action(async (folder: string, { dir, branch }: FolderOptions) => {
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
        await printLine(`${fork.path} is on branch ${fork.branch} (${shortHash(commitHash)})`);
        progress.done();
      });
    try {
      await withSignals(work);
    } finally {
      progress.stop();
    }
  });
}
