/** `doctor`: try an object storage, check a store on it, mend its head. */
import type { Command } from 'commander';
import type { Diagnosis } from '../../storage/bucket/doctor/doctor.ts';
import { examineBucketPlace } from '../../storage/bucket/place.ts';
import { isBucketAddress } from '../../storage/places.ts';
import { counted } from '../actions/upkeep.ts';
import { addFormat, type FormatOption } from '../arguments/options.ts';
import { EXIT_FAILED, escapeControls, UsageError } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { faultRecord, printRecord } from '../output/json.ts';
import { Lines, printNote } from '../output/output.ts';
import { Progress } from '../output/progress.ts';
import { sizeText } from '../output/quantities.ts';
import { addExamples } from '../program.ts';
import { isVerbose, onRequest, printRequests, repositoryPath } from '../repository/repository.ts';

export function define(command: Command): void {
  command.argument('[url]', 's3://BUCKET/PREFIX (default: the repository)');
  addFormat(command).option(
    '--repair',
    'write a new head from its newest copy and the packs that are there',
  );
  addExamples(command, [
    ['gitstore doctor s3://bucket/data', 'exit code 0 when all is well, else 1 and a line a fault'],
    ['gitstore doctor s3://bucket/data --repair', 'mend a store that has lost its head'],
  ]);
  command.action(async (url: string | undefined, options: FormatOption & { repair?: boolean }) => {
    const { repair, format } = options;
    const location = url ?? repositoryPath(command);
    if (!isBucketAddress(location)) {
      throw new UsageError(
        `${location} is no address on object storage; gitstore verify checks a repository on disk`,
      );
    }
    const progress = new Progress('Probing');
    let diagnosis: Diagnosis;
    try {
      diagnosis = await withSignals((signal) =>
        examineBucketPlace(location, {
          repair,
          signal,
          onRequest,
          onProgress: (bytes) => progress.update({ bytes }, 'Checking'),
        }),
      );
    } finally {
      progress.stop();
    }
    if (format === 'text') await print(diagnosis, isVerbose(command));
    else await printRecord(format, undefined, () => diagnosisRecord(diagnosis));
    if (!isWell(diagnosis)) process.exitCode = EXIT_FAILED;
    if (isVerbose(command)) await printRequests();
  });
}

async function print(diagnosis: Diagnosis, verbose: boolean): Promise<void> {
  const { engine, hasStore, faults, packs, bytes, unlisted, plan, recovered } = diagnosis;
  const lines = new Lines();
  for (const { what, fault } of engine) {
    if (fault !== undefined) await lines.add(`engine: ${fault}`);
    else if (verbose) await lines.add(`engine: ${what}: well`);
  }
  for (const { subject, problem } of faults) {
    await lines.add(escapeControls(`${subject}: ${problem}`));
  }
  if (plan !== undefined) {
    const { copy, copyTime, packs: found, damaged } = plan;
    const from =
      copy === undefined
        ? 'no copy of head: refs are lost'
        : `the copy of ${new Date(copyTime!).toISOString()}`;
    const more = `${from}, ${counted(found.length, 'pack')} beside it`;
    const isMended = recovered !== undefined;
    await lines.add(
      `head: ${isMended ? 'written anew' : 'can be written anew (--repair)'} from ${more}`,
    );
    if (!isMended) await lines.add('mending it takes 1 writing request, and reads what is there');
    for (const key of damaged) await lines.add(`${key}: damaged, left out`);
    for (const name of recovered ?? []) await lines.add(`branch ${name}: commits without a ref`);
  }
  if (!hasStore) await lines.add('no store there');
  await lines.flush();
  if (hasStore && verbose) {
    printNote(
      `${counted(packs, 'pack')}, ${sizeText(bytes)}, ${counted(unlisted, 'key')} not listed`,
    );
  }
}

function isWell({ engine, faults }: Diagnosis): boolean {
  return faults.length === 0 && engine.every(({ fault }) => fault === undefined);
}

export function diagnosisRecord(diagnosis: Diagnosis) {
  const { engine, hasStore, faults, packs, bytes, unlisted, plan, recovered } = diagnosis;
  const time = plan?.copyTime;
  return {
    ok: isWell(diagnosis),
    has_store: hasStore,
    engine: engine.map(({ what, fault }) => ({ what, fault: fault ?? null })),
    faults: faults.map(faultRecord),
    packs,
    bytes,
    unlisted,
    head:
      plan === undefined
        ? null
        : {
            copy_time: time === undefined ? null : new Date(time).toISOString(),
            packs: plan.packs.length,
            damaged: plan.damaged,
            recovered: recovered ?? null,
          },
  };
}
