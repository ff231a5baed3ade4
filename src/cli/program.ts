/**
 * The program as Commander sees it: its own options, the overview of all commands, and the one
 * command that this run needs.
 */

import { Command } from 'commander';
import { addGlobals } from './arguments/options.ts';
import { argumentTooMany, optionOfAnotherTool } from './arguments/otherOptions.ts';
import { UsageError, usageLine } from './errors.ts';
import { printNote, printText } from './output/output.ts';

/** Set when the sources are bundled, from package.json. */
declare const GITSTORE_VERSION: string;

export interface CommandModule {
  /** Adds arguments, options, examples and the action to the bare command. */
  define(command: Command): void;
}

export interface CommandEntry {
  readonly group: string;
  readonly summary: string;
  /** It mostly reads a few objects and writes none (`zlib/firstCodecs.ts`). */
  readonly readsFew?: true;
  load(): Promise<CommandModule>;
}

/** All commands by their names. */
export type Commands = Readonly<Record<string, CommandEntry>>;

/**
 * @param name the command to be run; every other one is in the overview only
 * @param module its code; undefined when there is no such command
 */
export function buildProgram(
  commands: Commands,
  name: string,
  module: CommandModule | undefined,
): Command {
  helped = Object.hasOwn(commands, name) ? name : undefined;
  called = name;
  const program = withHouseRules(new Command('gitstore'));
  addGlobals(program)
    .description('Directory trees of files, versioned in a bare Git repository.')
    .usage('[options] <command> [arguments]')
    .version(`gitstore ${GITSTORE_VERSION}`, '--version', 'print the version');
  addExamples(program, [
    ['gitstore -r data.git cp ./photos :', 'store a folder, as photos/'],
    ['gitstore -r data.git ls -R', 'list every file'],
    ['gitstore -r data.git cat photos/a.jpg > a.jpg', 'read one back'],
    ['gitstore -r data.git log', 'see the history'],
    ['gitstore help cp', 'all about one command'],
  ]);
  if (name !== '' && module !== undefined) {
    module.define(describe(program, name, commands[name]!));
  } else {
    for (const [other, entry] of Object.entries(commands)) describe(program, other, entry);
  }
  addHelpCommand(program);
  return program;
}

function describe(program: Command, name: string, { group, summary }: CommandEntry): Command {
  const command = program.command(name).helpGroup(group);
  return addGlobals(withHouseRules(command))
    .description(`${capital(summary)}.`)
    .summary(summary);
}

/** A command below a command: `branch set`. */
export function subcommand(parent: Command, name: string, summary: string): Command {
  // The parent may take any argument, to say which commands there are.
  const command = withHouseRules(parent.command(name)).allowExcessArguments(false);
  return addGlobals(command)
    .description(`${capital(summary)}.`)
    .summary(summary);
}

/** `help` and `help COMMAND` of a command that has others below it, also `help branch set`. */
export function addHelpCommand(parent: Command): void {
  parent.helpCommand(false);
  const summary = 'show the help of a command';
  const command = withHouseRules(parent.command('help')).argument('[command...]');
  command.description(`${capital(summary)}.`).summary(summary);
  command.action((words: string[]) => {
    let described = parent;
    for (const [i, word] of words.entries()) {
      const next = described.commands.find((each) => each.name() === word);
      if (next === undefined) {
        throw new UsageError(`Unknown command '${words.slice(0, i + 1).join(' ')}'`);
      }
      described = next;
    }
    described.help();
  });
}

/** Errors in one line, exit codes to the caller, help and version through our own output. */
function withHouseRules(command: Command): Command {
  return command
    .exitOverride()
    .configureOutput({
      writeOut: printText,
      getOutHelpWidth: () => Math.min(process.stdout.columns || COLUMNS, WIDEST),
      writeErr: (text) => printNote(text.trimEnd()),
      outputError: (text) => printNote(usageLine(withHint(withoutPrefix(text), called), helped)),
    })
    .configureHelp({ showGlobalOptions: false })
    .helpOption('-h, --help', 'show this help');
}

/** Examples below the help: command line and what it does. */
export function addExamples(command: Command, examples: readonly (readonly [string, string])[]) {
  const width = Math.max(
    ...examples.map(([line]) => line.length).filter((length) => length <= EXAMPLE_WIDTH),
  );
  const lines = examples.map(([line, meaning]) => {
    const beside = `  ${line.padEnd(width)}  ${meaning}`;
    return beside.length <= COLUMNS ? beside : `  ${line}\n      ${meaning}`;
  });
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}`);
}

/** The width that all terminals have. */
const COLUMNS = 80;

/** Longer lines are hard to read. */
const WIDEST = 100;

/** A longer example has its meaning on a line of its own. */
const EXAMPLE_WIDTH = 50;

/** The word that this run calls as a command, and the command whose help errors name. */
let called = '';
let helped: string | undefined;

/** Says what an option of another tool is here. */
function withHint(text: string, command: string): string {
  const option = /^Unknown option '([^']*)'/.exec(text)?.[1];
  const full = /^Too many arguments for '([^']*)'/.exec(text)?.[1];
  const hint = option ? optionOfAnotherTool(command, option) : full && argumentTooMany(full);
  if (!hint) return text;
  // A guess by letters is worse.
  const plain = text.trim().replace(/\s*\(Did you mean [^)]*\)$|\.$/, '');
  return `${plain}: ${hint}`;
}

function withoutPrefix(text: string): string {
  return capital(text.replace(/^error: /, ''));
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
