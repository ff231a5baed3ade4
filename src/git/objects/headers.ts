/**
 * The header lines of commits and tags: `<key> <value>`. A line that begins with a space continues the
 * value of the previous line.
 */
import { asBuffer } from '../../bytes.ts';
import { decodeText } from '../textEncoding.ts';

export interface ExtraHeader {
  readonly key: string;
  readonly value: string;
}

/** One header with its raw value: one character per byte (Latin-1). */
export interface HeaderLine {
  readonly key: string;
  readonly value: string;
}

const EMPTY_LINE = Buffer.from('\n\n');

/** Splits a body. Without an empty line everything is headers and the message is empty. */
export function splitHeaders(body: Uint8Array): { lines: HeaderLine[]; message: Buffer } {
  const bytes = asBuffer(body);
  const end = bytes.indexOf(EMPTY_LINE);
  const text = bytes.toString('latin1', 0, end === -1 ? bytes.length : end);
  const lines: HeaderLine[] = [];
  let at = 0;
  while (at < text.length) {
    let lineEnd = text.indexOf('\n', at);
    // Include continuation lines.
    while (lineEnd !== -1 && text[lineEnd + 1] === ' ') lineEnd = text.indexOf('\n', lineEnd + 1);
    if (lineEnd === -1) lineEnd = text.length;
    lines.push(splitLine(text.slice(at, lineEnd)));
    at = lineEnd + 1;
  }
  return { lines, message: end === -1 ? Buffer.alloc(0) : bytes.subarray(end + 2) };
}

/** The value as text. */
export function headerValue(line: HeaderLine, encoding?: string): string {
  // Most names are ASCII.
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
