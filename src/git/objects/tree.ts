/**
 * Trees: one directory each. entryScan.ts describes the format.
 *
 * Reads trees as they are stored, also those in a wrong order or with modes of old Git versions. treeWriter.ts
 * writes them.
 */

import { asBuffer } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';
import type { ObjectId } from '../objectId.ts';
import { comparePaths, decodePath, encodePath } from '../pathBytes.ts';
import { compareNames, EntryScan, endingOf } from './entryScan.ts';

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

export function isTreeMode(mode: FileMode): boolean {
  return (mode & TYPE_BITS) === MODE_TREE;
}

/** A plain or an executable file, not a link. */
export function isFileMode(mode: FileMode): boolean {
  return (mode & TYPE_BITS) === (MODE_FILE & TYPE_BITS);
}

/**
 * The mode as Git reads it (`canon_mode`): 100755 for a file that its owner may run, 100644 for other files,
 * whatever their other bits. 0: a type that Git does not know.
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
 * All entries, in the order of the body.
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

/** An entry and its offset in the body. */
export interface PlacedEntry extends Pick<TreeEntry, 'mode' | 'id'> {
  /** Of its mode. */
  readonly start: number;
  /** Bytes before its id. */
  readonly headerLength: number;
}

/** As `findTreeEntry`, with the offset. @param needle `entryNeedle` of the name */
export function placeTreeEntry(body: Uint8Array, needle: Buffer): PlacedEntry | undefined {
  const cursor = seekEntry(asBuffer(body), needle);
  if (cursor === undefined) return undefined;
  const { mode, start, nameEnd } = cursor;
  return { mode, id: cursor.id(), start, headerLength: nameEnd + 1 - start };
}

/** The bytes that every entry of that name contains. */
export function entryNeedle(name: string): Buffer {
  return encodePath(` ${name}\0`);
}

function seekEntry(bytes: Buffer, needle: Buffer): EntryCursor | undefined {
  // An absent name is found out at memory speed. The needle may also lie by chance within a longer
  // name or an id: only the walk over entries can tell.
  let found = bytes.indexOf(needle);
  const cursor = new EntryCursor(bytes);
  while (found !== -1) {
    if (!cursor.next()) break;
    const expected = cursor.nameStart - 1;
    if (found < expected) found = bytes.indexOf(needle, expected);
    if (found === expected && cursor.nameEnd === found + needle.length - 1) return cursor;
  }
  return undefined;
}

/** Goes through a tree whose entries Git can read. Gives modes in the form of `canonicalMode`. */
export class EntryCursor extends EntryScan<Buffer> {
  readonly #treeId: ObjectId | undefined;
  #previousStart = 0;
  #previousEnd = 0;
  #previousEnding = 0;

  constructor(body: Buffer, treeId?: ObjectId) {
    super(body);
    this.#treeId = treeId;
  }

  /** @throws CorruptObjectError */
  override next(): boolean {
    this.#previousStart = this.nameStart;
    this.#previousEnd = this.nameEnd;
    this.#previousEnding = endingOf(this.mode);
    if (!super.next()) {
      if (this.fault !== undefined) throw this.#corrupt(this.fault);
      return false;
    }
    const { mode } = this;
    if (mode > LARGEST_MODE) throw this.#corrupt('a mode that is too large');
    this.mode = canonicalMode(mode);
    if (this.mode === 0) throw this.#corrupt(`a mode of ${mode.toString(8)}`);
    if (this.nameEnd === this.nameStart) throw this.#corrupt('an empty name');
    return true;
  }

  /** The order of this entry and a name. */
  compare(name: Uint8Array, ending: number): number {
    const { body, nameStart, nameEnd, mode } = this;
    return compareNames(body, nameStart, nameEnd, endingOf(mode), name, 0, name.length, ending);
  }

  /** False where this entry is out of order, or has the name of the one before it. */
  followsPrevious(): boolean {
    const { body, nameStart, nameEnd, mode } = this;
    const order = compareNames(
      body,
      this.#previousStart,
      this.#previousEnd,
      this.#previousEnding,
      body,
      nameStart,
      nameEnd,
      endingOf(mode),
    );
    return order < 0;
  }

  id(): ObjectId {
    return this.body.toString('hex', this.nameEnd + 1, this.end);
  }

  #corrupt(what: string): CorruptObjectError {
    const id = this.#treeId;
    return new CorruptObjectError(
      `Tree ${id ?? ''}${id ? ' ' : ''}is corrupt: ${what} at byte ${this.start}`,
      { objectId: id },
    );
  }
}
