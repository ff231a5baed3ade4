/**
 * The text of commits and tags. It is UTF-8 unless an `encoding` header names another encoding
 * (git-commit(1), "Discussion"). Invalid UTF-8 becomes the escapes of pathBytes.ts, so that
 * text that is read and written again has the same bytes.
 */

import { TextDecoder } from 'node:util';
import { asBuffer } from '../bytes.ts';
import { addAll } from '../lists.ts';
import { decodePath, encodeText } from './pathBytes.ts';

/** The text of bytes in an encoding. Reads an unknown encoding, or none, as UTF-8. */
export function decodeText(bytes: Uint8Array, encoding?: string): string {
  if (encoding === undefined || isUtf8(encoding)) return decodePath(bytes);
  if (isLatin1(encoding)) return asBuffer(bytes).toString('latin1');
  const decoder = findDecoder(encoding);
  return decoder === undefined ? decodePath(bytes) : decoder.decode(bytes);
}

/** The bytes of a text in an encoding; undefined when the encoding cannot express it. */
export function encodeTextAs(text: string, encoding?: string): Buffer | undefined {
  if (encoding === undefined || isUtf8(encoding)) return encodeText(text);
  if (isLatin1(encoding)) {
    return /^[\0-\xff]*$/.test(text) ? Buffer.from(text, 'latin1') : undefined;
  }
  const decoder = findDecoder(encoding);
  if (decoder === undefined) return encodeText(text);
  const table = encodingTable(decoder);
  const parts: number[] = [];
  for (const character of text) {
    const bytes = table.get(character);
    if (bytes === undefined) return undefined;
    addAll(parts, bytes);
  }
  const encoded = Buffer.from(parts);
  // A table of characters cannot express an encoding with a state.
  return decoder.decode(encoded) === text ? encoded : undefined;
}

function isUtf8(encoding: string): boolean {
  return /^utf-?8$/i.test(encoding);
}

/** `TextDecoder` reads these names as windows-1252, which Git's iconv does not. */
function isLatin1(encoding: string): boolean {
  return /^(iso-?8859-1|iso_8859-1|latin-?1|us-ascii|ascii)$/i.test(encoding);
}

/** Undefined also for UTF-16, whose headers would be unreadable. */
function findDecoder(encoding: string): TextDecoder | undefined {
  try {
    const decoder = new TextDecoder(encoding, { ignoreBOM: true });
    return decoder.encoding.startsWith('utf-16') ? undefined : decoder;
  } catch {
    return undefined;
  }
}

const encodingTables = new Map<string, Map<string, readonly number[]>>();

/** Maps characters to bytes, for all sequences of one and two bytes. The platform has no encoder. */
function encodingTable(decoder: TextDecoder): Map<string, readonly number[]> {
  const known = encodingTables.get(decoder.encoding);
  if (known !== undefined) return known;
  const table = new Map<string, readonly number[]>();
  const add = (bytes: readonly number[]): boolean => {
    const text = decoder.decode(Uint8Array.from(bytes));
    const [character] = text;
    if (character === undefined || character !== text || text === '\ufffd') return false;
    if (!table.has(character)) table.set(character, bytes);
    return true;
  };
  for (let lead = 0; lead < 256; lead++) {
    if (add([lead])) continue;
    for (let trail = 0x20; trail < 256; trail++) add([lead, trail]);
  }
  encodingTables.set(decoder.encoding, table);
  return table;
}
