/**
 * `gitstore __complete SHELL …`: what the completion scripts ask at each press of the key. The first line
 * that it prints is what the shell is to offer of the local disk where no other line follows: `file`,
 * `directory` or `none`. Each other line is a completion, with a tab and what it is.
 */
import { Lines } from '../output/output.ts';
import { type Candidate, complete } from './candidates.ts';
import { bashCompletion, wordsOfLine } from './shellWords.ts';

/** What would be two lines, or a line and a note, cannot be completed. */
const SEPARATORS = /[\t\n\r]/;

/** The words, from the variable where a shell cannot hand over all arguments as they are. */
const WORDS_VARIABLE = 'GITSTORE_COMPLETE';

export async function printCompletions(args: readonly string[]): Promise<void> {
  const [shell, ...rest] = args;
  const words = process.env[WORDS_VARIABLE]?.split('\n') ?? rest;
  const line = shell === 'bash' ? wordsOfLine(rest[1] ?? '', rest[0] ?? '') : undefined;
  const [before, word] = line ? [line.before, line.word] : [words.slice(0, -1), words.at(-1) ?? ''];
  // The first is the program.
  const { candidates, local } = await complete(before.slice(1), word);
  const lines = new Lines();
  await lines.add(local ?? 'none');
  for (const { value, note, isWhole } of distinct(candidates)) {
    if (SEPARATORS.test(value)) continue;
    if (line !== undefined) await lines.add(bashCompletion(value, line, isWhole));
    else await lines.add(note === undefined ? value : `${value}\t${firstSentence(note)}`);
  }
  await lines.flush();
}

function distinct(candidates: readonly Candidate[]): Iterable<Candidate> {
  return new Map(candidates.map((candidate) => [candidate.value, candidate])).values();
}

function firstSentence(text: string): string {
  return text.replace(/[;(].*$/s, '').trim();
}
