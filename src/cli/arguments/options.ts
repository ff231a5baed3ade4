/**
 * The options that several commands share. Each is written down here once, with its help text and
 * its check; a command names the groups it takes.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseByteSize } from '../../byteSize.ts';
import { GitStoreError } from '../../errors.ts';
import { templateOf } from '../../store/commit/message.ts';
import { type Person, parsePerson } from '../../store/context/signers.ts';
import { DAY, parseBefore } from '../output/dates.ts';
import type { OutputFormat } from '../output/listing.ts';
import { printOldSpelling } from '../output/output.ts';

export interface GlobalOptions {
  repo?: string | undefined;
  verbose?: boolean | undefined;
}

export interface BranchOption {
  branch?: string | undefined;
}

/** Which moment is meant: first the ref, then path, match and before together, then back. */
export interface FilterOptions {
  ref?: string | undefined;
  path?: string | undefined;
  match?: string | undefined;
  before?: Date | undefined;
  back?: number | undefined;
}

export interface CommitOptions {
  /** A template (`store/commit/message.ts`). */
  message?: string | undefined;
  parent?: string[] | undefined;
  tag?: string | undefined;
  forceTag?: boolean | undefined;
}

export interface DryRunOption {
  dryRun?: boolean | undefined;
}

export interface GlobOption {
  /** False with `--no-glob`. */
  glob: boolean;
}

export interface CreateOption {
  /** False with `--no-create`. */
  create: boolean;
}

export interface FormatOption {
  format: OutputFormat;
}

/** Taken by the program and by every command, so that they may stand before or after its name. */
export function addGlobals(command: Command): Command {
  return command
    .option(
      '-r, --repo <path>',
      'the repository, or s3://BUCKET/PREFIX (else $GITSTORE_REPO, else $VOST_REPO)',
    )
    .option('-v, --verbose', 'tell on stderr what is done');
}

export function addBranch(
  command: Command,
  description = "branch to work on (default: HEAD's branch, else main)",
): Command {
  return command.option('-b, --branch <name>', description);
}

export function addFilters(command: Command): Command {
  return command
    .option('--ref <ref>', 'branch, tag or commit to start from')
    .option('--path <path>', 'the latest commit that changed this path')
    .option('--match <pattern>', 'the latest commit whose message fits (* and ?)')
    .addOption(
      new Option(
        '--before <date>',
        'the latest commit up to this time (ISO 8601; UTC without a zone, the whole day without a time)',
      ).argParser(parseDate),
    )
    .addOption(
      new Option('--back <n>', 'then go N first parents back').argParser(wholeNumberFrom(0)),
    );
}

/** Who the change is by. `withStore` hands it to the store. */
export function addAuthor(command: Command): Command {
  return command.addOption(
    new Option(
      '--author <author>',
      "who has made the change, as 'Name <mail>' (else $GIT_AUTHOR_NAME and $GIT_AUTHOR_EMAIL, else Git's user.name and user.email)",
    ).argParser(parseAuthor),
  );
}

/** The author that a command line names; `--author` of `log` is a text to look for. */
export function authorOf(command: Command): Person | undefined {
  const { author } = command.opts<{ author?: Person | string | undefined }>();
  return typeof author === 'object' ? author : undefined;
}

function parseAuthor(text: string): Person {
  try {
    return parsePerson(text, 'It');
  } catch (error) {
    if (!(error instanceof GitStoreError)) throw error;
    throw new InvalidArgumentError("It must be 'Name <mail>', as 'Ada <ada@example.org>'.");
  }
}

export function addCommit(command: Command): Command {
  return addAuthor(command)
    .addOption(
      new Option(
        '-m, --message <text>',
        'commit message; {default} {add_count} {update_count} {delete_count} {total_count} {op} are filled in, where no other word is in braces',
      ).argParser(templateOf),
    )
    .addOption(
      new Option(
        '--parent <ref>',
        'record one more parent, its tree is not merged (repeatable)',
      ).argParser(collect),
    )
    .option('--tag <name>', 'tag the resulting commit')
    .option('--force-tag', 'with --tag: move a tag that exists');
}

export function addDryRun(command: Command): Command {
  return command.option('-n, --dry-run', 'print what would change, change nothing');
}

export function addNoGlob(command: Command): Command {
  return command.option('--no-glob', 'take * and ? literally');
}

export function addNoCreate(command: Command): Command {
  return command.option('--no-create', 'fail when the repository is missing, do not create it');
}

export function addFormat(command: Command): Command {
  return command.addOption(
    new Option('--format <form>', 'form of the output')
      .choices(['text', 'json', 'jsonl'])
      .default('text'),
  );
}

/** The form of a command below another one that has the option too: that one may have taken it. */
export function formatOf(command: Command): OutputFormat {
  const isOwn = command.getOptionValueSource('format') === 'cli';
  return (isOwn ? command : command.parent!).opts<FormatOption>().format;
}

export interface LimitOption {
  limit?: number | undefined;
  /** The same, as with Git. */
  n?: number | undefined;
}

/** For commands that have nothing to try dry: `-n N` is what it is to Git there. */
export function addLimit(command: Command, description: string): Command {
  const parse = wholeNumberFrom(0);
  return command
    .addOption(new Option('--limit <n>', description).argParser(parse))
    .addOption(new Option('-n <n>').argParser(parse).hideHelp());
}

export function limitOf({ limit, n }: LimitOption): number | undefined {
  return limit ?? n;
}

export interface TypeOption<Type extends string> {
  type?: Type | undefined;
}

/**
 * `--type`: what a file or an archive is. Up to version 0.1 it was `--format`, which is the form of the
 * output now: its old values still work there, with a note.
 */
export function addType(command: Command, types: readonly string[], description: string): Command {
  const format = command.options.find((option) => option.long === '--format');
  const parse = format?.parseArg;
  format?.argParser((value: string, previous: unknown) => {
    if (!types.includes(value)) return parse!(value, previous);
    printOldSpelling(`--format ${value}`, `--type ${value}`);
    command.setOptionValueWithSource('type', value, 'cli');
    return previous;
  });
  return command.addOption(new Option('--type <type>', description).choices(types));
}

/** Parses a number of bytes, such as `500M` or `5G`. */
export function byteSize(text: string): number {
  const bytes = parseByteSize(text);
  if (bytes === undefined)
    throw new InvalidArgumentError(`Not a size: ${text} (such as 500M or 5G).`);
  return bytes;
}

/** Parses a whole number of `least` or more, written in decimal digits. */
export function wholeNumberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number of ${least} or more.`);
    }
    return value;
  };
}

export function parseDate(text: string): Date {
  const date = parseBefore(text);
  if (date === undefined) {
    throw new InvalidArgumentError(
      'It must be an ISO 8601 date, as 2024-05-31 or 2024-05-31T14:30Z.',
    );
  }
  return date;
}

/** The first moment that `--since` lets through: of a date without a time the beginning of that day. */
export function parseSince(text: string): Date {
  const end = parseDate(text);
  return /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(end.getTime() - DAY + 1) : end;
}

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, previous: string[] | undefined): string[] {
  return [...(previous ?? []), value];
}
