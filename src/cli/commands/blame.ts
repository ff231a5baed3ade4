/** `blame`: which commit each line of a file comes from. */

import type { Command } from 'commander';
import { shortHash } from '../../git/objects/commitText.ts';
import { largest } from '../../lists.ts';
import { parseRepositoryPath } from '../../store/refs/refPath.ts';
import {
  addBranch,
  addFormat,
  type BranchOption,
  type FormatOption,
} from '../arguments/options.ts';
import { snapshotsOf } from '../arguments/snapshots.ts';
import { parseArgument } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { addColour, type ColourOption, paintFor } from '../output/colour.ts';
import { isoTime } from '../output/dates.ts';
import { Listing } from '../output/listing.ts';
import { showLine, showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

export function define(command: Command): void {
  command.argument('<path>', 'a text file in the repository; the colon may be left out');
  addColour(addFormat(addBranch(command)));
  addExamples(command, [
    ['gitstore blame notes.txt', 'commit, author, time, number and text of each line'],
    ['gitstore blame v1.0:notes.txt', 'as the file was'],
  ]);
  command.action(async (argument: string, options: BranchOption & FormatOption & ColourOption) => {
    const path = parseArgument(parseRepositoryPath, argument);
    const work = (signal: AbortSignal) =>
      withStore(command, async (store) => {
        const [fs] = await snapshotsOf(store, [path], { branch: options.branch });
        const lines = await fs!.blame(path.path, { signal });
        const width = largest(lines.map(({ authorName }) => showName(authorName).length));
        const digits = String(lines.length).length;
        const paint = paintFor(options);
        const listing = new Listing(options.format);
        for (const { number, commitHash, authorName, time, timezoneOffset, text } of lines) {
          const when = isoTime(time, timezoneOffset);
          const who = showName(authorName).padEnd(width);
          const line = `${paint('yellow', shortHash(commitHash))} (${who} ${when} ${String(number).padStart(digits)}) ${showLine(text)}`;
          await listing.add(line, () => ({
            number,
            commit: commitHash,
            author_name: authorName,
            time: when,
            text,
          }));
        }
        await listing.end();
      });
    await withSignals(work);
  });
}
