/** `merge`: bring the changes of another history into a branch, or into a folder and its branch. */
import type { Command } from 'commander';
import { addMerging, bringInto, type MergingOptions, refuseLongPlan } from '../actions/merging.ts';
import { mergeIntoFolder, snapshotOfSource, warnOfFolders } from '../actions/mergingFolders.ts';
import { workspaceAbove } from '../actions/workspaces.ts';
import { defaultBranch, isFolder } from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface MergeOptions extends MergingOptions {
  /** False with `--no-ff`. */
  ff: boolean;
  dir?: string | undefined;
}

export function define(command: Command): void {
  command
    .argument(
      '<source...>',
      'branches, tags, commits or folders (./NAME, ../NAME); one after the other',
    )
    .option('--no-ff', 'make a commit also where the branch could simply move to the source')
    .option('--dir <dir>', 'merge into this folder and its branch (default: the workspace here)');
  addMerging(command, 'a branch alone (default: the workspace here, else the current branch)');
  addExamples(command, [
    ['gitstore merge dev', 'what dev has, into the current branch'],
    ['gitstore merge dev -b release', 'into another branch'],
    ['gitstore merge -n dev', 'what it would change, or what conflicts'],
    ['gitstore merge dev --favor theirs', 'its lines where both have changed the same'],
    ['gitstore merge dev --ours config --theirs a.txt', 'decide path by path'],
    ['gitstore merge dev --markers', "leave Git's conflict markers in the files"],
    ['gitstore merge ../try', 'bring a fork home: into the workspace here and its branch'],
    ['gitstore merge --dir work ../try', 'into another folder'],
  ]);
  command.action(async (sources: string[], { ff, dir, ...options }: MergeOptions) => {
    refuseLongPlan(sources, options);
    if (dir !== undefined && options.branch !== undefined) {
      throw new UsageError('Give --dir for a folder and its branch, or -b for a branch alone');
    }
    await withStore(command, async (store) => {
      const folder =
        options.branch === undefined ? (dir ?? (await workspaceAbove(store))) : undefined;
      if (folder !== undefined) {
        await mergeIntoFolder(store, folder, sources, { ...options, ff });
        return;
      }
      if (options.branch === undefined && sources.some(isFolder)) {
        throw new UsageError(
          'There is no workspace here: give --dir FOLDER to merge into a folder, or -b NAME into a branch',
        );
      }
      const branch = await defaultBranch(store, options);
      const before = (await store.branches.find(branch))?.commitHash;
      const found = [];
      for (const source of sources) found.push(await snapshotOfSource(store, source, options));
      try {
        await bringInto(command, store, found, options, (fs, source, how) =>
          fs.merge(source, { ...how, fastForward: ff }),
        );
      } finally {
        await warnOfFolders(store, branch, before);
      }
    });
  });
}
