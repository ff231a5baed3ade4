import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidPathError } from '../../src/errors.ts';
import {
  checkWritablePath,
  isForbiddenSegment,
  isWithin,
  normalizePath,
} from '../../src/tree/paths.ts';
import { runs } from '../crash/stress.ts';
import { gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

describe('normalizePath', () => {
  it.each([
    ['', ''],
    ['/', ''],
    ['.', ''],
    ['./', ''],
    ['a', 'a'],
    ['/a', 'a'],
    ['//a', 'a'],
    ['a/', 'a'],
    ['a//b', 'a/b'],
    ['./a/./b/.', 'a/b'],
    ['.a/b.', '.a/b.'],
    ['...', '...'],
    ['a/..b', 'a/..b'],
    ['a b/ü', 'a b/ü'],
  ])('%j is %j', (path, normal) => {
    expect(normalizePath(path)).toBe(normal);
  });

  it.each(['..', '../a', 'a/..', 'a/../b', '/..', 'a\0b', '\0'])('refuses %j', (path) => {
    expect(() => normalizePath(path)).toThrow(InvalidPathError);
  });

  it('leaves what it gives as it is', () => {
    const parts = fc.array(fc.constantFrom('', '.', 'a', '.b', 'c.', 'ü'), { maxLength: 6 });
    fc.assert(
      fc.property(parts, (names) => {
        const normal = normalizePath(names.join('/'));
        expect(normalizePath(normal)).toBe(normal);
        expect(normal).toBe(names.filter((name) => name !== '' && name !== '.').join('/'));
      }),
    );
  });
});

describe('checkWritablePath', () => {
  it.each([
    '',
    '/',
    '.',
    '.git',
    '.GIT/config',
    'a/.git/b',
    'a/git~1',
    'x/.git.. /y',
    '.g\u200cit',
  ])('refuses %j', (path) => {
    expect(() => checkWritablePath(path)).toThrow(InvalidPathError);
  });

  it.each(['.gitignore', '.gitmodules', 'git', 'a.git', '.git2', 'git~2', '.github/x', 'a\\b'])(
    'allows %j',
    (path) => {
      expect(checkWritablePath(path)).toBe(path);
    },
  );

  it('refuses just the names that Git refuses', () => {
    const store = scratchFolder();
    spawnSync('git', ['init', '-q', '--bare', store], { env: gitEnvironment });
    const piece = fc.constantFrom('.', 'g', 'G', 'i', 'I', 't', 'T', '~', '1', ' ', '\\', ':', 'x');
    const odd = fc.constantFrom('\u200c', '\u202e', '\ufeff', '.git', 'git~1', '.GIT', '::$DATA');
    const name = fc.string({ unit: fc.oneof(piece, odd), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(name, (text) => {
        fc.pre(text !== '.' && text !== '..');
        const entry = `100644 ${'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'}\t${text}\0`;
        const options = ['-c', 'core.protectNTFS=true', '-c', 'core.protectHFS=true'];
        const result = spawnSync(
          'git',
          [...options, '--git-dir', store, 'update-index', '-z', '--add', '--index-info'],
          { input: entry, env: { ...gitEnvironment, GIT_INDEX_FILE: `${store}/test-index` } },
        );
        const isRefused =
          result.status !== 0 || /Invalid path|Ignoring path/.test(String(result.stderr));
        expect({ text, refused: isForbiddenSegment(text) }).toEqual({ text, refused: isRefused });
      }),
      { numRuns: runs(150) },
    );
  });
});

describe('isWithin', () => {
  it.each([
    ['a', '', true],
    ['a', 'a', true],
    ['a/b', 'a', true],
    ['ab', 'a', false],
    ['a', 'a/b', false],
  ])('%j in %j: %s', (path, directory, expected) => {
    expect(isWithin(path, directory)).toBe(expected);
  });
});
