/**
 * The lines before the empty line in commits and tags: `<key> <value>`, where a line that begins
 * with a space goes on with the value of the line before.
 */
import { asBuffer } from '../bytes.ts';
import { decodeText } from './textEncoding.ts';

export interface ExtraHeader {
  readonly key: string;
  readonly value: string;
}

/** One header whose value still is bytes: each character stands for one byte (Latin-1). */
export interface HeaderLine {
  readonly key: string;
  readonly value: string;
}

const EMPTY_LINE = Buffer.from('\n\n');

/** Takes a body apart. Without an empty line, all of it is headers and the message is empty. */
export function splitHeaders(body: Uint8Array): { lines: HeaderLine[]; message: Buffer } {
  const bytes = asBuffer(body);
  const end = bytes.indexOf(EMPTY_LINE);
  const text = bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
  const lines: HeaderLine[] = [];
  let at = 0;
  while (at < text.length) {
    let lineEnd = text.indexOf('\n', at);
    // A value that goes on in further lines is taken as a whole.
    while (lineEnd !== -1 && text[lineEnd + 1] === ' ') lineEnd = text.indexOf('\n', lineEnd + 1);
    if (lineEnd === -1) lineEnd = text.length;
    lines.push(splitLine(text.slice(at, lineEnd)));
    at = lineEnd + 1;
  }
  return { lines, message: end === -1 ? Buffer.alloc(0) : bytes.subarray(end + 2) };
}

/** The value as text. */
export function headerValue(line: HeaderLine, encoding?: string): string {
  // Names are ASCII far more often than not.
  if (!/[\x80-\xff]/.test(line.value)) return line.value;
  return decodeText(Buffer.from(line.value, 'latin1'), encoding);
}

function splitLine(line: string): HeaderLine {
  const firstEnd = line.indexOf('\n');
  const first = firstEnd === -1 ? line : line.slice(0, firstEnd);
  const space = first.indexOf(' ');
  const key = space === -1 ? first : first.slice(0, space);
  const value = line.slice(space === -1 ? key.length : space + 1);
  return { key, value: firstEnd === -1 ? value : value.replaceAll('\n ', '\n') };
}
