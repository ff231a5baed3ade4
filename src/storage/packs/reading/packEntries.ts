/**
 * The entries of an open pack file (gitformat-pack(5)): their headers and their inflated data. Does not
 * resolve bases: a delta is plain data here.
 */

import { basename } from 'node:path';
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId, ObjectType } from '../../../git/objectId.ts';
import { deltaSizes, LONGEST_DELTA_SIZES } from '../../../git/packs/delta.ts';
import {
  LONGEST_ENTRY_HEADER,
  PACK_HEADER_LENGTH,
  PackType,
  packObjectType,
  parsePackEntry,
  parsePackHeader,
} from '../../../git/packs/pack.ts';
import {
  compressedBound,
  inflateExactly,
  inflateExactlyAsync,
  inflateStart,
  isPlausibleSize,
} from '../../../zlib/inflate.ts';
import { readFully, readFullySync } from '../../disk/durable.ts';
import { closeSync, fstatSync, openSync } from '../../disk/fs.ts';
import { type Holes, MissingBytesError } from './holes.ts';
import { PackWindows, type WindowBudget } from './packWindows.ts';

const TRAILER = 20;
/** Allowance for streams that are longer than zlib would make them. */
const SLACK = 1 << 20;

/** The header of an entry. */
export interface Entry {
  readonly kind: number;
  readonly size: number;
  readonly dataStart: number;
  /** Offset of the base in this pack, for a delta that names its base by distance. */
  readonly baseOffset: number | undefined;
  /** Id of the base, for a delta that names it. */
  readonly baseId: ObjectId | undefined;
}

export class PackEntries {
  readonly fd: number;
  /** End of the last entry. */
  readonly end: number;
  readonly windows: PackWindows;
  readonly #path: string;
  readonly #holes: Holes | undefined;

  /**
   * @param packChecksum the pack's trailer according to the index
   * @param holes set for a partial copy, whose header and trailer are then not verified
   * @throws CorruptObjectError; a system error with code ENOENT when the pack is gone
   */
  static open(
    path: string,
    packChecksum: Buffer,
    budget: WindowBudget,
    holes?: Holes,
  ): PackEntries {
    if (holes !== undefined) return new PackEntries(path, holes.open(), holes.size, budget, holes);
    const fd = openSync(path, 'r');
    try {
      return new PackEntries(path, fd, sizeOf(path, fd, packChecksum), budget);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  private constructor(path: string, fd: number, size: number, budget: WindowBudget, holes?: Holes) {
    this.#path = path;
    this.fd = fd;
    this.#holes = holes;
    this.end = size - TRAILER;
    this.windows = new PackWindows(fd, this.end, budget, holes);
  }

  close(): void {
    if (this.#holes === undefined) closeSync(this.fd);
    else this.#holes.close();
    this.windows.close();
  }

  /** `length` bytes at `offset`, fewer at the pack's end. Valid until the next call. */
  bytes(offset: number, length: number): Buffer {
    return this.windows.bytes(offset, length);
  }

  /** Fills `out` with bytes from `offset` on. @returns how many: fewer at the pack's end */
  readInto(out: Buffer, offset: number): number {
    const length = Math.max(0, Math.min(out.length, this.end - offset));
    this.#holes?.need(offset, offset + length);
    return readFullySync(this.fd, out, length, offset);
  }

  /** The header of the entry at `offset`. @throws CorruptObjectError */
  at(offset: number): Entry {
    const { windows } = this;
    this.#checkOffset(offset);
    const bytes = windows.hold(offset, LONGEST_ENTRY_HEADER);
    const { at } = windows;
    const { type: kind, size, headerLength, length, distance } = parsePackEntry(bytes, at);
    const dataStart = offset + length;
    let baseOffset: number | undefined;
    let baseId: ObjectId | undefined;
    if (kind === PackType.ofsDelta) {
      baseOffset = offset - distance;
      if (!(baseOffset >= PACK_HEADER_LENGTH)) {
        throw this.#corrupt(offset, 'delta base outside the pack');
      }
    } else if (kind === PackType.refDelta) {
      baseId = bytes.toString('hex', at + headerLength, at + length);
    }
    // Bytes after the pack's last entry are not part of an entry.
    if (dataStart >= this.end) throw this.#corrupt(offset, 'cut short');
    return { kind, size, dataStart, baseOffset, baseId };
  }

  #checkOffset(offset: number): void {
    if (!(offset >= PACK_HEADER_LENGTH && offset < this.end)) {
      throw this.#corrupt(offset, 'offset outside the pack');
    }
  }

  typeOf(entry: Entry, offset: number): ObjectType {
    const type = packObjectType(entry.kind);
    if (type === undefined) throw this.#corrupt(offset, `unknown entry type ${entry.kind}`);
    return type;
  }

  /** Upper bound for the compressed size of its data, if zlib made it. @throws CorruptObjectError */
  compressedLength(entry: Pick<Entry, 'size' | 'dataStart'>, offset: number): number {
    const available = this.end - entry.dataStart;
    if (!isPlausibleSize(entry.size, available)) {
      throw this.#corrupt(offset, `size ${entry.size} cannot be`);
    }
    return Math.min(available, compressedBound(entry.size));
  }

  /** The data of an entry, which should be small. */
  inflate(entry: Entry, offset: number): Buffer {
    const length = this.compressedLength(entry, offset);
    const bytes = this.bytes(entry.dataStart, length);
    try {
      return inflateExactly(bytes, entry.size);
    } catch {
      return this.#inflateSlowly(entry, offset, length);
    }
  }

  /** Inflates a stream that is longer than zlib would make it: passes all bytes that may belong to it. */
  #inflateSlowly(entry: Entry, offset: number, tried: number): Buffer {
    const available = this.end - entry.dataStart;
    const length = Math.min(available, tried * 8 + SLACK);
    const bytes = this.bytes(entry.dataStart, length);
    try {
      return inflateExactly(bytes, entry.size);
    } catch (cause) {
      throw this.#corrupt(offset, 'its data does not inflate', cause);
    }
  }

  /** As `inflate`, without blocking the event loop. */
  async inflateLarge(entry: Entry, offset: number): Promise<Buffer> {
    const length = this.compressedLength(entry, offset);
    await this.#holes?.fetch(entry.dataStart, entry.dataStart + length);
    const bytes = Buffer.allocUnsafe(length);
    const got = await readFully(this.fd, bytes, length, entry.dataStart);
    try {
      return await inflateExactlyAsync(bytes.subarray(0, got), entry.size);
    } catch {
      return this.#inflateSlowly(entry, offset, length);
    }
  }

  /** The size of a delta's result. */
  deltaResultSize(entry: Entry): number {
    const { dataStart, size } = entry;
    const wanted = Math.min(LONGEST_DELTA_SIZES, size);
    try {
      const start = inflateStart(
        (length) => this.bytes(dataStart, length),
        this.end - dataStart,
        (data) => data.length >= wanted,
      );
      return deltaSizes(start).resultSize;
    } catch (cause) {
      if (cause instanceof MissingBytesError) throw cause;
      throw this.#corrupt(dataStart, 'its delta does not inflate', cause);
    }
  }

  #corrupt(offset: number, what: string, cause?: unknown): CorruptObjectError {
    return corruptEntry(this.#path, offset, what, cause);
  }
}

/** The size of a pack file with a valid end. @throws CorruptObjectError */
function sizeOf(path: string, fd: number, packChecksum: Buffer): number {
  const { size } = fstatSync(fd);
  const head = Buffer.alloc(PACK_HEADER_LENGTH);
  if (size < head.length + TRAILER || readFullySync(fd, head, head.length, 0) < head.length) {
    throw new CorruptObjectError(`pack ${basename(path)} is cut short`, { path });
  }
  parsePackHeader(head);
  const trailer = Buffer.alloc(TRAILER);
  readFullySync(fd, trailer, TRAILER, size - TRAILER);
  if (!trailer.equals(packChecksum)) {
    throw new CorruptObjectError(`pack ${basename(path)} does not belong to its index`, { path });
  }
  return size;
}

export function corruptEntry(
  path: string,
  offset: number,
  what: string,
  cause?: unknown,
): CorruptObjectError {
  const message = `pack ${basename(path)}, entry at ${offset}: ${what}`;
  return new CorruptObjectError(message, { path, cause });
}

export function isDelta(entry: Entry): boolean {
  return entry.kind === PackType.ofsDelta || entry.kind === PackType.refDelta;
}
