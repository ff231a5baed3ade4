/** `thin`: fold snapshots of a branch away, by restic's rules. */
import { type Command, Option } from 'commander';
import { firstLine, shortHash } from '../../git/objects/commitText.ts';
import {
  addBranch,
  addDryRun,
  addFormat,
  type BranchOption,
  byteSize,
  collect,
  type DryRunOption,
  type FormatOption,
  wholeNumberFrom,
} from '../arguments/options.ts';
import { defaultBranch } from '../arguments/snapshots.ts';
import { UsageError } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { isoTime } from '../output/dates.ts';
import { Listing } from '../output/listing.ts';
import { printNote, showName } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface ThinOptions extends BranchOption, DryRunOption, FormatOption {
  keepLast?: number | undefined;
  keepWithin?: string | undefined;
  keepHourly?: number | undefined;
  keepDaily?: number | undefined;
  keepWeekly?: number | undefined;
  keepMonthly?: number | undefined;
  keepYearly?: number | undefined;
  keepLabel?: string[] | undefined;
  maxSize?: number | undefined;
}

const COUNTS = [
  ['last', 'the newest N'],
  ['hourly', 'the newest of each of the last N hours that have one'],
  ['daily', '… days'],
  ['weekly', '… weeks'],
  ['monthly', '… months'],
  ['yearly', '… years'],
] as const;

export function define(command: Command): void {
  for (const [name, description] of COUNTS) {
    command.addOption(new Option(`--keep-${name} <n>`, description).argParser(wholeNumberFrom(0)));
  }
  command
    .option('--keep-within <span>', 'all this long before the newest, as 2d or 1y5m7d2h')
    .addOption(
      new Option('--keep-label <label>', 'those with a label, NAME or NAME=VALUE').argParser(
        collect,
      ),
    );
  command.addOption(
    new Option('--max-size <size>', 'the newest of these that fit, such as 500M or 5G').argParser(
      byteSize,
    ),
  );
  addFormat(addDryRun(addBranch(command)));
  addExamples(command, [
    ['gitstore thin --keep-last 10 --keep-daily 30 -n', 'print what would be kept, and why'],
    ['gitstore thin --keep-within 2d --keep-weekly 8', 'all of two days, then one a week'],
    ['gitstore thin --max-size 5G', 'from the old end, until the store fits'],
    ['gitstore thin --keep-last 100 --format json', 'old and new hashes'],
  ]);
  command.addHelpText(
    'after',
    '\nThe newest snapshot and those with tags stay in any case. The rest is freed by\n' +
      'gc when its grace time is over; until then reflog names it.',
  );
  command.action(async (options: ThinOptions) => {
    const { dryRun, format, keepLabel, branch: _, ...policy } = options;
    if (keepLabel === undefined && Object.values(policy).every((rule) => rule === undefined)) {
      throw new UsageError('Say what is kept: --keep-last N, --keep-daily N, --keep-within 2d, …');
    }
    const work = (signal: AbortSignal) =>
      withStore(command, async (store) => {
        const branch = await defaultBranch(store, options);
        const { snapshots } = await store.branches.thin(
          branch,
          { ...policy, keepLabels: keepLabel },
          { dryRun, signal },
        );
        const kept = snapshots.filter((one) => one.new !== null);
        const listing = new Listing(format);
        const shown = format === 'text' && !dryRun ? [] : snapshots;
        for (const { old, new: id, reasons, time, message } of shown) {
          const when = isoTime(new Date(time * 1000), 0);
          const why = reasons.length === 0 ? '' : `  (${reasons.join(', ')})`;
          const line = `${id === null ? '-' : ' '} ${shortHash(old)}  ${when}  ${showName(firstLine(message))}${why}`;
          await listing.add(line, () => ({
            old_hash: old,
            new_hash: id,
            time: when,
            message: message.trimEnd(),
            reasons,
          }));
        }
        await listing.end();
        const verb = dryRun ? 'would be kept' : 'kept';
        printNote(`${kept.length} of ${snapshots.length} snapshots ${verb}`);
      });
    await withSignals(work);
  });
}
