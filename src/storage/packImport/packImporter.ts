/**
 * Takes a pack apart as it comes in, as `git index-pack` does (gitformat-pack(5)). Every entry is
 * inflated, every id computed, every object parsed for what it points to.
 *
 * A delta is resolved at once when its base is in memory, which is so for nearly all of them in the
 * order in which Git writes packs. The rest waits until the pack has ended and is then resolved from
 * the bases on, depth first, so that every base is used while it is in memory. Bases that are not in
 * the pack (a *thin* pack) come from the store.
 *
 * Nothing here trusts the pack: a size it names is compared with what is there before memory is taken
 * for it, and the work it can cause is bounded by its own length.
 */
import { crc32 } from 'node:zlib';
import { CorruptObjectError, GitStoreError } from '../../errors.ts';
import { asBuffer } from '../../git/bytes.ts';
import { applyDelta, deltaSizes } from '../../git/delta.ts';
import { hashObject, type ObjectId, type ObjectType, startObjectHash } from '../../git/objectId.ts';
import {
  LONGEST_ENTRY_HEADER,
  PACK_HEADER_LENGTH,
  PackType,
  packObjectType,
  parseOffsetDelta,
  parsePackEntryHeader,
  parsePackHeader,
} from '../../git/pack.ts';
import { inflateExactlyAsync } from '../bare/inflate.ts';
import { Pace } from '../pace.ts';
import type { GitObject, ImportLimits, ImportOptions } from '../storage.ts';
import { Arena } from './arena.ts';
import { BodyCache } from './bodyCache.ts';
import { Entries, NAMED, WHOLE } from './entries.ts';
import { inflateAgain, inflateNext, inflateStream, isWorthWaiting } from './inflateNext.ts';
import { PackLinks } from './links.ts';
import { PackInput } from './packInput.ts';
import { PendingDeltas } from './pendingDeltas.ts';
import type { Spool } from './spool.ts';

const ID_LENGTH = 20;
/** Entries above this many bytes are inflated without blocking the event loop. */
const LARGE = 1 << 20;
const DEFAULT_OBJECT_BYTES = 512 << 20;
/** No reader follows longer chains of deltas; Git writes none above 4095. */
const MAX_DEPTH = 4095;
/**
 * How many bytes of objects may be made of a pack: so many at least, and so many for each byte of it.
 * zlib makes at most 1032 bytes of one; small changes to large directories make more.
 */
const FREE_WORK = 16 * 2 ** 30;
const WORK_A_BYTE = 4096;
/** Objects that come in between two reports. */
const REPORT_EVERY = 1000;

/** An object of the store that deltas of a thin pack build on. */
export interface OutsideBase extends GitObject {
  readonly id: ObjectId;
}

interface Header {
  readonly kind: number;
  /** Of what the entry holds, inflated. */
  readonly size: number;
  /** Where in the input the zlib stream begins. */
  readonly end: number;
  /** Entry of the delta base, `WHOLE` or `NAMED`. */
  readonly base: number;
  /** Id of the delta base, when it is `NAMED`. */
  readonly named: Buffer | undefined;
}

export class PackImporter {
  readonly entries = new Entries();
  readonly links = new PackLinks();
  /** How many objects the pack holds. */
  count = 0;
  /** SHA-1 of the pack, from its end. */
  checksum: Buffer = Buffer.alloc(0);
  /** Size of the pack in bytes, its checksum included. */
  size = 0;
  readonly #spool: Spool;
  readonly #readOutside: (id: ObjectId) => Promise<GitObject | undefined>;
  readonly #options: ImportOptions;
  readonly #limits: ImportLimits;
  readonly #objectBytes: number;
  readonly #input: PackInput;
  readonly #arena = new Arena();
  readonly #bodies = new BodyCache();
  /** The object that was made last: however large, the next delta may build on it. */
  #last: { entry: number; bytes: Buffer } | undefined;
  /** Deltas that could not be resolved as they came. */
  readonly #pending: number[] = [];
  /** Of deltas whose base is named: the position of its id. */
  readonly #namedBases = new Map<number, number>();
  /** Bases from the store, by the entry that stands for each, from `count` on. */
  readonly #outside = new Map<number, ObjectId>();
  readonly #pace: Pace;
  #worked = 0;

  /**
   * @param spool empty; gets the pack without its checksum
   * @param readOutside reads an object of the store
   */
  constructor(
    source: AsyncIterable<Uint8Array>,
    spool: Spool,
    readOutside: (id: ObjectId) => Promise<GitObject | undefined>,
    options: ImportOptions = {},
  ) {
    this.#spool = spool;
    this.#readOutside = readOutside;
    this.#options = options;
    this.#limits = options.limits ?? {};
    this.#objectBytes = this.#limits.objectBytes ?? DEFAULT_OBJECT_BYTES;
    this.#pace = new Pace(options.signal);
    this.#input = new PackInput(source, spool, this.#limits.packBytes, options.signal);
  }

  /**
   * Reads the pack to its end and resolves all of its objects.
   * @throws CorruptObjectError when it is no sound pack; GitStoreError (`EFBIG`) at a limit
   */
  async run(): Promise<void> {
    try {
      await this.#receive();
      await this.#resolvePending();
    } catch (error) {
      if (!(error instanceof CorruptObjectError)) throw error;
      throw new CorruptObjectError(`The pack that came in is not sound: ${error.message}`, {
        objectId: error.objectId,
        cause: error,
      });
    } finally {
      await this.#input.close();
    }
  }

  /** The object of an entry. */
  async object(entry: number): Promise<GitObject> {
    return { body: await this.#body(entry), type: this.entries.typeOf(entry) };
  }

  /** As `object`, when it is in memory. */
  objectNow(entry: number): GitObject | undefined {
    const body = this.#bodies.get(entry);
    return body && { body, type: this.entries.typeOf(entry) };
  }

  /** Whether all objects are in memory: few small ones. */
  get inMemory(): boolean {
    return this.#bodies.complete;
  }

  /** Objects of the store that deltas build on and that are not in the pack themselves. */
  async outsideBases(): Promise<OutsideBase[]> {
    const bases: OutsideBase[] = [];
    for (const [entry, id] of this.#outside) {
      if (this.links.entryOf(id) !== -1) continue;
      bases.push({ id, ...(await this.object(entry)) });
    }
    return bases;
  }

  async #receive(): Promise<void> {
    const input = this.#input;
    await input.need(PACK_HEADER_LENGTH);
    const { count } = parsePackHeader(input.held);
    if (count > (this.#limits.objects ?? Number.POSITIVE_INFINITY)) {
      throw tooBig(`The pack holds ${count} objects, more than allowed`);
    }
    input.at = PACK_HEADER_LENGTH;
    this.count = count;
    for (let i = 0; i < count; i++) {
      if (!this.#takeNow()) await this.#takeSlowly();
      if (i % REPORT_EVERY === 0) this.#report(i);
    }
    const checksum = input.digest();
    await input.need(ID_LENGTH);
    this.checksum = Buffer.from(input.held.subarray(input.at, input.at + ID_LENGTH));
    if (!checksum.equals(this.checksum)) throw new CorruptObjectError('its checksum does not fit');
    input.at += ID_LENGTH;
    this.size = input.offset;
    this.#report(count);
    const ended = input.available === 0 && (this.#options.toEnd === false || (await input.ended()));
    if (!ended) throw new CorruptObjectError('something follows behind its end');
  }

  #report(objects: number): void {
    const bytes = this.#input.offset;
    this.#options.onProgress?.({ objects, totalObjects: this.count, bytes });
  }

  /** Takes the next entry when it is small and all of it is in memory; else leaves it there. */
  #takeNow(): boolean {
    return this.#input.available >= LONGEST_ENTRY_HEADER && this.#takeHeld(this.#parseHeader());
  }

  #takeHeld(header: Header): boolean {
    const { kind, size, end, base } = header;
    if (size > LARGE) return false;
    const input = this.#input;
    const { held, at } = input;
    const inflated = inflateNext(held, end, size);
    if (inflated === undefined) return false;
    const entry = this.#addEntry(header);
    input.at = end + inflated.consumed;
    this.entries.crcs[entry] = crc32(held.subarray(at, input.at));
    if (base === WHOLE) {
      this.#finish(entry, packObjectType(kind)!, this.#arena.copy(inflated.bytes));
    } else if (!this.#resolveNow(entry, base, inflated.bytes)) {
      this.#pending.push(entry);
    }
    return true;
  }

  /** Takes the next entry as it comes. Large blobs and deltas are not held in memory. */
  async #takeSlowly(): Promise<void> {
    const input = this.#input;
    let header = await this.#waitForHeader();
    while (!this.#takeHeld(header)) {
      if (!isWorthWaiting(header.size, input.held.length - header.end)) {
        return this.#takeStream(header);
      }
      if (!(await input.more())) throw new CorruptObjectError('it is cut off');
      header = this.#parseHeader();
    }
  }

  async #takeStream(header: Header): Promise<void> {
    const input = this.#input;
    const { kind, size, end, base } = header;
    const entry = this.#addEntry(header);
    const headerCrc = crc32(input.held.subarray(input.at, end));
    input.at = end;
    const isBlob = kind === PackType.blob;
    const parts: Buffer[] | undefined = size > LARGE && (isBlob || base !== WHOLE) ? undefined : [];
    const hash = isBlob && parts === undefined ? startObjectHash('blob', size) : undefined;
    this.entries.crcs[entry] = await inflateStream(input, size, headerCrc, (part) => {
      hash?.update(part);
      parts?.push(part);
    });
    const type = packObjectType(kind);
    if (type === undefined) {
      const delta = parts && Buffer.concat(parts);
      if (delta === undefined || !this.#resolveNow(entry, base, delta)) this.#pending.push(entry);
    } else if (hash !== undefined) {
      this.#add(entry, type, size, hash.digest('hex'));
      this.#bodies.complete = false;
    } else {
      this.#finish(entry, type, Buffer.concat(parts!));
    }
  }

  async #waitForHeader(): Promise<Header> {
    const input = this.#input;
    for (;;) {
      try {
        return this.#parseHeader();
      } catch (error) {
        // It may be that not all of it is there yet.
        if (input.available >= LONGEST_ENTRY_HEADER || !(await input.more())) throw error;
      }
    }
  }

  #parseHeader(): Header {
    const { held, at, offset } = this.#input;
    const { type: kind, size, length } = parsePackEntryHeader(held, at);
    const end = at + length;
    if (kind === PackType.ofsDelta) {
      const { distance, length: more } = parseOffsetDelta(held, end);
      const base = this.entries.at(offset - distance);
      if (base === -1) {
        throw new CorruptObjectError(
          `no entry begins where the base of the one at ${offset} should`,
        );
      }
      return { kind, size, end: end + more, base, named: undefined };
    }
    if (kind === PackType.refDelta) {
      const named = held.subarray(end, end + ID_LENGTH);
      if (named.length < ID_LENGTH) throw new CorruptObjectError('it is cut off');
      return { kind, size, end: end + ID_LENGTH, base: NAMED, named };
    }
    return { kind, size, end, base: WHOLE, named: undefined };
  }

  #addEntry({ kind, size, base, named }: Header): number {
    if (kind !== PackType.blob && size > this.#objectBytes) throw this.#tooLarge(size);
    this.#work(size);
    const entry = this.entries.add(this.#input.offset, base);
    if (named !== undefined) this.#namedBases.set(entry, this.links.positionOfBytes(named, 0));
    return entry;
  }

  /** Resolves a delta when its base is at hand and the result small. */
  #resolveNow(entry: number, namedBase: number, delta: Buffer): boolean {
    const base = namedBase === NAMED ? this.#namedBase(entry) : namedBase;
    if (base === -1) return false;
    const body = this.#bodies.get(base);
    if (body === undefined) return false;
    const { resultSize } = deltaSizes(delta);
    if (resultSize > LARGE) return false;
    this.#work(resultSize);
    this.#setBase(entry, base);
    const type = this.entries.typeOf(base);
    this.#finish(entry, type, applyDelta(body, delta, this.#arena.allocate), body);
    return true;
  }

  /** The entry with the base that a delta names, when it is there by now; else -1. */
  #namedBase(entry: number): number {
    return this.links.entryAt(this.#namedBases.get(entry)!);
  }

  #setBase(entry: number, base: number): void {
    const { bases, depths } = this.entries;
    bases[entry] = base;
    depths[entry] = depths[base]! + 1;
    if (depths[entry]! > MAX_DEPTH) throw new CorruptObjectError('a chain of deltas is too long');
  }

  /** @param base what it is a delta on, when that is in the pack */
  #finish(entry: number, type: ObjectType, bytes: Buffer, base?: Buffer): void {
    this.#add(entry, type, bytes.length, hashObject(type, bytes));
    this.links.scan(type, bytes, base);
    this.#keep(entry, bytes);
  }

  #add(entry: number, type: ObjectType, size: number, id: ObjectId): void {
    const position = this.links.positionOf(id);
    if (this.links.entryAt(position) !== -1) {
      throw new CorruptObjectError(`object ${id} is in it twice`);
    }
    this.links.setEntry(position, entry);
    this.entries.resolve(entry, type, position, size);
  }

  #keep(entry: number, bytes: Buffer): void {
    this.#last = { entry, bytes };
    this.#bodies.set(entry, bytes);
  }

  async #resolvePending(): Promise<void> {
    if (this.#pending.length === 0) return;
    const { entries, links } = this;
    const deltas = new PendingDeltas(entries, links, this.#pending, this.#namedBases);
    const resolveReady = async (): Promise<void> => {
      for (let entry = deltas.take(); entry !== undefined; entry = deltas.take()) {
        await this.#resolveLater(entry);
        deltas.resolved(entry);
      }
    };
    await resolveReady();
    for (const position of deltas.missing) {
      // What was resolved since may have been it.
      const base = links.entryAt(position);
      const outside = base === -1 ? await this.#addOutside(links.ids.idAt(position)) : base;
      if (outside === undefined) continue;
      deltas.wake(position, outside);
      await resolveReady();
    }
    this.#checkOutside();
    if (deltas.left > 0) {
      const [position] = deltas.missing;
      const which = position === undefined ? '' : `, the first on ${links.ids.idAt(position)}`;
      throw new CorruptObjectError(`the bases of ${deltas.left} deltas are nowhere${which}`);
    }
  }

  async #resolveLater(entry: number): Promise<void> {
    if (this.#pace.due()) await this.#pace.pause();
    const base = this.entries.bases[entry]!;
    this.#setBase(entry, base);
    const body = await this.#body(base);
    const type = this.entries.typeOf(base);
    const delta = await this.#data(entry);
    const { resultSize } = deltaSizes(delta);
    if (resultSize > this.#objectBytes) throw this.#tooLarge(resultSize);
    this.#work(resultSize);
    const bytes = applyDelta(body, delta, this.#arena.allocate);
    // What an object of the store points to was not noted.
    const scanned = this.#outside.has(base) ? undefined : body;
    if (bytes.length <= LARGE) {
      this.#finish(entry, type, bytes, scanned);
      return;
    }
    const hash = startObjectHash(type, bytes.length);
    for (let at = 0; at < bytes.length; at += LARGE) {
      hash.update(bytes.subarray(at, at + LARGE));
      if (this.#pace.due()) await this.#pace.pause();
    }
    this.#add(entry, type, bytes.length, hash.digest('hex'));
    this.links.scan(type, bytes, scanned);
    this.#keep(entry, bytes);
  }

  /** An entry that stands for an object of the store; undefined when the store has it not. */
  async #addOutside(id: ObjectId): Promise<number | undefined> {
    const object = await this.#readOutside(id);
    if (object === undefined) return undefined;
    const entry = this.entries.add(-1, WHOLE);
    this.#outside.set(entry, id);
    this.#work(object.body.length);
    this.entries.setType(entry, object.type);
    this.#keep(entry, asBuffer(object.body));
    return entry;
  }

  /**
   * An object of the pack may turn out to be one that was taken from the store as a base. That is
   * sound as long as it is not built on itself.
   */
  #checkOutside(): void {
    for (const [outside, id] of this.#outside) {
      for (let at = this.links.entryOf(id); at >= 0; at = this.entries.bases[at]!) {
        if (at === outside) throw new CorruptObjectError(`object ${id} is a delta on itself`);
      }
    }
  }

  async #body(entry: number): Promise<Buffer> {
    const chain: number[] = [];
    let body: Buffer | undefined;
    for (let at = entry; ; at = this.entries.bases[at]!) {
      body = this.#last?.entry === at ? this.#last.bytes : this.#bodies.get(at);
      if (body !== undefined) break;
      chain.push(at);
      if (this.entries.bases[at]! < 0) break;
    }
    for (let i = chain.length - 1; i >= 0; i--) {
      const at = chain[i]!;
      const outside = this.#outside.get(at);
      if (outside !== undefined) body = await this.#readBase(outside);
      else if (body === undefined) body = this.#arena.copy(await this.#data(at));
      else body = applyDelta(body, await this.#data(at), this.#arena.allocate);
      this.#work(body.length);
      this.#keep(at, body);
    }
    return body!;
  }

  async #readBase(id: ObjectId): Promise<Buffer> {
    const object = await this.#readOutside(id);
    if (object === undefined) throw new CorruptObjectError(`object ${id} is gone`);
    return asBuffer(object.body);
  }

  /** What an entry holds, inflated. Valid until the next call. */
  async #data(entry: number): Promise<Buffer> {
    const offset = this.entries.offsets[entry]!;
    const end = entry + 1 < this.count ? this.entries.offsets[entry + 1]! : this.size - ID_LENGTH;
    const head = this.#spool.read(offset, LONGEST_ENTRY_HEADER);
    const { type: kind, size, length } = parsePackEntryHeader(head, 0);
    if (size > this.#objectBytes) throw this.#tooLarge(size);
    let start = offset + length;
    if (kind === PackType.ofsDelta) start += parseOffsetDelta(head, length).length;
    else if (kind === PackType.refDelta) start += ID_LENGTH;
    if (end - start > LARGE || size > LARGE) {
      return inflateExactlyAsync(await this.#spool.readLarge(start, end - start), size);
    }
    return inflateAgain(this.#spool.read(start, end - start), size);
  }

  #work(bytes: number): void {
    this.#worked += bytes;
    if (this.#worked > FREE_WORK + WORK_A_BYTE * this.#input.offset) {
      throw tooBig('The pack makes more data than a pack of its size should');
    }
  }

  #tooLarge(size: number): GitStoreError {
    return tooBig(
      `The pack holds an object of ${size} bytes, more than the ${this.#objectBytes} that are taken`,
    );
  }
}

function tooBig(message: string): GitStoreError {
  return new GitStoreError(message, 'EFBIG');
}
