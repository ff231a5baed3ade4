/**
 * Packet lines (gitprotocol-common(5)), the framing of Git's wire protocol. A *packet* is four hex
 * digits that give its length, those four included, and data; the lengths 0 to 2 are *flush*,
 * *delimiter* and *response end*. In a *side band* (gitprotocol-capabilities(5)) the first byte of
 * the data is the kind of the rest: 1 payload, 2 progress for a user, 3 a final error.
 */

import { asBuffer } from '../../bytes.ts';
import { ProtocolError, RemoteError } from '../../errors.ts';
import { decodePath, encodePath } from '../pathBytes.ts';

/** The most data in one packet, in bytes. */
export const MAX_PACKET_DATA = 65516;
/** The most payload in one packet of the large side band (`side-band-64k`), in bytes. */
export const MAX_BAND_DATA = MAX_PACKET_DATA - 1;
/** The same for the small one (`side-band`). */
export const MAX_SMALL_BAND_DATA = 995;

const LENGTH_DIGITS = 4;
const LINE_FEED = 0x0a;

export const FLUSH_PACKET: Buffer = Buffer.from('0000');
export const DELIMITER_PACKET: Buffer = Buffer.from('0001');

export const Band = { data: 1, progress: 2, error: 3 } as const;

/** One packet with this data; text in the string form of pathBytes.ts. @throws RangeError above `MAX_PACKET_DATA` */
export function packet(data: Uint8Array | string): Buffer {
  const body = typeof data === 'string' ? encodePath(data) : data;
  const bytes = startPacket(body.length);
  bytes.set(body, LENGTH_DIGITS);
  return bytes;
}

/** A line of text as a packet, with a line feed at its end. */
export function packetLine(text: string): Buffer {
  return packet(`${text}\n`);
}

/** Data of any length as packets of a side band. No packet for empty data. */
export function* bandPackets(
  band: number,
  data: Uint8Array,
  most = MAX_BAND_DATA,
): Generator<Buffer> {
  for (let at = 0; at < data.length; at += most) {
    const part = data.subarray(at, at + most);
    const bytes = startPacket(part.length + 1);
    bytes[LENGTH_DIGITS] = band;
    bytes.set(part, LENGTH_DIGITS + 1);
    yield bytes;
  }
}

function startPacket(size: number): Buffer {
  if (size > MAX_PACKET_DATA) throw new RangeError(`A packet holds no ${size} bytes`);
  const bytes = Buffer.allocUnsafe(LENGTH_DIGITS + size);
  bytes.write((LENGTH_DIGITS + size).toString(16).padStart(LENGTH_DIGITS, '0'), 'latin1');
  return bytes;
}

/** A packet: its data, valid until the next one is read, or the kind of mark. */
export type Packet = Buffer | 'flush' | 'delimiter' | 'response end';

/** The text of a packet in the form of pathBytes.ts, without the one line feed at its end. */
export function packetText(data: Uint8Array): string {
  const end = data.at(-1) === LINE_FEED ? data.length - 1 : data.length;
  return decodePath(data, 0, end);
}

/**
 * Reads packets from a stream. Holds one packet in memory. The caller's `limit` bounds their total size.
 */
export class PacketReader {
  /**
   * Bytes of packets that may still be read, headers included. Set it before each part of a conversation
   * whose length the other side decides. Default: no limit.
   */
  limit = Number.POSITIVE_INFINITY;
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  #at = 0;
  #peeked: Packet | undefined;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /**
   * The next packet; undefined at the end of the stream.
   * @throws ProtocolError where the stream ends within a packet, has no packet, or passes `limit`
   */
  async next(): Promise<Packet | undefined> {
    if (this.#peeked !== undefined) {
      const packet = this.#peeked;
      this.#peeked = undefined;
      return packet;
    }
    if (this.#held.length - this.#at < LENGTH_DIGITS && !(await this.#fill(LENGTH_DIGITS))) {
      if (this.#held.length === this.#at) return undefined;
      throw cutOff();
    }
    const length = parseLength(this.#held, this.#at);
    this.limit -= Math.max(length, LENGTH_DIGITS);
    if (this.limit < 0) throw new ProtocolError('The other side sends more than it may');
    if (length < LENGTH_DIGITS) {
      this.#at += LENGTH_DIGITS;
      return length === 0 ? 'flush' : length === 1 ? 'delimiter' : 'response end';
    }
    if (this.#held.length - this.#at < length && !(await this.#fill(length))) throw cutOff();
    const data = this.#held.subarray(this.#at + LENGTH_DIGITS, this.#at + length);
    this.#at += length;
    return data;
  }

  /** The next packet, without consuming it. */
  async peek(): Promise<Packet | undefined> {
    this.#peeked ??= await this.next();
    return this.#peeked;
  }

  /**
   * The text of the next packet, without a line feed at its end; undefined for a mark (flush and the
   * others), and at the end of the stream.
   * @throws RemoteError for `ERR` and a reason, which may come instead of any packet
   */
  async line(): Promise<string | undefined> {
    const packet = await this.next();
    if (packet === undefined || typeof packet === 'string') return undefined;
    const text = packetText(packet);
    if (text.startsWith('ERR ')) throw new RemoteError(text.slice(4));
    return text;
  }

  /** All lines up to the next mark, which it consumes, or the end of the stream. */
  async lines(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) {
      lines.push(line);
    }
    return lines;
  }

  /** The bytes after the packets read so far: a pack, for example. */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.#at < this.#held.length) {
      const held = this.#held.subarray(this.#at);
      this.#at = this.#held.length;
      yield held;
    }
    for (;;) {
      const { done, value } = await this.#source.next();
      if (done) return;
      yield value;
    }
  }

  /**
   * The payload of a side band, up to a mark or the end of the stream.
   * @param onProgress gets pieces of the progress for a user
   * @throws RemoteError with the text of the error band
   * @throws ProtocolError for packets of no known band
   */
  async *band(onProgress: (text: string) => void = () => {}): AsyncGenerator<Uint8Array> {
    for (;;) {
      const packet = await this.next();
      if (packet === undefined || typeof packet === 'string') return;
      const data = packet.subarray(1);
      if (packet[0] === Band.data) {
        if (data.length > 0) yield data;
      } else if (packet[0] === Band.progress) onProgress(data.toString());
      else if (packet[0] === Band.error) throw new RemoteError(data.toString().trim());
      else {
        const text = packetText(packet);
        if (text.startsWith('ERR ')) throw new RemoteError(text.slice(4));
        throw new ProtocolError(`The other side sent a packet of an unknown band`);
      }
    }
  }

  async close(): Promise<void> {
    await this.#source.return?.();
  }

  /** Reads until `length` bytes are in memory; false when the stream ends before. */
  async #fill(length: number): Promise<boolean> {
    const parts = [this.#held.subarray(this.#at)];
    let total = this.#held.length - this.#at;
    let ended = false;
    while (total < length && !ended) {
      const { done, value } = await this.#source.next();
      if (done) ended = true;
      else {
        parts.push(asBuffer(value));
        total += value.length;
      }
    }
    this.#held = parts.length === 2 && parts[0]!.length === 0 ? parts[1]! : Buffer.concat(parts);
    this.#at = 0;
    return !ended;
  }
}

function parseLength(bytes: Buffer, at: number): number {
  let length = 0;
  for (let i = at; i < at + LENGTH_DIGITS; i++) {
    const digit = hexDigit(bytes[i]!);
    if (digit === -1) {
      const found = JSON.stringify(bytes.toString('latin1', at, at + 32));
      throw new ProtocolError(`The other side does not speak Git's protocol: it sent ${found}`);
    }
    length = length * 16 + digit;
  }
  if (length === 3 || length > LENGTH_DIGITS + MAX_PACKET_DATA) {
    throw new ProtocolError(`The other side sent a packet of an impossible length: ${length}`);
  }
  return length;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x61 + 10 : -1;
}

function cutOff(): ProtocolError {
  return new ProtocolError('The other side hung up in the middle of a packet');
}
