/**
 * Archives on the command line: which format the name or `--type` says, standard input and output,
 * and the options of the six commands.
 */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { ARCHIVE_FORMATS, type ArchiveFormat, archiveFormatOf } from '../../archive/formats.ts';
import type { ArchiveProgress } from '../../archive/options.ts';
import { ArchiveError } from '../../errors.ts';
import { statSync } from '../../storage/disk/fs.ts';
import { retryArchiveIn } from '../../store/retriedWrites.ts';
import {
  addBranch,
  addCommit,
  addDryRun,
  addFilters,
  addFormat,
  addNoCreate,
  addType,
  type BranchOption,
  type CommitOptions,
  type CreateOption,
  type DryRunOption,
  type FormatOption,
  type TypeOption,
  wholeNumberFrom,
} from '../arguments/options.ts';
import { type Selection, snapshotsOf, writableBranch } from '../arguments/snapshots.ts';
import { readStdin, STDIN } from '../arguments/stdin.ts';
import { UsageError } from '../errors.ts';
import { withSignals } from '../interruption.ts';
import { isTerminal, printNote, showName, writeData } from '../output/output.ts';
import { Progress } from '../output/progress.ts';
import { addExamples } from '../program.ts';
import { requireSources } from '../repository/onDisk.ts';
import { isVerbose, withStore } from '../repository/repository.ts';
import { commit, fateOfCommit, resultOf } from './commit.ts';
import { printProblems } from './copying.ts';

/** The format that a command is for; undefined: the name or `--type` says. */
type Fixed = 'zip' | 'tar' | undefined;

type Examples = Parameters<typeof addExamples>[1];

interface InOptions
  extends BranchOption,
    CommitOptions,
    CreateOption,
    DryRunOption,
    FormatOption,
    TypeOption<ArchiveFormat> {
  maxSize?: number | undefined;
  maxFiles?: number | undefined;
  outsideLinks?: boolean | undefined;
}

/** Standard input or output in place of a file. */
const STANDARD = '-';
const STDOUT = 1;

export function defineArchiveOut(command: Command, fixed: Fixed, examples: Examples): void {
  command.argument('<file>', `the archive to write; ${STANDARD} is standard output`);
  addFilters(addBranch(addArchiveType(addHiddenFormat(command), fixed)));
  addExamples(command, examples);
  command.action(async (file: string, options: Selection & TypeOption<ArchiveFormat>) => {
    const format = formatOf(file, fixed, options.type, 'output');
    if (file === STANDARD && isTerminal(STDOUT)) {
      throw new UsageError('An archive is nothing for a terminal: give a FILE, or use > or |');
    }
    await withStore(command, async (store) => {
      const [fs] = await snapshotsOf(store, [{ ref: '', back: 0 }], options);
      const sink = file === STANDARD ? new WritableStream({ write: writeData }) : { file };
      const progress = new Progress('Writing');
      const write = (signal?: AbortSignal) => {
        const onProgress = (state: ArchiveProgress) => progress.update(state);
        return fs!.archiveOut(sink, { format, onProgress, signal });
      };
      try {
        // Only beside a file there is something to remove; writing to a pipe may wait for ever.
        const { changes } = await (becomesFile(file)
          ? withSignals(write, (done) => `${showName(file)} is ${done ? 'whole' : 'not written'}`)
          : write());
        progress.stop();
        if (changes === null) return;
        if (isVerbose(command)) for (const { path } of changes.add) printNote(showName(path));
        printProblems(changes);
        progress.done(file === STANDARD ? '' : `→ ${showName(file)}`);
      } finally {
        progress.stop();
      }
    });
  });
}

function becomesFile(file: string): boolean {
  if (file === STANDARD) return false;
  return statSync(file, { throwIfNoEntry: false })?.isFile() ?? true;
}

export function defineArchiveIn(command: Command, fixed: Fixed, examples: Examples): void {
  command.argument('<file>', `the archive to read; ${STANDARD} is standard input`);
  addArchiveType(addFormat(command), fixed)
    .addOption(
      new Option(
        '--max-size <bytes>',
        'refuse what unpacks to more; K, M, G, T are powers of 1024 (default: 16G, or 200 times the archive)',
      ).argParser(parseSize),
    )
    .addOption(
      new Option('--max-files <n>', 'refuse more members (default: 2000000)').argParser(
        wholeNumberFrom(1),
      ),
    )
    .option('--outside-links', 'take links that are absolute or lead out of the archive');
  addNoCreate(addDryRun(addCommit(addBranch(command))));
  addExamples(command, examples);
  command.action(async (file: string, options: InOptions) => {
    const format = formatOf(file, fixed, options.type, 'input');
    if (file === STANDARD && isTerminal(STDIN)) {
      throw new UsageError('An archive cannot be typed: give a FILE, or use < or |');
    }
    const { maxSize, maxFiles, outsideLinks, dryRun, create } = options;
    const source = file === STANDARD ? readStdin() : { file };
    if (create && file !== STANDARD) await requireSources(command, [file]);
    await withStore(
      command,
      async (store) => {
        const root = { kind: 'repository', ref: '', back: 0, path: '' } as const;
        const branch = await writableBranch(store, root, options);
        const choices = { ...options, verbose: isVerbose(command) };
        const limits = { maxSize, maxFiles, outsideLinks };
        const progress = new Progress('Storing');
        const work = (signal: AbortSignal) =>
          commit(
            store,
            choices,
            async ({ messageTemplate, parents, tag, forceTag, staleWrites }) => {
              const details = {
                format,
                dryRun,
                messageTemplate,
                parents,
                tag,
                forceTag,
                staleWrites,
                eager: true,
                onProgress: (state: ArchiveProgress) => progress.update(state),
                signal,
                ...limits,
              };
              const fs = await retryArchiveIn(store, branch, source, details).catch(withHint);
              progress.stop();
              return fs;
            },
          );
        try {
          const fs = await withSignals(work, fateOfCommit(options));
          if (fs.changes) printProblems(fs.changes);
          if (!dryRun) progress.done(resultOf(fs));
        } finally {
          progress.stop();
        }
      },
      { create, branch: options.branch, dryRun },
    );
  });
}

const FLAGS = {
  maxSize: '--max-size',
  maxFiles: '--max-files',
  outsideLinks: '--outside-links',
} as const;

/** Names the option by which what was refused is taken. */
function withHint(error: unknown): never {
  if (!(error instanceof ArchiveError) || error.option === undefined) throw error;
  const { message, path, option } = error;
  throw new ArchiveError(`${message} (${FLAGS[option]} takes it)`, { path, cause: error });
}

/** Nothing is printed, so it has only its old values. */
function addHiddenFormat(command: Command): Command {
  return command.addOption(new Option('--format <type>').choices(ARCHIVE_FORMATS).hideHelp());
}

function addArchiveType(command: Command, fixed: Fixed): Command {
  const formats = ARCHIVE_FORMATS.filter((format) => fixed === undefined || format !== 'zip');
  return fixed === 'zip'
    ? command
    : addType(command, formats, "what the archive is (default: by the file's name)");
}

/**
 * The format of the archive.
 * @throws UsageError when nothing tells it, or the name tells another one than the command
 */
function formatOf(
  file: string,
  fixed: Fixed,
  given: ArchiveFormat | undefined,
  direction: 'input' | 'output',
): ArchiveFormat {
  if (given !== undefined) return given;
  const named = file === STANDARD ? undefined : archiveFormatOf(file);
  if (named === undefined && direction === 'output' && /\.tar\.[^./\\]+$/i.test(file)) {
    throw new UsageError(`The name '${file}' stands for a compression that is not known here`);
  }
  if (fixed !== undefined) {
    if (named !== undefined && (named === 'zip') !== (fixed === 'zip')) {
      throw new UsageError(`'${file}' is the name of a ${familyOf(named)}, not of a ${fixed}`);
    }
    return named ?? fixed;
  }
  if (named !== undefined) return named;
  throw new UsageError(
    file === STANDARD
      ? `Give --type zip or --type tar for standard ${direction}`
      : `The name '${file}' does not tell the format: give --type zip or --type tar`,
  );
}

function familyOf(format: ArchiveFormat): string {
  return format === 'zip' ? 'zip' : 'tar';
}

const UNITS = ['', 'K', 'M', 'G', 'T'];

function parseSize(text: string): number {
  const match = /^([0-9]+)([KMGT]?)$/i.exec(text);
  const size =
    match === null ? Number.NaN : Number(match[1]) * 1024 ** UNITS.indexOf(match[2]!.toUpperCase());
  if (!Number.isSafeInteger(size) || size < 1) {
    throw new InvalidArgumentError('It must be a number of bytes, as 500000, 64M or 20G.');
  }
  return size;
}
