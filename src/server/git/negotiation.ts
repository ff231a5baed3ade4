/**
 * Finding out what both sides have (gitprotocol-pack(5), "Packfile Negotiation"). Only haves that are
 * here are kept, so a client cannot fill the memory with made-up ones.
 */

import type { ObjectId } from '../../git/objectId.ts';
import { IdSet } from '../../git/objectSet.ts';
import { FLUSH_PACKET, type PacketReader, packetLine } from '../../git/wire/pktLine.ts';
import { allReach } from '../../graph/ancestry.ts';
import { Pace } from '../../storage/pace.ts';
import type { ObjectStore } from '../../storage/storage.ts';
import { type FetchRequest, readHave } from './fetchRequest.ts';
import { Refusal } from './refusal.ts';

/** In one request; Git's clients send some ten thousand at most. */
const MAX_HAVES = 100_000;

export class Negotiation {
  /** Haves that are here. */
  readonly common = new IdSet();
  #last: ObjectId | undefined;
  #taken = 0;
  readonly #store: ObjectStore;
  readonly #signal: AbortSignal;
  readonly #pace: Pace;

  constructor(store: ObjectStore, signal: AbortSignal) {
    this.#store = store;
    this.#signal = signal;
    this.#pace = new Pace(signal);
  }

  /** Takes a have; `pause()` is to be awaited when it gives a promise. */
  take(id: ObjectId): boolean {
    if (++this.#taken > MAX_HAVES) throw new Refusal('too many have lines');
    const bytes = Buffer.from(id, 'hex');
    if (!this.common.hasBytes(bytes, 0)) {
      if (this.#store.tryRead(id) === undefined) return false;
      this.common.addBytes(bytes, 0);
    }
    this.#last = id;
    return true;
  }

  pause(): Promise<void> | undefined {
    return this.#pace.due() ? this.#pace.pause() : undefined;
  }

  /** Whether every want leads to something that the client has: more haves would not help much. */
  async isEnough(wants: IdSet, shallow: IdSet): Promise<boolean> {
    if (this.common.count === 0) return false;
    return allReach(this.#store, wants, this.common, { shallow, signal: this.#signal });
  }

  /**
   * The acknowledgments of version 2.
   * @param shallow commits that the store has without their parents
   * @returns whether the pack follows
   */
  async *acknowledge(wants: IdSet, shallow: IdSet): AsyncGenerator<Buffer, boolean> {
    yield packetLine('acknowledgments');
    if (this.common.count === 0) yield packetLine('NAK');
    for (const id of this.common) {
      yield packetLine(`ACK ${id}`);
      await this.pause();
    }
    if (!(await this.isEnough(wants, shallow))) {
      yield FLUSH_PACKET;
      return false;
    }
    yield packetLine('ready');
    return true;
  }

  /**
   * Reads the haves of versions 0 and 1 and answers them. A request ends with a flush, which
   * means that another one will follow, or with `done`.
   * @returns whether the pack follows
   */
  async *converse(
    reader: PacketReader,
    request: FetchRequest,
    shallow: IdSet,
  ): AsyncGenerator<Buffer, boolean> {
    const { multiAck, noDone, wants } = request;
    for (;;) {
      const have = await readHave(reader);
      if (have === 'done') {
        if (this.#last === undefined) yield packetLine('NAK');
        else if (multiAck !== 'none') yield packetLine(`ACK ${this.#last}`);
        return true;
      }
      // Clients end here when the answer so far, where the history ends, was all they wanted.
      if (have === 'end') return false;
      if (have === 'flush') {
        const ready = multiAck !== 'none' && (await this.isEnough(wants, shallow));
        if (ready) {
          yield packetLine(`ACK ${this.#last} ${multiAck === 'detailed' ? 'ready' : 'continue'}`);
        }
        if (this.common.count === 0 || multiAck !== 'none') yield packetLine('NAK');
        if (ready && noDone && multiAck === 'detailed') {
          yield packetLine(`ACK ${this.#last}`);
          return true;
        }
        return false;
      }
      const known = this.common.count;
      if (!this.take(have)) {
        await this.pause();
        continue;
      }
      if (multiAck === 'detailed') yield packetLine(`ACK ${have} common`);
      else if (multiAck === 'simple') yield packetLine(`ACK ${have} continue`);
      else if (known === 0) yield packetLine(`ACK ${have}`);
      await this.pause();
    }
  }
}
