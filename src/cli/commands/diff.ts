/** `diff`: the files by which a branch differs from another snapshot. */
import type { Command } from 'commander';
import type { RefTarget } from '../../store/refPath.ts';
import { UsageError } from '../errors.ts';
import { Listing } from '../listing.ts';
import { addBranch, addFilters, addFormat, type FormatOption } from '../options.ts';
import { showName } from '../output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository.ts';
import {
  checkAgainstTarget,
  defaultBranch,
  findSnapshot,
  parseTarget,
  type Selection,
} from '../snapshots.ts';

interface DiffOptions extends Selection, FormatOption {
  reverse?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .argument('[baseline]', 'a ref (main~1, v1.0, ~3); with a path (v1.0:docs) only what is there')
    .option('--reverse', 'from the branch to the baseline');
  addFilters(addBranch(addFormat(command), 'branch to compare (default: the current one)'));
  addExamples(command, [
    ["gitstore diff '~1'", 'what the last commit has changed'],
    ['gitstore diff v1.0', 'all since a tag'],
    ['gitstore diff v1.0:docs', 'only in a directory'],
    ['gitstore diff --before 2024-05-31', 'all since the end of a day'],
    ['gitstore diff -b dev --ref main', 'what dev has that main has not, and the reverse'],
  ]);
  command.action(async (argument: string | undefined, options: DiffOptions) => {
    const target = parseTarget(argument);
    const { branch, ...filters } = options;
    // -b names the one side and --ref the other, so only together with a positional ref one of
    // them says the same twice.
    checkAgainstTarget(target, target.ref === '' ? filters : options);
    if (!namesBaseline(target, options)) {
      throw new UsageError(
        'Give a BASELINE to compare with (as ~1 or v1.0), or a filter (--back 1)',
      );
    }
    await withStore(command, async (store) => {
      const name = await defaultBranch(store, { branch });
      const tip = await store.branches.get(name);
      const baseline = await findSnapshot(store, target, {
        ...filters,
        branch: filters.ref ? undefined : name,
      });
      const [from, to] = options.reverse ? [tip, baseline] : [baseline, tip];
      const listing = new Listing(options.format);
      for await (const { path, status } of from.diff(to, { path: target.path })) {
        await listing.add(`${status}  ${showName(path)}`, () => ({ path, status }));
      }
      await listing.end();
    });
  });
}

function namesBaseline(target: RefTarget, options: Selection): boolean {
  const { ref, path, match, before, back } = options;
  const given = [ref, path, match, before, back].some((value) => value !== undefined);
  return target.ref !== '' || target.back > 0 || given;
}
