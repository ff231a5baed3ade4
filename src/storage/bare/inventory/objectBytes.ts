/**
 * Reads objects of a table (objectTable.ts) synchronously. Allocates nothing that outlives the call except
 * the bytes. Does not verify ids: a caller that reads an object for the first time and acts on it checks
 * the entry's checksum or the id.
 */

import { ByteCache } from '../../../byteCache.ts';
import { CorruptObjectError } from '../../../errors.ts';
import { applyDelta } from '../../../git/packs/delta.ts';
import { PackType, parsePackEntry } from '../../../git/packs/pack.ts';
import { compressedBound, inflateExactly } from '../../../zlib/inflate.ts';
import { readFullySync } from '../../disk/durable.ts';
import { closeSync, fstatSync } from '../../disk/fs.ts';
import { loosePath, openLoose } from '../loose/loose.ts';
import { LOOSE, type ObjectTable } from './objectTable.ts';

/** A pack file as threads share it. */
export interface PackHandle {
  readonly name: string;
  readonly fd: number;
  /** Where its entries end. */
  readonly end: number;
}

export interface ReadPlace {
  readonly table: ObjectTable;
  readonly packs: readonly PackHandle[];
  /** Directories that hold loose objects; the repository's own first. */
  readonly objectsDirs: readonly string[];
}

export interface ReadBudget {
  /** Bytes of packs that are kept in memory. */
  readonly windows: number;
  /** Bytes of delta bases that are kept in memory. */
  readonly bases: number;
}

const WINDOW_BITS = 17;
const WINDOW = 1 << WINDOW_BITS;
const LONGEST_CHAIN = 10_000;

export class ObjectBytes {
  readonly #place: ReadPlace;
  readonly #windows: PackBytes;
  /** By object number. */
  readonly #bases: ByteCache<Buffer, number>;

  constructor(place: ReadPlace, budget: ReadBudget) {
    this.#place = place;
    this.#windows = new PackBytes(place.packs, budget.windows);
    this.#bases = new ByteCache(budget.bases, memoryOf, budget.bases / 8);
  }

  /**
   * The whole object. Shared with caches: never write to it.
   * @throws CorruptObjectError
   */
  read(object: number): Buffer {
    const { pack, base } = this.#place.table.columns;
    const known = this.#bases.get(object);
    if (known !== undefined) return known;
    if (pack[object] === LOOSE) return this.#readLoose(object);
    const chain: number[] = [];
    let at = object;
    let body: Buffer | undefined;
    while (base[at]! >= 0 && pack[at] !== LOOSE) {
      chain.push(at);
      at = base[at]!;
      body = this.#bases.get(at);
      if (body !== undefined) break;
      if (chain.length > LONGEST_CHAIN) throw this.#corrupt(object, 'delta chain without end');
    }
    if (body === undefined) body = pack[at] === LOOSE ? this.#readLoose(at) : this.inflate(at);
    for (let i = chain.length - 1; i >= 0; i--) {
      this.#bases.set(at, body);
      at = chain[i]!;
      try {
        body = applyDelta(body, this.inflate(at));
      } catch (cause) {
        throw this.#corrupt(at, 'its delta does not fit its base', cause);
      }
    }
    return body;
  }

  /** As `read`, and caches the body for the next read of it or of its deltas. */
  readAndKeep(object: number): Buffer {
    const body = this.read(object);
    this.#bases.set(object, body);
    return body;
  }

  /** What an entry's zlib stream holds: a whole object, or a delta. */
  inflate(object: number): Buffer {
    const { pack, offset, end, size } = this.#place.table.columns;
    const number = pack[object]!;
    const from = offset[object]!;
    // The size of the entry's header is found by reading it again: it is in the same bytes.
    const length = size[object]!;
    const most = Math.min(end[object]! - from, compressedBound(length) + 64);
    const bytes = this.#windows.bytes(number, from, most);
    const start = parsePackEntry(bytes, 0).length;
    try {
      return inflateExactly(bytes.subarray(start), length);
    } catch {
      return this.#inflateSlowly(object);
    }
  }

  /** For a stream that its writer made longer than zlib ever would. */
  #inflateSlowly(object: number): Buffer {
    const { pack, offset, end, size } = this.#place.table.columns;
    const bytes = this.#windows.bytes(
      pack[object]!,
      offset[object]!,
      Math.min(end[object]! - offset[object]!, 1 << 30),
    );
    try {
      return inflateExactly(bytes.subarray(parsePackEntry(bytes, 0).length), size[object]!);
    } catch (cause) {
      throw this.#corrupt(object, 'its data does not inflate', cause);
    }
  }

  /** The entry as it lies in its pack; valid until the next call. For entries of moderate size. */
  rawEntry(object: number): Buffer {
    const { pack, offset, end } = this.#place.table.columns;
    return this.#windows.bytes(pack[object]!, offset[object]!, end[object]! - offset[object]!);
  }

  /** A loose object's kind and size, from its header. */
  looseHeader(object: number): { kind: number; size: number } {
    const { fd, type, size } = this.#openLoose(object);
    closeSync(fd);
    return { kind: PackType[type], size };
  }

  #readLoose(object: number): Buffer {
    const open = this.#openLoose(object);
    try {
      const file = Buffer.allocUnsafe(fstatSync(open.fd).size);
      const got = readFullySync(open.fd, file, file.length, 0);
      const whole = inflateExactly(file.subarray(0, got), open.headerLength + open.size);
      return whole.subarray(open.headerLength);
    } catch (cause) {
      throw this.#corrupt(object, 'its data does not inflate', cause);
    } finally {
      closeSync(open.fd);
    }
  }

  #openLoose(object: number) {
    const id = this.#place.table.idOf(object);
    for (const directory of this.#place.objectsDirs) {
      const open = openLoose(directory, id);
      if (open !== undefined) return open;
    }
    throw new GoneError(this.#place.table.idOf(object));
  }

  /** Where a loose object's file is, for reading it as a stream. */
  looseFile(object: number): { path: string; headerLength: number } {
    const id = this.#place.table.idOf(object);
    for (const directory of this.#place.objectsDirs) {
      const open = openLoose(directory, id);
      if (open === undefined) continue;
      closeSync(open.fd);
      return { path: loosePath(directory, id), headerLength: open.headerLength };
    }
    throw new GoneError(id);
  }

  #corrupt(object: number, what: string, cause?: unknown): CorruptObjectError {
    if (cause instanceof GoneError) return cause;
    const { table, packs } = this.#place;
    const number = table.columns.pack[object]!;
    const id = table.idOf(object);
    const where = number === LOOSE ? 'loose' : `in ${packs[number]!.name}`;
    return new CorruptObjectError(`object ${id} (${where}) is corrupt: ${what}`, {
      objectId: id,
      cause,
    });
  }
}

/** An object is missing: perhaps another process has packed it since the table was made. */
export class GoneError extends CorruptObjectError {
  /** By it the error is known to another thread. */
  readonly isGone = true;

  /** @param from what refers to it */
  constructor(id: string, from?: string) {
    const message = `object ${id} is missing${from === undefined ? '' : `; ${from} refers to it`}`;
    super(message, { objectId: id });
  }
}

/** Bytes of packs, read in windows; the windows that were asked for longest ago make room. */
export class PackBytes {
  readonly #packs: readonly PackHandle[];
  readonly #most: number;
  readonly #windows = new Map<number, Buffer>();
  /** The window that was asked for last, which the next call most often wants too. */
  #last: Buffer | undefined;
  #lastKey = -1;

  constructor(packs: readonly PackHandle[], budget: number) {
    this.#packs = packs;
    this.#most = Math.max(4, Math.floor(budget / WINDOW));
  }

  /** Valid until the next call; never write to it. */
  bytes(pack: number, offset: number, length: number): Buffer {
    const number = Math.floor(offset / WINDOW);
    const within = offset - number * WINDOW;
    if (within + length <= WINDOW) {
      const window = this.#window(pack, number);
      if (within + length > window.length) throw this.#cut(pack);
      return window.subarray(within, within + length);
    }
    const { fd } = this.#packs[pack]!;
    const bytes = Buffer.allocUnsafe(length);
    if (readFullySync(fd, bytes, length, offset) < length) throw this.#cut(pack);
    return bytes;
  }

  #window(pack: number, number: number): Buffer {
    const key = pack * 2 ** 36 + number;
    if (key === this.#lastKey) return this.#last!;
    let window = this.#windows.get(key);
    if (window === undefined) {
      const { fd, end } = this.#packs[pack]!;
      const start = number * WINDOW;
      let room: Buffer | undefined;
      if (this.#windows.size >= this.#most) {
        for (const [oldest, { buffer }] of this.#windows) {
          this.#windows.delete(oldest);
          room = Buffer.from(buffer, 0, WINDOW);
          break;
        }
      }
      room ??= Buffer.allocUnsafeSlow(WINDOW);
      const got = readFullySync(fd, room, Math.min(WINDOW, end - start), start);
      window = room.subarray(0, got);
    } else {
      this.#windows.delete(key);
    }
    this.#windows.set(key, window);
    this.#lastKey = key;
    this.#last = window;
    return window;
  }

  #cut(pack: number): CorruptObjectError {
    const { name } = this.#packs[pack]!;
    return new CorruptObjectError(`pack ${name} is cut short`, { path: name });
  }
}

/** Memory of a body with what surrounds its bytes. */
function memoryOf(body: Buffer): number {
  return body.length + 200;
}
