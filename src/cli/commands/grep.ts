/** `grep`: lines that fit a pattern, in a snapshot or in every version of a history. */
import type { Command } from 'commander';
import { shortHash } from '../../git/objects/commitText.ts';
import { expressionOf } from '../../store/history/grep.ts';
import {
  addBranch,
  addFormat,
  type BranchOption,
  type FormatOption,
} from '../arguments/options.ts';
import { findSnapshot, parseTarget } from '../arguments/snapshots.ts';
import { EXIT_FAILED, UsageError } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { addColour, type ColourOption, paintFor } from '../output/colour.ts';
import { Listing } from '../output/listing.ts';
import { showLine, showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface GrepOptions extends BranchOption, FormatOption, ColourOption {
  all?: boolean | undefined;
  ignoreCase?: boolean | undefined;
  fixedStrings?: boolean | undefined;
  filesWithMatches?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .argument('<pattern>', 'a regular expression of JavaScript')
    .argument('[target]', 'a ref (main~2, v1.0), a path (:docs), or both (default: the branch)')
    .option('--all', 'every version in the history, with the newest commit that holds it')
    .option('-i, --ignore-case', 'letter case does not matter')
    .option('-F, --fixed-strings', 'take the pattern as it is')
    .option('-l, --files-with-matches', 'the names of the files only');
  addColour(addFormat(addBranch(command)));
  addExamples(command, [
    ["gitstore grep 'colou?r'", 'path, line number and line'],
    ['gitstore grep -F -i password :config', 'a plain text, in a directory'],
    ['gitstore grep --all -l AKIA', 'where a secret ever was'],
  ]);
  command.addHelpText('after', '\nExit code 1 where nothing fits.');
  command.action(async (pattern: string, argument: string | undefined, options: GrepOptions) => {
    if (pattern === '') throw new UsageError('An empty pattern fits every line');
    const target = parseTarget(argument);
    const paint = paintFor(options);
    const isPainted = paint('red', '') !== '';
    const highlighted = (line: string): string => {
      if (!isPainted) return showLine(line);
      const { fixedStrings = false, ignoreCase = false } = options;
      let shown = '';
      let from = 0;
      for (const { index, 0: found } of line.matchAll(
        expressionOf(pattern, fixedStrings, ignoreCase),
      )) {
        if (found === '') continue;
        shown += showLine(line.slice(from, index)) + paint('red', showLine(found));
        from = index + found.length;
      }
      return shown + showLine(line.slice(from));
    };
    const work = (signal: AbortSignal) =>
      withStore(command, async (store) => {
        const fs = await findSnapshot(store, target, { branch: options.branch });
        const listing = new Listing(options.format);
        let count = 0;
        const matches = fs.grep(pattern, {
          path: target.path,
          fixed: options.fixedStrings,
          ignoreCase: options.ignoreCase,
          history: options.all,
          signal,
        });
        for await (const { path, hash, commitHash, lines, isBinary } of matches) {
          count += 1;
          const where = `${options.all ? `${paint('yellow', shortHash(commitHash))}:` : ''}${paint('cyan', showName(path))}`;
          const json = { path, hash, commit: commitHash, binary: isBinary, lines };
          if (options.filesWithMatches) await listing.add(where, () => json);
          else if (isBinary) await listing.add(`${where}: binary file`, () => json);
          else if (options.format !== 'text') await listing.add('', () => json);
          else {
            for (const { number, text } of lines) {
              await listing.add(
                `${where}:${paint('green', `${number}`)}:${highlighted(text)}`,
                () => json,
              );
            }
          }
        }
        await listing.end();
        if (count === 0) process.exitCode = EXIT_FAILED;
      });
    await withSignals(work);
  });
}
