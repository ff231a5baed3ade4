/**
 * Makes a pack of objects from packs and loose files. First assigns every object a *place*: the pack to
 * copy it from, or none. Then reads each pack once from beginning to end, which puts bases before their
 * deltas. The objects that are not packed come last.
 */

import { crc32 } from 'node:zlib';
import { CorruptObjectError } from '../../../errors.ts';
import type { ObjectId } from '../../../git/objectId.ts';
import type { IdSet } from '../../../git/objectSet.ts';
import { offsetDelta, PackType, packEntryHeader, parsePackEntry } from '../../../git/packs/pack.ts';
import type { PackOrder } from '../../../git/packs/packOrder.ts';
import { PackStream } from '../../../git/packs/packStream.ts';
import { isErrno, readFully } from '../../disk/durable.ts';
import { missingObject } from '../../missingObject.ts';
import { Pace } from '../../pace.ts';
import type { PackFile } from '../../packs/reading/packFile.ts';
import { putObject } from '../../putObject.ts';
import type { ExportPackOptions, ObjectStore } from '../../storage.ts';
import { hasLoose } from '../loose/loose.ts';
import type { ObjectDirectory } from './objectDirectories.ts';

export interface ExportDirectory {
  /** Directory of loose objects, which may be missing. */
  readonly path: string;
  readonly packs: Pick<ObjectDirectory['packs'], 'usable' | 'forget'>;
}

export interface ExportSource {
  /** zlib level for objects that are not packed yet. */
  readonly level: number;
  readonly store: ObjectStore;
  directories(): readonly ExportDirectory[];
  /** Rescans the packs; returns whether any appeared or vanished. */
  rescan(): boolean;
}

const ID_LENGTH = 20;
/** Bytes of a pack to read at a time. A larger entry is passed on in pieces. */
const WINDOW = 1 << 20;
/** Read two wanted entries together when the gap between them is at most this many bytes. */
const GAP = 32 << 10;
/** Cost of one lookup in an index, in steps of a scan over its rows. */
const LOOKUP_COST = 8;
const NO_PACK = -1;

export async function* exportPack(
  objects: IdSet,
  options: ExportPackOptions,
  source: ExportSource,
): AsyncGenerator<Uint8Array> {
  const places = new Places(objects, source);
  try {
    await places.find(new Pace(options.signal));
    const output = new Output(places, options, source);
    for (const chunk of output.start()) yield chunk;
    for (let pack = 0; pack < places.packs.length; pack++) yield* output.copyPack(pack);
    yield* output.addRest();
    yield* output.end();
  } finally {
    places.release();
  }
}

/** The pack to copy each object from. The packs stay open until they are released. */
class Places {
  readonly packs: { readonly file: PackFile; readonly release: () => void; taken: number }[] = [];
  /** By position in the set of objects: number of the pack, and row in its index. */
  readonly packOf: Int32Array;
  readonly rowOf: Uint32Array;
  #left: number;

  constructor(
    readonly objects: IdSet,
    readonly source: ExportSource,
  ) {
    this.packOf = new Int32Array(objects.count).fill(NO_PACK);
    this.rowOf = new Uint32Array(objects.count);
    this.#left = objects.count;
  }

  /** @throws CorruptObjectError when an object is missing */
  async find(pace: Pace): Promise<void> {
    for (let round = 0; ; round++) {
      for (const { packs } of this.source.directories()) {
        for (const pack of packs.usable()) {
          if (this.#left === 0) return;
          if (this.packs.some(({ file }) => file === pack)) continue;
          try {
            pack.openFile();
          } catch (error) {
            if (isErrno(error, 'ENOENT')) packs.forget(pack);
            else if (!(error instanceof CorruptObjectError)) throw error;
            continue;
          }
          await this.#findIn(pack, pace);
        }
      }
      const missing = this.#missing();
      if (missing === undefined) return;
      if (!this.source.rescan() && round > 0) {
        // The object exists elsewhere, where `has` finds it.
        if (await this.source.store.has(missing)) return;
        throw missingObject(this.source.store, missing);
      }
    }
  }

  release(): void {
    for (const { release } of this.packs) release();
  }

  async #findIn(file: PackFile, pace: Pace): Promise<void> {
    const { objects, packOf, rowOf } = this;
    const { index } = file;
    const release = file.retain();
    const number = this.packs.length;
    const pack = { file, release, taken: 0 };
    this.packs.push(pack);
    const take = (position: number, row: number): void => {
      packOf[position] = number;
      rowOf[position] = row;
      pack.taken++;
    };
    if (this.#left * LOOKUP_COST < index.count) {
      for (let position = 0; position < objects.count; position++) {
        if (packOf[position] !== NO_PACK) continue;
        const row = index.indexOfBytes(objects.bytes, position * ID_LENGTH);
        if (row !== -1) take(position, row);
        if (pace.due()) await pace.pause();
      }
    } else {
      for (let row = 0; row < index.count; row++) {
        const position = objects.positionOfBytes(index.bytes, index.placeOf(row));
        if (position !== -1 && packOf[position] === NO_PACK) take(position, row);
        if (pace.due()) await pace.pause();
      }
    }
    this.#left -= pack.taken;
    if (pack.taken > 0) return;
    this.packs.pop();
    release();
  }

  /** The first object that is neither packed nor loose. */
  #missing(): ObjectId | undefined {
    const directories = this.source.directories();
    for (let position = 0; position < this.objects.count; position++) {
      if (this.packOf[position] !== NO_PACK) continue;
      const id = this.objects.idAt(position);
      if (!directories.some(({ path }) => hasLoose(path, id))) return id;
    }
    return undefined;
  }
}

/** The pack being written. */
class Output {
  readonly #places: Places;
  readonly #objects: IdSet;
  readonly #options: ExportPackOptions;
  readonly #source: ExportSource;
  readonly #pack: PackStream;
  /** Offsets in the new pack, by position in the set of objects; 0 when not written yet. */
  readonly #offsets: Float64Array;
  /** Positions of objects whose entry cannot be copied. */
  readonly #rest: number[] = [];
  readonly #pace: Pace;
  #written = 0;

  constructor(places: Places, options: ExportPackOptions, source: ExportSource) {
    this.#places = places;
    this.#objects = places.objects;
    this.#options = options;
    this.#source = source;
    this.#pack = new PackStream(places.objects.count);
    this.#offsets = new Float64Array(places.objects.count);
    this.#pace = new Pace(options.signal);
  }

  start(): Buffer[] {
    return this.#pack.take();
  }

  *end(): Generator<Buffer> {
    this.#options.onProgress?.(this.#written);
    yield* this.#pack.end();
  }

  /** Copies the entries of one pack, in order of their offsets. */
  async *copyPack(number: number): AsyncGenerator<Uint8Array> {
    const { file } = this.#places.packs[number]!;
    const fd = file.openFile();
    const { order } = file;
    const chosen = this.#chosen(number, order);
    for (let from = 0; from < chosen.length; ) {
      this.#options.signal?.throwIfAborted();
      const start = order.offsetAt(chosen[from]!);
      let stop = order.endAt(chosen[from]!);
      if (stop - start > WINDOW) {
        yield* this.#copyLarge(number, chosen[from]!, fd, start, stop);
        from++;
        continue;
      }
      let to = from + 1;
      for (; to < chosen.length; to++) {
        const next = order.endAt(chosen[to]!);
        if (next - start > WINDOW || order.offsetAt(chosen[to]!) - stop > GAP) break;
        stop = next;
      }
      const bytes = Buffer.allocUnsafe(stop - start);
      const got = await readFully(fd, bytes, bytes.length, start);
      for (; from < to; from++) {
        this.#copyEntry(number, chosen[from]!, bytes.subarray(0, got), start);
      }
      yield* this.#pack.take();
      this.#options.onProgress?.(this.#written);
    }
  }

  /** Objects that are in no pack, and those whose packed entry cannot be reused. */
  async *addRest(): AsyncGenerator<Uint8Array> {
    const { objects, packOf } = this.#places;
    for (let position = 0; position < objects.count; position++) {
      if (packOf[position] === NO_PACK) this.#rest.push(position);
    }
    for (const position of this.#rest) {
      this.#offsets[position] = this.#pack.length;
      const id = objects.idAt(position);
      yield* putObject(this.#source.store, id, this.#pack, this.#source.level);
      this.#written++;
      if (this.#pace.due()) {
        this.#options.onProgress?.(this.#written);
        await this.#pace.pause();
      }
    }
  }

  /** Positions in the pack's order of the entries to copy. */
  #chosen(number: number, order: PackOrder): Uint32Array {
    const { packs, packOf, rowOf, objects } = this.#places;
    const { file, taken } = packs[number]!;
    const chosen = new Uint32Array(taken);
    let filled = 0;
    if (taken * LOOKUP_COST < order.count) {
      for (let position = 0; position < objects.count; position++) {
        if (packOf[position] !== number) continue;
        chosen[filled++] = order.placeOf(file.index.offsetAt(rowOf[position]!));
      }
      return chosen.sort();
    }
    for (let place = 0; place < order.count; place++) {
      if (this.#positionAt(number, order.rowAt(place)) !== -1) chosen[filled++] = place;
    }
    return chosen;
  }

  /** Position of the object in that row of a pack, if it is copied from there; else -1. */
  #positionAt(number: number, row: number): number {
    const { packs, packOf, rowOf, objects } = this.#places;
    const { index } = packs[number]!.file;
    const position = objects.positionOfBytes(index.bytes, index.placeOf(row));
    const taken = position !== -1 && packOf[position] === number && rowOf[position] === row;
    return taken ? position : -1;
  }

  /** Copies an entry that is completely in memory. @param start offset in the pack of `bytes` */
  #copyEntry(number: number, place: number, bytes: Buffer, start: number): void {
    const { file } = this.#places.packs[number]!;
    const { order, index } = file;
    const row = order.rowAt(place);
    const position = this.#positionAt(number, row);
    const offset = order.offsetAt(place);
    const from = offset - start;
    const to = order.endAt(place) - start;
    const dataStart =
      to <= bytes.length && crc32(bytes.subarray(from, to)) === index.crcAt(row)
        ? this.#putHeader(number, position, bytes, from, offset)
        : -1;
    if (dataStart === -1) {
      this.#rest.push(position);
      return;
    }
    this.#pack.put(bytes, dataStart, to);
    this.#written++;
  }

  /** As `#copyEntry`, in pieces, which are passed on before the whole entry is verified. */
  async *#copyLarge(
    number: number,
    place: number,
    fd: number,
    offset: number,
    end: number,
  ): AsyncGenerator<Uint8Array> {
    const { file } = this.#places.packs[number]!;
    const row = file.order.rowAt(place);
    const position = this.#positionAt(number, row);
    const expected = file.index.crcAt(row);
    let at = offset;
    let sum = 0;
    while (at < end) {
      const bytes = Buffer.allocUnsafe(Math.min(WINDOW, end - at));
      const got = await readFully(fd, bytes, bytes.length, at);
      let from = 0;
      if (at === offset) {
        from = expected === undefined ? -1 : this.#putHeader(number, position, bytes, 0, offset);
        if (from === -1) {
          this.#rest.push(position);
          return;
        }
      }
      sum = crc32(bytes.subarray(0, got), sum);
      at += got;
      if (got < bytes.length || (at === end && sum !== expected)) {
        const id = this.#objects.idAt(position);
        throw new CorruptObjectError(
          `pack ${file.name}, entry at ${offset}: its checksum is wrong`,
          {
            path: file.path,
            objectId: id,
          },
        );
      }
      this.#pack.put(bytes, from, got);
      yield* this.#pack.take();
      this.#options.signal?.throwIfAborted();
    }
    this.#written++;
  }

  /**
   * Writes the header of an entry for the new pack.
   * @returns where in `bytes` its data begins; -1 when it is a delta whose base the receiver lacks
   */
  #putHeader(
    number: number,
    position: number,
    bytes: Buffer,
    from: number,
    offset: number,
  ): number {
    const { type, size, headerLength, length, distance } = parsePackEntry(bytes, from);
    const headerEnd = from + headerLength;
    const dataStart = from + length;
    const here = this.#pack.length;
    if (type === PackType.refDelta) {
      const base = this.#objects.positionOfBytes(bytes, headerEnd);
      if (base === -1) {
        if (this.#options.known?.hasBytes(bytes, headerEnd) !== true) return -1;
      } else if (this.#places.packOf[base] !== number && this.#offsets[base] === 0) {
        // The base is copied from another pack, where it may be a delta against this object.
        return -1;
      }
      this.#offsets[position] = here;
    }
    if (type !== PackType.ofsDelta) {
      this.#offsets[position] = here;
      this.#pack.put(bytes, from, dataStart);
      return dataStart;
    }
    const { order, index } = this.#places.packs[number]!.file;
    const basePlace = order.placeOf(offset - distance);
    if (basePlace === -1) return -1;
    const baseRow = order.rowAt(basePlace);
    const baseId = index.placeOf(baseRow);
    const base = this.#objects.positionOfBytes(index.bytes, baseId);
    const written = base === -1 ? 0 : this.#offsets[base]!;
    if (base !== -1 ? written === 0 : this.#options.known?.hasBytes(index.bytes, baseId) !== true) {
      return -1;
    }
    this.#offsets[position] = here;
    if (base !== -1 && this.#options.offsetDeltas !== false) {
      if (here - written === distance) {
        this.#pack.put(bytes, from, dataStart);
      } else {
        this.#pack.put(bytes, from, headerEnd);
        this.#pack.put(offsetDelta(here - written));
      }
    } else {
      this.#pack.put(packEntryHeader(PackType.refDelta, size));
      this.#pack.put(index.bytes, baseId, baseId + ID_LENGTH);
    }
    return dataStart;
  }
}
