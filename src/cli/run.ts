/**
 * One run of the program: finds the command in the arguments, loads it alone, runs it, and turns
 * whatever goes wrong into one line on stderr and an exit code.
 */
import { CommanderError } from 'commander';
import { commands } from './commands.ts';
import { ClosedPipeError, EXIT_FAILED, EXIT_USAGE, errorLine, UsageError } from './errors.ts';
import { printNote } from './output.ts';
import { buildProgram } from './program.ts';
import { rawArguments } from './rawArguments.ts';

/** Runs the command line and ends the process. All output has been written by then. */
export async function run(args: readonly string[]): Promise<never> {
  let code: number;
  try {
    code = await runCommand(rawArguments(args));
  } catch (error) {
    code = report(error);
  }
  process.exit(code);
}

async function runCommand(args: readonly string[]): Promise<number> {
  const name = commandName(args);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  const program = buildProgram(name, await entry?.load());
  await program.parseAsync(args, { from: 'user' });
  return Number(process.exitCode ?? 0);
}

/**
 * The command that the arguments call, without parsing them: the first word that is neither an
 * option of the program nor such an option's value; after `help` the word that follows. `''` when
 * there is none.
 */
function commandName(args: readonly string[]): string {
  let name = '';
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (/^-v*r$/.test(word) || word === '--repo') i++;
    else if (word === 'help' && name === '') name = word;
    else if (!word.startsWith('-')) return word;
  }
  return name;
}

function report(error: unknown): number {
  if (error instanceof ClosedPipeError) return 0;
  if (error instanceof CommanderError) {
    // Commander has printed its message, or the help that was asked for.
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  printNote(errorLine(error));
  if (process.env.GITSTORE_DEBUG === '1') printTrace(error);
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
}

function printTrace(error: unknown): void {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    printNote(cause.stack ?? String(cause));
  }
}
