import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProtocolError, RemoteError } from '../../src/errors.ts';
import {
  Band,
  bandPackets,
  DELIMITER_PACKET,
  FLUSH_PACKET,
  MAX_BAND_DATA,
  MAX_PACKET_DATA,
  type Packet,
  PacketReader,
  packet,
  packetLine,
  packetText,
} from '../../src/git/wire/pktLine.ts';
import { runs } from '../crash/stress.ts';

/** The bytes as a stream in pieces of these lengths, again and again. */
async function* pieces(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + (lengths[i % lengths.length] ?? 1);
    yield bytes.subarray(at, end);
    at = end;
  }
}

const readerOf = (bytes: Uint8Array | string, lengths = [7]): PacketReader =>
  new PacketReader(pieces(Buffer.from(bytes as string), lengths));

async function readAll(reader: PacketReader): Promise<(string | Packet)[]> {
  const all: Packet[] = [];
  for (let next = await reader.next(); next !== undefined; next = await reader.next()) {
    all.push(typeof next === 'string' ? next : Buffer.from(next));
  }
  return all;
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of source) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

const lengthLists = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 4 });

describe('packets', () => {
  test('as gitprotocol-common(5) shows them', () => {
    expect(packet('a\n').toString()).toBe('0006a\n');
    expect(packetLine('a').toString()).toBe('0006a\n');
    expect(packet('foobar\n').toString()).toBe('000bfoobar\n');
    expect(packet('').toString()).toBe('0004');
    expect(packet(new Uint8Array(MAX_PACKET_DATA)).toString('latin1', 0, 4)).toBe('fff0');
    expect(() => packet(new Uint8Array(MAX_PACKET_DATA + 1))).toThrow(RangeError);
  });

  test('are read back, however the stream is cut', async () => {
    const packets = fc.array(
      fc.oneof(
        fc.constantFrom<Packet>('flush', 'delimiter', 'response end'),
        fc.string({ maxLength: 300 }).map((text) => Buffer.from(text)),
        fc.constant(Buffer.alloc(MAX_PACKET_DATA, 7)),
      ),
      { maxLength: 12 },
    );
    const marks = {
      flush: FLUSH_PACKET,
      delimiter: DELIMITER_PACKET,
      'response end': Buffer.from('0002'),
    };
    await fc.assert(
      fc.asyncProperty(packets, lengthLists, async (list, lengths) => {
        const bytes = Buffer.concat(
          list.map((p) => (typeof p === 'string' ? marks[p] : packet(p))),
        );
        const read = await readAll(readerOf(bytes, lengths));
        // As text: comparing large buffers element by element takes seconds.
        expect(read.map(String)).toEqual(list.map(String));
      }),
      { numRuns: runs(60) },
    );
  });

  test('random bytes are packets or a ProtocolError', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), async (bytes) => {
        try {
          await readAll(readerOf(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  test.each([
    ['000', 'cut within a length'],
    ['0009abc', 'cut within the data'],
    ['0003', 'a length of three'],
    ['fff1', 'a length above the most'],
    ['HTTP/1.1 200 OK', 'no packet at all'],
  ])('%j: %s', async (text) => {
    await expect(readAll(readerOf(text))).rejects.toThrow(ProtocolError);
  });

  test('a limit on what the other side may send', async () => {
    const reader = readerOf(Buffer.concat([packetLine('one'), packetLine('two'), FLUSH_PACKET]));
    reader.limit = 8;
    expect(await reader.line()).toBe('one');
    await expect(reader.line()).rejects.toThrow(ProtocolError);
  });

  test('peek leaves the packet; lines stop at a mark; the rest comes as it is', async () => {
    const bytes = Buffer.concat([
      packetLine('one'),
      packet('two'),
      FLUSH_PACKET,
      packetLine('three'),
      DELIMITER_PACKET,
      Buffer.from('PACK and more'),
    ]);
    for (const length of [1, 5, 1000]) {
      const reader = readerOf(bytes, [length]);
      expect(packetText((await reader.peek()) as Buffer)).toBe('one');
      expect(await reader.lines()).toEqual(['one', 'two']);
      expect(await reader.lines()).toEqual(['three']);
      expect((await collect(reader.rest())).toString()).toBe('PACK and more');
    }
  });

  test('ERR instead of a line', async () => {
    await expect(readerOf(packetLine('ERR no such repository')).line()).rejects.toThrow(
      new RemoteError('no such repository'),
    );
  });
});

describe('side band', () => {
  test('data of any length arrives, progress apart', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(3 * MAX_BAND_DATA), lengthLists, async (size, lengths) => {
        const data = Buffer.alloc(size, 'abcdefg');
        const bytes = Buffer.concat([
          ...bandPackets(Band.progress, Buffer.from('half\r')),
          ...bandPackets(Band.data, data),
          ...bandPackets(Band.progress, Buffer.from('done\n')),
          FLUSH_PACKET,
          packetLine('after'),
        ]);
        const reader = readerOf(bytes, lengths);
        const progress: string[] = [];
        expect((await collect(reader.band((text) => progress.push(text)))).equals(data)).toBe(true);
        expect(progress).toEqual(['half\r', 'done\n']);
        expect(await reader.line()).toBe('after');
      }),
      { numRuns: runs(30) },
    );
  });

  test('an error, and a band that is none', async () => {
    const error = Buffer.concat([...bandPackets(Band.error, Buffer.from('out of disk\n'))]);
    await expect(collect(readerOf(error).band())).rejects.toThrow(new RemoteError('out of disk'));
    await expect(collect(readerOf(packet('x')).band())).rejects.toThrow(ProtocolError);
  });
});
