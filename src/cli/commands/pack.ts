/** `pack`: put loose objects, and what is in many small packs, into one pack. */
import type { Command } from 'commander';
import { printNote } from '../output.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository.ts';
import { storageText, withUpkeep } from '../upkeep.ts';

export function define(command: Command): void {
  addExamples(command, [
    ['gitstore -r data.git pack', 'loose objects into a pack'],
    ['gitstore -r data.git -v pack', 'and tell what there was before and after'],
  ]);
  command.action(async () => {
    const { before, after } = await withStore(command, (store) =>
      withUpkeep((options) => store.pack(options)),
    );
    if (!isVerbose(command)) return;
    printNote(`before: ${storageText(before)}`);
    printNote(`after:  ${storageText(after)}`);
  });
}
