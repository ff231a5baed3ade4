/** `verify`: check every object, ref and pack. */
import type { Command } from 'commander';
import { counted, withUpkeep } from '../actions/upkeep.ts';
import { addFormat, type FormatOption } from '../arguments/options.ts';
import { EXIT_FAILED, escapeControls } from '../errors.ts';
import { faultRecord, printRecord } from '../output/json.ts';
import { Lines, printNote } from '../output/output.ts';
import { addExamples } from '../program.ts';
import { isVerbose, withStore } from '../repository/repository.ts';

export function define(command: Command): void {
  addExamples(command, [
    ['gitstore -r data.git verify', 'exit code 0 when all is well, else 1 and a line a fault'],
    ['gitstore -r data.git -v verify', 'and tell what was checked'],
  ]);
  addFormat(command);
  command.action(async ({ format }: FormatOption) => {
    const report = await withStore(command, (store) =>
      withUpkeep((options) => store.verify(options)),
    );
    const { ok, objects, packs, refs, reflogEntries, promised, faults } = report;
    const lines = new Lines();
    if (format === 'text') {
      for (const { subject, problem } of faults) {
        await lines.add(escapeControls(`${subject}: ${problem}`));
      }
    }
    await lines.flush();
    await printRecord(format, undefined, () => ({
      ok,
      objects,
      packs,
      refs,
      reflog_entries: reflogEntries,
      promised,
      faults: faults.map(faultRecord),
    }));
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
    if (!ok) process.exitCode = EXIT_FAILED;
  });
}
