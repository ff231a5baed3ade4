/** `rewind`: make a folder, or some paths in it, as they were. */
import { type Command, Option } from 'commander';
import { firstLine, shortHash } from '../../git/objects/commitText.ts';
import type { Labels } from '../../store/commit/labels.ts';
import type { RewindTarget } from '../../workspace/options.ts';
import type { Workspace } from '../../workspace/workspace.ts';
import { printPlan } from '../actions/commit.ts';
import {
  addFolder,
  addLabels,
  countsOf,
  type FolderOptions,
  pathsIn,
  printProblems,
  withWorkspace,
} from '../actions/workspaces.ts';
import {
  addAuthor,
  addDryRun,
  addFormat,
  type DryRunOption,
  type FormatOption,
  parseDate,
  wholeNumberFrom,
} from '../arguments/options.ts';
import { snapshotOfRef } from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { printRecord, reportRecord } from '../output/json.ts';
import { printLine, showName } from '../output/output.ts';
import { Progress, shownBy } from '../output/progress.ts';
import { addExamples } from '../program.ts';

interface RewindOptions extends FolderOptions, DryRunOption, FormatOption {
  to?: string | undefined;
  before?: Date | undefined;
  label?: Labels | undefined;
  back?: number | undefined;
}

export function define(command: Command): void {
  command
    .argument('[paths...]', 'only these files and directories')
    .option('--to <ref>', 'a branch, tag or hash, also main~3')
    .addOption(
      new Option('--before <date>', 'the newest checkpoint up to this time').argParser(parseDate),
    )
    .addOption(
      new Option('--back <n>', 'N checkpoints before what is there now (default: 1)').argParser(
        wholeNumberFrom(0),
      ),
    );
  addFormat(
    addAuthor(
      addFolder(
        addDryRun(addLabels(command, 'the newest checkpoint with this label (repeatable)')),
      ),
    ),
  );
  addExamples(command, [
    ['gitstore rewind', 'to the checkpoint before what is there now'],
    ['gitstore rewind NOTES.md --back 2', 'one file, as it was two checkpoints ago'],
    ['gitstore rewind --label run=42', 'to what a run has left'],
    ['gitstore rewind --before 2024-05-31 -n', 'print what that would change'],
  ]);
  command.addHelpText(
    'after',
    '\nWhat is in the folder is stored first, so that a rewind can always be rewound.',
  );
  command.action(async (paths: string[], options: RewindOptions) => {
    const progress = new Progress('Looking');
    const work = (signal: AbortSignal) =>
      withWorkspace(command, options, async (workspace) => {
        const target = await targetOf(workspace, options);
        const only = pathsIn(workspace, paths);
        const { dryRun, format } = options;
        const onProgress = shownBy(progress, 'Writing');
        const result = await workspace.rewind(target, { paths: only, dryRun, signal, onProgress });
        progress.stop();
        const { changes, target: to, snapshot } = result;
        if (format !== 'text') {
          await printRecord(format, undefined, () => ({
            hash: dryRun ? null : snapshot.commitHash,
            target: to.commitHash,
            ...reportRecord(changes),
          }));
        } else if (dryRun) await printPlan(changes, '');
        else {
          const where = `${shortHash(to.commitHash)} - ${showName(firstLine(to.message))}`;
          const what = changes.inSync ? 'nothing to change' : countsOf(changes);
          await printLine(`Rewound to ${where}: ${what}`);
        }
        printProblems(changes);
        if (!dryRun) progress.done();
        return result;
      });
    try {
      await withSignals(work, (result) =>
        result || options.dryRun ? 'it was done' : 'give the command again to finish it',
      );
    } finally {
      progress.stop();
    }
  });
}

async function targetOf(workspace: Workspace, options: RewindOptions): Promise<RewindTarget> {
  const { to, before, label, back } = options;
  const given = [to, before, label, back].filter((value) => value !== undefined);
  if (given.length > 1) {
    throw new UsageError('Give one of --to, --before, --label and --back, not several');
  }
  if (to !== undefined) return snapshotOfRef(workspace.store, to);
  if (label !== undefined) return { labels: label };
  return before ?? { back: back ?? 1 };
}
