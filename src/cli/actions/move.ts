/** What `undo` and `redo` share: both move a branch by a number of steps and say where it is now. */
import { Argument, type Command } from 'commander';
import { firstLine, shortHash } from '../../git/objects/commitText.ts';
import type { FS } from '../../store/fs.ts';
import {
  addBranch,
  addFormat,
  type BranchOption,
  type FormatOption,
  wholeNumberFrom,
} from '../arguments/options.ts';
import { defaultBranch } from '../arguments/snapshots.ts';
import { commitRecord, printRecord } from '../output/json.ts';
import { showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

export function defineMove(
  command: Command,
  countHelp: string,
  move: (fs: FS, steps: number) => Promise<FS>,
  examples: readonly (readonly [string, string])[],
): void {
  command.addArgument(new Argument('[n]', countHelp).argParser(wholeNumberFrom(1)).default(1));
  addFormat(addBranch(command));
  addExamples(command, examples);
  command.action(async (steps: number, options: BranchOption & FormatOption) => {
    await withStore(command, async (store) => {
      const branch = await defaultBranch(store, options);
      const fs = await move(await store.branches.get(branch), steps);
      const message = showName(firstLine(fs.message));
      const line = `Branch now at: ${shortHash(fs.commitHash)} - ${message}`;
      await printRecord(options.format, line, () => commitRecord(fs, branch));
    });
  });
}
