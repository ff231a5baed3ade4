/**
 * Multi-pack-indexes (gitformat-pack(5), "multi-pack-index (MIDX) files"): one table of ids for
 * many packs. The file is a header, a list of *chunks* by name and place, and the chunks.
 */

import { asBuffer, readUint64 } from '../../bytes.ts';
import { CorruptObjectError } from '../../errors.ts';
import { type Chunk, needChunk, readChunkTable } from '../chunkFile.ts';
import { fanOutOf, joinChunks } from '../chunkWriter.ts';
import { FANOUT_LENGTH, ID_LENGTH, IdTable, readingFile } from '../idTable.ts';
import type { ObjectId } from '../objectId.ts';

const SIGNATURE = 'MIDX';
const VERSION = 1;
const SHA1 = 1;
const HEADER_LENGTH = 12;
const OFFSET_ROW_LENGTH = 8;
const IS_LARGE = 0x80000000;

/** A multi-pack-index over bytes that are already in memory and must not change. */
export class MultiPackIndex {
  /** Names of the index files (`pack-….idx`) in the directory of packs; `find` counts in them. */
  readonly packNames: readonly string[];
  readonly #name: string;
  readonly #bytes: Buffer;
  readonly #ids: IdTable;
  readonly #offsets: Chunk;
  /** The table of 64-bit offsets. */
  readonly #large: Chunk | undefined;

  /**
   * @param name of the file, for errors
   * @throws CorruptObjectError when the bytes are not a multi-pack-index of version 1
   */
  static parse(bytes: Uint8Array, name = 'multi-pack-index'): MultiPackIndex {
    return readingFile(name, () => new MultiPackIndex(asBuffer(bytes), name));
  }

  private constructor(bytes: Buffer, name: string) {
    this.#name = name;
    this.#bytes = bytes;
    const chunks = readChunks(bytes);
    this.packNames = readPackNames(bytes, needChunk(chunks, 'PNAM', 0));
    const fanout = needChunk(chunks, 'OIDF', FANOUT_LENGTH);
    const ids = needChunk(chunks, 'OIDL', 0);
    this.#ids = new IdTable(bytes, fanout.start, ids.start, ID_LENGTH);
    needChunk(chunks, 'OIDL', this.count * ID_LENGTH);
    this.#offsets = needChunk(chunks, 'OOFF', this.count * OFFSET_ROW_LENGTH);
    this.#large = chunks.get('LOFF');
  }

  /** Number of objects. */
  get count(): number {
    return this.#ids.count;
  }

  /**
   * The pack of an object, as a position in `packNames`, and its offset in that pack.
   * @throws CorruptObjectError when its place cannot be right
   */
  find(id: ObjectId): { pack: number; offset: number } | undefined {
    const row = this.#ids.indexOf(id);
    if (row === -1) return undefined;
    const at = this.#offsets.start + row * OFFSET_ROW_LENGTH;
    const pack = this.#bytes.readUInt32BE(at);
    const offset = this.#offset(this.#bytes.readUInt32BE(at + 4));
    if (pack >= this.packNames.length || !Number.isSafeInteger(offset)) {
      throw new CorruptObjectError(`${this.#name} is corrupt: no place for ${id}`, {
        objectId: id,
      });
    }
    return { pack, offset };
  }

  /** At most `limit` ids that begin with `prefix` (1 to 40 lowercase hex digits), in order. */
  findPrefix(prefix: string, limit: number): ObjectId[] {
    return this.#ids.findPrefix(prefix, limit);
  }

  /** The id at a position in the order of ids, 0 to `count - 1`. */
  idAt(row: number): ObjectId {
    if (!(row >= 0 && row < this.count)) throw new RangeError(`No row ${row} in ${this.#name}`);
    return this.#ids.idAt(row);
  }

  /** Whether the checksum at its end matches. Does a small part of the work of `verifyChecksum`. */
  get checksumFits(): boolean {
    return this.#ids.checksumFits;
  }

  /** @throws CorruptObjectError when the checksum at its end does not fit, or ids are not in order */
  verifyChecksum(): void {
    readingFile(this.#name, () => this.#ids.verify());
  }

  /** NaN where it is missing. Without a table of large offsets, all 32 bits are the offset. */
  #offset(offset: number): number {
    if (this.#large === undefined || offset < IS_LARGE) return offset;
    const at = this.#large.start + (offset - IS_LARGE) * 8;
    return at + 8 <= this.#large.end ? readUint64(this.#bytes, at) : Number.NaN;
  }
}

function readChunks(bytes: Buffer): Map<string, Chunk> {
  const bodyEnd = bytes.length - ID_LENGTH;
  if (bodyEnd < HEADER_LENGTH) throw new CorruptObjectError('it is cut off');
  if (bytes.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE) {
    throw new CorruptObjectError('its signature is missing');
  }
  const [version, hash, count] = [bytes[4]!, bytes[5]!, bytes[6]!];
  if (version !== VERSION) throw new CorruptObjectError(`version ${version} is not known`);
  if (hash !== SHA1) throw new CorruptObjectError('its ids are not SHA-1');
  return readChunkTable(bytes, HEADER_LENGTH, count, bodyEnd);
}

/** The names end in NUL; more NULs fill the chunk up to four bytes. */
function readPackNames(bytes: Buffer, { start, end }: Chunk): string[] {
  const count = bytes.readUInt32BE(8);
  const names: string[] = [];
  for (let at = start; names.length < count; ) {
    const nameEnd = bytes.indexOf(0, at);
    if (nameEnd === -1 || nameEnd >= end) throw new CorruptObjectError('pack names are missing');
    const name = bytes.toString('latin1', at, nameEnd);
    // A name is opened as a file beside this one, so it must be nothing but a name.
    if (!/^[^/\\]+\.(idx|pack)$/.test(name)) throw new CorruptObjectError('a pack name is wrong');
    names.push(name);
    at = nameEnd + 1;
  }
  return names;
}

/** The contents of a multi-pack-index: packs, and the pack and offset of each object. */
export interface MultiPackColumns {
  /** Names of index files in ascending order of their bytes. */
  readonly packNames: readonly string[];
  /** In ascending order, each once, 20 bytes each. */
  readonly ids: Buffer;
  readonly packs: Uint32Array;
  readonly offsets: Float64Array;
}

export function serializeMultiPackIndex(columns: MultiPackColumns): Buffer {
  const { packNames, ids, packs, offsets } = columns;
  const names = Buffer.from(packNames.map((name) => `${name}\0`).join(''), 'latin1');
  const padded = Buffer.alloc(Math.ceil(names.length / 4) * 4);
  names.copy(padded);
  const rows = Buffer.alloc(offsets.length * OFFSET_ROW_LENGTH);
  // The table of large offsets exists only if one of them does not fit into 32 bits.
  const needsLarge = offsets.some((offset) => offset > 0xffffffff);
  const large: number[] = [];
  for (let row = 0; row < offsets.length; row++) {
    const offset = offsets[row]!;
    rows.writeUInt32BE(packs[row]!, row * OFFSET_ROW_LENGTH);
    const isLarge = needsLarge && offset >= IS_LARGE;
    rows.writeUInt32BE(isLarge ? IS_LARGE + large.length : offset, row * OFFSET_ROW_LENGTH + 4);
    if (isLarge) large.push(offset);
  }
  const largeTable = Buffer.alloc(large.length * 8);
  for (const [i, offset] of large.entries()) largeTable.writeBigUInt64BE(BigInt(offset), i * 8);
  const chunks: [name: string, data: Buffer][] = [
    ['PNAM', padded],
    ['OIDF', fanOutOf(ids)],
    ['OIDL', ids],
    ['OOFF', rows],
    ...(large.length > 0 ? ([['LOFF', largeTable]] as [string, Buffer][]) : []),
  ];
  const header = Buffer.alloc(HEADER_LENGTH);
  header.write(SIGNATURE, 'latin1');
  header[4] = VERSION;
  header[5] = SHA1;
  header[6] = chunks.length;
  header.writeUInt32BE(packNames.length, 8);
  return joinChunks(header, chunks);
}
