/**
 * The bytes of a stat record (statRecord.ts): a header, columns over all entries, columns over all
 * directories, names, and the SHA-1 of all before:
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
 * Directories are numbered from the root, 0, in the order in which a walk comes to them: each before
 * those in it, and those in it in the order of their names. Their entries and names lie in the same
 * order, so that all below a directory lies together.
 */
import { createHash } from 'node:crypto';
import { asBuffer } from '../../bytes.ts';
import { MODE_EXECUTABLE, MODE_FILE, MODE_LINK, MODE_TREE } from '../../git/objects/tree.ts';

const MAGIC = Buffer.from('gsstat 1');
const BYTE_ORDER = 1.5;
const HEADER = 64;
const RULES = 32;

/** Bytes of an id. */
export const ID = 20;

/** Columns of an entry, and of a directory. */
export const COLUMNS = 5;
export const [SIZE, MTIME, CTIME, INODE, MODE] = [0, 1, 2, 3, 4];
export const DIRECTORY_COLUMNS = 4;

/** Flag in the mode of an excluded entry, of which only the kind matters. */
export const EXCLUDED = 1 << 20;

export interface RecordColumns {
  readonly entries: Float64Array;
  readonly directories: Uint32Array;
  readonly ids: Buffer;
  readonly treeIds: Buffer;
  readonly names: Buffer;
}

export interface DecodedRecord {
  /** 40 hex digits. */
  readonly rules: string;
  readonly columns: RecordColumns;
}

/**
 * Undefined unless the bytes are a complete, valid and consistent record of this machine.
 * @param isOwn the bytes come from `encodeRecord`, so they are not checked
 */
export function decodeRecord(content: Uint8Array, isOwn = false): DecodedRecord | undefined {
  // Float64Array needs an offset that is a multiple of eight.
  const bytes = asBuffer(content.byteOffset % 8 === 0 ? content : Uint8Array.from(content));
  if (bytes.length < HEADER + ID || !MAGIC.equals(bytes.subarray(0, MAGIC.length))) {
    return undefined;
  }
  const { buffer, byteOffset } = bytes;
  if (new Float64Array(buffer, byteOffset + 8, 1)[0] !== BYTE_ORDER) return undefined;
  const [entryCount, directoryCount, nameBytes] = new Uint32Array(buffer, byteOffset + 16, 3);
  const [count, directories, names] = [entryCount!, directoryCount!, nameBytes!];
  const size =
    HEADER + (8 * COLUMNS + ID) * count + (4 * DIRECTORY_COLUMNS + ID) * directories + names;
  if (bytes.length !== size + ID || directories === 0) return undefined;
  if (!isOwn) {
    const sum = createHash('sha1').update(bytes.subarray(0, size)).digest();
    if (!sum.equals(bytes.subarray(size))) return undefined;
  }

  let at = HEADER;
  const next = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const entries = next(8 * COLUMNS * count);
  const places = next(4 * DIRECTORY_COLUMNS * directories);
  const columns: RecordColumns = {
    entries: new Float64Array(buffer, entries.byteOffset, COLUMNS * count),
    directories: new Uint32Array(buffer, places.byteOffset, DIRECTORY_COLUMNS * directories),
    ids: next(ID * count),
    treeIds: next(ID * directories),
    names: next(names),
  };
  if (!isOwn && !(hasSoundPlaces(columns) && hasSoundEntries(columns))) return undefined;
  return { rules: bytes.toString('hex', RULES, RULES + ID), columns };
}

/** Whether the directories' entries and names are contiguous and cover all of both. */
function hasSoundPlaces({ entries, directories, names }: RecordColumns): boolean {
  let [entry, name] = [0, 0];
  for (let at = 0; at < directories.length; at += DIRECTORY_COLUMNS) {
    if (directories[at] !== entry || directories[at + 2] !== name) return false;
    const [count, length] = [directories[at + 1]!, directories[at + 3]!];
    entry += count;
    const end = name + length;
    if (end > names.length || (count === 0) !== (length === 0)) return false;
    // One native call is quick from the start. A loop over the bytes is slow until it is compiled.
    const found = length === 0 ? 0 : names.toString('latin1', name, end).split('/').length;
    name = end;
    if (found !== count) return false;
  }
  return entry === entries.length / COLUMNS && name === names.length;
}

/** Whether the entries are ones this program writes, and directories are numbered in walk order. */
function hasSoundEntries({ entries, directories }: RecordColumns): boolean {
  const count = directories.length / DIRECTORY_COLUMNS;
  /** The next entry of each open directory of the walk, and the entry after its last. */
  const nexts = [0];
  const ends = [directories[1]!];
  let known = 1;
  while (nexts.length > 0) {
    const depth = nexts.length - 1;
    const entry = nexts[depth]!;
    if (entry === ends[depth]) {
      nexts.pop();
      ends.pop();
      continue;
    }
    nexts[depth] = entry + 1;
    const at = COLUMNS * entry;
    if (!isSoundEntry(entries, at)) return false;
    if (entries[at + MODE] !== MODE_TREE) continue;
    if (entries[at + SIZE] !== known || known === count) return false;
    const first = directories[DIRECTORY_COLUMNS * known]!;
    nexts.push(first);
    ends.push(first + directories[DIRECTORY_COLUMNS * known + 1]!);
    known++;
  }
  return known === count;
}

function isSoundEntry(entries: Float64Array, at: number): boolean {
  const size = entries[at + SIZE]!;
  const mtime = entries[at + MTIME]!;
  const ctime = entries[at + CTIME]!;
  const inode = entries[at + INODE]!;
  if (!(size >= 0 && size <= Number.MAX_SAFE_INTEGER && Math.floor(size) === size)) return false;
  if (!(inode >= 0 && inode < Infinity && ctime > -Infinity && ctime < Infinity)) return false;
  switch (entries[at + MODE]) {
    case EXCLUDED:
    case EXCLUDED | MODE_TREE:
      return size === 0 && Number.isNaN(mtime) && ctime === 0 && inode === 0;
    case 0:
    case MODE_FILE:
    case MODE_EXECUTABLE:
    case MODE_LINK:
    case MODE_TREE:
      return mtime !== Infinity && mtime !== -Infinity;
    default:
      return false;
  }
}

export function encodeRecord({ rules, columns }: DecodedRecord): Buffer {
  const { entries, directories, ids, treeIds, names } = columns;
  const header = Buffer.alloc(HEADER);
  MAGIC.copy(header);
  const { buffer, byteOffset } = header;
  new Float64Array(buffer, byteOffset + 8, 1)[0] = BYTE_ORDER;
  new Uint32Array(buffer, byteOffset + 16, 3).set([
    entries.length / COLUMNS,
    directories.length / DIRECTORY_COLUMNS,
    names.length,
  ]);
  header.write(rules, RULES, ID, 'hex');
  const parts = [header, bytesOf(entries), bytesOf(directories), ids, treeIds, names];
  const content = Buffer.concat([...parts, Buffer.alloc(ID)]);
  const size = content.length - ID;
  createHash('sha1').update(content.subarray(0, size)).digest().copy(content, size);
  return content;
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array | Uint32Array): Buffer {
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}
