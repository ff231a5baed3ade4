/** `checkpoint`: store a folder, or a part of it, as a commit of its own branch. */
import type { Command } from 'commander';
import { shortHash } from '../../git/objects/commitText.ts';
import type { Labels } from '../../store/commit/labels.ts';
import { fateOfCommit, resultOf } from '../actions/commit.ts';
import {
  addFolder,
  addLabels,
  countsOf,
  type FolderOptions,
  pathsIn,
  printProblems,
  withWorkspace,
} from '../actions/workspaces.ts';
import { addAuthor, addFormat, type FormatOption } from '../arguments/options.ts';
import { withSignals } from '../interruption.ts';
import { printRecord, reportRecord } from '../output/json.ts';
import { Progress, shownBy } from '../output/progress.ts';
import { addExamples } from '../program.ts';

interface CheckpointOptions extends FolderOptions, FormatOption {
  message?: string | undefined;
  label?: Labels | undefined;
  ignoreErrors?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .argument('[paths...]', 'only these files and directories')
    .option('-m, --message <text>', 'commit message (default: what has changed)')
    .option('--ignore-errors', 'carry on past files that cannot be read; exit with 1 at the end');
  addFormat(
    addAuthor(
      addFolder(addLabels(command, 'a trailer of the message, to find it by (repeatable)')),
    ),
  );
  addExamples(command, [
    ['gitstore checkpoint', 'the folder as it is now'],
    ["gitstore checkpoint -m 'before the upgrade'", 'with a message'],
    ['gitstore checkpoint --label run=42 src', 'a part of it, with a label'],
    ["gitstore checkpoint --exclude '*.mp4'", 'without such files, from now on'],
  ]);
  command.action(async (paths: string[], options: CheckpointOptions) => {
    const { message, label: labels, ignoreErrors } = options;
    const progress = new Progress('Storing');
    const work = (signal: AbortSignal) =>
      withWorkspace(
        command,
        options,
        async (workspace) => {
          const only = pathsIn(workspace, paths);
          const fs = await workspace.checkpoint({
            message,
            labels,
            ignoreErrors,
            paths: only,
            signal,
            onProgress: shownBy(progress, 'Storing'),
          });
          progress.stop();
          const changes = fs.changes!;
          const what = changes.inSync ? 'nothing has changed' : countsOf(changes);
          await printRecord(options.format, `${shortHash(fs.commitHash)}  ${what}`, () => ({
            hash: fs.commitHash,
            ...reportRecord(changes),
          }));
          printProblems(changes);
          progress.done(resultOf(fs));
          return fs;
        },
        { create: true },
      );
    try {
      await withSignals(work, fateOfCommit({}));
    } finally {
      progress.stop();
    }
  });
}
