/** `gc`: everything that is needed into one good pack; what has long been unreachable goes. */
import type { Command } from 'commander';
import { parseExpiry } from '../../git/repository/expiry.ts';
import { counted, storageText, withUpkeep } from '../actions/upkeep.ts';
import { addFormat, type FormatOption } from '../arguments/options.ts';
import { parseArgument } from '../errors.ts';
import { printRecord, storageRecord } from '../output/json.ts';
import { Lines } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { withStore } from '../repository/repository.ts';

interface GcCommandOptions extends FormatOption {
  prune?: string | undefined;
  auto?: boolean | undefined;
}

export function define(command: Command): void {
  command.option(
    '--prune <date>',
    'remove what is unreachable and older: now, never, 2.weeks.ago or 2024-05-31 (default: gc.pruneExpire of the repository, else 14 days ago)',
  );
  addFormat(command).option(
    '--auto',
    'only when many loose objects or packs have piled up; print nothing',
  );
  addExamples(command, [
    ['gitstore -r data.git gc', 'pack well, remove what was unreachable for 14 days'],
    [
      'gitstore -r data.git gc --prune=now',
      'remove all that is unreachable; no other process may be writing',
    ],
    ['gitstore -r data.git gc --prune=never', 'pack well, remove nothing'],
  ]);
  command.action(async ({ prune, auto, format }: GcCommandOptions) => {
    if (prune !== undefined) parseArgument((text) => parseExpiry(text, 0), prune);
    if (auto) {
      await withStore(command, (store) =>
        withUpkeep((options) => store.gc({ ...options, prune, auto })),
      );
      return;
    }
    const { before, after, pruned, temporaryFiles } = await withStore(command, (store) =>
      withUpkeep((options) => store.gc({ ...options, prune })),
    );
    if (format !== 'text') {
      return printRecord(format, undefined, () => ({
        before: storageRecord(before),
        after: storageRecord(after),
        pruned,
        temporary_files: temporaryFiles,
      }));
    }
    const lines = new Lines();
    await lines.add(`before: ${storageText(before)}`);
    await lines.add(`after:  ${storageText(after)}`);
    const removed = [
      ...(pruned > 0 ? [counted(pruned, 'unreachable object')] : []),
      ...(temporaryFiles > 0 ? [counted(temporaryFiles, 'temporary file')] : []),
    ];
    if (removed.length > 0) await lines.add(`removed: ${removed.join(', ')}`);
    await lines.flush();
  });
}
