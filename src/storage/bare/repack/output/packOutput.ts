/**
 * Writes a pack from a plan (candidates.ts) to a temporary file, and puts pack and index in place when both
 * are on stable storage (gitformat-pack(5)). Copies data in pieces, so its memory does not grow with the
 * size of objects.
 */
import { createHash, type Hash } from 'node:crypto';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { CorruptObjectError } from '../../../../errors.ts';
import { ID_LENGTH } from '../../../../git/idTable.ts';
import { hashObject } from '../../../../git/objectId.ts';
import {
  offsetDelta,
  PackType,
  packEntryHeader,
  packHeader,
  packObjectType,
  parsePackEntry,
} from '../../../../git/packs/pack.ts';
import { serializePackIndexColumns, sortIds } from '../../../../git/packs/packIndex.ts';
import { deflateStream } from '../../../../zlib/deflateStream.ts';
import { readFullySync, removeIfThere, temporaryName, writeFully } from '../../../disk/durable.ts';
import { closeSync, existsSync, openSync, utimesSync } from '../../../disk/fs.ts';
import { share } from '../../../disk/sharing.ts';
import { streamZlib } from '../../../disk/zlibFile.ts';
import { placePack } from '../../../packs/writing/placePack.ts';
import type { Durability } from '../../../storage.ts';
import { serializeMtimes } from '../../inventory/mtimesFile.ts';
import type { ObjectBytes, PackHandle } from '../../inventory/objectBytes.ts';
import { LOOSE, type ObjectTable } from '../../inventory/objectTable.ts';
import type { PackPlan } from '../deltas/candidates.ts';
import { writeOrder } from './writeOrder.ts';

const CHUNK = 1 << 20;
/** Entries above this are copied in pieces. */
const IN_ONE = 1 << 17;
const TURN = 40;

export interface OutputOptions {
  readonly packDir: string;
  readonly durability: Durability;
  readonly level: number;
  readonly packs: readonly PackHandle[];
  /** Which packs have an index with checksums of their entries. */
  readonly hasCrc: readonly boolean[];
  /** For a cruft pack: seconds since the epoch, by object number. */
  readonly mtimes?: ((object: number) => number) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface WrittenPack {
  /** `pack-…`, without ending. */
  readonly base: string;
  readonly count: number;
  /** Of the pack file in bytes. */
  readonly size: number;
  /** False when the very same pack was there already. */
  readonly isNew: boolean;
  /** How many entries are deltas. */
  readonly deltas: number;
}

export class PackOutput {
  readonly #table: ObjectTable;
  readonly #bytes: ObjectBytes;
  readonly #plan: PackPlan;
  readonly #options: OutputOptions;
  /** In the pack to be: each object's delta base, and where its entry lies; 0: not yet. */
  readonly #base: Int32Array;
  readonly #written: Float64Array;
  readonly #file: string;
  readonly #fd: number;
  readonly #spills: readonly number[];
  readonly #hash: Hash = createHash('sha1');
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK);
  #filled = 0;
  #flushed = 0;
  #closed = false;
  readonly #offsets: Float64Array;
  readonly #crcs: Uint32Array;
  readonly #ids: Buffer;
  #count = 0;
  #deltas = 0;

  /** @param spillPaths files of the delta search, in the order of their numbers */
  constructor(
    table: ObjectTable,
    bytes: ObjectBytes,
    plan: PackPlan,
    spillPaths: readonly string[],
    options: OutputOptions,
  ) {
    this.#table = table;
    this.#bytes = bytes;
    this.#plan = plan;
    this.#options = options;
    this.#base = finalBases(table, plan);
    this.#written = new Float64Array(table.count);
    const count = plan.objects.length;
    this.#offsets = new Float64Array(count);
    this.#crcs = new Uint32Array(count);
    this.#ids = Buffer.alloc(count * ID_LENGTH);
    const spills: number[] = [];
    this.#file = join(options.packDir, temporaryName('tmp_pack_'));
    this.#fd = openSync(this.#file, 'wx', 0o444);
    try {
      share(this.#file, this.#fd);
      for (const path of spillPaths) spills.push(openSync(path, 'r'));
    } catch (error) {
      this.#close();
      removeIfThere(this.#file);
      throw error;
    }
    this.#spills = spills;
  }

  async write(): Promise<WrittenPack> {
    try {
      return await this.#write();
    } catch (error) {
      this.#close();
      removeIfThere(this.#file);
      throw error;
    } finally {
      for (const fd of this.#spills) closeSync(fd);
    }
  }

  async #write(): Promise<WrittenPack> {
    const { signal, onProgress } = this.#options;
    const { objects } = this.#plan;
    const order = writeOrder(this.#table, objects, this.#base);
    this.#put(packHeader(order.length));
    let turnEnds = performance.now() + TURN;
    const chain: number[] = [];
    for (const object of order) {
      for (let at = object; at !== -1 && this.#written[at] === 0; at = this.#base[at]!) {
        chain.push(at);
      }
      while (chain.length > 0) {
        const next = chain.pop()!;
        const pending = this.#writeObject(next);
        if (pending !== undefined) await pending;
      }
      if ((this.#count & 63) === 0 && performance.now() > turnEnds) {
        signal?.throwIfAborted();
        onProgress?.(this.#count, objects.length);
        await new Promise((resolve) => setImmediate(resolve));
        turnEnds = performance.now() + TURN;
      }
    }
    return await this.#finish();
  }

  #writeObject(object: number): Promise<void> | undefined {
    const { pack, kind, size } = this.#table.columns;
    const slot = this.#plan.slot[object]!;
    const { search } = this.#plan;
    const entry = this.#count++;
    const start = this.#flushed + this.#filled;
    this.#written[object] = start;
    this.#offsets[entry] = start;
    this.#table.ids.copy(
      this.#ids,
      entry * ID_LENGTH,
      object * ID_LENGTH,
      (object + 1) * ID_LENGTH,
    );
    const base = this.#base[object]!;
    const spilled = slot !== -1 && search.file[slot]! >= 0;
    if (!spilled && pack[object] === LOOSE) return this.#streamLoose(object, entry);
    const dataSize = spilled ? search.dataSize[slot]! : size[object]!;
    let crc = this.#putHeader(base === -1 ? kind[object]! : PackType.ofsDelta, dataSize, 0);
    if (base !== -1) {
      crc = this.#putDistance(start - this.#written[base]!, crc);
      this.#deltas++;
    }
    if (spilled) {
      const fd = this.#spills[search.file[slot]!]!;
      crc = this.#copy(fd, search.dataOffset[slot]!, search.dataLength[slot]!, crc);
    } else {
      crc = this.#copyEntry(object, crc);
    }
    this.#crcs[entry] = crc;
    return undefined;
  }

  /** The data of an entry as it lies in its pack, after its checksum has been compared. */
  #copyEntry(object: number, crc: number): number {
    const { pack, offset, end, crc: crcs } = this.#table.columns;
    const number = pack[object]!;
    const length = end[object]! - offset[object]!;
    if (!this.#options.hasCrc[number]) this.#checkId(object);
    const checked = this.#options.hasCrc[number]!;
    if (length <= IN_ONE) {
      const raw = this.#bytes.rawEntry(object);
      if (checked && crc32(raw) !== crcs[object]) throw this.#corrupt(object);
      const data = raw.subarray(parsePackEntry(raw, 0).length);
      this.#put(data);
      return crc32(data, crc);
    }
    const { fd } = this.#options.packs[number]!;
    const head = Buffer.alloc(64);
    readFullySync(fd, head, head.length, offset[object]!);
    const start = parsePackEntry(head, 0).length;
    const sum = { value: crc32(head.subarray(0, start)) };
    const copied = this.#copy(fd, offset[object]! + start, length - start, crc, sum);
    if (checked && sum.value !== crcs[object]) throw this.#corrupt(object);
    return copied;
  }

  /** Copies bytes of a file; `sum` is a second checksum that goes along. */
  #copy(fd: number, from: number, length: number, crc: number, sum?: { value: number }): number {
    let result = crc;
    for (let at = from; at < from + length; ) {
      if (this.#filled === CHUNK) this.#flush();
      const most = Math.min(CHUNK - this.#filled, from + length - at);
      const room = this.#buffer.subarray(this.#filled, this.#filled + most);
      const got = readFullySync(fd, room, most, at);
      if (got < most) throw new CorruptObjectError('A pack was cut short by another program');
      this.#filled += got;
      at += got;
      result = crc32(room, result);
      if (sum !== undefined) sum.value = crc32(room, sum.value);
    }
    return result;
  }

  /** A loose object that is too large to have been deflated before. */
  async #streamLoose(object: number, entry: number): Promise<void> {
    const { kind } = this.#table.columns;
    const type = packObjectType(kind[object]!)!;
    const id = this.#table.idOf(object);
    const { path, headerLength } = this.#bytes.looseFile(object);
    const { size } = this.#bytes.looseHeader(object);
    const fd = openSync(path, 'r');
    const hash = createHash('sha1').update(`${type} ${size}\0`, 'latin1');
    try {
      let crc = this.#putHeader(kind[object]!, size, 0);
      const region = { fd, start: 0, end: Number.MAX_SAFE_INTEGER, size: headerLength + size };
      const span = { from: headerLength, to: headerLength + size };
      const data = hashed(streamZlib(region, span), hash);
      await deflateStream(data, this.#options.level, (part) => {
        crc = crc32(part, crc);
        this.#put(part);
      });
      this.#crcs[entry] = crc;
    } finally {
      closeSync(fd);
    }
    if (hash.digest('hex') !== id) throw this.#corrupt(object);
  }

  async #finish(): Promise<WrittenPack> {
    const { packDir, durability } = this.#options;
    this.#flush();
    const checksum = this.#hash.digest();
    writeFully(this.#fd, checksum);
    const count = this.#count;
    const size = this.#flushed + checksum.length;
    const columns = { count, ids: this.#ids, offsets: this.#offsets, crcs: this.#crcs };
    const index = serializePackIndexColumns(columns, checksum);
    const base = `pack-${checksum.toString('hex')}`;
    const stem = join(packDir, base);
    const isNew = !(existsSync(`${stem}.idx`) && existsSync(`${stem}.pack`));
    const complete = { packDir, file: this.#file, fd: this.#fd, checksum, index, durability };
    await placePack({ ...complete, mtimes: this.#ages(checksum) }, () => this.#close());
    return { base, count, size, isNew, deltas: this.#deltas };
  }

  /** For a cruft pack the content of its list of ages. */
  #ages(checksum: Buffer): Buffer | undefined {
    const { mtimes } = this.#options;
    if (mtimes === undefined) return undefined;
    const times = new Uint32Array(this.#count);
    const order = sortIds(this.#ids, this.#count);
    for (let row = 0; row < this.#count; row++) {
      times[row] = mtimes(this.#table.find(this.#ids, order[row]! * ID_LENGTH));
    }
    // A program that does not know the list takes the pack's own time for that of all its objects.
    const newest = times.reduce((most, time) => Math.max(most, time), 0);
    utimesSync(this.#file, newest, newest);
    return serializeMtimes(times, checksum);
  }

  #checkId(object: number): void {
    const body = this.#bytes.read(object);
    const type = packObjectType(this.#table.columns.kind[object]!)!;
    if (hashObject(type, body) !== this.#table.idOf(object)) throw this.#corrupt(object);
  }

  #putHeader(type: number, size: number, crc: number): number {
    return this.#putCounted(packEntryHeader(type, size, header), crc);
  }

  #putDistance(distance: number, crc: number): number {
    return this.#putCounted(offsetDelta(distance, header), crc);
  }

  #putCounted(bytes: Buffer, crc: number): number {
    this.#put(bytes);
    return crc32(bytes, crc);
  }

  #put(bytes: Uint8Array): void {
    if (this.#filled + bytes.length > CHUNK) this.#flush();
    if (bytes.length > CHUNK) {
      this.#hash.update(bytes);
      writeFully(this.#fd, bytes);
      this.#flushed += bytes.length;
      return;
    }
    this.#buffer.set(bytes, this.#filled);
    this.#filled += bytes.length;
  }

  #flush(): void {
    if (this.#filled === 0) return;
    const bytes = this.#buffer.subarray(0, this.#filled);
    this.#hash.update(bytes);
    writeFully(this.#fd, bytes);
    this.#flushed += bytes.length;
    this.#filled = 0;
  }

  #close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }

  #corrupt(object: number): CorruptObjectError {
    const id = this.#table.idOf(object);
    const number = this.#table.columns.pack[object]!;
    const where = number === LOOSE ? 'its file' : `pack ${this.#options.packs[number]!.name}`;
    return new CorruptObjectError(`object ${id} is corrupt: its bytes in ${where} are not it`, {
      objectId: id,
    });
  }
}

/** Entry headers on their way; a thread writes one pack at a time. */
const header = Buffer.alloc(32);

/** Passes chunks on, and hashes them. */
async function* hashed(
  source: AsyncIterable<Uint8Array>,
  hash: Hash,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    hash.update(chunk);
    yield chunk;
  }
}

function finalBases(
  table: ObjectTable,
  { objects, reusedBase, slot, search }: PackPlan,
): Int32Array {
  const base = new Int32Array(table.count).fill(-1);
  for (const object of objects) {
    const position = slot[object]!;
    if (reusedBase[object] !== -1) base[object] = reusedBase[object]!;
    else if (position !== -1 && search.base[position] !== -1) {
      base[object] = search.objects[search.base[position]!]!;
    }
  }
  return base;
}
