/**
 * A stat record: the `lstat` values of the files of a local directory at a time when their contents were
 * known, and the blobs of those contents. A file that still has the recorded *state* need not be read.
 *
 * It also holds the tree of each directory as a whole. So a walk that finds every name and state as
 * recorded has proved what the tree is without reading it.
 *
 * Entries are numbered, and so are directories. An entry that is a directory has that number.
 */
import type { Stats } from 'node:fs';
import { asBuffer } from '../../bytes.ts';
import { EMPTY_TREE_ID, type ObjectId } from '../../git/objectId.ts';
import { type FileMode, isTreeMode, MODE_TREE, type TreeEntry } from '../../git/objects/tree.ts';
import { decodePath } from '../../git/pathBytes.ts';
import { type FileState, modeOnDisk } from '../disk/diskFiles.ts';
import {
  COLUMNS,
  CTIME,
  DIRECTORY_COLUMNS,
  decodeRecord,
  EXCLUDED,
  ID,
  INODE,
  MODE,
  MTIME,
  type RecordColumns,
  SIZE,
} from './recordFormat.ts';

const NO_ID = '0'.repeat(2 * ID);

/** The values that tell one state of a directory's names from another. */
export type DirectoryState = Pick<FileState, 'mtimeMs' | 'ctimeMs' | 'ino'>;

export function stateOfDirectory({ mtimeMs, ctimeMs, ino }: Stats): DirectoryState {
  return { mtimeMs, ctimeMs, ino };
}

export class StatRecord {
  /** A key of the options that the tree ids depend on. 40 hex digits. */
  readonly rules: string;
  readonly columns: RecordColumns;
  #shape: Shape | undefined;

  private constructor(rules: string, columns: RecordColumns) {
    this.rules = rules;
    this.columns = columns;
  }

  /** Undefined unless the bytes are a complete, valid record of this machine. */
  static parse(content: Uint8Array): StatRecord | undefined {
    const bytes = asBuffer(content);
    if (last !== undefined && bytes.equals(last.bytes)) return last.record;
    return StatRecord.#decode(bytes, false);
  }

  /** Keeps a record that this process has serialized, so that parsing it again takes no checks. */
  static keep(bytes: Buffer): void {
    StatRecord.#decode(bytes, true);
  }

  static #decode(bytes: Buffer, isOwn: boolean): StatRecord | undefined {
    const decoded = decodeRecord(bytes, isOwn);
    if (decoded === undefined) return undefined;
    const record = new StatRecord(decoded.rules, decoded.columns);
    last = { bytes, record };
    return record;
  }

  /** Number of files and directories in it, without the root. */
  get entryCount(): number {
    return this.columns.entries.length / COLUMNS;
  }

  /** Number of directories in it. */
  get directoryCount(): number {
    return this.columns.directories.length / DIRECTORY_COLUMNS;
  }

  treeId(directory: number): ObjectId | undefined {
    return idAt(this.columns.treeIds, directory);
  }

  /** The number of the directory's first entry; the others follow. */
  firstEntry(directory: number): number {
    return this.columns.directories[DIRECTORY_COLUMNS * directory]!;
  }

  /** The number of the entry after the directory's last one. */
  endOfEntries(directory: number): number {
    const at = DIRECTORY_COLUMNS * directory;
    return this.columns.directories[at]! + this.columns.directories[at + 1]!;
  }

  /** Byte range of the directory's names. */
  namesRange(directory: number): [start: number, end: number] {
    const start = this.columns.directories[DIRECTORY_COLUMNS * directory + 2]!;
    const length = this.columns.directories[DIRECTORY_COLUMNS * directory + 3]!;
    return [start, start + length];
  }

  /** The names in the directory, with a slash between them. */
  joinedNames(directory: number): string {
    return decodePath(this.columns.names, ...this.namesRange(directory));
  }

  /** The names of its entries, sorted by code units. */
  names(directory: number): string[] {
    const joined = this.joinedNames(directory);
    return joined === '' ? [] : joined.split('/');
  }

  /** The entry's directory number; undefined when it is not a directory. */
  directoryOf(entry: number): number | undefined {
    const at = COLUMNS * entry;
    const { entries } = this.columns;
    return entries[at + MODE] === MODE_TREE ? entries[at + SIZE] : undefined;
  }

  /** The parent of a directory other than the root. */
  above(directory: number): number {
    return this.#getShape().above[directory]!;
  }

  /** The entry of a directory other than the root. */
  entryOf(directory: number): number {
    return this.#getShape().entryOf[directory]!;
  }

  /** The first number after those of the directory and everything below it. */
  endOf(directory: number): number {
    return this.#getShape().endOf[directory]!;
  }

  /** The blob of a file that has the recorded state; undefined when it was not copied. */
  blobId(entry: number): ObjectId | undefined {
    return idAt(this.columns.ids, entry);
  }

  /** A file's own mode; undefined when unknown. */
  modeOf(entry: number): FileMode | undefined {
    return this.columns.entries[COLUMNS * entry + MODE] || undefined;
  }

  /** Whether the entry is known to be a file of that mode and blob, in any state. */
  hasFile(entry: number, mode: FileMode | undefined, id: ObjectId | undefined): boolean {
    return (
      mode !== undefined &&
      id !== undefined &&
      this.modeOf(entry) === mode &&
      this.blobId(entry) === id
    );
  }

  /** The entry in a tree: null when a tree cannot hold it, undefined when unknown. */
  treeEntry(entry: number, name: string): TreeEntry | null | undefined {
    if (this.excludedKind(entry) !== undefined) return null;
    const below = this.directoryOf(entry);
    const mode = this.modeOf(entry);
    const id = below === undefined ? this.blobId(entry) : this.treeId(below);
    if (id === EMPTY_TREE_ID) return null;
    return mode === undefined || id === undefined ? undefined : { name, mode, id };
  }

  /** The recorded state of an entry that is a directory. */
  directoryState(entry: number): DirectoryState | undefined {
    const at = COLUMNS * entry;
    const [, mtimeMs, ctimeMs, ino] = this.columns.entries.subarray(at, at + COLUMNS);
    return Number.isNaN(mtimeMs) ? undefined : { mtimeMs: mtimeMs!, ctimeMs: ctimeMs!, ino: ino! };
  }

  /** The recorded state of an entry that is a file. */
  fileState(entry: number): FileState | undefined {
    const at = COLUMNS * entry;
    const { entries } = this.columns;
    const state = this.directoryState(entry);
    return state && { ...state, size: entries[at + SIZE]!, mode: entries[at + MODE]! };
  }

  /** The kind of an excluded entry; undefined when it is not excluded. */
  excludedKind(entry: number): 'file' | 'directory' | undefined {
    const mode = this.columns.entries[COLUMNS * entry + MODE]!;
    if ((mode & EXCLUDED) === 0) return undefined;
    return isTreeMode(mode & ~EXCLUDED) ? 'directory' : 'file';
  }

  /** Whether an entry that is a directory still has the recorded names. */
  hasSameNames(entry: number, stats: Stats): boolean {
    const { entries } = this.columns;
    const at = COLUMNS * entry;
    return (
      entries[at + MTIME] === stats.mtimeMs &&
      entries[at + CTIME] === stats.ctimeMs &&
      entries[at + INODE] === stats.ino
    );
  }

  /** Whether the entry is unchanged. For a directory this does not cover its contents. */
  isUnchanged(entry: number, stats: Stats): boolean {
    const { entries } = this.columns;
    const at = COLUMNS * entry;
    const recorded = entries[at + MODE]!;
    const mode = modeOnDisk(stats.mode);
    if ((recorded & EXCLUDED) !== 0) return isTreeMode(recorded & ~EXCLUDED) === isTreeMode(mode);
    if (recorded !== mode) return false;
    return (
      mode === MODE_TREE ||
      (entries[at + MTIME] === stats.mtimeMs &&
        entries[at + SIZE] === stats.size &&
        entries[at + CTIME] === stats.ctimeMs &&
        entries[at + INODE] === stats.ino)
    );
  }

  #getShape(): Shape {
    this.#shape ??= shapeOf(this.columns);
    return this.#shape;
  }
}

/** The last record: a program that looks at its folder again and again checks the bytes once. */
let last: { readonly bytes: Buffer; readonly record: StatRecord } | undefined;

/** The nesting of directories, by number. */
interface Shape {
  readonly above: Uint32Array;
  readonly entryOf: Uint32Array;
  readonly endOf: Uint32Array;
}

function shapeOf({ entries, directories }: RecordColumns): Shape {
  const count = directories.length / DIRECTORY_COLUMNS;
  const above = new Uint32Array(count);
  const entryOf = new Uint32Array(count);
  const endOf = new Uint32Array(count);
  for (let directory = 0; directory < count; directory++) {
    const first = directories[DIRECTORY_COLUMNS * directory]!;
    const end = first + directories[DIRECTORY_COLUMNS * directory + 1]!;
    for (let entry = first; entry < end; entry++) {
      if (entries[COLUMNS * entry + MODE] !== MODE_TREE) continue;
      const below = entries[COLUMNS * entry + SIZE]!;
      above[below] = directory;
      entryOf[below] = entry;
    }
  }
  for (let directory = count - 1; directory >= 0; directory--) {
    endOf[directory] = Math.max(endOf[directory]!, directory + 1);
    const parent = above[directory]!;
    endOf[parent] = Math.max(endOf[parent]!, endOf[directory]!);
  }
  return { above, entryOf, endOf };
}

function idAt(ids: Buffer, index: number): ObjectId | undefined {
  const id = ids.toString('hex', ID * index, ID * (index + 1));
  return id === NO_ID ? undefined : id;
}
