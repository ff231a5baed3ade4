/**
 * The arguments and the environment as bytes. Node decodes them as UTF-8 and puts U+FFFD for what is
 * none; where file names are bytes (Linux), such a name would be that of another file. The kernel
 * still has the bytes.
 */

import { decodePath, encodePath } from '../../git/pathBytes.ts';
import { readFileSync } from '../../storage/disk/fs.ts';
import { UsageError } from '../errors.ts';

const REPLACEMENT = '\ufffd';

/**
 * The arguments with bytes that are no UTF-8 escaped as in all our paths (`git/pathBytes.ts`).
 * @throws UsageError where an argument may hold such bytes and they cannot be had
 */
export function rawArguments(args: readonly string[]): readonly string[] {
  const lossy = args.find((argument) => argument.includes(REPLACEMENT));
  if (lossy === undefined) return args;
  // Before ours stand Node, its own options and the program.
  const words = wordsOf('/proc/self/cmdline')?.slice(-args.length);
  // A process may have changed its own title, which is the same memory.
  const isSame =
    words?.length === args.length && words.every((word, i) => isDecoded(word, args[i]!));
  if (!isSame) throw unknownBytes('argument', lossy);
  return words;
}

/**
 * The value of an environment variable, in the same form.
 * @throws UsageError where it may hold such bytes and they cannot be had
 */
export function rawVariable(name: string): string | undefined {
  const value = process.env[name];
  if (value === undefined || !value.includes(REPLACEMENT)) return value;
  const lead = `${name}=`;
  const words = wordsOf('/proc/self/environ') ?? [];
  const word = words.find((word) => word.startsWith(lead))?.slice(lead.length);
  if (word === undefined || !isDecoded(word, value)) throw unknownBytes('variable', lead + value);
  return word;
}

/** What ends in NUL each; undefined where the system has no such file. */
function wordsOf(file: string): string[] | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return undefined;
  }
  const words: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const end = bytes.indexOf(0, start);
    if (end < 0) break;
    words.push(decodePath(bytes, start, end));
    start = end + 1;
  }
  return words;
}

/** Whether Node makes that text of the word. */
function isDecoded(word: string, text: string): boolean {
  return word === text || encodePath(word).toString() === text;
}

function unknownBytes(what: string, text: string): UsageError {
  return new UsageError(
    `${what} '${text}' is not UTF-8, and this system does not say which bytes it has; rename the file`,
  );
}
