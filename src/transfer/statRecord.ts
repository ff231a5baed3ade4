/**
 * A stat record: what `lstat` said of the files of a local directory when their contents were known,
 * and which blobs those contents are. A file that still has the recorded *state* need not be read.
 *
 * It also holds for each directory the tree that the directory is, as a whole. So a walk that finds
 * every name and state as recorded has proved what tree stands there without looking at a tree.
 *
 * Format. Header, columns over all entries, columns over all directories, names, SHA-1 of all before:
 *
 *     8  "gsstat 1"
 *     8  the double 1.5, in the byte order of the machine that wrote the record and uses it again
 *     4  entries (E)   4  directories (D)   4  bytes of names   4  zero
 *    20  rules: stands for the options by which the tree ids were found   12  zero
 *    40E doubles: size, mtime and ctime in ms, inode, mode; of a directory its number as the size;
 *        mtime is NaN, which equals nothing, where the state is no proof (of a file: that it is the
 *        blob; of a directory: that it has the same names)
 *    16D first entry, number of entries, first byte and number of bytes of its names
 *    20E blob ids, zero where unknown
 *    20D tree ids, zero where unknown
 *        names of a directory's entries in the order of their code units, a slash between them
 *    20  SHA-1
 *
 * Directories are numbered from the root, 0, each before those in it.
 */
import { createHash } from 'node:crypto';
import type { Stats } from 'node:fs';
import { asBuffer } from '../git/bytes.ts';
import type { ObjectId } from '../git/objectId.ts';
import { decodePath, encodePath } from '../git/pathBytes.ts';
import { isTreeMode, MODE_TREE } from '../git/tree.ts';
import { type FileState, modeOnDisk } from './diskFiles.ts';

const MAGIC = Buffer.from('gsstat 1');
const BYTE_ORDER = 1.5;
const HEADER = 64;
const RULES = 32;
const ID = 20;
const NO_ID = '0'.repeat(2 * ID);

/** Columns of an entry, and of a directory. */
const COLUMNS = 5;
const [SIZE, MTIME, CTIME, INODE, MODE] = [0, 1, 2, 3, 4];
const DIRECTORY_COLUMNS = 4;

/** In the mode of an entry of which only its kind matters: what is excluded. */
const EXCLUDED = 1 << 20;

/** What tells one state of a directory's names from another. */
export type DirectoryState = Pick<FileState, 'mtimeMs' | 'ctimeMs' | 'ino'>;

/** A directory of a record, as it is to be written. */
export interface NewDirectory {
  readonly treeId: ObjectId | undefined;
  /** In the order of their names' code units. */
  readonly entries: readonly NewEntry[];
}

export type NewEntry = { readonly name: string } & (
  | {
      readonly directory: NewDirectory | ChangedDirectory;
      /** Without one, its names are not taken on trust. */
      readonly state: DirectoryState | undefined;
    }
  /** Without a state: a file of which nothing is known. Without an id: a file that is not copied. */
  | { readonly state: FileState | undefined; readonly id: ObjectId | undefined }
  | { readonly excluded: 'file' | 'directory' }
);

/** A directory of a record that was read. */
export interface KnownDirectory {
  readonly record: StatRecord;
  readonly index: number;
}

/** A known directory that is to be taken over with changes. */
export interface ChangedDirectory extends KnownDirectory {
  /** What becomes of some names; null: there is nothing any more. */
  readonly patches: ReadonlyMap<string, NewEntry | null>;
  /** Its tree; of no meaning without patches. */
  readonly treeId?: ObjectId | undefined;
}

export function treeIdOf(directory: NewDirectory | ChangedDirectory): ObjectId | undefined {
  return 'record' in directory && directory.patches.size === 0
    ? directory.record.treeId(directory.index)
    : directory.treeId;
}

export class StatRecord {
  /** 40 hex digits. */
  readonly rules: string;
  readonly #entries: Float64Array;
  readonly #directories: Uint32Array;
  readonly #ids: Buffer;
  readonly #treeIds: Buffer;
  readonly #names: Buffer;

  private constructor(bytes: Buffer, entries: number, directories: number, names: number) {
    const { buffer, byteOffset } = bytes;
    this.rules = bytes.toString('hex', RULES, RULES + ID);
    let at = HEADER;
    this.#entries = new Float64Array(buffer, byteOffset + at, COLUMNS * entries);
    at += this.#entries.byteLength;
    this.#directories = new Uint32Array(buffer, byteOffset + at, DIRECTORY_COLUMNS * directories);
    at += this.#directories.byteLength;
    this.#ids = bytes.subarray(at, at + ID * entries);
    at += this.#ids.length;
    this.#treeIds = bytes.subarray(at, at + ID * directories);
    at += this.#treeIds.length;
    this.#names = bytes.subarray(at, at + names);
  }

  /** Undefined for bytes that are not, whole and unharmed, a record of this machine. */
  static parse(content: Uint8Array): StatRecord | undefined {
    // Doubles must lie at multiples of eight.
    const bytes = asBuffer(content.byteOffset % 8 === 0 ? content : Uint8Array.from(content));
    if (bytes.length < HEADER + ID || !MAGIC.equals(bytes.subarray(0, MAGIC.length))) {
      return undefined;
    }
    const { buffer, byteOffset } = bytes;
    if (new Float64Array(buffer, byteOffset + 8, 1)[0] !== BYTE_ORDER) return undefined;
    const [entries, directories, names] = new Uint32Array(buffer, byteOffset + 16, 3);
    const size =
      HEADER + (8 * COLUMNS + ID) * entries! + (4 * DIRECTORY_COLUMNS + ID) * directories! + names!;
    if (bytes.length !== size + ID || directories === 0) return undefined;
    const sum = createHash('sha1').update(bytes.subarray(0, size)).digest();
    if (!sum.equals(bytes.subarray(size))) return undefined;
    return new StatRecord(bytes, entries!, directories!, names!);
  }

  /** How many files and directories it holds. */
  get size(): number {
    return this.#entries.length / COLUMNS;
  }

  treeId(directory: number): ObjectId | undefined {
    return idAt(this.#treeIds, directory);
  }

  /** The number of the directory's first entry; the others follow. */
  firstEntry(directory: number): number {
    return this.#directories[DIRECTORY_COLUMNS * directory]!;
  }

  entryCount(directory: number): number {
    return this.#directories[DIRECTORY_COLUMNS * directory + 1]!;
  }

  /** The names in the directory, with a slash between them. */
  joinedNames(directory: number): string {
    const start = this.#directories[DIRECTORY_COLUMNS * directory + 2]!;
    const length = this.#directories[DIRECTORY_COLUMNS * directory + 3]!;
    return decodePath(this.#names, start, start + length);
  }

  /** The number of the directory that the entry is; undefined for any other entry. */
  directoryOf(entry: number): number | undefined {
    const at = COLUMNS * entry;
    return this.#entries[at + MODE] === MODE_TREE ? this.#entries[at + SIZE] : undefined;
  }

  /** The blob of a file that has the recorded state; undefined where none was copied. */
  blobId(entry: number): ObjectId | undefined {
    return idAt(this.#ids, entry);
  }

  /** Whether the entry is a file of that blob, and of the mode that the state has. */
  hasFile(entry: number, state: FileState | undefined, id: ObjectId): boolean {
    return (
      state !== undefined &&
      this.#entries[COLUMNS * entry + MODE] === state.mode &&
      this.blobId(entry) === id
    );
  }

  /** The recorded state of the directory that the entry is. */
  directoryState(entry: number): DirectoryState | undefined {
    const at = COLUMNS * entry;
    const [, mtimeMs, ctimeMs, ino] = this.#entries.subarray(at, at + COLUMNS);
    return Number.isNaN(mtimeMs) ? undefined : { mtimeMs: mtimeMs!, ctimeMs: ctimeMs!, ino: ino! };
  }

  /** Whether the directory that the entry is has the names that it had. */
  hasSameNames(entry: number, stats: Stats): boolean {
    const entries = this.#entries;
    const at = COLUMNS * entry;
    return (
      entries[at + MTIME] === stats.mtimeMs &&
      entries[at + CTIME] === stats.ctimeMs &&
      entries[at + INODE] === stats.ino
    );
  }

  /** Whether the entry still is what it was. Of a directory that says nothing of what is in it. */
  isUnchanged(entry: number, stats: Stats): boolean {
    const entries = this.#entries;
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

  /** The directory as it would be written anew, changes included. */
  toNew({ index, patches, treeId }: Omit<ChangedDirectory, 'record'>): NewDirectory {
    const entries = new Map<string, NewEntry>();
    const first = this.firstEntry(index);
    const names = this.entryCount(index) === 0 ? [] : this.joinedNames(index).split('/');
    for (const [i, name] of names.entries()) {
      entries.set(name, { name, ...this.#toNewEntry(first + i) });
    }
    for (const [name, entry] of patches) {
      if (entry === null) entries.delete(name);
      else entries.set(name, entry);
    }
    const sorted = [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return { treeId, entries: sorted };
  }

  /** The columns of a directory and all below it, which lie together. */
  below(directory: number): RecordPart {
    const lastDirectory = this.#lastBelow(directory);
    const [firstEntry, , firstName] = this.#row(directory);
    const [lastFirst, lastCount, lastName, lastLength] = this.#row(lastDirectory);
    const endEntry = lastFirst + lastCount;
    return {
      firstDirectory: directory,
      firstEntry,
      firstName,
      entries: this.#entries.subarray(COLUMNS * firstEntry, COLUMNS * endEntry),
      ids: this.#ids.subarray(ID * firstEntry, ID * endEntry),
      directories: this.#directories.subarray(
        DIRECTORY_COLUMNS * directory,
        DIRECTORY_COLUMNS * (lastDirectory + 1),
      ),
      treeIds: this.#treeIds.subarray(ID * directory, ID * (lastDirectory + 1)),
      names: this.#names.subarray(firstName, lastName + lastLength),
    };
  }

  #lastBelow(directory: number): number {
    let last = directory;
    for (;;) {
      let child: number | undefined;
      const first = this.firstEntry(last);
      for (let i = this.entryCount(last) - 1; i >= 0 && child === undefined; i--) {
        child = this.directoryOf(first + i);
      }
      if (child === undefined) return last;
      last = child;
    }
  }

  #row(directory: number): [number, number, number, number] {
    const at = DIRECTORY_COLUMNS * directory;
    return [...this.#directories.subarray(at, at + DIRECTORY_COLUMNS)] as [
      number,
      number,
      number,
      number,
    ];
  }

  #toNewEntry(entry: number) {
    const at = COLUMNS * entry;
    const [size, mtimeMs, ctimeMs, ino, mode] = this.#entries.subarray(
      at,
      at + COLUMNS,
    ) as unknown as [number, number, number, number, number];
    if (mode === MODE_TREE) {
      const state = Number.isNaN(mtimeMs) ? undefined : { mtimeMs, ctimeMs, ino };
      return { directory: { record: this, index: size, patches: NO_PATCHES }, state };
    }
    if ((mode & EXCLUDED) !== 0) {
      const kind = isTreeMode(mode & ~EXCLUDED) ? 'directory' : 'file';
      return { excluded: kind } as const;
    }
    const state = Number.isNaN(mtimeMs) ? undefined : { size, mtimeMs, ctimeMs, ino, mode };
    return { state, id: this.blobId(entry) };
  }
}

const NO_PATCHES: ReadonlyMap<string, NewEntry | null> = new Map();

/** A directory of a record with all below it, as a part of the columns. */
interface RecordPart {
  readonly firstDirectory: number;
  readonly firstEntry: number;
  readonly firstName: number;
  readonly entries: Float64Array;
  readonly ids: Buffer;
  readonly directories: Uint32Array;
  readonly treeIds: Buffer;
  readonly names: Buffer;
}

function idAt(ids: Buffer, index: number): ObjectId | undefined {
  const id = ids.toString('hex', ID * index, ID * (index + 1));
  return id === NO_ID ? undefined : id;
}

/** @param rules 40 hex digits */
export function serializeRecord(root: NewDirectory | ChangedDirectory, rules: string): Buffer {
  const columns = new Columns();
  columns.add(root);
  return columns.finish(rules);
}

/** The columns of a record that grows. */
class Columns {
  #entries = new Float64Array(COLUMNS * 256);
  #ids = Buffer.alloc(ID * 256);
  #entryCount = 0;
  readonly #directories: number[] = [];
  readonly #treeIds: Buffer[] = [];
  #directoryCount = 0;
  readonly #names: Buffer[] = [];
  #namesLength = 0;

  /** Adds a directory and all below it; returns its number. */
  add(directory: NewDirectory | ChangedDirectory): number {
    if (!('record' in directory)) return this.#addNew(directory);
    const { record, index, patches } = directory;
    if (patches.size === 0) return this.#addPart(record.below(index));
    return this.#addNew(record.toNew(directory));
  }

  #addNew({ treeId, entries }: NewDirectory): number {
    const first = this.#reserve(entries.length);
    const names = encodePath(entries.map(({ name }) => name).join('/'));
    this.#directories.push(first, entries.length, this.#namesLength, names.length);
    this.#treeIds.push(treeId === undefined ? UNKNOWN : Buffer.from(treeId, 'hex'));
    const index = this.#directoryCount++;
    this.#names.push(names);
    this.#namesLength += names.length;
    for (const [i, entry] of entries.entries()) this.#fill(first + i, entry);
    return index;
  }

  #addPart(part: RecordPart): number {
    const { firstDirectory, firstEntry, firstName, entries, directories } = part;
    const index = this.#directoryCount;
    const first = this.#reserve(entries.length / COLUMNS);
    this.#entries.set(entries, COLUMNS * first);
    this.#ids.set(part.ids, ID * first);
    const end = COLUMNS * this.#entryCount;
    for (let at = COLUMNS * first; at < end; at += COLUMNS) {
      if (this.#entries[at + MODE] !== MODE_TREE) continue;
      this.#entries[at + SIZE] = this.#entries[at + SIZE]! - firstDirectory + index;
    }
    for (let at = 0; at < directories.length; at += DIRECTORY_COLUMNS) {
      this.#directories.push(
        directories[at]! - firstEntry + first,
        directories[at + 1]!,
        directories[at + 2]! - firstName + this.#namesLength,
        directories[at + 3]!,
      );
    }
    this.#directoryCount += directories.length / DIRECTORY_COLUMNS;
    this.#treeIds.push(part.treeIds);
    this.#names.push(part.names);
    this.#namesLength += part.names.length;
    return index;
  }

  finish(rules: string): Buffer {
    const header = Buffer.alloc(HEADER);
    MAGIC.copy(header);
    const { buffer, byteOffset } = header;
    new Float64Array(buffer, byteOffset + 8, 1)[0] = BYTE_ORDER;
    new Uint32Array(buffer, byteOffset + 16, 3).set([
      this.#entryCount,
      this.#directoryCount,
      this.#namesLength,
    ]);
    header.write(rules, RULES, ID, 'hex');
    const parts = [
      header,
      bytesOf(this.#entries.subarray(0, COLUMNS * this.#entryCount)),
      bytesOf(Uint32Array.from(this.#directories)),
      this.#ids.subarray(0, ID * this.#entryCount),
      ...this.#treeIds,
      ...this.#names,
    ];
    const content = Buffer.concat([...parts, Buffer.alloc(ID)]);
    const size = content.length - ID;
    createHash('sha1').update(content.subarray(0, size)).digest().copy(content, size);
    return content;
  }

  /** Makes room for so many entries; returns the first one's place. */
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

  #fill(index: number, entry: NewEntry): void {
    const at = COLUMNS * index;
    // Adding what lies below may move the columns.
    const below = 'directory' in entry ? this.add(entry.directory) : 0;
    const entries = this.#entries;
    if ('directory' in entry) {
      const { state } = entry;
      entries[at + SIZE] = below;
      entries[at + MTIME] = state?.mtimeMs ?? Number.NaN;
      entries[at + CTIME] = state?.ctimeMs ?? 0;
      entries[at + INODE] = state?.ino ?? 0;
      entries[at + MODE] = MODE_TREE;
    } else if ('excluded' in entry) {
      entries[at + MODE] = EXCLUDED | (entry.excluded === 'directory' ? MODE_TREE : 0);
    } else {
      const { state, id } = entry;
      entries[at + SIZE] = state?.size ?? 0;
      entries[at + MTIME] = state?.mtimeMs ?? Number.NaN;
      entries[at + CTIME] = state?.ctimeMs ?? 0;
      entries[at + INODE] = state?.ino ?? 0;
      entries[at + MODE] = state?.mode ?? 0;
      if (id !== undefined) this.#ids.write(id, ID * index, 'hex');
    }
  }
}

const UNKNOWN = Buffer.alloc(ID);

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array | Uint32Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
