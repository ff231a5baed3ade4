/**
 * How a command fails. A *usage error* is a command line that makes no sense (exit code 2), every
 * other error a command that could not do its work (exit code 1). Both are one line on stderr.
 */

import { CorruptObjectError, type ErrorDetails, GitStoreError } from '../errors.ts';
import { redactUrls } from '../git/wire/redactUrl.ts';
import { isSystemError, localError, reasonAndStep } from '../systemFaults.ts';

/** The command line makes no sense: exit code 2. */
export class UsageError extends GitStoreError {
  constructor(message: string, details?: ErrorDetails) {
    super(message, 'EUSAGE', details);
  }
}

/** The reader of our stdout is gone (`gitstore ls | head -1`): the program ends quietly. */
export class ClosedPipeError extends Error {}

export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** What the store itself cannot give; the next step is not in the message already. */
const OF_STORED_OBJECT =
  /^(?:object|blob|tree|commit|tag) [0-9a-f]{40}(?: \(.*\))? is (?:corrupt(?!.*gitstore)|missing$)/i;

/** The error in one line, control characters escaped so that a terminal only shows them. */
export function errorLine(error: unknown): string {
  const message = redactUrls(messageOf(error));
  return `Error: ${escapeControls(message.trim().replace(/\s*\n\s*/g, ' '))}`;
}

/**
 * The same for a command line that makes no sense, with where its help is.
 * @param command undefined for a word that is no command
 */
export function usageLine(error: unknown, command: string | undefined): string {
  const line = errorLine(error).replace(/\.$/, '');
  return `${line}${line.endsWith('…') ? '' : '.'} See 'gitstore help${command === undefined ? '' : ` ${command}`}'`;
}

/** What the user reads of it, also where it is none of our errors. */
export function messageOf(error: unknown): string {
  if (isSystemError(error)) {
    return error.path === undefined ? reasonAndStep(error) : localError(error, error.path).message;
  }
  if (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError
  ) {
    return `This is a fault of gitstore: ${error.message}; please report what GITSTORE_DEBUG=1 prints with it`;
  }
  if (error instanceof CorruptObjectError && OF_STORED_OBJECT.test(error.message)) {
    return `${error.message}; 'gitstore verify' lists all damage, and a backup has what is lost`;
  }
  return error instanceof Error ? error.message || error.name : String(error);
}

/** The failure of a standard stream, which has no path. */
export function streamError(error: unknown, name: string): unknown {
  return isSystemError(error) ? localError(error, name) : error;
}

/** Runs a parser over what the user typed; what it refuses is a usage error. */
export function parseArgument<T>(parse: (text: string) => T, text: string): T {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof GitStoreError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

/** Control characters as `\x1b`; the rest as it is. */
export function escapeControls(text: string): string {
  return text.replace(/[\0-\x1f\x7f-\x9f]/g, (char) => {
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}
