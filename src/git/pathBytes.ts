/**
 * File names as strings. Git's names are bytes. Their string form is decoded as UTF-8, and each byte that is
 * not part of valid UTF-8 becomes an *escape*:
 * the lone surrogate U+DC00 + byte (U+DC80 to U+DCFF), as Python's `surrogateescape` (PEP 383) does.
 * Every byte sequence survives decoding and encoding unchanged.
 */

import { asBuffer } from '../bytes.ts';
import { InvalidPathError } from '../errors.ts';
import { HAS_BYTE_NAMES } from '../runtime.ts';

const ESCAPE_BASE = 0xdc00;
const FIRST_SURROGATE = 0xd800;
const LAST_SURROGATE = 0xdfff;

/** The string form of the bytes from `start` to `end`. */
export function decodePath(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const buffer = asBuffer(bytes);
  const text = buffer.toString('utf8', start, end);
  // The decoder replaces invalid bytes by U+FFFD, which may also be in the name itself.
  return text.includes('\ufffd') ? decodeWithEscapes(buffer.subarray(start, end)) : text;
}

/**
 * The bytes of a name: the exact inverse of `decodePath`.
 * @throws InvalidPathError for a lone surrogate that encodes no byte
 */
export function encodePath(path: string): Buffer {
  return hasLoneSurrogate(path) ? encodeWithEscapes(path, refuseSurrogate) : Buffer.from(path);
}

/**
 * The form in which Node's file system takes a path without loss: bytes where it has escapes.
 * @throws an error with code EILSEQ for such a path where the runtime has no names that are bytes
 */
export function toDisk(path: string): string | Buffer {
  if (!hasLoneSurrogate(path)) return path;
  if (!HAS_BYTE_NAMES) throw noSuchNames('open', path);
  return encodePath(path);
}

/**
 * A name from the file system, which was asked for bytes.
 * @throws an error with code EILSEQ where the runtime may have put U+FFFD for what it cannot read
 */
export function fromDisk(name: string | Uint8Array): string {
  if (HAS_BYTE_NAMES && typeof name !== 'string') return decodePath(name);
  const text = typeof name === 'string' ? name : asBuffer(name).toString();
  if (!HAS_BYTE_NAMES && text.includes('\ufffd')) throw noSuchNames('read', text);
  return text;
}

/** In the form of the file system's own errors. */
function noSuchNames(syscall: string, path: string): Error {
  const reason = 'the name is not UTF-8';
  return Object.assign(new Error(`EILSEQ: ${reason}`), { code: 'EILSEQ', syscall, path });
}

/**
 * `encodePath` for text that must always have bytes (messages, names of people): a lone surrogate that
 * encodes no byte becomes U+FFFD.
 */
export function encodeText(text: string): Buffer {
  return hasLoneSurrogate(text) ? encodeWithEscapes(text, replaceSurrogate) : Buffer.from(text);
}

/** Whether the text has a lone surrogate, which UTF-8 cannot encode. */
export function hasLoneSurrogate(text: string): boolean {
  return !text.isWellFormed();
}

/**
 * Orders names by their bytes, as Git does. Differs from JavaScript's own order only for surrogates.
 */
export function comparePaths(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      return isSurrogate(x) || isSurrogate(y)
        ? Buffer.compare(encodePath(a), encodePath(b))
        : x - y;
    }
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= FIRST_SURROGATE && unit <= LAST_SURROGATE;
}

function decodeWithEscapes(bytes: Buffer): string {
  let text = '';
  let validFrom = 0;
  let at = 0;
  while (at < bytes.length) {
    const length = sequenceLength(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    text += bytes.toString('utf8', validFrom, at);
    text += String.fromCharCode(ESCAPE_BASE + bytes[at]!);
    at++;
    validFrom = at;
  }
  return text + bytes.toString('utf8', validFrom, at);
}

/** Length of the well-formed UTF-8 sequence at `at` (Unicode, table 3-7), or 0. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (at + length > bytes.length) return 0;
  const second = bytes[at + 1]!;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  for (let i = at + 2; i < at + length; i++) {
    if ((bytes[i]! & 0xc0) !== 0x80) return 0;
  }
  return length;
}

function encodeWithEscapes(text: string, onSurrogate: (text: string) => string): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    const point = text.codePointAt(at)!;
    if (point > 0xffff) {
      at++;
    } else if (isSurrogate(point)) {
      parts.push(Buffer.from(text.slice(from, at)));
      from = at + 1;
      const byte = point - ESCAPE_BASE;
      parts.push(byte >= 0x80 && byte <= 0xff ? Buffer.of(byte) : Buffer.from(onSurrogate(text)));
    }
  }
  parts.push(Buffer.from(text.slice(from)));
  return Buffer.concat(parts);
}

function refuseSurrogate(path: string): never {
  throw new InvalidPathError(`Path is not valid Unicode: ${JSON.stringify(path)}`, { path });
}

function replaceSurrogate(): string {
  return '\ufffd';
}
