import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidPathError } from '../../src/errors.ts';
import {
  comparePaths,
  decodePath,
  encodePath,
  encodeText,
  hasLoneSurrogate,
} from '../../src/git/pathBytes.ts';
import { runs } from '../crash/stress.ts';
import { pathBytes } from './arbitraries.ts';

describe('names as strings', () => {
  test('every byte sequence survives decoding and encoding', () => {
    fc.assert(
      fc.property(pathBytes, (bytes) => {
        expect(encodePath(decodePath(bytes)).equals(bytes)).toBe(true);
      }),
    );
  });

  test('a range is decoded as if it stood alone', () => {
    fc.assert(
      fc.property(pathBytes, pathBytes, pathBytes, (before, bytes, after) => {
        const all = Buffer.concat([before, bytes, after]);
        const text = decodePath(all, before.length, before.length + bytes.length);
        expect(text).toBe(decodePath(bytes));
      }),
    );
  });

  test('every string of whole characters survives encoding and decoding', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodePath(encodePath(text))).toBe(text);
        expect(encodePath(text).toString('utf8')).toBe(text);
      }),
    );
  });

  test.each([
    ['c3a9', 'é'],
    ['e9', '\udce9'],
    ['eda080', '\udced\udca0\udc80'],
    ['c080', '\udcc0\udc80'],
    ['e08080', '\udce0\udc80\udc80'],
    ['f4908080', '\udcf4\udc90\udc80\udc80'],
    ['efbfbd', '\ufffd'],
    ['efbfbdff', '\ufffd\udcff'],
    ['efbbbf61', '\ufeffa'],
    ['f09f9880ff', '😀\udcff'],
  ])('bytes %s', (hex, text) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(decodePath(bytes)).toBe(text);
    expect(encodePath(text)).toEqual(bytes);
  });

  test('a plain Uint8Array within a larger buffer is read in place', () => {
    expect(decodePath(new Uint8Array([0x61, 0x62, 0xff, 0x63]).subarray(1, 3))).toBe('b\udcff');
  });

  test('a lone surrogate that stands for no byte is refused in paths and replaced in text', () => {
    for (const text of ['\ud800', 'a\udc7f', '\udd00b', '\udcff\ud83d']) {
      expect(() => encodePath(text)).toThrow(InvalidPathError);
    }
    expect(encodeText('a\ud800b\udcff')).toEqual(Buffer.from('61efbfbd62ff', 'hex'));
    expect(encodeText('plain 😀')).toEqual(Buffer.from('plain 😀'));
    expect(hasLoneSurrogate('😀')).toBe(false);
    expect(hasLoneSurrogate('😀\udcff')).toBe(true);
  });
});

describe('order of names', () => {
  test('is the order of their bytes', () => {
    fc.assert(
      fc.property(pathBytes, pathBytes, (a, b) => {
        const order = comparePaths(decodePath(a), decodePath(b));
        expect(Math.sign(order)).toBe(Buffer.compare(a, b));
      }),
      { numRuns: runs(1000) },
    );
  });

  test('differs from that of strings outside the basic plane', () => {
    expect('\uff5e' < '😀').toBe(false);
    expect(comparePaths('\uff5e', '😀')).toBeLessThan(0);
    expect(comparePaths('\uffff', '\udcff')).toBeLessThan(0);
  });
});
