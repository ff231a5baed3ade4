/** Packs made by hand, sound and not. */
import { createHash } from 'node:crypto';
import { deflateSync } from 'node:zlib';
import type { ObjectType } from '../../src/git/objectId.ts';
import { offsetDelta, PackType, packEntryHeader, packHeader } from '../../src/git/packs/pack.ts';

export type CraftedEntry =
  | { readonly type: ObjectType; readonly data: Uint8Array; readonly size?: number }
  /** A delta on the entry so many places before. */
  | { readonly back: number; readonly data: Uint8Array; readonly size?: number }
  /** A delta on the object with this id. */
  | { readonly base: string; readonly data: Uint8Array; readonly size?: number };

export interface Crafting {
  /** What the header says. */
  readonly count?: number;
  readonly trailer?: Uint8Array;
  /** The zlib stream of an entry's data. */
  readonly deflate?: (data: Uint8Array) => Uint8Array;
}

/** `size` is what an entry's header says of the size of its data. */
export function craftPack(entries: readonly CraftedEntry[], crafting: Crafting = {}): Buffer {
  const parts: Uint8Array[] = [packHeader(crafting.count ?? entries.length)];
  const offsets: number[] = [];
  let at = 12;
  for (const [i, entry] of entries.entries()) {
    const size = entry.size ?? entry.data.length;
    const pieces: Uint8Array[] = [];
    if ('type' in entry) pieces.push(packEntryHeader(PackType[entry.type], size));
    else if ('back' in entry) {
      pieces.push(packEntryHeader(PackType.ofsDelta, size));
      pieces.push(offsetDelta(at - offsets[i - entry.back]!));
    } else {
      pieces.push(packEntryHeader(PackType.refDelta, size), Buffer.from(entry.base, 'hex'));
    }
    pieces.push((crafting.deflate ?? deflateSync)(entry.data));
    offsets.push(at);
    for (const piece of pieces) at += piece.length;
    parts.push(...pieces);
  }
  const body = Buffer.concat(parts);
  return Buffer.concat([body, crafting.trailer ?? createHash('sha1').update(body).digest()]);
}

function number(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

/** A delta that inserts text before the whole base (of less than 64 KiB). */
export function prepending(base: Uint8Array, text: string): Buffer {
  const insert = Buffer.from(text);
  const copy = base.length === 0 ? [] : [0x80 | 0x30, base.length & 255, base.length >> 8];
  return Buffer.from([
    ...number(base.length),
    ...number(base.length + insert.length),
    insert.length,
    ...insert,
    ...copy,
  ]);
}

/** A delta that copies the first 64 KiB of its base so many times. */
export function repeating(baseSize: number, times: number): Buffer {
  const head = [...number(baseSize), ...number(times * 0x10000)];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(times, 0x80)]);
}
