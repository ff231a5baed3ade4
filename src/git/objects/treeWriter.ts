/**
 * Writes trees (tree.ts): a new one from its entries, or an edited one. Keeps the rules of `git fsck`:
 * entries in order, each name once, only names that a file can have.
 */

import { asBuffer } from '../../bytes.ts';
import { InvalidPathError } from '../../errors.ts';
import type { ObjectId } from '../objectId.ts';
import { decodePath, encodePath, hasLoneSurrogate } from '../pathBytes.ts';
import { compareNames, endingOf, ID_LENGTH } from './entryScan.ts';
import {
  compareTreeEntries,
  EntryCursor,
  type FileMode,
  LARGEST_MODE,
  type PlacedEntry,
  parseTree,
  type TreeEntry,
} from './tree.ts';

const SPACE = 0x20;
const SLASH = 0x2f;
const IMPOSSIBLE_NAME = /^\.{0,2}$|[/\0]/;

/**
 * The body of a tree with these entries, in any order.
 * @throws InvalidPathError for a name that is empty, `.`, `..`, there twice, or has `/` or NUL in it
 */
export function serializeTree(entries: readonly TreeEntry[]): Buffer {
  checkNames(entries);
  return joinEntries(entries);
}

/** The new mode and id of an entry; null: delete it. */
export type EntryEdit = Pick<TreeEntry, 'mode' | 'id'> | null;

/**
 * The body after edits by name. Copies the bytes between the edited entries, so that a small change in a
 * large directory is cheap. Ignores the deletion of a missing name. A file may become a directory and the
 * reverse.
 * @throws InvalidPathError as `serializeTree`
 * @throws CorruptObjectError where the old body is broken
 */
export function editTree(body: Uint8Array, edits: ReadonlyMap<string, EntryEdit>): Buffer {
  const bytes = asBuffer(body);
  const splices = toSplices(edits);
  let capacity = bytes.length;
  for (const splice of splices) capacity += splice.entry?.length ?? 0;
  const result = Buffer.allocUnsafe(capacity);
  let filled = 0;
  let copiedTo = 0;
  const copyTo = (end: number): void => {
    if (end > copiedTo) filled += bytes.copy(result, filled, copiedTo, end);
    copiedTo = end;
  };
  const insert = (entry: Buffer | null): void => {
    if (entry !== null) filled += entry.copy(result, filled);
  };

  const cursor = new EntryCursor(bytes);
  let next = 0;
  while (cursor.next()) {
    if (!cursor.followsPrevious()) return editUnordered(bytes, edits);
    for (; next < splices.length; next++) {
      const splice = splices[next]!;
      const order = cursor.compare(splice.name, splice.ending);
      if (order < 0) break;
      copyTo(cursor.start);
      insert(splice.entry);
      if (order === 0) copiedTo = cursor.end;
    }
  }
  copyTo(bytes.length);
  for (; next < splices.length; next++) insert(splices[next]!.entry);
  return result.subarray(0, filled);
}

/** The body with another id in the entry at `place`. */
export function replaceId(body: Uint8Array, place: PlacedEntry, id: ObjectId): Buffer {
  const result = Buffer.from(body);
  writeId(result, place.start + place.headerLength, id);
  return result;
}

/** A position in Git's order, and the entry to insert there; null: none. */
interface Splice {
  readonly name: Buffer;
  /** What the name counts as ending in: `/` for a directory, else 0. */
  readonly ending: number;
  readonly entry: Buffer | null;
}

function compareSplices(a: Splice, b: Splice): number {
  return compareNames(a.name, 0, a.name.length, a.ending, b.name, 0, b.name.length, b.ending);
}

/** Two positions for each edit, in Git's order: of the name as a file, and as a directory. */
function toSplices(edits: ReadonlyMap<string, EntryEdit>): Splice[] {
  const splices: Splice[] = [];
  for (const [name, edit] of edits) {
    const bytes = encodePath(name);
    const entry = edit && entryBytes({ name, mode: edit.mode, id: edit.id });
    const wanted = edit && endingOf(edit.mode);
    for (const ending of [0, SLASH]) {
      splices.push({ name: bytes, ending, entry: ending === wanted ? entry : null });
    }
  }
  splices.sort(compareSplices);
  for (let i = 1; i < splices.length; i++) {
    const splice = splices[i]!;
    if (compareSplices(splices[i - 1]!, splice) === 0) throw duplicateName(decodePath(splice.name));
  }
  return splices;
}

/** As `editTree` for a body that is not in order: builds the whole tree anew. */
function editUnordered(body: Buffer, edits: ReadonlyMap<string, EntryEdit>): Buffer {
  const entries = new Map<string, TreeEntry>();
  for (const entry of parseTree(body)) {
    // Git takes the first of two entries with one name.
    if (!entries.has(entry.name)) entries.set(entry.name, entry);
  }
  for (const [anyName, edit] of edits) {
    const name = canonicalName(anyName);
    if (edit === null) entries.delete(name);
    else entries.set(name, { name, mode: edit.mode, id: edit.id });
  }
  // Keep invalid names that no edit concerns, as in a body that is in order.
  return joinEntries([...entries.values()]);
}

function joinEntries(entries: readonly TreeEntry[]): Buffer {
  const sorted = isSorted(entries) ? entries : [...entries].sort(compareTreeEntries);
  let size = 0;
  for (const entry of sorted) size += entryLength(entry);
  const body = Buffer.allocUnsafe(size);
  let at = 0;
  for (const entry of sorted) at = writeEntry(body, at, entry);
  return body;
}

function isSorted(entries: readonly TreeEntry[]): boolean {
  for (let i = 1; i < entries.length; i++) {
    if (compareTreeEntries(entries[i - 1]!, entries[i]!) >= 0) return false;
  }
  return true;
}

function checkNames(entries: readonly TreeEntry[]): void {
  const seen = new Set<string>();
  for (const { name } of entries) {
    checkName(name);
    const canonical = canonicalName(name);
    if (seen.has(canonical)) throw duplicateName(name);
    seen.add(canonical);
  }
}

/** Two strings may encode the same bytes, if escapes together make valid UTF-8. */
function canonicalName(name: string): string {
  return hasLoneSurrogate(name) ? decodePath(encodePath(name)) : name;
}

function checkName(name: string): void {
  if (IMPOSSIBLE_NAME.test(name)) {
    throw new InvalidPathError(`Not a file name: ${JSON.stringify(name)}`, { path: name });
  }
}

function duplicateName(name: string): InvalidPathError {
  return new InvalidPathError(`A directory cannot hold ${JSON.stringify(name)} twice`, {
    path: name,
  });
}

const octalDigits = new Map<FileMode, string>();

function octal(mode: FileMode): string {
  const known = octalDigits.get(mode);
  if (known !== undefined) return known;
  if (!(Number.isInteger(mode) && mode > 0 && mode <= LARGEST_MODE)) {
    throw new TypeError(`Not a file mode: ${mode}`);
  }
  const digits = mode.toString(8);
  octalDigits.set(mode, digits);
  return digits;
}

function entryLength({ name, mode }: TreeEntry): number {
  const nameLength = hasLoneSurrogate(name) ? encodePath(name).length : Buffer.byteLength(name);
  return octal(mode).length + nameLength + 2 + ID_LENGTH;
}

function entryBytes(entry: TreeEntry): Buffer {
  checkName(entry.name);
  const bytes = Buffer.allocUnsafe(entryLength(entry));
  writeEntry(bytes, 0, entry);
  return bytes;
}

/** Writes one entry and returns the offset after it. */
function writeEntry(body: Buffer, start: number, { name, mode, id }: TreeEntry): number {
  const digits = octal(mode);
  let at = start;
  for (let i = 0; i < digits.length; i++) body[at++] = digits.charCodeAt(i);
  body[at++] = SPACE;
  at += hasLoneSurrogate(name) ? encodePath(name).copy(body, at) : body.write(name, at);
  body[at++] = 0;
  writeId(body, at, id);
  return at + ID_LENGTH;
}

function writeId(body: Buffer, at: number, id: ObjectId): void {
  // Stops at the first character that is no hex digit.
  if (body.write(id, at, 'hex') !== ID_LENGTH || id.length !== 2 * ID_LENGTH) {
    throw new TypeError(`Not an object id: ${id}`);
  }
}
