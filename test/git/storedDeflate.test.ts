import { inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  adler32,
  deflateStored,
  STORED_BLOCK_HEADER_LENGTH,
  STORED_BLOCK_SIZE,
  STORED_STREAM_HEADER,
  StoredDeflate,
  storedBlockHeader,
  storedOffset,
  storedSize,
} from '../../src/zlib/storedDeflate.ts';
import { runs } from '../crash/stress.ts';

/** Sizes around the borders of blocks. */
const sizes = fc.oneof(
  fc.nat(20),
  fc
    .tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: -2, max: 2 }))
    .map(([blocks, more]) => {
      return blocks * STORED_BLOCK_SIZE + more;
    }),
);

function someBytes(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7919) >> 3));
}

describe('stored streams', () => {
  test('are what zlib reads, however the data comes', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(70_000), { maxLength: 6 }), (size, cuts) => {
        const data = someBytes(size);
        const stream = new StoredDeflate(size);
        const parts = stream.start();
        let at = 0;
        for (const cut of [...cuts, size]) {
          parts.push(...stream.push(data.subarray(at, at + cut)));
          at = Math.min(size, at + cut);
        }
        parts.push(...stream.end());
        const bytes = Buffer.concat(parts);
        expect(bytes.length).toBe(storedSize(size));
        expect(inflateSync(bytes).equals(data)).toBe(true);
        expect(deflateStored('', data).equals(bytes)).toBe(true);
      }),
      { numRuns: runs(60) },
    );
  });

  test('have every byte where storedOffset says, and block headers before', () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (size, place) => {
        const data = someBytes(size);
        const bytes = deflateStored(
          data.toString('latin1', 0, size >> 1),
          data.subarray(size >> 1),
        );
        expect(bytes.subarray(0, 2)).toEqual(Buffer.from(STORED_STREAM_HEADER));
        for (let start = 0, index = 0; start < size; start += STORED_BLOCK_SIZE, index++) {
          const header = storedBlockHeader(size, index);
          const at = storedOffset(start);
          expect(bytes.subarray(at - STORED_BLOCK_HEADER_LENGTH, at)).toEqual(header);
        }
        if (size > 0) expect(bytes[storedOffset(place % size)]).toBe(data[place % size]);
      }),
      { numRuns: runs(60) },
    );
  });

  test('sizes above 2^32', () => {
    expect(storedSize(2 ** 40)).toBe(2 ** 40 + 2 + 4 + 5 * Math.ceil(2 ** 40 / 65535));
    expect(storedOffset(2 ** 40)).toBe(2 ** 40 + 2 + 5 * (Math.floor(2 ** 40 / 65535) + 1));
  });

  test('no more and no less data than announced', () => {
    const stream = new StoredDeflate(3);
    stream.push(Buffer.from('ab'));
    expect(() => stream.end()).toThrow(RangeError);
    expect(() => stream.push(Buffer.from('cd'))).toThrow(RangeError);
    stream.push(Buffer.from('c'));
    expect(stream.end().length).toBe(1);
  });
});

describe('Adler-32', () => {
  test('known values', () => {
    expect(adler32(Buffer.alloc(0))).toBe(1);
    expect(adler32(Buffer.from('Wikipedia'))).toBe(0x11e60398);
    // The largest sums there can be.
    expect(adler32(Buffer.alloc(1 << 20, 0xff))).toBe(plainAdler(Buffer.alloc(1 << 20, 0xff)));
  });

  test('of parts is that of the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20_000 }), fc.nat(), (data, cut) => {
        const at = cut % (data.length + 1);
        expect(adler32(data.subarray(at), adler32(data.subarray(0, at)))).toBe(adler32(data));
        expect(adler32(data)).toBe(plainAdler(data));
      }),
    );
  });

  function plainAdler(data: Uint8Array): number {
    let [a, b] = [1, 0];
    for (const byte of data) {
      a = (a + byte) % 65521;
      b = (b + a) % 65521;
    }
    return b * 65536 + a;
  }
});
