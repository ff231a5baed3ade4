/**
 * What an object names, read straight from its bytes: walks over whole histories look at hundreds of
 * thousands of objects, and building them as `parseTree` and `parseCommit` do would take most of the
 * time.
 */

import { sameBytes } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';
import type { ObjectType } from '../objectId.ts';

const ID_LENGTH = 20;
const HEX_LENGTH = 40;
const SPACE = 0x20;
const LINE_FEED = 0x0a;

/** Values of hex digits, lowercase and uppercase; 255 for all other bytes. */
const HEX = new Uint8Array(256).fill(255);
for (let i = 0; i < 16; i++) {
  HEX['0123456789abcdef'.charCodeAt(i)] = i;
  HEX['0123456789ABCDEF'.charCodeAt(i)] = i;
}

/** What a tree entry points to: `commit` is a submodule, whose objects are elsewhere. */
export type LinkKind = 'tree' | 'blob' | 'commit';

/**
 * Calls `visit` for every entry of a tree, in the order in which they lie; the id is the 20 bytes at
 * `nameEnd + 1`.
 * @throws CorruptObjectError where the body does not follow the format
 */
export function eachTreeLink(
  body: Uint8Array,
  visit: (kind: LinkKind, nameStart: number, nameEnd: number) => void,
): void {
  for (let at = 0; at < body.length; ) at = visitEntry(body, at, visit);
}

/**
 * As `eachTreeLink`, without the entries that `base` has too, at least where both are in order: of two
 * versions of a directory only what differs needs to be looked at.
 * @param base a tree that `eachTreeLink` has gone through
 */
export function eachNewTreeLink(
  body: Uint8Array,
  base: Uint8Array,
  visit: (kind: LinkKind, nameStart: number, nameEnd: number) => void,
): void {
  let at = 0;
  let baseAt = 0;
  while (at < body.length) {
    const shared = sharedEntries(body, at, base, baseAt);
    at += shared;
    baseAt += shared;
    if (at === body.length) return;
    const order = baseAt === base.length ? -1 : compareEntryNames(body, at, base, baseAt);
    if (order <= 0) at = visitEntry(body, at, visit);
    if (order >= 0) baseAt = base.indexOf(0, baseAt) + 1 + ID_LENGTH;
    // Mostly the one entry was all: comparing what is left in one go is quicker than going through it.
    if (body.length - at === base.length - baseAt && sameEnd(body, at, base)) return;
  }
}

/** Whether all bytes from a place on are those at the end of another tree. */
function sameEnd(a: Uint8Array, start: number, b: Uint8Array): boolean {
  const end = b.length - (a.length - start);
  return sameBytes(b, end, b.length, a, start, a.length);
}

/** Length of the entries from two places on, where both trees have the beginning of one, that are the same. */
function sharedEntries(a: Uint8Array, startA: number, b: Uint8Array, startB: number): number {
  const most = Math.min(a.length - startA, b.length - startB);
  let shared = 0;
  let at = 0;
  while (at < most) {
    // Mode and name end with a NUL, the first one there is.
    while (at < most && a[startA + at] === b[startB + at] && a[startA + at] !== 0) at++;
    const end = at + 1 + ID_LENGTH;
    while (at < end && at < most && a[startA + at] === b[startB + at]) at++;
    if (at < end) break;
    shared = at;
  }
  return shared;
}

/** Order of the names of two entries, as bytes; 0 where one begins with the other. */
function compareEntryNames(a: Uint8Array, startA: number, b: Uint8Array, startB: number): number {
  let atA = a.indexOf(SPACE, startA) + 1;
  let atB = b.indexOf(SPACE, startB) + 1;
  // Where no space follows no entry begins: the caller reports that when it reads the entry.
  if (atA === 0) return -1;
  for (; a[atA] === b[atB] && a[atA] !== 0; atA++, atB++);
  return a[atA]! - b[atB]!;
}

/** Returns the place after the entry. */
function visitEntry(
  body: Uint8Array,
  start: number,
  visit: (kind: LinkKind, nameStart: number, nameEnd: number) => void,
): number {
  const last = body.length - ID_LENGTH;
  let at = start;
  let mode = 0;
  let byte = body[at];
  while (byte !== SPACE) {
    if (byte === undefined || byte < 0x30 || byte > 0x37) throw corrupt('tree');
    mode = (mode << 3) | (byte - 0x30);
    byte = body[++at];
  }
  const nameStart = ++at;
  while (at < last && body[at] !== 0) at++;
  if (at >= last || at === nameStart) throw corrupt('tree');
  const type = mode & 0o170000;
  visit(type === 0o040000 ? 'tree' : type === 0o160000 ? 'commit' : 'blob', nameStart, at);
  return at + 1 + ID_LENGTH;
}

/** What a commit names. One of these is used again and again; see `readCommitLinks`. */
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
 * Reads what a commit names into `links`.
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
 * Reads what a tag points to: its id goes to `id`.
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

/** Reads a line of a word and an id in hex; returns the place after it, or -1. */
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

/** The number behind the last `>` of the committer line. */
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
