/**
 * The arguments as bytes. Node decodes them as UTF-8 and loses what is not; where file names are
 * bytes (Linux), such a name could not be given at all. The kernel still has them.
 */
import { readFileSync } from 'node:fs';
import { decodePath } from '../git/pathBytes.ts';

/** The arguments with bytes that are no UTF-8 escaped as in all our paths (`git/pathBytes.ts`). */
export function rawArguments(args: readonly string[]): readonly string[] {
  if (!args.some((argument) => argument.includes('\ufffd'))) return args;
  let line: Buffer;
  try {
    line = readFileSync('/proc/self/cmdline');
  } catch {
    return args;
  }
  // Every argument ends in NUL; before ours stand Node, its own options and the program.
  const words: string[] = [];
  for (let start = 0; start < line.length; ) {
    const end = line.indexOf(0, start);
    if (end < 0) break;
    words.push(decodePath(line, start, end));
    start = end + 1;
  }
  return words.slice(-args.length);
}
