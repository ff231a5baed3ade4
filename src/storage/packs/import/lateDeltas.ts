/**
 * Deltas whose bases were not in memory when they arrived. They are resolved once the pack is complete,
 * starting from the bases, depth first, so that every base is used while it is in memory. Bases outside
 * the pack (a *thin* pack) come from the store.
 */

import { asBuffer } from '../../../bytes.ts';
import { CorruptObjectError } from '../../../errors.ts';
import { type ObjectId, startObjectHash } from '../../../git/objectId.ts';
import { applyDelta, deltaSizes } from '../../../git/packs/delta.ts';
import { LONGEST_ENTRY_HEADER, parsePackEntry } from '../../../git/packs/pack.ts';
import { inflateExactlyAsync } from '../../../zlib/inflate.ts';
import { Pace } from '../../pace.ts';
import type { GitObject } from '../../storage.ts';
import { WHOLE } from './entries.ts';
import { inflateAgain } from './inflateNext.ts';
import { LARGE, type MadeObjects } from './madeObjects.ts';
import { PendingDeltas } from './pendingDeltas.ts';
import type { Spool } from './spool.ts';

const ID_LENGTH = 20;

/** An object of the store that deltas of a thin pack build on. */
export interface OutsideBase extends GitObject {
  readonly id: ObjectId;
}

/** The received pack. */
export interface SpooledPack {
  readonly spool: Spool;
  /** Number of objects. */
  readonly count: number;
  /** Its size in bytes, including its checksum. */
  readonly size: number;
}

export class LateDeltas {
  readonly #pack: SpooledPack;
  readonly #made: MadeObjects;
  readonly #readOutside: (id: ObjectId) => Promise<GitObject | undefined>;
  /** Bases from the store, by substitute entry number, from the pack's `count` on. */
  readonly #outside = new Map<number, ObjectId>();
  readonly #pace: Pace;

  /** @param readOutside reads an object of the store */
  constructor(
    pack: SpooledPack,
    made: MadeObjects,
    readOutside: (id: ObjectId) => Promise<GitObject | undefined>,
    signal?: AbortSignal,
  ) {
    this.#pack = pack;
    this.#made = made;
    this.#readOutside = readOutside;
    this.#pace = new Pace(signal);
  }

  /** Resolves the deltas of these entries. @throws CorruptObjectError */
  async resolve(entries: readonly number[]): Promise<void> {
    if (entries.length === 0) return;
    const { links, namedBases } = this.#made;
    const deltas = new PendingDeltas(this.#made.entries, links, entries, namedBases);
    const resolveReady = async (): Promise<void> => {
      for (let entry = deltas.take(); entry !== undefined; entry = deltas.take()) {
        await this.#resolve(entry);
        deltas.resolved(entry);
      }
    };
    await resolveReady();
    for (const position of deltas.missing) {
      // An entry resolved since may be the base.
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

  /** Objects of the store that serve as bases and are not in the pack. */
  async outsideBases(): Promise<OutsideBase[]> {
    const { links, entries } = this.#made;
    const bases: OutsideBase[] = [];
    for (const [entry, id] of this.#outside) {
      if (links.entryOf(id) !== -1) continue;
      bases.push({ id, body: await this.body(entry), type: entries.typeOf(entry) });
    }
    return bases;
  }

  /** The body of an entry's object, rebuilt when it is not in memory. */
  async body(entry: number): Promise<Buffer> {
    const made = this.#made;
    const { bases } = made.entries;
    const chain: number[] = [];
    let body: Buffer | undefined;
    for (let at = entry; ; at = bases[at]!) {
      body = made.atHand(at);
      if (body !== undefined) break;
      chain.push(at);
      if (bases[at]! < 0) break;
    }
    if (chain.length > 0) made.forgetLast();
    for (let i = chain.length - 1; i >= 0; i--) {
      const at = chain[i]!;
      const outside = this.#outside.get(at);
      if (outside !== undefined) body = await this.#readBase(outside);
      else if (body === undefined) body = this.#owned(await this.#data(at));
      else body = applyDelta(body, await this.#data(at), made.arena.allocate);
      made.work(body.length);
      made.keep(at, body);
    }
    return body!;
  }

  async #resolve(entry: number): Promise<void> {
    if (this.#pace.due()) await this.#pace.pause();
    const made = this.#made;
    const base = made.entries.bases[entry]!;
    made.setBase(entry, base);
    const body = await this.body(base);
    const type = made.entries.typeOf(base);
    const delta = await this.#data(entry);
    const { resultSize } = deltaSizes(delta);
    made.checkSize(resultSize);
    made.work(resultSize);
    made.forgetLast();
    const bytes = applyDelta(body, delta, made.arena.allocate);
    // The references of an object of the store were not recorded.
    const scanned = this.#outside.has(base) ? undefined : body;
    if (bytes.length <= LARGE) {
      made.finish(entry, type, bytes, scanned);
      return;
    }
    const hash = startObjectHash(type, bytes.length);
    for (let at = 0; at < bytes.length; at += LARGE) {
      hash.update(bytes.subarray(at, at + LARGE));
      if (this.#pace.due()) await this.#pace.pause();
    }
    made.enter(entry, type, bytes.length, hash.digest('hex'));
    made.links.scan(type, bytes, scanned);
    made.keep(entry, bytes);
  }

  /** A substitute entry for an object of the store; undefined when the store lacks it. */
  async #addOutside(id: ObjectId): Promise<number | undefined> {
    const object = await this.#readOutside(id);
    if (object === undefined) return undefined;
    const made = this.#made;
    const entry = made.entries.add(-1, WHOLE);
    this.#outside.set(entry, id);
    made.work(object.body.length);
    made.entries.setType(entry, object.type);
    made.keep(entry, asBuffer(object.body));
    return entry;
  }

  /**
   * An object of the pack may turn out to be one that was read from the store as a base. That is valid
   * unless the object depends on itself.
   */
  #checkOutside(): void {
    const { links, entries } = this.#made;
    for (const [outside, id] of this.#outside) {
      for (let at = links.entryOf(id); at >= 0; at = entries.bases[at]!) {
        if (at === outside) throw new CorruptObjectError(`object ${id} is a delta on itself`);
      }
    }
  }

  async #readBase(id: ObjectId): Promise<Buffer> {
    const object = await this.#readOutside(id);
    if (object === undefined) throw new CorruptObjectError(`object ${id} is gone`);
    return asBuffer(object.body);
  }

  /** A result of `#data`, to keep: copies it unless it is large and so has its own memory. */
  #owned(data: Buffer): Buffer {
    return data.length > LARGE ? data : this.#made.arena.copy(data);
  }

  /** The inflated data of an entry. Valid until the next call, unless it is large. */
  async #data(entry: number): Promise<Buffer> {
    const { offsets } = this.#made.entries;
    const { spool, count, size: packSize } = this.#pack;
    const offset = offsets[entry]!;
    const end = entry + 1 < count ? offsets[entry + 1]! : packSize - ID_LENGTH;
    const head = spool.read(offset, LONGEST_ENTRY_HEADER);
    const { size, length } = parsePackEntry(head, 0);
    this.#made.checkSize(size);
    const start = offset + length;
    if (end - start > LARGE || size > LARGE) {
      return inflateExactlyAsync(await spool.readLarge(start, end - start), size);
    }
    return inflateAgain(spool.read(start, end - start), size);
  }
}
