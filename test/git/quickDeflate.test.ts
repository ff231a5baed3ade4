/** The quickest level's own deflate: what zlib reads, in about as few bytes as zlib's. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync, type Inflate, inflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { newQuickDeflate } from '../../src/zlib/quickDeflate.ts';
import { runs } from '../crash/stress.ts';

const quick = newQuickDeflate()!;
const deflate = quick.whole;

const BLOCK = 64 << 10;
const PART = 1 << 20;
const REACH = 32 << 10;

/** What zlib reads of it; undefined where it would be no shorter. */
function throughBoth(body: Uint8Array): { body: Buffer; length: number } | undefined {
  const at = 3;
  const out = Buffer.alloc(body.length + at + 10, 0xaa);
  const length = deflate(body, out, at);
  expect(out.subarray(0, at)).toEqual(Buffer.alloc(at, 0xaa));
  if (length >= body.length) {
    expect(length).toBe(body.length);
    return undefined;
  }
  const { buffer, engine } = inflateSync(out.subarray(at), {
    info: true,
  }) as unknown as { buffer: Buffer; engine: Inflate };
  expect(engine.bytesWritten).toBe(length);
  return { body: buffer, length };
}

function expectSame(body: Uint8Array): void {
  const read = throughBoth(body);
  if (read !== undefined) expect(read.body.equals(body)).toBe(true);
}

/** Bytes that nobody compresses. */
function noise(length: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Runs of literals, and copies of earlier bytes from near and far. */
const bodies = fc
  .record({
    alphabet: fc.integer({ min: 1, max: 256 }),
    pieces: fc.array(
      fc.tuple(fc.nat(40), fc.nat(), fc.oneof(fc.nat(12), fc.nat(600)), fc.nat(40_000)),
      { maxLength: 200 },
    ),
  })
  .map(({ alphabet, pieces }) => {
    const bytes: number[] = [];
    for (const [literals, seed, copied, back] of pieces) {
      for (const byte of noise(literals, seed)) bytes.push(byte % alphabet);
      const from = Math.max(0, bytes.length - 1 - back);
      if (bytes.length > 0) for (let i = 0; i < copied; i++) bytes.push(bytes[from + i]!);
    }
    return Buffer.from(bytes);
  });

describe('quick deflating', () => {
  test('is read by zlib, to its last byte', () => {
    fc.assert(fc.property(bodies, expectSame), { numRuns: runs(500) });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), expectSame), { numRuns: runs(500) });
  });

  test('takes bodies of all short lengths', () => {
    for (let length = 0; length <= 400; length++) {
      expectSame(Buffer.alloc(length, 'a'));
      expectSame(Buffer.alloc(length, 'abcdefghi'));
      expectSame(noise(length));
    }
  });

  test('takes bodies that fill blocks and parts, and fall short of them or exceed them', () => {
    const text = Buffer.alloc(2 * PART + BLOCK, 'some text, and more of it; ');
    for (const edge of [BLOCK, BLOCK + BLOCK / 4, 2 * BLOCK, PART, 2 * PART]) {
      for (const length of [edge - 1, edge, edge + 1]) {
        expectSame(text.subarray(0, length));
        expectSame(Buffer.concat([noise(length - 300), Buffer.alloc(300)]));
      }
    }
  });

  test('makes one stream of bytes that come bit by bit', () => {
    const chunks = fc.array(fc.oneof(bodies, fc.constant(Buffer.alloc(0))), { maxLength: 6 });
    const streamed = (parts: readonly Uint8Array[]): Buffer => {
      const pieces: Buffer[] = [];
      parts.forEach((part, i) => {
        for (const piece of quick.more(part, i === 0, false)) pieces.push(Buffer.from(piece));
      });
      const end = quick.more(new Uint8Array(0), parts.length === 0, true);
      for (const piece of end) pieces.push(Buffer.from(piece));
      return inflateSync(Buffer.concat(pieces));
    };
    fc.assert(
      fc.property(chunks, (parts) => {
        expect(streamed(parts).equals(Buffer.concat(parts))).toBe(true);
      }),
    );
    const long = [noise(PART + 7), Buffer.alloc(3 * PART, 'long '), noise(10)];
    expect(streamed(long).equals(Buffer.concat(long))).toBe(true);
  });

  test('finds what is repeated as far back as a stream may reach, and leaves what is farther', () => {
    const near = throughBoth(Buffer.alloc(PART, noise(REACH)));
    expect(near?.length).toBeLessThan(PART / 4);
    expect(near?.body.equals(Buffer.alloc(PART, noise(REACH)))).toBe(true);
    expect(throughBoth(Buffer.alloc(PART, noise(REACH + 1)))).toBeUndefined();
  });

  test('makes no code longer than deflate allows', () => {
    // Counts that would make codes of 22 bits.
    const counts = [1, 1];
    while (counts.length < 23) counts.push(counts.at(-1)! + counts.at(-2)!);
    const body = Buffer.concat(counts.map((count, i) => Buffer.alloc(count, 10 * i)));
    const mixed = noise(body.length).map((_, i) => body[(i * 7919) % body.length]!);
    expectSame(body);
    expectSame(mixed);
  });

  test('gives the same for a body whatever came before it', () => {
    const body = Buffer.alloc(5000, 'the same as ever, or nearly; ');
    const first = throughBoth(body)!;
    // So many parts that places are counted from the start again.
    const out = Buffer.alloc(PART);
    for (let i = 0; i < 1100; i++) deflate(out, Buffer.alloc(0x4000), 0);
    expect(throughBoth(body)).toEqual(first);
  });

  test('takes about as many bytes as zlib at its quickest level', () => {
    const folder = join(import.meta.dirname, '../../src/store');
    const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    let own = 0;
    let zlib = 0;
    for (const name of names.filter((name) => name.endsWith('.ts'))) {
      const body = readFileSync(join(folder, name));
      own += throughBoth(body)?.length ?? body.length;
      zlib += deflateSync(body, { level: 1 }).length;
    }
    expect(own).toBeLessThan(1.03 * zlib);
  });
});
