/**
 * What may stand in the place of a word of the command line that is being typed: commands, options, their
 * values, branches, tags, and paths in the repository. Local files are left to the shell.
 */
import { homedir } from 'node:os';
import { Command, type Option } from 'commander';
import { GitStoreError } from '../../errors.ts';
import { readdirSync } from '../../storage/disk/fs.ts';
import { isBucketAddress } from '../../storage/places.ts';
import { GitStore } from '../../store/gitStore.ts';
import { parseRefTarget, parseRepositoryPath } from '../../store/refs/refPath.ts';
import { isSystemError } from '../../systemFaults.ts';
import { addGlobals } from '../arguments/options.ts';
import { findSnapshot, isFolder } from '../arguments/snapshots.ts';
import { commands, OLD_NAMES } from '../commands.ts';
import { buildProgram } from '../program.ts';
import { repositoryInEnvironment } from '../repository/repository.ts';
import { type Kind, kindOfArgument, kindOfValue } from './kinds.ts';

export interface Candidate {
  readonly value: string;
  /** What it is, in a few words. */
  readonly note?: string | undefined;
  /** False where more may follow in the same word, as behind a directory. */
  readonly isWhole: boolean;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** What of the local disk the shell may offer where there is no candidate. */
  readonly local?: 'directory' | 'file' | undefined;
}

/** What the words before the one that is typed say. */
interface Typed {
  readonly command: Command | undefined;
  /** With the commands above it: `branch set`. */
  readonly path: string;
  /** Values of options, by their long names. */
  readonly values: ReadonlyMap<string, string>;
  /** The option whose value is to follow. */
  readonly open: Option | undefined;
  readonly positions: number;
  readonly isBehindDashes: boolean;
}

/** @param before the words before it, without the name of the program */
export async function complete(before: readonly string[], word: string): Promise<Completion> {
  const typed = await read(before);
  if (typed === undefined) return { candidates: [] };
  const { command, open, isBehindDashes } = typed;
  if (open !== undefined) return ofValue(open, typed, word);
  const options = command?.options ?? addGlobals(new Command()).options;
  if (!isBehindDashes && word.startsWith('-')) {
    const [name, lead] = splitOption(word);
    const option = lead === undefined ? undefined : options.find(({ long }) => long === name);
    if (option !== undefined) return ofValue(option, typed, word.slice(lead!.length), lead);
    return { candidates: ofOptions(options, word) };
  }
  if (command === undefined) return { candidates: ofCommands(word) };
  const subcommands = typed.positions === 0 ? command.commands : [];
  const named = subcommands.map((each) => whole(each.name(), each.summary()));
  const ours = named.filter(({ value }) => value.startsWith(word));
  const argument = command.registeredArguments[typed.positions] ?? lastVariadic(command);
  if (argument === undefined) return { candidates: ours };
  const isPath = isBehindDashes && typed.path === 'diff';
  const kind = isPath ? 'path' : (kindOfArgument(typed.path, argument) ?? 'text');
  const choices = (argument.argChoices ?? []).filter((choice) => choice.startsWith(word));
  const { candidates, local } = await ofKind(kind, typed, word);
  return { candidates: [...ours, ...choices.map((choice) => whole(choice)), ...candidates], local };
}

/** @returns undefined where there is no such command */
async function read(before: readonly string[]): Promise<Typed | undefined> {
  let command: Command | undefined;
  let path = '';
  const values = new Map<string, string>();
  let open: Option | undefined;
  let positions = 0;
  let isBehindDashes = false;
  const globals = addGlobals(new Command()).options;
  for (const word of before) {
    if (open !== undefined) {
      values.set(open.long ?? '', word);
      open = undefined;
    } else if (word === '--' && !isBehindDashes) {
      isBehindDashes = true;
    } else if (word.startsWith('-') && word !== '-' && !isBehindDashes) {
      const options = command?.options ?? globals;
      const [name, lead] = splitOption(word);
      const option = options.find(({ long, short }) => long === name || short === shortOf(word));
      if (option === undefined || !(option.required || option.optional)) continue;
      if (lead !== undefined) values.set(option.long ?? '', word.slice(lead.length));
      else if (option.required && (word.startsWith('--') || endsWith(word, option))) open = option;
    } else if (command === undefined) {
      const name = Object.hasOwn(OLD_NAMES, word) ? OLD_NAMES[word]! : word;
      if (name === 'help') {
        command = buildProgram(commands, '', undefined).commands.find(
          (each) => each.name() === name,
        );
      } else if (Object.hasOwn(commands, name)) {
        const module = await commands[name]!.load();
        command = buildProgram(commands, name, module).commands.find(
          (each) => each.name() === name,
        );
      }
      if (command === undefined) return undefined;
      path = name;
    } else {
      const below = positions === 0 && command.commands.find((each) => each.name() === word);
      if (below) {
        command = below;
        path += ` ${word}`;
      } else positions++;
    }
  }
  return { command, path, values, open, positions, isBehindDashes };
}

/** The last of the short options in a word takes the value: `-vb` as `-b`. */
function shortOf(word: string): string {
  return word.startsWith('--') ? '' : `-${word.at(-1)}`;
}

function endsWith(word: string, { short }: Option): boolean {
  return short !== undefined && shortOf(word) === short;
}

/** `--format=js` as its name and what stands before the value. */
function splitOption(word: string): [name: string, lead: string | undefined] {
  const equals = word.indexOf('=');
  if (!word.startsWith('--') || equals < 0) return [word, undefined];
  return [word.slice(0, equals), word.slice(0, equals + 1)];
}

function lastVariadic(command: Command): Command['registeredArguments'][number] | undefined {
  const last = command.registeredArguments.at(-1);
  return last?.variadic ? last : undefined;
}

function whole(value: string, note?: string): Candidate {
  return { value, note, isWhole: true };
}

function ofCommands(word: string): Candidate[] {
  const names = Object.entries(commands).map(([name, { summary }]) => whole(name, summary));
  names.push(whole('help', 'show the help of a command'));
  return names.filter(({ value }) => value.startsWith(word));
}

function ofOptions(options: readonly Option[], word: string): Candidate[] {
  const shown = options.filter(({ hidden, long }) => !hidden && long?.startsWith(word));
  const all = shown.map(({ long, description }) => whole(long!, description));
  return '--help'.startsWith(word) ? [...all, whole('--help', 'show this help')] : all;
}

/** @param lead what stands before the value in the same word */
async function ofValue(option: Option, typed: Typed, word: string, lead = ''): Promise<Completion> {
  const { candidates, local } =
    option.argChoices === undefined
      ? await ofKind(kindOfValue(option), typed, word)
      : {
          candidates: option.argChoices
            .filter((choice) => choice.startsWith(word))
            .map((choice) => whole(choice)),
          local: undefined,
        };
  return { candidates: candidates.map((one) => ({ ...one, value: lead + one.value })), local };
}

async function ofKind(kind: Kind, typed: Typed, word: string): Promise<Completion> {
  switch (kind) {
    case 'file':
    case 'directory':
      return { candidates: [], local: kind };
    case 'source':
      return isFolder(word) ? { candidates: [], local: 'directory' } : ofStore('ref', typed, word);
    case 'text':
      return { candidates: [] };
    case 'command':
      return { candidates: ofCommands(word) };
    default:
      return ofStore(kind, typed, word);
  }
}

/** What the store knows. One that is missing, or cannot be read, has nothing to offer. */
async function ofStore(kind: Kind, typed: Typed, word: string): Promise<Completion> {
  const given = typed.values.get('--repo')?.replace(/^~(?=[/\\])/, () => homedir());
  const repository = given ?? repositoryInEnvironment() ?? '';
  const nothing: Completion = { candidates: [], local: kind === 'either' ? 'file' : undefined };
  // No user waits for a network at the press of a key.
  if (repository === '' || isBucketAddress(repository)) return nothing;
  try {
    const store = await GitStore.open(repository, { create: false, onWarning() {} });
    try {
      return await ofStoreKind(store, kind, typed, word);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof GitStoreError || isSystemError(error))) throw error;
    return nothing;
  }
}

async function ofStoreKind(
  store: GitStore,
  kind: Kind,
  typed: Typed,
  word: string,
): Promise<Completion> {
  const refs = async (tail: string): Promise<Candidate[]> => {
    const branches = kind === 'tag' ? [] : await store.branches.list();
    const tags = kind === 'branch' ? [] : await store.tags.list();
    const all = [
      ...[...branches].map((name) => ({ name, note: 'branch' })),
      ...[...tags].map((name) => ({ name, note: 'tag' })),
    ];
    return all
      .filter(({ name }) => name.startsWith(word))
      .map(({ name, note }) => ({ value: name + tail, note, isWhole: tail === '' }));
  };
  const hasColon = word.includes(':');
  if (kind === 'branch' || kind === 'tag' || kind === 'ref' || (kind === 'target' && !hasColon)) {
    return { candidates: hasColon ? [] : await refs('') };
  }
  if (kind === 'either' && !hasColon) {
    const found = word === '' ? [] : await refs(':');
    if (found.length === 0) return { candidates: [], local: 'file' };
    return { candidates: [...found, ...localNames(word)] };
  }
  if (kind === 'stored' && !hasColon) {
    const root = { value: ':', note: 'the current branch', isWhole: false };
    return { candidates: word === '' ? [root, ...(await refs(':'))] : await refs(':') };
  }
  const paths = await pathsFor(store, typed, word);
  return { candidates: hasColon || word.includes('/') ? paths : [...paths, ...(await refs(':'))] };
}

/** Names in the directory of the repository that the word is in. */
async function pathsFor(store: GitStore, { values }: Typed, word: string): Promise<Candidate[]> {
  const target = word.includes(':') ? parseRefTarget(word) : parseRepositoryPath(word);
  const path = target.path ?? '';
  const slash = path.lastIndexOf('/') + 1;
  const fs = await findSnapshot(store, target, {
    branch: values.get('--branch'),
    ref: target.ref === '' ? values.get('--ref') : undefined,
  });
  const lead = word.slice(0, word.length - path.length + slash);
  return (await fs.listdir(path.slice(0, slash)))
    .filter(({ name }) => name.startsWith(path.slice(slash)))
    .map(({ name, fileType }) => ({
      value: `${lead}${name}${fileType === 'tree' ? '/' : ''}`,
      isWhole: fileType !== 'tree',
    }));
}

/** Files here, where a shell cannot be left to offer them beside branches. */
function localNames(word: string): Candidate[] {
  if (word.includes('/')) return [];
  return readdirSync('.', { withFileTypes: true })
    .filter(({ name }) => name.startsWith(word))
    .map((entry) => ({
      value: entry.isDirectory() ? `${entry.name}/` : entry.name,
      isWhole: !entry.isDirectory(),
    }));
}
