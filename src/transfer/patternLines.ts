/** Files of exclude patterns: --exclude-from and .gitignore. */
import { decodePath } from '../git/pathBytes.ts';

/** The lines of such a file, compared with names and therefore decoded as names are. */
export function patternLines(content: Uint8Array): string[] {
  return decodePath(content)
    .replace(/^\ufeff/, '')
    .split(/\r?\n|\r$/)
    .map(withTrailingSpace);
}

/**
 * Git takes blanks off the end of a line and no other white space, `ignore` takes off all of it: what
 * belongs to the name (`Icon\r`) is put in brackets.
 */
function withTrailingSpace(line: string): string {
  const kept = /[^\S ] +$/.test(line) ? line.replace(/ +$/, '') : line;
  return kept.replace(/(?<!\\)[^\S ]+$/, (space) =>
    Array.from(space, (char) => `[${char}]`).join(''),
  );
}
