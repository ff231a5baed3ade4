import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileWildcard } from '../../src/tree/wildcard.ts';
import { runs } from '../crash/stress.ts';

describe('wildcards', () => {
  it.each([
    ['', '', true],
    ['', 'a', false],
    ['*', '', true],
    ['*', 'anything', true],
    ['a*c', 'abbc', true],
    ['a*c', 'ab', false],
    ['*a*b*', 'xaxbx', true],
    ['a**b', 'ab', true],
    ['?', '', false],
    ['?', '😀', true],
    ['?', '\udcff', true],
    ['a?c', 'abc', true],
    ['[abc]', 'b', true],
    ['[a-c]x', 'bx', true],
    ['[!a-c]', 'b', false],
    ['[^a-c]', 'd', true],
    ['[]]', ']', true],
    ['[!]]', ']', false],
    ['[a-]', '-', true],
    ['[\\]]', ']', true],
    ['[ä-ü]', 'ö', true],
    ['[abc', '[abc', true],
    ['[', '[', true],
    ['\\*', '*', true],
    ['\\*', 'a', false],
    ['a\\', 'a\\', true],
    ['A', 'a', false],
    ['.', 'a', false],
  ])('%j and %j: %s', (pattern, text, expected) => {
    expect(compileWildcard(pattern)(text)).toBe(expected);
  });

  it('agrees with the regular expression that says the same', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });
    fc.assert(
      fc.property(pattern, text, (wildcard, subject) => {
        const source = wildcard.replaceAll('*', '.*').replaceAll('?', '.');
        expect(compileWildcard(wildcard)(subject)).toBe(new RegExp(`^${source}$`).test(subject));
      }),
      { numRuns: runs(2000) },
    );
  });

  it('is not slow on patterns with many stars', () => {
    const matches = compileWildcard(`${'*a'.repeat(30)}b`);
    expect(matches('a'.repeat(5000))).toBe(false);
  });
});
