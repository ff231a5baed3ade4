/** `pack`: put loose objects, and what is in many small packs, into one pack. */
import type { Command } from 'commander';
import { storageText, withUpkeep } from '../actions/upkeep.ts';
import { addFormat, type FormatOption } from '../arguments/options.ts';
import { printRecord, storageRecord } from '../output/json.ts';
import { printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository/repository.ts';

export function define(command: Command): void {
  addExamples(command, [
    ['gitstore -r data.git pack', 'loose objects into a pack'],
    ['gitstore -r data.git -v pack', 'and tell what there was before and after'],
  ]);
  addFormat(command);
  command.action(async ({ format }: FormatOption) => {
    const { before, after } = await withStore(command, (store) =>
      withUpkeep((options) => store.pack(options)),
    );
    await printRecord(format, undefined, () => ({
      before: storageRecord(before),
      after: storageRecord(after),
    }));
    if (!isVerbose(command)) return;
    printNote(`before: ${storageText(before)}`);
    printNote(`after:  ${storageText(after)}`);
  });
}
