/** `verify`: check every object, ref and pack. */
import type { Command } from 'commander';
import { EXIT_FAILED, escapeControls } from '../errors.ts';
import { Lines, printNote } from '../output.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository.ts';
import { counted, withUpkeep } from '../upkeep.ts';

export function define(command: Command): void {
  addExamples(command, [
    ['gitstore -r data.git verify', 'exit code 0 when all is well, else 1 and a line a fault'],
    ['gitstore -r data.git -v verify', 'and tell what was checked'],
  ]);
  command.action(async () => {
    const report = await withStore(command, (store) =>
      withUpkeep((options) => store.verify(options)),
    );
    const lines = new Lines();
    for (const { subject, problem } of report.faults) {
      await lines.add(escapeControls(`${subject}: ${problem}`));
    }
    await lines.flush();
    const { objects, packs, refs, reflogEntries, promised, faults } = report;
    if (promised > 0) {
      printNote(`${counted(promised, 'object')} of this partial clone only its remote has`);
    }
    if (isVerbose(command)) {
      const looked = [
        counted(objects, 'object'),
        counted(packs, 'pack'),
        counted(refs, 'ref'),
        `${reflogEntries} reflog ${reflogEntries === 1 ? 'entry' : 'entries'}`,
      ];
      printNote(`checked ${looked.join(', ')}: ${counted(faults.length, 'fault')}`);
    }
    if (!report.ok) process.exitCode = EXIT_FAILED;
  });
}
