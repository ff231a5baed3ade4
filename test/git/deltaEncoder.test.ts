import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { applyDelta } from '../../src/git/packs/delta.ts';
import { DeltaIndex, deltaRoom } from '../../src/git/packs/deltaEncoder.ts';
import { runs } from '../crash/stress.ts';
import { makeDelta } from './makeDelta.ts';

/** Bytes of few values: they repeat themselves. */
const repetitive = fc
  .array(fc.integer({ min: 0, max: 3 }), { maxLength: 3000 })
  .map((values) => Buffer.from(values));
const random = fc.uint8Array({ maxLength: 3000 }).map((bytes) => Buffer.from(bytes));
const base = fc.oneof(repetitive, random);

/** A base, and a target put together from parts of it and other bytes. */
const pair = base.chain((bytes) =>
  fc
    .array(
      fc.oneof(
        fc
          .tuple(fc.nat(bytes.length), fc.nat(bytes.length))
          .map(([from, length]) => bytes.subarray(from, from + length)),
        fc.uint8Array({ maxLength: 60 }).map((part) => Buffer.from(part)),
      ),
      { maxLength: 8 },
    )
    .map((parts) => ({ base: bytes, target: Buffer.concat(parts) })),
);

describe('a delta', () => {
  test('what it makes turns the base into the target', () => {
    fc.assert(
      fc.property(pair, ({ base, target }) => {
        const delta = makeDelta(base, target, target.length * 2 + 100);
        expect(delta).toBeDefined();
        expect(applyDelta(base, delta!).equals(target)).toBe(true);
      }),
      { numRuns: runs(300) },
    );
  });

  test('it keeps to the limit, and gives up above it', () => {
    fc.assert(
      fc.property(pair, fc.nat(400), ({ base, target }, limit) => {
        const delta = makeDelta(base, target, limit);
        if (delta === undefined) return;
        expect(delta.length).toBeLessThanOrEqual(limit);
        expect(applyDelta(base, delta).equals(target)).toBe(true);
      }),
      { numRuns: runs(300) },
    );
  });

  test('a small change in a large text costs a few bytes', () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `line ${i} of a text ${i * 7919}\n`);
    const before = Buffer.from(lines.join(''));
    lines[2500] = 'another line\n';
    const after = Buffer.from(lines.join(''));
    expect(makeDelta(before, after)!.length).toBeLessThan(80);
  });

  test('copies above 64 KiB and from beyond 16 MiB', () => {
    const before = Buffer.alloc((1 << 24) + 300_000);
    for (let i = 0; i < before.length; i += 4)
      before.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
    const after = Buffer.concat([before.subarray(1 << 24), Buffer.from('end')]);
    const delta = makeDelta(before, after)!;
    expect(delta.length).toBeLessThan(100);
    expect(applyDelta(before, delta).equals(after)).toBe(true);
  });

  test('a base of one byte over and over takes no longer than any other', () => {
    const zeros = Buffer.alloc(1 << 20);
    const target = Buffer.concat([Buffer.alloc(1 << 19), Buffer.from('x'), Buffer.alloc(1 << 19)]);
    const delta = makeDelta(zeros, target)!;
    expect(applyDelta(zeros, delta).equals(target)).toBe(true);
    expect(delta.length).toBeLessThan(200);
  });

  test('empty base, empty target', () => {
    expect(makeDelta(Buffer.alloc(0), Buffer.from('abc'))).toBeUndefined();
    const grown = makeDelta(Buffer.alloc(0), Buffer.from('abc'), 10)!;
    expect(applyDelta(Buffer.alloc(0), grown).toString()).toBe('abc');
    const emptied = makeDelta(Buffer.from('abc'), Buffer.alloc(0), 10)!;
    expect(applyDelta(Buffer.from('abc'), emptied).length).toBe(0);
  });

  test('one index serves many targets, and is used again for another base', () => {
    const index = new DeltaIndex();
    const into = Buffer.alloc(deltaRoom(1000));
    for (const text of ['one base '.repeat(50), 'quite another base '.repeat(9)]) {
      const bytes = Buffer.from(text);
      index.set(bytes);
      for (const target of [`${text}and more`, text.slice(20), `x${text}`].map((t) =>
        Buffer.from(t),
      )) {
        const length = index.encode(target, 1000, into);
        expect(applyDelta(bytes, into.subarray(0, length)).equals(target)).toBe(true);
      }
    }
  });
});
