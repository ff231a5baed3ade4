/** `cat`: contents of files on standard output. */
import type { Command } from 'commander';
import { InvalidPathError } from '../../errors.ts';
import { parseRepositoryPath } from '../../store/refs/refPath.ts';
import { normalizePath } from '../../tree/paths.ts';
import { addBranch, addFilters } from '../arguments/options.ts';
import { type Selection, snapshotsOf } from '../arguments/snapshots.ts';
import { parseArgument } from '../errors.ts';
import { writeData } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

/** Files up to this size are read in one piece; larger ones stream. */
const WHOLE_LIMIT = 1024 * 1024;

export function define(command: Command): void {
  command.argument('<path...>', 'files in the repository; the colon may be left out');
  addFilters(addBranch(command));
  addExamples(command, [
    ['gitstore cat notes.txt', 'the file as it is now'],
    ['gitstore cat main~3:notes.txt', 'as it was three commits ago'],
    ['gitstore cat --before 2024-05-31 notes.txt', 'as it was at the end of that day'],
    ['gitstore cat a.csv b.csv > all.csv', 'several, one after the other'],
  ]);
  command.action(async (args: string[], options: Selection) => {
    await withStore(command, async (store) => {
      const paths = args.map((path) => parseArgument(parseRepositoryPath, path));
      const snapshots = await snapshotsOf(store, paths, options);
      // Every file is looked up before the first byte is written.
      const files = [];
      for (const [i, fs] of snapshots.entries()) {
        const path = normalizePath(paths[i]!.path);
        if (path === '') throw new InvalidPathError(`A file is meant, not the root: '${args[i]}'`);
        files.push({ fs, path, size: await fs.size(path) });
      }
      for (const { fs, path, size } of files) {
        if (size <= WHOLE_LIMIT) await writeData(await fs.read(path));
        else for await (const chunk of fs.readStream(path)) await writeData(chunk);
      }
    });
  });
}
