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
import { asBuffer } from '../git/bytes.ts';

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

/** In the mode of an entry of which only its kind matters: what is excluded. */
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

/** Undefined for bytes that are not, whole and unharmed, a record of this machine. */
export function decodeRecord(content: Uint8Array): DecodedRecord | undefined {
  // Doubles must lie at multiples of eight.
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
  const sum = createHash('sha1').update(bytes.subarray(0, size)).digest();
  if (!sum.equals(bytes.subarray(size))) return undefined;

  let at = HEADER;
  const next = (length: number): Buffer => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const entries = next(8 * COLUMNS * count);
  const places = next(4 * DIRECTORY_COLUMNS * directories);
  return {
    rules: bytes.toString('hex', RULES, RULES + ID),
    columns: {
      entries: new Float64Array(buffer, entries.byteOffset, COLUMNS * count),
      directories: new Uint32Array(buffer, places.byteOffset, DIRECTORY_COLUMNS * directories),
      ids: next(ID * count),
      treeIds: next(ID * directories),
      names: next(names),
    },
  };
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
