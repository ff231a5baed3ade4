/** Characters of names as Git writes them in quotes (git-config(1), core.quotePath). */
import { encodePath } from './pathBytes.ts';

const SHORT: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\t': '\\t',
  '\n': '\\n',
  '\v': '\\v',
  '\f': '\\f',
  '\r': '\\r',
  '"': '\\"',
  '\\': '\\\\',
};

/** A short escape such as `\n`, or the bytes of the character in octal. */
export function escapedChar(char: string): string {
  return SHORT[char] ?? Array.from(encodePath(char), octal).join('');
}

function octal(byte: number): string {
  return `\\${byte.toString(8).padStart(3, '0')}`;
}
