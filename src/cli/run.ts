/**
 * One run of the program: finds the command in the arguments, loads it alone, runs it, and turns
 * whatever goes wrong into one line on stderr and an exit code.
 */
import { CommanderError } from 'commander';
import { useFirstCodecs } from '../zlib/firstCodecs.ts';
import { rawArguments } from './arguments/rawArguments.ts';
import { commands, OLD_NAMES } from './commands.ts';
import {
  ClosedPipeError,
  EXIT_FAILED,
  EXIT_USAGE,
  errorLine,
  UsageError,
  usageLine,
} from './errors.ts';
import { printNote, printOldSpelling } from './output/output.ts';
import { buildProgram } from './program.ts';
import { commandIndex } from './start/commandName.ts';

/** What completion scripts call. */
const COMPLETE = '__complete';

/**
 * Runs the command line and ends the process. All output has been written by then.
 * @param name the command it calls
 */
export async function run(args: readonly string[], name: string): Promise<never> {
  let code: number;
  const renamed = Object.hasOwn(OLD_NAMES, name) ? OLD_NAMES[name] : undefined;
  try {
    if (name === COMPLETE) {
      const { printCompletions } = await import('./completion/complete.ts');
      await printCompletions(rawArguments(args).slice(1));
      code = 0;
    } else if (renamed === undefined) code = await runCommand(rawArguments(args), name);
    else code = await runCommand(withName(rawArguments(args), renamed), renamed);
  } catch (error) {
    code = report(error, renamed ?? name);
  }
  process.exit(code);
}

async function runCommand(args: readonly string[], name: string): Promise<number> {
  const entry = isCommand(name) ? commands[name] : undefined;
  const mistake =
    entry === undefined
      ? (await import('./arguments/otherTools.ts')).wordOfAnotherTool(name, isCommand)
      : /^(?:cp|grep|mv|rm)$/.test(name) && args.slice(args.indexOf(name)).some(isRecursive)
        ? (await import('./arguments/otherTools.ts')).recursiveFlag(name, args)
        : undefined;
  if (mistake !== undefined) throw new UsageError(mistake);
  if (entry?.readsFew) useFirstCodecs();
  const program = buildProgram(commands, name, await entry?.load());
  // Of a command that there is not, nothing else is to be looked at: it has no help either.
  const isUnknown = entry === undefined && !['', 'help'].includes(name);
  await program.parseAsync(isUnknown ? [name] : args, { from: 'user' });
  return Number(process.exitCode ?? 0);
}

/** The arguments with the name that the command has now. */
function withName(args: readonly string[], name: string): readonly string[] {
  const index = commandIndex(args);
  printOldSpelling(args[index]!, name);
  return args.with(index, name);
}

function isCommand(name: string): boolean {
  return Object.hasOwn(commands, name);
}

function isRecursive(word: string): boolean {
  return /^-[A-Za-z]*r/.test(word);
}

function report(error: unknown, name: string): number {
  if (error instanceof ClosedPipeError) return 0;
  if (error instanceof CommanderError) {
    // Commander has printed its message, or the help that was asked for.
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  printNote(
    error instanceof UsageError
      ? usageLine(error, isCommand(name) ? name : undefined)
      : errorLine(error),
  );
  if (process.env.GITSTORE_DEBUG === '1') printTrace(error);
  return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILED;
}

function printTrace(error: unknown): void {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    printNote(cause.stack ?? String(cause));
  }
}
