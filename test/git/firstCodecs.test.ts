/** The codecs of a process's first objects: what zlib and Node's hash give, or nothing. */
import { hash } from 'node:crypto';
import { constants, deflateSync, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import {
  firstInflate,
  firstInflateStart,
  firstSha1,
  useFirstCodecs,
} from '../../src/zlib/firstCodecs.ts';
import { runs } from '../crash/stress.ts';

const STRATEGIES = [
  constants.Z_DEFAULT_STRATEGY,
  constants.Z_FILTERED,
  constants.Z_HUFFMAN_ONLY,
  constants.Z_RLE,
  constants.Z_FIXED,
];

/** Bytes that make short and long codes, near and far repetitions. */
const bodies = fc
  .tuple(
    fc.integer({ min: 1, max: 256 }),
    fc.array(fc.tuple(fc.nat(60), fc.nat(255), fc.nat(2000)), { maxLength: 120 }),
  )
  .map(([alphabet, parts]) => {
    const bytes: number[] = [];
    for (const [length, first, back] of parts) {
      for (let i = 0; i < length; i++) {
        const old = bytes[bytes.length - 1 - back];
        bytes.push(old !== undefined && first % 3 > 0 ? old : (first + i * i * 7) % alphabet);
      }
    }
    return Buffer.from(bytes);
  });

const streams = fc
  .record({
    body: fc.oneof(
      bodies,
      fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
    ),
    level: fc.integer({ min: 0, max: 9 }),
    strategy: fc.constantFrom(...STRATEGIES),
    windowBits: fc.integer({ min: 9, max: 15 }),
    memLevel: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ body, ...options }) => ({ body, stream: deflateSync(body, options) }));

/** With all that the codecs take at the most before them. */
function inflate(input: Buffer, size: number, at = 0, end = input.length) {
  useFirstCodecs();
  return firstInflate(input, at, end, size);
}

describe('inflating', () => {
  test('gives what zlib wrote, and how long that is', () => {
    fc.assert(
      fc.property(streams, fc.nat(20), fc.nat(20), ({ body, stream }, before, behind) => {
        const input = Buffer.concat([Buffer.alloc(before, 7), stream, Buffer.alloc(behind, 9)]);
        const result = inflate(input, body.length, before);
        expect(result?.bytes.equals(body)).toBe(true);
        expect(result?.consumed).toBe(stream.length);
      }),
      { numRuns: runs(500) },
    );
  });

  test('gives long contents with codes of all lengths', () => {
    // Each value twice as often as the next: codes of 1 to 15 bits.
    const bytes: number[] = [];
    for (let i = 1; i < 100_000; i++) bytes.push(Math.min(30, Math.clz32(i ^ (i - 1))));
    for (const body of [Buffer.from(bytes), Buffer.alloc(100_000), Buffer.alloc(100_000, 'abc')]) {
      for (const level of [0, 1, 6, 9]) {
        const result = inflate(deflateSync(body, { level }), body.length);
        expect(result?.bytes.equals(body)).toBe(true);
      }
    }
  });

  test('gives nothing where the stream is cut off or holds another number of bytes', () => {
    fc.assert(
      fc.property(streams, fc.nat(), ({ body, stream }, at) => {
        expect(inflate(stream, body.length, 0, at % stream.length)).toBeUndefined();
        expect(inflate(stream, body.length + 1)).toBeUndefined();
        if (body.length > 0) expect(inflate(stream, body.length - 1)).toBeUndefined();
      }),
    );
  });

  test('gives of a broken stream nothing, or what zlib gives', () => {
    const flips = fc.array(fc.tuple(fc.nat(), fc.nat(7)), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(streams, flips, ({ body, stream }, changes) => {
        const broken = Buffer.from(stream);
        for (const [at, bit] of changes) broken[at % broken.length]! ^= 1 << bit;
        const result = inflate(broken, body.length);
        if (result === undefined) return;
        expect(inflateSync(broken).equals(result.bytes)).toBe(true);
      }),
      { numRuns: runs(2000) },
    );
  });

  test('gives nothing of what is no stream', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(2000), (bytes, size) => {
        // Most of them with a header that is right, so that they come further.
        const input = Buffer.concat([Buffer.from([0x78, 0x9c]), bytes]);
        expect(inflate(input, size)).toBeUndefined();
        expect(inflate(Buffer.from(bytes), size)).toBeUndefined();
      }),
      { numRuns: runs(1000) },
    );
  });

  test('gives the beginning of what a beginning holds', () => {
    fc.assert(
      fc.property(streams, fc.nat(), ({ body, stream }, at) => {
        useFirstCodecs();
        const input = stream.subarray(0, at % (stream.length + 1));
        const options = { finishFlush: constants.Z_SYNC_FLUSH };
        const expected = input.length < 2 ? Buffer.alloc(0) : inflateSync(input, options);
        const start = firstInflateStart(input) ?? Buffer.alloc(0);
        expect(body.subarray(0, start.length).equals(start)).toBe(true);
        expect(start.length).toBeGreaterThanOrEqual(expected.length);
      }),
    );
  });
});

describe('SHA-1', () => {
  test('is the hash that Node gives, at every length around the ends of blocks', () => {
    for (let length = 0; length < 200; length++) {
      useFirstCodecs();
      const bytes = new Uint8Array(length).fill(length);
      expect(firstSha1('', bytes)).toBe(hash('sha1', bytes, 'hex'));
    }
  });

  test('is the hash that Node gives, of any header and body', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii', maxLength: 40 }),
        fc.uint8Array({ maxLength: 5000 }),
        (header, body) => {
          useFirstCodecs();
          const whole = Buffer.concat([Buffer.from(header, 'latin1'), body]);
          expect(firstSha1(header, body)).toBe(hash('sha1', whole, 'hex'));
        },
      ),
    );
  });
});

describe('how long they serve', () => {
  const body = Buffer.alloc(10_000, 'some text ');
  const stream = deflateSync(body);

  test('until some bytes have gone through', () => {
    useFirstCodecs();
    let served = 0;
    while (served < 1000 && firstInflate(stream, 0, stream.length, body.length)) served++;
    expect(served).toBeGreaterThan(5);
    expect(served).toBeLessThan(50);
    expect(firstSha1('', Buffer.from('a'))).toBeUndefined();
    expect(firstInflateStart(stream)).toBeUndefined();
  });

  test('not for what is too large for them', () => {
    const large = Buffer.alloc(1 << 20);
    expect(inflate(deflateSync(large), large.length)).toBeUndefined();
    useFirstCodecs();
    expect(firstSha1('', large)).toBeUndefined();
    const padded = Buffer.concat([stream, large]);
    expect(inflate(padded, body.length)).toBeUndefined();
  });

  test('not where there is no WebAssembly, nor in a process that does not ask for them', async () => {
    vi.resetModules();
    const fresh = await import('../../src/zlib/firstCodecs.ts');
    expect(fresh.firstSha1('', body)).toBeUndefined();
    vi.stubGlobal('WebAssembly', undefined);
    try {
      fresh.useFirstCodecs();
      expect(fresh.firstSha1('', body)).toBeUndefined();
      expect(fresh.firstInflate(stream, 0, stream.length, body.length)).toBeUndefined();
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
