/** `find`: files by name, also those that are gone. */
import type { Command } from 'commander';
import { shortHash } from '../../git/objects/commitText.ts';
import {
  addBranch,
  addFormat,
  type BranchOption,
  type FormatOption,
} from '../arguments/options.ts';
import { findSnapshot, parseTarget } from '../arguments/snapshots.ts';
import { EXIT_FAILED } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { addColour, type ColourOption, paintFor } from '../output/colour.ts';
import { Listing } from '../output/listing.ts';
import { showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface FindOptions extends BranchOption, FormatOption, ColourOption {
  all?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .argument('<pattern>', 'a glob; without a slash it fits names in any directory')
    .argument('[ref]', 'where to look (default: the branch)')
    .option('--all', 'every path that ever was, with the newest commit that holds it');
  addColour(addFormat(addBranch(command)));
  addExamples(command, [
    ["gitstore find '*.md'", 'in any directory'],
    ["gitstore find --all 'notes*'", 'also files that were deleted'],
    ['gitstore cp abc1234:notes.txt .', 'brings one back'],
  ]);
  command.addHelpText('after', '\nExit code 1 where nothing fits.');
  command.action(async (pattern: string, ref: string | undefined, options: FindOptions) => {
    const paint = paintFor(options);
    const work = (signal: AbortSignal) =>
      withStore(command, async (store) => {
        const fs = await findSnapshot(store, parseTarget(ref), { branch: options.branch });
        const listing = new Listing(options.format);
        let count = 0;
        for await (const { path, hash, commitHash } of fs.find(pattern, {
          history: options.all,
          signal,
        })) {
          count += 1;
          const lead = options.all ? `${paint('yellow', shortHash(commitHash))}  ` : '';
          await listing.add(`${lead}${showName(path)}`, () => ({ path, hash, commit: commitHash }));
        }
        await listing.end();
        if (count === 0) process.exitCode = EXIT_FAILED;
      });
    await withSignals(work);
  });
}
