/**
 * The words of a Bash command line that is not finished. Bash itself splits words at colons before it asks
 * for completions, and leaves quotes in them; so the line is read here.
 */

export interface LineWords {
  /** All words before the last, without their quotes. */
  readonly before: readonly string[];
  /** The last one, as far as it is typed. */
  readonly word: string;
  /** The quote that is open at the end. */
  readonly quote: '' | '"' | "'";
  /** Where in `word` the part begins that Bash puts a completion in the place of. */
  readonly from: number;
}

/** @param breaks characters that end a word for Bash's completion (`$COMP_WORDBREAKS`) */
export function wordsOfLine(line: string, breaks: string): LineWords {
  const before: string[] = [];
  let word: string | undefined;
  let quote: LineWords['quote'] = '';
  let from = 0;
  for (let i = 0; i < line.length; i++) {
    const char = line[i]!;
    if (quote === "'") {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '\\' && (quote === '' || /["$`\\\n]/.test(line[i + 1] ?? ''))) {
      word = (word ?? '') + (line[++i] ?? '');
    } else if (quote === '"') {
      if (char === quote) quote = '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
      from = word.length;
    } else if (/\s/.test(char)) {
      if (word !== undefined) before.push(word);
      word = undefined;
      from = 0;
    } else {
      word = (word ?? '') + char;
      if (/[:=]/.test(char) && breaks.includes(char)) from = word.length;
    }
  }
  return { before, word: word ?? '', quote, from };
}

/** A completion as Bash puts it into the line. @param isWhole whether a next word may follow */
export function bashCompletion(
  value: string,
  { quote, from }: LineWords,
  isWhole: boolean,
): string {
  const rest = value.slice(from);
  if (quote === "'") return rest.replaceAll("'", "'\\''");
  if (quote === '"') return rest.replace(/["$`\\]/g, '\\$&');
  return rest.replace(/[\s!"#$&'()*;<=>?[\\\]^`{|}~]/g, '\\$&') + (isWhole ? ' ' : '');
}
