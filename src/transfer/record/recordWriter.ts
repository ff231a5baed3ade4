/**
 * Writes a new stat record. Copies unchanged parts from the old record in as few pieces as possible, and
 * serializes only changed directories.
 */
import type { ObjectId } from '../../git/objectId.ts';
import { type FileMode, MODE_TREE } from '../../git/objects/tree.ts';
import { encodePath } from '../../git/pathBytes.ts';
import type { FileState } from '../disk/diskFiles.ts';
import {
  COLUMNS,
  CTIME,
  DIRECTORY_COLUMNS,
  EXCLUDED,
  encodeRecord,
  ID,
  INODE,
  MODE,
  MTIME,
  SIZE,
} from './recordFormat.ts';
import type { DirectoryState, StatRecord } from './statRecord.ts';

/** A directory with all its entries. */
export interface NewDirectory {
  readonly treeId: ObjectId | undefined;
  /** Sorted by the code units of their names. */
  readonly entries: readonly NewEntry[];
}

export type NewEntry = { readonly name: string } & (
  | {
      readonly directory: NewDirectory | KnownDirectory;
      /** Undefined: its names must be read the next time. */
      readonly state: DirectoryState | undefined;
    }
  | {
      /** Undefined: the file must be read again. */
      readonly state: FileState | undefined;
      /** The file's own mode, even when the rest of its state proves nothing. */
      readonly mode: FileMode | undefined;
      /** Undefined for a file that is not copied or not known. */
      readonly id: ObjectId | undefined;
    }
  | { readonly excluded: 'file' | 'directory' }
);

/** A directory of the old record, copied with everything below it. */
export interface KnownDirectory {
  readonly record: StatRecord;
  readonly number: number;
  /** Its changes; undefined for none. */
  readonly changes?: DirectoryChanges | undefined;
}

export interface DirectoryChanges {
  readonly treeId: ObjectId | undefined;
  /** New values of recorded entries, by number; null for those that are gone. */
  readonly replaced: ReadonlyMap<number, NewEntry | null>;
  readonly added: readonly NewEntry[];
}

export function treeIdOf(directory: NewDirectory | KnownDirectory): ObjectId | undefined {
  if (!('record' in directory)) return directory.treeId;
  const { record, number, changes } = directory;
  return changes === undefined ? record.treeId(number) : changes.treeId;
}

/** @param rules 40 hex digits */
export function serializeRecord(root: NewDirectory | KnownDirectory, rules: string): Buffer {
  const writer = new RecordWriter('record' in root ? root.record.entryCount : 0);
  writer.add(root);
  return writer.finish(rules);
}

const UNKNOWN = Buffer.alloc(ID);

/** Adds a directory. Yields its subdirectories, and receives their numbers. */
type Adding = Generator<NewDirectory | KnownDirectory, number, number>;

class RecordWriter {
  #entries: Float64Array;
  #ids: Buffer;
  #entryCount = 0;
  readonly #directories: number[] = [];
  readonly #treeIds: Buffer[] = [];
  #directoryCount = 0;
  readonly #names: Buffer[] = [];
  #namesLength = 0;

  /** @param expected approximate number of entries */
  constructor(expected: number) {
    this.#entries = new Float64Array(COLUMNS * (expected + 256));
    this.#ids = Buffer.alloc(ID * (expected + 256));
  }

  /** Adds a directory and all below it; returns its number. */
  add(root: NewDirectory | KnownDirectory): number {
    // The directories in progress, each inside the one before it.
    const open: Adding[] = [];
    let next: NewDirectory | KnownDirectory | undefined = root;
    for (let number = 0; ; ) {
      if (next !== undefined && isTakenOver(next)) {
        const { record, number: first } = next;
        number = this.#takeOver(record, first, record.endOf(first));
      } else if (next !== undefined) {
        open.push(this.#adding(next));
      }
      const top = open.at(-1);
      if (top === undefined) return number;
      const step = top.next(number);
      next = step.done ? undefined : step.value;
      if (!step.done) continue;
      open.pop();
      number = step.value;
    }
  }

  #adding(directory: NewDirectory | KnownDirectory): Adding {
    if (!('record' in directory)) return this.#addNew(directory);
    const { record, number, changes } = directory;
    if (changes !== undefined && keepsShape(record, changes)) {
      return this.#addWithSameShape(record, number, changes);
    }
    return this.#addNew(spellOut(record, number, changes!));
  }

  *#addNew({ treeId, entries }: NewDirectory): Adding {
    const first = this.#reserve(entries.length);
    const names = encodePath(entries.map(({ name }) => name).join('/'));
    const number = this.#addDirectory(first, entries.length, names, treeId);
    for (const [i, entry] of entries.entries()) {
      this.#fill(first + i, entry, 'directory' in entry ? yield entry.directory : 0);
    }
    return number;
  }

  *#addWithSameShape(
    record: StatRecord,
    number: number,
    { treeId, replaced }: DirectoryChanges,
  ): Adding {
    const from = record.firstEntry(number);
    const end = record.endOfEntries(number);
    const first = this.#copyEntries(record, from, end);
    const names = record.columns.names.subarray(...record.namesRange(number));
    const result = this.#addDirectory(first, end - from, names, treeId);
    // Everything between two replaced directories is copied in one piece.
    let entry = from;
    let below = number + 1;
    const takeOver = (entryEnd: number, belowEnd: number): void => {
      const shift = this.#takeOver(record, below, belowEnd) - below;
      this.#shiftNumbers(first + entry - from, first + entryEnd - from, shift);
    };
    for (const [place, replacement] of [...replaced].sort(([a], [b]) => a - b)) {
      const directory = record.directoryOf(place);
      if (directory !== undefined) {
        takeOver(place, directory);
        entry = place + 1;
        below = record.endOf(directory);
      }
      const number = 'directory' in replacement! ? yield replacement.directory : 0;
      this.#fill(first + place - from, replacement!, number);
    }
    takeOver(end, record.endOf(number));
    return result;
  }

  /** Copies adjacent directories of a record; returns the number of the first one. */
  #takeOver(record: StatRecord, from: number, end: number): number {
    const number = this.#directoryCount;
    if (from === end) return number;
    const { directories, treeIds, names } = record.columns;
    const firstEntry = record.firstEntry(from);
    const first = this.#copyEntries(record, firstEntry, record.endOfEntries(end - 1));
    this.#shiftNumbers(first, this.#entryCount, number - from);
    const [firstName] = record.namesRange(from);
    const [, endOfNames] = record.namesRange(end - 1);
    for (let at = DIRECTORY_COLUMNS * from; at < DIRECTORY_COLUMNS * end; at += DIRECTORY_COLUMNS) {
      this.#directories.push(
        directories[at]! - firstEntry + first,
        directories[at + 1]!,
        directories[at + 2]! - firstName + this.#namesLength,
        directories[at + 3]!,
      );
    }
    this.#directoryCount += end - from;
    this.#treeIds.push(treeIds.subarray(ID * from, ID * end));
    this.#names.push(names.subarray(firstName, endOfNames));
    this.#namesLength += endOfNames - firstName;
    return number;
  }

  finish(rules: string): Buffer {
    return encodeRecord({
      rules,
      columns: {
        entries: this.#entries.subarray(0, COLUMNS * this.#entryCount),
        directories: Uint32Array.from(this.#directories),
        ids: this.#ids.subarray(0, ID * this.#entryCount),
        treeIds: Buffer.concat(this.#treeIds),
        names: Buffer.concat(this.#names),
      },
    });
  }

  #addDirectory(
    firstEntry: number,
    entryCount: number,
    names: Buffer,
    treeId: ObjectId | undefined,
  ): number {
    this.#directories.push(firstEntry, entryCount, this.#namesLength, names.length);
    this.#treeIds.push(treeId === undefined ? UNKNOWN : Buffer.from(treeId, 'hex'));
    this.#names.push(names);
    this.#namesLength += names.length;
    return this.#directoryCount++;
  }

  /** Returns the position of the first one. */
  #copyEntries({ columns }: StatRecord, from: number, end: number): number {
    const first = this.#reserve(end - from);
    this.#entries.set(columns.entries.subarray(COLUMNS * from, COLUMNS * end), COLUMNS * first);
    this.#ids.set(columns.ids.subarray(ID * from, ID * end), ID * first);
    return first;
  }

  /** Renumbers the directories among the entries. */
  #shiftNumbers(from: number, end: number, shift: number): void {
    if (shift === 0) return;
    const entries = this.#entries;
    for (let at = COLUMNS * from; at < COLUMNS * end; at += COLUMNS) {
      if (entries[at + MODE] === MODE_TREE) entries[at + SIZE] = entries[at + SIZE]! + shift;
    }
  }

  /** Makes room for `count` entries; returns the position of the first. */
  #reserve(count: number): number {
    const first = this.#entryCount;
    this.#entryCount += count;
    const wanted = COLUMNS * this.#entryCount;
    if (wanted > this.#entries.length) {
      const capacity = Math.max(2 * this.#entries.length, wanted);
      const entries = new Float64Array(capacity);
      entries.set(this.#entries);
      this.#entries = entries;
      const ids = Buffer.alloc((ID * capacity) / COLUMNS);
      this.#ids.copy(ids);
      this.#ids = ids;
    }
    return first;
  }

  /** @param number number of the entry's directory. Adding that one may have moved the columns */
  #fill(place: number, entry: NewEntry, number: number): void {
    const at = COLUMNS * place;
    if ('directory' in entry) {
      this.#setState(at, entry.state);
      this.#entries[at + SIZE] = number;
      this.#entries[at + MODE] = MODE_TREE;
    } else if ('excluded' in entry) {
      this.#setState(at, undefined);
      this.#entries[at + SIZE] = 0;
      this.#entries[at + MODE] = EXCLUDED | (entry.excluded === 'directory' ? MODE_TREE : 0);
    } else {
      this.#setState(at, entry.state);
      this.#entries[at + SIZE] = entry.state?.size ?? 0;
      this.#entries[at + MODE] = entry.mode ?? 0;
    }
    const id = 'id' in entry ? entry.id : undefined;
    if (id === undefined) this.#ids.fill(0, ID * place, ID * (place + 1));
    else this.#ids.write(id, ID * place, 'hex');
  }

  #setState(at: number, state: DirectoryState | undefined): void {
    const entries = this.#entries;
    entries[at + MTIME] = state?.mtimeMs ?? Number.NaN;
    entries[at + CTIME] = state?.ctimeMs ?? 0;
    entries[at + INODE] = state?.ino ?? 0;
  }
}

function isTakenOver(directory: NewDirectory | KnownDirectory): directory is KnownDirectory {
  return 'record' in directory && directory.changes === undefined;
}

/** Whether the names stay the same, and so does the order of everything below them. */
function keepsShape(record: StatRecord, { replaced, added }: DirectoryChanges): boolean {
  if (added.length > 0) return false;
  for (const [place, entry] of replaced) {
    if (entry === null) return false;
    if ('directory' in entry && record.directoryOf(place) === undefined) return false;
  }
  return true;
}

/** The directory with all its entries. */
function spellOut(
  record: StatRecord,
  number: number,
  { treeId, replaced, added }: DirectoryChanges,
): NewDirectory {
  const entries = [...added];
  const first = record.firstEntry(number);
  for (const [i, name] of record.names(number).entries()) {
    const replacement = replaced.get(first + i);
    if (replacement !== undefined) {
      if (replacement !== null) entries.push(replacement);
      continue;
    }
    entries.push({ name, ...knownEntry(record, first + i) });
  }
  return { treeId, entries: entries.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function knownEntry(record: StatRecord, entry: number) {
  const number = record.directoryOf(entry);
  if (number !== undefined) {
    return { directory: { record, number }, state: record.directoryState(entry) };
  }
  const excluded = record.excludedKind(entry);
  if (excluded !== undefined) return { excluded };
  return { state: record.fileState(entry), mode: record.modeOf(entry), id: record.blobId(entry) };
}
