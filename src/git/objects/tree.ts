/**
 * Trees: one directory each. A tree's body is a run of *entries*, `<mode in octal> <name>\0<20 bytes
 * of id>`, ordered by name bytes with every directory compared as if its name ended in `/`
 * (gitformat-pack(5) has no word on it; Git's `base_name_compare` is the source).
 *
 * Here trees are read, as they lie: also in a wrong order or with modes of old Git versions. They are
 * written in treeWriter.ts.
 */

import { asBuffer } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';
import type { ObjectId } from '../objectId.ts';
import { comparePaths, decodePath, encodePath } from '../pathBytes.ts';

/** Type and permission bits as in stat(2); Git writes only the five below. */
export type FileMode = number;

export const MODE_FILE: FileMode = 0o100644;
export const MODE_EXECUTABLE: FileMode = 0o100755;
export const MODE_LINK: FileMode = 0o120000;
export const MODE_TREE: FileMode = 0o040000;
/** A submodule: the id is a commit of another repository. */
export const MODE_GITLINK: FileMode = 0o160000;

export interface TreeEntry {
  /** One path segment, in the string form of pathBytes.ts. */
  readonly name: string;
  readonly mode: FileMode;
  readonly id: ObjectId;
}

const TYPE_BITS = 0o170000;
export const LARGEST_MODE = 0o177777;
/** Bytes of an id in an entry. */
export const ID_LENGTH = 20;
const SPACE = 0x20;
const SLASH = 0x2f;

export function isTreeMode(mode: FileMode): boolean {
  return (mode & TYPE_BITS) === MODE_TREE;
}

/** A plain or an executable file, not a link. */
export function isFileMode(mode: FileMode): boolean {
  return (mode & TYPE_BITS) === (MODE_FILE & TYPE_BITS);
}

/**
 * The mode as Git takes it (`canon_mode`): files are 100644, or 100755 where their owner may run them,
 * whatever else an old Git or another program has written. 0: of no kind that Git knows.
 */
export function canonicalMode(mode: FileMode): FileMode {
  if (mode === MODE_FILE || mode === MODE_TREE) return mode;
  const type = mode & TYPE_BITS;
  if (type === (MODE_FILE & TYPE_BITS)) return (mode & 0o100) === 0 ? MODE_FILE : MODE_EXECUTABLE;
  return type === MODE_TREE || type === MODE_LINK || type === MODE_GITLINK ? type : 0;
}

/** Git's order of entries. Zero only for the same name and both, or neither, a directory. */
export function compareTreeEntries(
  a: Pick<TreeEntry, 'name' | 'mode'>,
  b: Pick<TreeEntry, 'name' | 'mode'>,
): number {
  const shared = Math.min(a.name.length, b.name.length);
  if (a.name.length !== b.name.length && a.name.startsWith(b.name)) {
    return a.name.charCodeAt(shared) - endingOf(b.mode);
  }
  if (a.name.length !== b.name.length && b.name.startsWith(a.name)) {
    return endingOf(a.mode) - b.name.charCodeAt(shared);
  }
  return comparePaths(a.name, b.name) || endingOf(a.mode) - endingOf(b.mode);
}

/**
 * All entries, in the order in which they lie.
 * @throws CorruptObjectError where the body does not follow the format; names `treeId` if given
 */
export function parseTree(body: Uint8Array, treeId?: ObjectId): TreeEntry[] {
  const bytes = asBuffer(body);
  const entries: TreeEntry[] = [];
  const cursor = new EntryCursor(bytes, treeId);
  while (cursor.next()) {
    entries.push({
      name: decodePath(bytes, cursor.nameStart, cursor.nameEnd),
      mode: cursor.mode,
      id: cursor.id(),
    });
  }
  return entries;
}

/**
 * The first entry of that name, found without decoding the others.
 * @throws CorruptObjectError where the body is broken before the entry
 */
export function findTreeEntry(body: Uint8Array, name: string): TreeEntry | undefined {
  const cursor = seekEntry(asBuffer(body), entryNeedle(name));
  return cursor && { name, mode: cursor.mode, id: cursor.id() };
}

/** An entry and where it lies in the body. */
export interface PlacedEntry extends Pick<TreeEntry, 'mode' | 'id'> {
  /** Of its mode. */
  readonly start: number;
  /** Bytes before its id. */
  readonly headerLength: number;
}

/** As `findTreeEntry`, with the place. @param needle `entryNeedle` of the name */
export function placeTreeEntry(body: Uint8Array, needle: Buffer): PlacedEntry | undefined {
  const cursor = seekEntry(asBuffer(body), needle);
  if (cursor === undefined) return undefined;
  const { mode, start, nameEnd } = cursor;
  return { mode, id: cursor.id(), start, headerLength: nameEnd + 1 - start };
}

/** What every entry of that name holds. */
export function entryNeedle(name: string): Buffer {
  return encodePath(` ${name}\0`);
}

function seekEntry(bytes: Buffer, needle: Buffer): EntryCursor | undefined {
  // An absent name is found out at memory speed. The needle may also lie by chance within a longer
  // name or an id: only the walk over entries can tell.
  let found = bytes.indexOf(needle);
  const cursor = new EntryCursor(bytes);
  while (found !== -1) {
    if (toSkip > 0) skipPlainEntries(bytes, cursor, found);
    if (!cursor.next()) break;
    const expected = cursor.nameStart - 1;
    if (found < expected) found = bytes.indexOf(needle, expected);
    if (found === expected && cursor.nameEnd === found + needle.length - 1) return cursor;
  }
  return undefined;
}

/**
 * Entries that a process skips with the engine's own search. A loop of our own is quicker once the engine
 * has compiled it, which takes longer than a command that looks up one file.
 */
let toSkip = 2000;

const indexOfByte = Uint8Array.prototype.indexOf;

/** Moves the cursor over files and directories of the usual modes that end before `limit`. */
function skipPlainEntries(bytes: Buffer, cursor: EntryCursor, limit: number): void {
  const last = bytes.length - ID_LENGTH;
  for (let at = cursor.end; toSkip > 0; toSkip--) {
    const nameStart = at + plainModeLength(bytes, at);
    if (nameStart === at) return;
    const nameEnd = indexOfByte.call(bytes, 0, nameStart);
    at = nameEnd + 1 + ID_LENGTH;
    if (nameEnd <= nameStart || nameEnd >= last || at > limit) return;
    cursor.end = at;
  }
}

/** Length of `100644 ` or `40000 ` where that is at `at`; else 0. */
function plainModeLength(bytes: Buffer, at: number): number {
  if (bytes[at] === 0x31) {
    const isFile =
      bytes[at + 1] === 0x30 &&
      bytes[at + 2] === 0x30 &&
      bytes[at + 3] === 0x36 &&
      bytes[at + 4] === 0x34 &&
      bytes[at + 5] === 0x34 &&
      bytes[at + 6] === SPACE;
    return isFile ? 7 : 0;
  }
  const isDirectory =
    bytes[at] === 0x34 &&
    bytes[at + 1] === 0x30 &&
    bytes[at + 2] === 0x30 &&
    bytes[at + 3] === 0x30 &&
    bytes[at + 4] === 0x30 &&
    bytes[at + 5] === SPACE;
  return isDirectory ? 6 : 0;
}

/** Git's order of two names within bytes. Zero only for the same name with the same ending. */
export function compareNames(
  bytesA: Uint8Array,
  startA: number,
  endA: number,
  endingA: number,
  bytesB: Uint8Array,
  startB: number,
  endB: number,
  endingB: number,
): number {
  const lengthA = endA - startA;
  const lengthB = endB - startB;
  const shared = Math.min(lengthA, lengthB);
  for (let i = 0; i < shared; i++) {
    const difference = bytesA[startA + i]! - bytesB[startB + i]!;
    if (difference !== 0) return difference;
  }
  const afterA = lengthA > shared ? bytesA[startA + shared]! : endingA;
  const afterB = lengthB > shared ? bytesB[startB + shared]! : endingB;
  return afterA - afterB || lengthA - lengthB;
}

/** Walks the entries of a body; its fields describe the current one as places in the bytes. */
export class EntryCursor {
  start = 0;
  mode: FileMode = 0;
  nameStart = 0;
  nameEnd = 0;
  end = 0;
  readonly #bytes: Buffer;
  readonly #treeId: ObjectId | undefined;
  #previousStart = 0;
  #previousEnd = 0;
  #previousEnding = 0;

  constructor(bytes: Buffer, treeId?: ObjectId) {
    this.#bytes = bytes;
    this.#treeId = treeId;
  }

  next(): boolean {
    const bytes = this.#bytes;
    let at = this.end;
    if (at >= bytes.length) return false;
    this.#previousStart = this.nameStart;
    this.#previousEnd = this.nameEnd;
    this.#previousEnding = endingOf(this.mode);
    this.start = at;
    let mode = 0;
    for (let byte = bytes[at]; byte !== SPACE; byte = bytes[++at]) {
      // Past the end `byte` is undefined, and so no digit.
      if (!(byte! >= 0x30 && byte! <= 0x37)) throw this.#corrupt('a mode that is not octal');
      mode = mode * 8 + (byte! - 0x30);
      if (mode > LARGEST_MODE) throw this.#corrupt('a mode that is too large');
    }
    if (at === this.start) throw this.#corrupt('no mode');
    this.mode = canonicalMode(mode);
    if (this.mode === 0) throw this.#corrupt(`a mode of ${mode.toString(8)}`);
    this.nameStart = ++at;
    const last = bytes.length - ID_LENGTH;
    while (at < last && bytes[at] !== 0) at++;
    if (at >= last) throw this.#corrupt('an entry that is cut off');
    if (at === this.nameStart) throw this.#corrupt('an empty name');
    this.nameEnd = at;
    this.end = at + 1 + ID_LENGTH;
    return true;
  }

  /** The order of this entry and that name. */
  compare(name: Uint8Array, ending: number): number {
    return this.compareAt(name, 0, name.length, ending);
  }

  /** The same for a name within bytes. */
  compareAt(bytes: Uint8Array, start: number, end: number, ending: number): number {
    return compareNames(
      this.#bytes,
      this.nameStart,
      this.nameEnd,
      endingOf(this.mode),
      bytes,
      start,
      end,
      ending,
    );
  }

  /** False where this entry should stand before the one before it, or is the same again. */
  followsPrevious(): boolean {
    const order = compareNames(
      this.#bytes,
      this.#previousStart,
      this.#previousEnd,
      this.#previousEnding,
      this.#bytes,
      this.nameStart,
      this.nameEnd,
      endingOf(this.mode),
    );
    return order < 0;
  }

  id(): ObjectId {
    return this.#bytes.toString('hex', this.nameEnd + 1, this.end);
  }

  #corrupt(what: string): CorruptObjectError {
    const id = this.#treeId;
    return new CorruptObjectError(
      `Tree ${id ?? ''}${id ? ' ' : ''}is corrupt: ${what} at byte ${this.start}`,
      { objectId: id },
    );
  }
}

/** What the name of an entry counts as ending in: `/` for a directory, else 0. */
export function endingOf(mode: FileMode): number {
  return isTreeMode(mode) ? SLASH : 0;
}
