import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidRefNameError } from '../../src/errors.ts';
import { encodePath } from '../../src/git/pathBytes.ts';
import { isValidRefName, validateRefName } from '../../src/git/refs/refName.ts';
import { runs } from '../crash/stress.ts';

function gitAllows(...args: string[]): boolean {
  return spawnSync('git', ['check-ref-format', ...args]).status === 0;
}

/** Parts that matter to the rules, put together at random. */
const names = fc
  .array(
    fc.constantFrom(
      ...['a', 'b', 'é', '/', '.', '..', '@', '{', '@{', '-', '.lock', 'lock', 'HEAD', 'x.y'],
      ...[' ', '~', '^', ':', '?', '*', '[', ']', '\\', '\t', '\x7f', '\x01', '//', '\u00a0', '!'],
    ),
    { maxLength: 5 },
  )
  .map((parts) => parts.join(''));

/** Names that are nearly right, so that both verdicts are common. */
const likelyNames = fc
  .array(fc.constantFrom('a', 'b', 'é', '/', '.', '@', '-', '.lock', 'HEAD'), { maxLength: 5 })
  .map((parts) => parts.join(''));

function isValidShortName(name: string): boolean {
  try {
    validateRefName(name);
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidRefNameError);
    return false;
  }
}

describe('ref names', () => {
  test("full names have Git's verdict", () => {
    fc.assert(
      fc.property(fc.oneof(names, likelyNames), (name) => {
        // What begins with `-` would be an option.
        if (!name.startsWith('-')) expect(isValidRefName(name)).toBe(gitAllows(name));
        expect(isValidRefName(`refs/heads/${name}`)).toBe(gitAllows(`refs/heads/${name}`));
      }),
      { numRuns: runs(100) },
    );
  });

  test("branch names have Git's verdict, but for white space", () => {
    fc.assert(
      fc.property(fc.oneof(names, likelyNames), (name) => {
        const allowed = gitAllows('--branch', name) && !name.includes('\u00a0');
        // Git takes `@` and `@{-1}` for branches that are already there.
        fc.pre(!name.startsWith('@'));
        expect(isValidShortName(name)).toBe(allowed);
      }),
      { numRuns: runs(100) },
    );
  });

  test('bytes that are no UTF-8 are allowed, other lone surrogates are not', () => {
    expect(isValidRefName('refs/heads/\udcff')).toBe(true);
    expect(encodePath('\udcff')).toEqual(Buffer.of(0xff));
    expect(isValidRefName('refs/heads/\ud800')).toBe(false);
    expect(isValidRefName('refs/heads/a\udc10')).toBe(false);
    expect(isValidRefName('refs/heads/😀')).toBe(true);
  });

  test.each([
    ['', /empty/],
    ['@', /'@'/],
    ['a:b', /':'/],
    ['a b', /' '/],
    ['a\u2003b', /white space/],
    ['-a', /'-'/],
    ['HEAD', /current branch/],
    ['a..b', /'\.\.'/],
    ['a.lock/b', /\.lock/],
    ['.a', /'\.'/],
    ['a.', /'\.'/],
    ['a//b', /'\/'/],
    ['a/', /'\/'/],
    ['a\0', /control/],
    ['a@{1}', /'@{'/],
    ['a\ud800', /Unicode/],
  ])('%j is refused, and why is said', (name, reason) => {
    expect(() => validateRefName(name)).toThrow(reason);
    expect(() => validateRefName(name)).toThrow(InvalidRefNameError);
  });

  test.each(['main', 'feature/a.b', 'v1.0', 'é', 'a@b', 'HEAD2', 'x/HEAD', '日本'])(
    '%j is allowed',
    (name) => {
      expect(() => validateRefName(name)).not.toThrow();
    },
  );
});
