/** `merge`: bring the changes of another history into a branch. */
import type { Command } from 'commander';
import { addMerging, bringIn, type MergingOptions } from '../merging.ts';
import { addExamples } from '../program.ts';

interface MergeOptions extends MergingOptions {
  /** False with `--no-ff`. */
  ff: boolean;
}

export function define(command: Command): void {
  command
    .argument('<source...>', 'branches, tags or commits; one after the other')
    .option('--no-ff', 'make a commit also where the branch could simply move to the source');
  addMerging(command);
  addExamples(command, [
    ['gitstore merge dev', 'what dev has, into the current branch'],
    ['gitstore merge dev -b release', 'into another branch'],
    ['gitstore merge -n dev', 'what it would change, or what conflicts'],
    ['gitstore merge dev --favor theirs', 'its lines where both have changed the same'],
    ['gitstore merge dev --ours config --theirs a.txt', 'decide path by path'],
    ['gitstore merge dev --markers', "leave Git's conflict markers in the files"],
  ]);
  command.action(async (sources: string[], { ff, ...options }: MergeOptions) => {
    await bringIn(command, sources, options, (fs, source, how) =>
      fs.merge(source, { ...how, fastForward: ff }),
    );
  });
}
