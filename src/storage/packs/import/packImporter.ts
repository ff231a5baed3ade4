/**
 * Parses a pack as it arrives, as `git index-pack` does (gitformat-pack(5)). Inflates every entry,
 * computes every id, and parses every object for its references.
 *
 * A delta is resolved immediately when its base is in memory (madeObjects.ts). In Git's order of packs
 * that holds for nearly all of them. The rest waits for the end of the pack (lateDeltas.ts).
 *
 * The pack is untrusted: a size it names is checked against the received data before memory is allocated
 * for it, and the work it can cause is bounded by its own length.
 */
import { crc32 } from 'node:zlib';
import { CorruptObjectError } from '../../../errors.ts';
import { type ObjectId, startObjectHash } from '../../../git/objectId.ts';
import {
  LONGEST_ENTRY_HEADER,
  PACK_HEADER_LENGTH,
  PackType,
  packObjectType,
  parsePackEntry,
  parsePackHeader,
} from '../../../git/packs/pack.ts';
import type { GitObject, ImportLimits, ImportOptions } from '../../storage.ts';
import { type Entries, NAMED, WHOLE } from './entries.ts';
import { inflateNext, inflateStream, isWorthWaiting } from './inflateNext.ts';
import { LateDeltas, type OutsideBase } from './lateDeltas.ts';
import type { PackLinks } from './links.ts';
import { LARGE, MadeObjects, tooBig } from './madeObjects.ts';
import { PackInput } from './packInput.ts';
import type { Spool } from './spool.ts';

const ID_LENGTH = 20;
/** Objects between two progress reports. */
const REPORT_EVERY = 1000;

interface Header {
  readonly kind: number;
  /** Inflated size of the entry. */
  readonly size: number;
  /** Start of the zlib stream in the input. */
  readonly end: number;
  /** Entry of the delta base, `WHOLE` or `NAMED`. */
  readonly base: number;
  /** Id of the delta base, when it is `NAMED`. */
  readonly named: Buffer | undefined;
}

export class PackImporter {
  /** Number of objects in the pack. */
  count = 0;
  /** SHA-1 of the pack, read from its end. */
  checksum: Buffer = Buffer.alloc(0);
  /** Size of the pack in bytes, including its checksum. */
  size = 0;
  /** Receives the pack without its checksum. */
  readonly spool: Spool;
  readonly #options: ImportOptions;
  readonly #limits: ImportLimits;
  readonly #input: PackInput;
  readonly #made: MadeObjects;
  readonly #late: LateDeltas;
  /** Deltas that could not be resolved on arrival. */
  readonly #pending: number[] = [];

  /**
   * @param spool empty
   * @param readOutside reads an object of the store
   */
  constructor(
    source: AsyncIterable<Uint8Array>,
    spool: Spool,
    readOutside: (id: ObjectId) => Promise<GitObject | undefined>,
    options: ImportOptions = {},
  ) {
    this.spool = spool;
    this.#options = options;
    this.#limits = options.limits ?? {};
    const { packBytes, objectBytes } = this.#limits;
    this.#input = new PackInput(source, spool, packBytes, options.signal);
    this.#made = new MadeObjects(() => this.#input.offset, objectBytes);
    this.#late = new LateDeltas(this, this.#made, readOutside, options.signal);
  }

  get entries(): Entries {
    return this.#made.entries;
  }

  get links(): PackLinks {
    return this.#made.links;
  }

  /**
   * Reads the pack to its end and resolves all of its objects.
   * @throws CorruptObjectError when the pack is malformed; GitStoreError (`EFBIG`) when it exceeds a limit
   */
  async run(): Promise<void> {
    try {
      await this.#receive();
      await this.#late.resolve(this.#pending);
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
    return { body: await this.#late.body(entry), type: this.entries.typeOf(entry) };
  }

  /** As `object`, when it is in memory. */
  objectNow(entry: number): GitObject | undefined {
    const body = this.#made.kept(entry);
    return body && { body, type: this.entries.typeOf(entry) };
  }

  /** Whether all objects are in memory, as for a small pack. */
  get inMemory(): boolean {
    return this.#made.inMemory;
  }

  /** Objects of the store that serve as bases and are not in the pack. */
  outsideBases(): Promise<OutsideBase[]> {
    return this.#late.outsideBases();
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

  /** Parses the next entry if it is small and completely in memory; otherwise consumes nothing. */
  #takeNow(): boolean {
    return this.#input.available >= LONGEST_ENTRY_HEADER && this.#takeHeld(this.#parseHeader());
  }

  #takeHeld(header: Header): boolean {
    const { kind, size, end, base } = header;
    if (size > LARGE) return false;
    const input = this.#input;
    const made = this.#made;
    const { held, at } = input;
    const inflated = inflateNext(held, end, size);
    if (inflated === undefined) return false;
    const entry = this.#addEntry(header);
    input.at = end + inflated.consumed;
    this.entries.crcs[entry] = crc32(held.subarray(at, input.at));
    if (base === WHOLE) {
      made.finish(entry, packObjectType(kind)!, made.arena.copy(inflated.bytes));
    } else if (!made.resolveNow(entry, base, inflated.bytes)) {
      this.#pending.push(entry);
    }
    return true;
  }

  /** Parses the next entry as it arrives. Does not hold large blobs and deltas in memory. */
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
    const made = this.#made;
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
      if (delta === undefined || !made.resolveNow(entry, base, delta)) this.#pending.push(entry);
    } else if (hash !== undefined) {
      made.madeElsewhere(entry, type, size, hash.digest('hex'));
    } else {
      made.finish(entry, type, Buffer.concat(parts!));
    }
  }

  async #waitForHeader(): Promise<Header> {
    const input = this.#input;
    for (;;) {
      try {
        return this.#parseHeader();
      } catch (error) {
        // The entry may be incomplete yet.
        if (input.available >= LONGEST_ENTRY_HEADER || !(await input.more())) throw error;
      }
    }
  }

  #parseHeader(): Header {
    const { held, at, offset } = this.#input;
    const { type: kind, size, headerLength, length, distance } = parsePackEntry(held, at);
    const end = at + length;
    if (kind === PackType.ofsDelta) {
      const base = this.entries.at(offset - distance);
      if (base === -1) {
        throw new CorruptObjectError(
          `no entry begins where the base of the one at ${offset} should`,
        );
      }
      return { kind, size, end, base, named: undefined };
    }
    if (kind === PackType.refDelta) {
      const named = held.subarray(at + headerLength, end);
      if (named.length < ID_LENGTH) throw new CorruptObjectError('it is cut off');
      return { kind, size, end, base: NAMED, named };
    }
    return { kind, size, end, base: WHOLE, named: undefined };
  }

  #addEntry({ kind, size, base, named }: Header): number {
    return this.#made.addEntry(this.#input.offset, kind, size, base, named);
  }
}
