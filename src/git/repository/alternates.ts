/**
 * The file `objects/info/alternates` (gitrepository-layout(5)): one directory a line, its bytes as they
 * are. A line that begins with `"` is quoted as in C; one that begins with `#` is a comment.
 */
import { decodePath } from '../pathBytes.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ESCAPES: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  f: 12,
  n: 10,
  r: 13,
  t: 9,
  v: 11,
  '"': QUOTE,
  '\\': BACKSLASH,
};

/** The listed directories, in the string form of pathBytes.ts. */
export function parseAlternates(bytes: Buffer): string[] {
  const paths: string[] = [];
  for (let start = 0; start < bytes.length; ) {
    const feed = bytes.indexOf(0x0a, start);
    const end = feed === -1 ? bytes.length : feed;
    const line = bytes.subarray(start, end);
    start = end + 1;
    if (line.length === 0 || line[0] === 0x23) continue;
    // As in Git, a malformed quoted line is taken literally.
    paths.push(decodePath((line[0] === QUOTE && unquoted(line)) || line));
  }
  return paths;
}

function unquoted(line: Buffer): Buffer | undefined {
  const out: number[] = [];
  for (let at = 1; at < line.length; at++) {
    const byte = line[at]!;
    if (byte === QUOTE) return Buffer.from(out);
    if (byte !== BACKSLASH) {
      out.push(byte);
      continue;
    }
    const octal = /^[0-3][0-7]{2}/.exec(line.toString('latin1', at + 1, at + 4))?.[0];
    const known = ESCAPES[String.fromCharCode(line[at + 1] ?? 0)];
    if (octal === undefined && known === undefined) return undefined;
    out.push(octal === undefined ? known! : Number.parseInt(octal, 8));
    at += octal === undefined ? 1 : 3;
  }
  return undefined;
}
