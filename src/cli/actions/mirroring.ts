/** What `backup` and `restore` share: their options, progress and output. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { shortHash } from '../../git/objects/commitText.ts';
import type { MirrorDiff, RefChange } from '../../remote/mirrorDiff.ts';
import type { MirrorOptions } from '../../remote/mirrorOptions.ts';
import type { MirrorProgress } from '../../remote/remote.ts';
import { parseRemoteUrl } from '../../remote/remoteUrl.ts';
import { addDryRun, addFormat, addType, type DryRunOption } from '../arguments/options.ts';
import { EXIT_FAILED, escapeControls } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { printRecord, refChangesRecord } from '../output/json.ts';
import type { OutputFormat } from '../output/listing.ts';
import { Lines, printLine, printNote, printOldSpelling, showName } from '../output/output.ts';
import { Progress } from '../output/progress.ts';
import { onCreate, onRequest, onWarning } from '../repository/repository.ts';

export interface MirrorCommandOptions extends DryRunOption {
  ref?: Record<string, string> | undefined;
  type?: 'bundle' | undefined;
  format: OutputFormat;
}

type Labels = Readonly<Record<MirrorProgress['phase'], string>>;

const LABELS: Labels = { counting: 'Counting', sending: 'Sending', receiving: 'Receiving' };

/** Where the other side is on a disk of this machine. */
const LOCAL_LABELS: Labels = { counting: 'Counting', sending: 'Copying', receiving: 'Copying' };

/** What is being done, by its phase: who copies from a path receives nothing. */
export function labelsOf(url: string, format?: 'bundle'): Labels {
  return /^(?:local|bundle)$/.test(parseRemoteUrl(url, format).kind) ? LOCAL_LABELS : LABELS;
}

export function addMirrorOptions(command: Command): Command {
  command.argument(
    '<url>',
    'https://…, ssh://…, user@host:path, s3://…, a path, or a .bundle file',
  );
  command.addOption(
    new Option(
      '--ref <name[:other]>',
      'only this ref, called OTHER on the other side; may be given several times',
    ).argParser(addRef),
  );
  addType(addFormat(command), ['bundle'], 'take the path for a bundle file whatever its name');
  return addDryRun(addOldFormat(command));
}

/** `--output-format` was what `--format` is. */
function addOldFormat(command: Command): Command {
  const old = new Option('--output-format <form>').choices(['text', 'json', 'jsonl']).hideHelp();
  const parseOld = old.parseArg!;
  old.argParser((value: string, previous: unknown) => {
    const form = parseOld(value, previous as string);
    printOldSpelling(`--output-format ${value}`, `--format ${value}`);
    command.setOptionValueWithSource('format', form, 'cli');
    return form;
  });
  return command.addOption(old);
}

function addRef(text: string, previous: Record<string, string> = {}): Record<string, string> {
  const colon = text.indexOf(':');
  const name = colon === -1 ? text : text.slice(0, colon);
  const other = colon === -1 ? name : text.slice(colon + 1);
  if (name === '' || other === '') {
    throw new InvalidArgumentError('It must be a name, or NAME:OTHER.');
  }
  if (Object.hasOwn(previous, name)) throw new InvalidArgumentError(`${name} is given twice.`);
  return { ...previous, [name]: other };
}

/**
 * Runs a backup or restore with a progress line; a signal ends it in good order.
 * @param verbose whether to pass on what the other side says
 */
export async function withMirroring(
  url: string,
  options: MirrorCommandOptions,
  verbose: boolean,
  work: (mirror: MirrorOptions) => Promise<MirrorDiff>,
): Promise<MirrorDiff> {
  const labels = labelsOf(url, options.type);
  const progress = new Progress(labels === LABELS ? 'Connecting' : 'Looking');
  try {
    const diff = await withSignals(
      (signal) =>
        work({
          signal,
          refs: options.ref,
          dryRun: options.dryRun,
          format: options.type,
          onCreate,
          onRequest,
          onMessage: verbose ? remoteLines() : undefined,
          onProgress: ({ phase, objects, totalObjects, bytes }) => {
            const state = { files: objects, totalFiles: totalObjects, unit: 'objects' };
            progress.update(bytes > 0 ? { ...state, bytes } : state, labels[phase]);
          },
        }),
      (done) => (done === undefined ? 'give the command again to finish it' : 'it was done'),
    );
    if (!options.dryRun) progress.done();
    return diff;
  } finally {
    progress.stop();
  }
}

/** Tells of what was left out: the other side is not what it could be. */
export function printLeftOut({ warnings }: MirrorDiff): void {
  for (const warning of warnings) onWarning(warning);
  if (warnings.length > 0) process.exitCode = EXIT_FAILED;
}

/** Prints what comes in pieces in lines, of progress that is written over itself only the last word. */
function remoteLines(): (text: string) => void {
  let held = '';
  return (text) => {
    const lines = (held + text).split('\n');
    held = lines.pop() ?? '';
    for (const line of lines) {
      const last = line.trimEnd().split('\r').at(-1) ?? '';
      if (last !== '') printNote(`remote: ${escapeControls(last)}`);
    }
  };
}

/**
 * Prints the changes: as text for a dry run, as JSON always.
 * @param nothing the line for a dry run that finds none
 */
export async function printDiff(
  diff: MirrorDiff,
  options: MirrorCommandOptions,
  nothing: string,
): Promise<void> {
  const { format, dryRun = false } = options;
  if (format !== 'text') return printRecord(format, '', () => refChangesRecord(diff));
  if (!dryRun) return;
  if (diff.inSync) return printLine(nothing);
  const lines = new Lines();
  for (const change of [...diff.add, ...diff.update, ...diff.delete]) {
    await lines.add(lineOf(change));
  }
  await lines.flush();
}

/** `  update  refs/heads/main  1a2b3c4 -> 5d6e7f8` */
export function lineOf(change: RefChange): string {
  const { ref, oldTarget, newTarget } = change;
  const hashes = [oldTarget, newTarget].flatMap((id) => (id === undefined ? [] : [shortHash(id)]));
  return `  ${actionOf(change)}  ${showName(ref)}  ${hashes.join(' -> ')}`;
}

function actionOf({ oldTarget, newTarget }: RefChange): 'create' | 'update' | 'delete' {
  if (oldTarget === undefined) return 'create';
  return newTarget === undefined ? 'delete' : 'update';
}
