/**
 * Reads the ids in an object from its bytes. Walks over whole histories read hundreds of thousands of
 * objects, and would spend most of their time in `parseTree` and `parseCommit`.
 */

import { CorruptObjectError } from '../../errors.ts';
import type { ObjectType } from '../objectId.ts';
import { EntryScan, ID_LENGTH, type LinkKind, linkKind } from './entryScan.ts';
import { eachNewEntry } from './treeDifference.ts';

export type { LinkKind } from './entryScan.ts';

const HEX_LENGTH = 40;
const SPACE = 0x20;
const LINE_FEED = 0x0a;

/** Values of hex digits, lowercase and uppercase; 255 for all other bytes. */
const HEX = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  HEX['0123456789abcdef'.charCodeAt(i)] = i;
  HEX['0123456789ABCDEF'.charCodeAt(i)] = i;
}

/**
 * Calls `visit` for every entry of a tree, in the order of the body. The id is the 20 bytes at
 * `nameEnd + 1`.
 * @throws CorruptObjectError where the body does not follow the format
 */
export function eachTreeLink(
  body: Uint8Array,
  visit: (kind: LinkKind, nameStart: number, nameEnd: number) => void,
): void {
  const entries = new EntryScan(body);
  while (entries.next()) visitEntry(entries, visit);
  if (entries.fault !== undefined) throw corrupt('tree');
}

/**
 * As `eachTreeLink`, without the entries that `base` has too: of two versions of a directory only the
 * differences matter. If one of them is out of order, it may visit some of the others as well.
 * @param base a tree that `eachTreeLink` has gone through
 */
export function eachNewTreeLink(
  body: Uint8Array,
  base: Uint8Array,
  visit: (kind: LinkKind, nameStart: number, nameEnd: number) => void,
): void {
  const entries = new EntryScan(body);
  eachNewEntry(entries, new EntryScan(base), () => visitEntry(entries, visit));
  if (entries.fault !== undefined) throw corrupt('tree');
}

function visitEntry(
  { mode, nameStart, nameEnd }: EntryScan,
  visit: (kind: LinkKind, nameStart: number, nameEnd: number) => void,
): void {
  if (nameStart === nameEnd) throw corrupt('tree');
  visit(linkKind(mode), nameStart, nameEnd);
}

/** The ids in a commit. Reused for many commits by `readCommitLinks`. */
export class CommitLinks {
  /** The tree's id. */
  readonly tree = Buffer.alloc(ID_LENGTH);
  /** The ids of `parentCount` parents, one after the other. */
  parents = Buffer.alloc(2 * ID_LENGTH);
  parentCount = 0;
  /** Committer time in seconds since the epoch; 0 where it cannot be read. */
  time = 0;
}

/**
 * Reads the ids in a commit into `links`.
 * @throws CorruptObjectError when there is no usable tree or parent line
 */
export function readCommitLinks(body: Uint8Array, links: CommitLinks): void {
  let at = idLine(body, 0, TREE, links.tree, 0);
  if (at === -1) throw corrupt('commit');
  let count = 0;
  for (;;) {
    if ((count + 1) * ID_LENGTH > links.parents.length) {
      links.parents = Buffer.concat([links.parents, links.parents]);
    }
    const next = idLine(body, at, PARENT, links.parents, count * ID_LENGTH);
    if (next === -1) break;
    at = next;
    count++;
  }
  if (startsWith(body, at, PARENT)) throw corrupt('commit');
  links.parentCount = count;
  links.time = committerTime(body, at);
}

/**
 * Reads the target of a tag into `id`.
 * @throws CorruptObjectError when the tag does not say it
 */
export function readTagLink(body: Uint8Array, id: Uint8Array): ObjectType {
  const at = idLine(body, 0, OBJECT, id, 0);
  if (at === -1) throw corrupt('tag');
  for (const { type, line } of TAGGED) {
    if (startsWith(body, at, line)) return type;
  }
  throw corrupt('tag');
}

const TREE = Buffer.from('tree ');
const PARENT = Buffer.from('parent ');
const OBJECT = Buffer.from('object ');
const COMMITTER = Buffer.from('committer ');
const TAGGED = (['commit', 'tree', 'blob', 'tag'] as const).map((type) => ({
  type,
  line: Buffer.from(`type ${type}\n`),
}));

/** Reads a line of a word and an id in hex. Returns the offset after it, or -1. */
function idLine(
  body: Uint8Array,
  start: number,
  word: Uint8Array,
  id: Uint8Array,
  idAt: number,
): number {
  if (!startsWith(body, start, word)) return -1;
  const at = start + word.length;
  for (let i = 0; i < ID_LENGTH; i++) {
    const high = HEX[body[at + 2 * i] ?? 0]!;
    const low = HEX[body[at + 2 * i + 1] ?? 0]!;
    if ((high | low) > 15) return -1;
    id[idAt + i] = (high << 4) | low;
  }
  const end = at + HEX_LENGTH;
  return body[end] === LINE_FEED ? end + 1 : -1;
}

/** The number after the last `>` of the committer line. */
function committerTime(body: Uint8Array, start: number): number {
  let at = start;
  while (at < body.length && body[at] !== LINE_FEED) {
    const end = body.indexOf(LINE_FEED, at);
    const lineEnd = end === -1 ? body.length : end;
    if (startsWith(body, at, COMMITTER)) {
      let digit = body.subarray(at, lineEnd).lastIndexOf(0x3e) + at + 1;
      while (body[digit] === SPACE) digit++;
      let time = 0;
      for (; body[digit]! >= 0x30 && body[digit]! <= 0x39; digit++) {
        time = time * 10 + body[digit]! - 0x30;
      }
      return Number.isSafeInteger(time) ? time : 0;
    }
    at = lineEnd + 1;
  }
  return 0;
}

function startsWith(body: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) {
    if (body[at + i] !== word[i]) return false;
  }
  return true;
}

function corrupt(type: ObjectType): CorruptObjectError {
  return new CorruptObjectError(`A ${type} is corrupt: it cannot be told what it names`);
}
