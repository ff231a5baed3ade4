/** `forget`: take a path out of every snapshot. */
import type { Command } from 'commander';
import { isBucketAddress } from '../../storage/places.ts';
import {
  addBranch,
  addDryRun,
  addFormat,
  type BranchOption,
  type DryRunOption,
  type FormatOption,
} from '../arguments/options.ts';
import { defaultBranch } from '../arguments/snapshots.ts';
import { withSignals } from '../interruption.ts';
import { Listing } from '../output/listing.ts';
import { printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { repositoryPath, withStore } from '../repository/repository.ts';

interface ForgetOptions extends BranchOption, DryRunOption, FormatOption {
  all?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .argument('<paths...>', 'files and directories in the repository, with or without a colon')
    .option('--all', 'of all branches, deleted and thinned ones too');
  addFormat(addDryRun(addBranch(command)));
  addExamples(command, [
    ['gitstore forget --all :secrets/key.pem', 'of every branch, tag and note'],
    ['gitstore forget -n -b dev video.mp4', 'count what would be written anew'],
  ]);
  command.addHelpText(
    'after',
    '\nCommits that held a path, and those after them, get new hashes. Let no other\n' +
      'program write to the repository meanwhile: what was forgotten goes at once.',
  );
  command.action(async (paths: string[], options: ForgetOptions) => {
    const { all, dryRun, format } = options;
    const work = (signal: AbortSignal) =>
      withStore(command, async (store) => {
        const branches = all ? undefined : [await defaultBranch(store, options)];
        const plain = paths.map((path) => path.replace(/^:/, ''));
        const { moved, refs } = await store.forget(plain, { branches, dryRun, signal });
        if (!dryRun) await store.gc({ prune: 'now', signal });
        const listing = new Listing(format);
        if (format !== 'text') {
          for (const [old, id] of moved)
            await listing.add('', () => ({ old_hash: old, new_hash: id }));
        }
        await listing.end();
        const verb = dryRun ? 'would be written' : 'written';
        printNote(`${moved.size} commits ${verb} anew; moved: ${refs.join(', ')}`);
        if (!dryRun) {
          printNote(
            'Other copies may still hold it: backups, bundles, clones, and branches not named',
          );
          if (isBucketAddress(repositoryPath(command))) {
            printNote(
              'The object storage holds its bytes until gc has run on two later days, caches of machines until they need room',
            );
          }
        }
      });
    await withSignals(work);
  });
}
