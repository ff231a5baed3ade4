/**
 * Pax records: `LENGTH KEY=VALUE\n`, the length in decimal and counting itself (pax(1p)). They say of
 * the next member, or of all that follow, what a header block has no room for.
 */
import { asBuffer } from '../../bytes.ts';
import { BadHeader } from './header.ts';

/** Values are bytes: names need not be UTF-8. */
export type PaxRecords = Map<string, Buffer>;

/** Records for which one key may come many times, in order (GNU's sparse maps). */
export interface ParsedPax {
  readonly records: PaxRecords;
  /** Offsets and lengths of GNU.sparse.offset / numbytes pairs (format 0.0). */
  readonly sparsePairs: readonly number[];
}

/** @throws BadHeader */
export function parsePax(data: Uint8Array): ParsedPax {
  const bytes = asBuffer(data);
  const records: PaxRecords = new Map();
  const sparsePairs: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes[at] === 0) break;
    const blank = bytes.indexOf(0x20, at);
    const length = blank < 0 ? Number.NaN : decimal(bytes.subarray(at, blank));
    const end = at + length;
    const equals = bytes.indexOf(0x3d, blank);
    if (!(end <= bytes.length) || equals < 0 || equals >= end || bytes[end - 1] !== 0x0a) {
      throw new BadHeader('an extended header cannot be read');
    }
    const key = bytes.toString('utf8', blank + 1, equals);
    const value = bytes.subarray(equals + 1, end - 1);
    if (key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes') {
      sparsePairs.push(decimal(value));
    } else {
      records.set(key, Buffer.from(value));
    }
    at = end;
  }
  return { records, sparsePairs };
}

/** @throws BadHeader for what is no whole number */
export function decimal(text: Buffer): number {
  const value = /^[0-9]{1,16}$/.test(text.toString('latin1')) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw new BadHeader('an extended header has a bad number');
  return value;
}

export function paxRecord(key: string, value: Uint8Array | string): Buffer {
  const text = typeof value === 'string' ? Buffer.from(value) : value;
  const rest = Buffer.byteLength(key) + text.length + 3;
  let length = rest + String(rest).length;
  if (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), text, Buffer.from('\n')]);
}
