/** `diff`: the files by which a branch differs from another snapshot. */
import type { Command } from 'commander';
import type { RefTarget } from '../../store/refs/refPath.ts';
import { addBranch, addFilters, addFormat, type FormatOption } from '../arguments/options.ts';
import {
  checkAgainstTarget,
  defaultBranch,
  findSnapshot,
  parseTarget,
  type Selection,
  snapshotOfRef,
} from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { paintFor } from '../output/colour.ts';
import { CHANGES } from '../output/json.ts';
import { Listing } from '../output/listing.ts';
import { showName } from '../output/output.ts';
import { addPatch, type PatchOption } from '../output/patchOptions.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface DiffOptions extends Selection, FormatOption, PatchOption {
  reverse?: boolean | undefined;
}

export function define(command: Command): void {
  command
    .usage('[options] [baseline] [other] [-- path...]')
    .argument(
      '[refs...]',
      'the baseline: a ref (main~1, v1.0, ~3); with a path (v1.0:docs) only what is there; then another ref to compare it with (default: the branch)',
    )
    .option('--reverse', 'from the branch to the baseline');
  addFilters(addBranch(addFormat(command), 'branch to compare (default: the current one)'));
  addPatch(command);
  addExamples(command, [
    ["gitstore diff '~1'", 'what the last commit has changed'],
    ['gitstore diff v1.0', 'all since a tag'],
    ['gitstore diff v1.0:docs', 'only in a directory'],
    ['gitstore diff v1.0 main --patch', 'line by line, from one ref to another'],
    ["gitstore diff --stat '~1' -- src docs", 'lines counted, in two directories'],
    ['gitstore diff --before 2024-05-31', 'all since the end of a day'],
    ['gitstore diff -b dev --ref main', 'what dev has that main has not, and the reverse'],
  ]);
  command.action(async (_: string[], options: DiffOptions) => {
    const { words, paths } = wordsAndPaths(command);
    if (words.length > 2) throw new UsageError('Give two refs at most; paths stand behind --');
    const target = parseTarget(words[0]);
    if (target.path && paths.length > 0) {
      throw new UsageError(`Give either ':${target.path}' or paths behind --, not both`);
    }
    const { branch, ...filters } = options;
    // -b names the one side and --ref the other, so only together with a positional ref one of
    // them says the same twice.
    checkAgainstTarget(target, target.ref === '' ? filters : options);
    if (!namesBaseline(target, options)) {
      throw new UsageError(
        'Give a BASELINE to compare with (as ~1 or v1.0), or a filter (--back 1)',
      );
    }
    if (words[1] !== undefined && branch !== undefined) {
      throw new UsageError(`Give either '${words[1]}' or -b ${branch}, not both`);
    }
    await withStore(command, async (store) => {
      const name = await defaultBranch(store, { branch });
      const tip =
        words[1] === undefined
          ? await store.branches.get(name)
          : await snapshotOfRef(store, words[1]);
      const baseline = await findSnapshot(store, target, {
        ...filters,
        branch: filters.ref ? undefined : name,
      });
      const [from, to] = options.reverse ? [tip, baseline] : [baseline, tip];
      const places = target.path ? [target.path] : paths.length > 0 ? paths : [''];
      if (options.patch || options.stat) {
        if (options.format !== 'text') throw new UsageError('--patch and --stat are text');
        const { printPatches } = await import('../output/patches.ts');
        return printPatches(from, to, { ...options, paths: places });
      }
      const paint = paintFor(options);
      const listing = new Listing(options.format);
      for (const place of places) {
        for await (const { path, status } of from.diff(to, { path: place })) {
          const line = `${paint(STYLES[status], status)}  ${showName(path)}`;
          await listing.add(line, () => ({ path, change: CHANGES[status] }));
        }
      }
      await listing.end();
    });
  });
}

const STYLES = { A: 'green', M: 'yellow', D: 'red' } as const;

/** What stands before `--`, and the paths behind it. */
function wordsAndPaths(command: Command): { words: string[]; paths: string[] } {
  const raw = command.parent === null ? [] : (command.parent as unknown as RawArgs).rawArgs;
  const at = raw.indexOf('--');
  const count = at < 0 ? 0 : raw.length - at - 1;
  const split = command.args.length - count;
  return {
    words: command.args.slice(0, split),
    paths: command.args.slice(split).map((path) => path.replace(/^:/, '')),
  };
}

interface RawArgs {
  readonly rawArgs: readonly string[];
}

function namesBaseline(target: RefTarget, options: Selection): boolean {
  const { ref, path, match, before, back } = options;
  const given = [ref, path, match, before, back].some((value) => value !== undefined);
  return target.ref !== '' || target.back > 0 || given;
}
