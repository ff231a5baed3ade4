import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { applyDelta, deltaSizes } from '../../src/git/packs/delta.ts';
import { runs } from '../crash/stress.ts';
import { damaged, survives } from './arbitraries.ts';

type Instruction = { copy: number; size: number } | { insert: Uint8Array };

/** A size in 7 bits a byte. */
function size(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

function copy(start: number, length: number): Buffer {
  let op = 0x80;
  const bytes: number[] = [];
  for (let i = 0; i < 4; i++) {
    const byte = Math.floor(start / 256 ** i) % 256;
    if (byte !== 0) {
      op |= 1 << i;
      bytes.push(byte);
    }
  }
  for (let i = 0; i < 3 && length !== 0x10000; i++) {
    const byte = (length >> (8 * i)) & 0xff;
    if (byte !== 0) {
      op |= 0x10 << i;
      bytes.push(byte);
    }
  }
  return Buffer.from([op, ...bytes]);
}

function code(instruction: Instruction): Buffer {
  if ('copy' in instruction) return copy(instruction.copy, instruction.size);
  return Buffer.concat([Buffer.of(instruction.insert.length), instruction.insert]);
}

const cases = fc.uint8Array({ minLength: 1, maxLength: 300 }).chain((base) => {
  const instruction = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 127 }).map((insert) => ({ insert })),
    fc.tuple(fc.nat(base.length - 1), fc.nat(299)).map(([start, length]) => ({
      copy: start,
      size: 1 + (length % (base.length - start)),
    })),
  );
  return fc.array(instruction, { maxLength: 10 }).map((instructions) => {
    const result = Buffer.concat(
      instructions.map((each) =>
        'copy' in each ? base.subarray(each.copy, each.copy + each.size) : each.insert,
      ),
    );
    const delta = Buffer.concat([
      size(base.length),
      size(result.length),
      ...instructions.map(code),
    ]);
    return { base, delta, result };
  });
});

describe('deltas', () => {
  test('make what their instructions say', () => {
    fc.assert(
      fc.property(cases, ({ base, delta, result }) => {
        expect(applyDelta(base, delta).equals(result)).toBe(true);
        expect(applyDelta(base, new Uint8Array(delta)).equals(result)).toBe(true);
        const sizes = { baseSize: base.length, resultSize: result.length };
        expect(deltaSizes(delta)).toEqual(sizes);
      }),
      { numRuns: runs(300) },
    );
  });

  test('large copies, and a copy of size 0, which is 65,536', () => {
    const base = Buffer.alloc(0x1020304).map((_, i) => i * 31 + (i >> 8));
    const head = (length: number) => [size(base.length), size(length)];
    const far = Buffer.concat([...head(0x2), copy(0x1020302, 2)]);
    expect(applyDelta(base, far)).toEqual(base.subarray(-2));
    const most = Buffer.concat([...head(0xffffff), copy(1, 0xffffff)]);
    expect(applyDelta(base, most).equals(base.subarray(1, 0x1000000))).toBe(true);
    const zero = Buffer.concat([...head(0x10000), copy(7, 0x10000)]);
    expect(zero.length).toBe(4 + 3 + 2);
    expect(applyDelta(base, zero).equals(base.subarray(7, 0x10007))).toBe(true);
  });

  test('sizes above 2^32 are read', () => {
    const delta = Buffer.concat([size(Number.MAX_SAFE_INTEGER), size(2 ** 40 + 1)]);
    expect(deltaSizes(delta)).toEqual({
      baseSize: Number.MAX_SAFE_INTEGER,
      resultSize: 2 ** 40 + 1,
    });
  });
});

describe('deltas that lie', () => {
  const base = Buffer.from('0123456789');
  const delta = (...parts: (Buffer | number)[]) =>
    Buffer.concat(parts.map((part) => (typeof part === 'number' ? size(part) : part)));
  const insert = Buffer.from('\x03abc');

  test.each([
    ['the size of the base', delta(9, 3, insert)],
    ['a result that is larger', delta(10, 4, insert)],
    ['a result that is smaller', delta(10, 2, insert)],
    ['a result of a terabyte', delta(10, 2 ** 40, insert)],
    ['a result of nothing', delta(10, 0, insert)],
    ['a copy from behind the base', delta(10, 2, copy(10, 2))],
    ['a copy across the end of the base', delta(10, 2, copy(9, 2))],
    ['a copy from beyond 2^31', delta(10, 2, copy(0xffffffff, 2))],
    ['an insert that is cut off', delta(10, 3, insert.subarray(0, 3))],
    ['a copy that is cut off', delta(10, 2, copy(1, 2).subarray(0, 2))],
    ['an instruction 0', delta(10, 3, insert, Buffer.of(0))],
    ['no result size', delta(10)],
    ['nothing', Buffer.alloc(0)],
    ['a size without end', Buffer.alloc(100, 0x80)],
    ['a size above 2^53', Buffer.from('ffffffffffffffff7f00', 'hex')],
  ])('%s', (_, bytes) => {
    expect(() => applyDelta(base, bytes)).toThrow(CorruptObjectError);
  });

  test('damage is an error or another result of the size that is said', () => {
    const broken = cases.chain(({ base, delta }) =>
      damaged(delta).map((changed) => ({ base, delta: changed })),
    );
    fc.assert(
      fc.property(broken, ({ base, delta }) => {
        survives(() => {
          expect(applyDelta(base, delta).length).toBe(deltaSizes(delta).resultSize);
        });
      }),
      { numRuns: runs(1000) },
    );
  });

  test('a result that fits into no memory is refused', () => {
    const large = Buffer.alloc(0xffffff);
    const everything = copy(0, large.length);
    const count = 2 ** 23;
    const bytes = delta(
      large.length,
      count * large.length,
      Buffer.alloc(count * everything.length, everything),
    );
    expect(() => applyDelta(large, bytes)).toThrow(CorruptObjectError);
  });
});
