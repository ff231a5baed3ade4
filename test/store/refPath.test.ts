import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidRefNameError } from '../../src/errors.ts';
import { parseRefPath, parseRefTarget, parseRepositoryPath } from '../../src/store/refs/refPath.ts';

const local = (path: string) => ({ kind: 'local', path });
const repository = (ref: string, back: number, path: string) => ({
  kind: 'repository',
  ref,
  back,
  path,
});

describe('parseRefPath', () => {
  it.each([
    // 1. no colon
    ['file.txt', local('file.txt')],
    ['', local('')],
    ['-', local('-')],
    ['~2', local('~2')],
    ['main~2', local('main~2')],
    // 2. colon first
    [':', repository('', 0, '')],
    [':a/b', repository('', 0, 'a/b')],
    [':/a/b/', repository('', 0, '/a/b/')],
    ['::', repository('', 0, ':')],
    [':a:b', repository('', 0, 'a:b')],
    [':C:/x', repository('', 0, 'C:/x')],
    [':a~2', repository('', 0, 'a~2')],
    // 3. Windows drives
    ['C:\\data', local('C:\\data')],
    ['c:/data', local('c:/data')],
    ['z:/', local('z:/')],
    ['C:', repository('C', 0, '')],
    ['C:data', repository('C', 0, 'data')],
    ['1:/x', repository('1', 0, '/x')],
    ['é:/x', repository('é', 0, '/x')],
    ['CC:/x', repository('CC', 0, '/x')],
    ['C~1:/x', repository('C', 1, '/x')],
    // 4. a slash or backslash before the colon
    ['./x:y', local('./x:y')],
    ['/tmp/a:b', local('/tmp/a:b')],
    ['a\\b:c', local('a\\b:c')],
    ['feature/x:a', local('feature/x:a')],
    ['../~0:x', local('../~0:x')],
    // 5. the rest
    ['main:', repository('main', 0, '')],
    ['main:a/b', repository('main', 0, 'a/b')],
    ['main:/', repository('main', 0, '/')],
    ['v1.0:data/', repository('v1.0', 0, 'data/')],
    ['abc1234:x:y', repository('abc1234', 0, 'x:y')],
    ['main:a\\b', repository('main', 0, 'a\\b')],
    ['my branch:f', repository('my branch', 0, 'f')],
    // ~N
    ['main~3:file.txt', repository('main', 3, 'file.txt')],
    ['main~1:', repository('main', 1, '')],
    ['~2:f', repository('', 2, 'f')],
    ['main~007:f', repository('main', 7, 'f')],
    ['main~1~2:f', repository('main~1', 2, 'f')],
    ['a~b~1:f', repository('a~b', 1, 'f')],
    ['main:a~0', repository('main', 0, 'a~0')],
  ])('reads %j', (argument, expected) => {
    expect(parseRefPath(argument)).toEqual(expected);
  });

  it.each([
    'main~0:f',
    '~0:',
    'main~00:f',
    'main~abc:f',
    'main~:f',
    '~:f',
    'main~-1:f',
    'main~1.5:f',
    'main~+1:f',
    'main~1 :f',
    'main~1x:f',
    'main~2~0:f',
    'main~١:f',
  ])('refuses %j with a hint', (argument) => {
    expect(() => parseRefPath(argument)).toThrow(InvalidRefNameError);
    expect(() => parseRefPath(argument)).toThrow(/drop it/);
    expect(() => parseRepositoryPath(argument)).toThrow(InvalidRefNameError);
    expect(() => parseRefTarget(argument)).toThrow(InvalidRefNameError);
  });

  it('loses nothing: every argument can be put together again', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...':~/\\aZ.1 0') }), (argument) => {
        let parsed: ReturnType<typeof parseRefPath>;
        try {
          parsed = parseRefPath(argument);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRefNameError);
          expect(argument).toMatch(/^[^:]*~[^:~]*:/);
          return;
        }
        if (parsed.kind === 'local') {
          expect(parsed.path).toBe(argument);
          const colon = argument.indexOf(':');
          if (colon >= 0) expect(argument.slice(0, colon + 2)).toMatch(/[/\\]/);
        } else {
          const head = argument.slice(0, argument.indexOf(':'));
          expect(head).not.toMatch(/[/\\]/);
          expect(argument.slice(head.length + 1)).toBe(parsed.path);
          if (parsed.back === 0) expect(head).toBe(parsed.ref);
          else expect(head.replace(/~0*(\d+)$/, '~$1')).toBe(`${parsed.ref}~${parsed.back}`);
        }
      }),
    );
  });
});

describe('parseRepositoryPath', () => {
  it.each([
    ['file.txt', repository('', 0, 'file.txt')],
    ['', repository('', 0, '')],
    ['a/b:c', repository('', 0, 'a/b:c')],
    ['C:/data', repository('', 0, 'C:/data')],
    ['main~2', repository('', 0, 'main~2')],
    [':x:y', repository('', 0, 'x:y')],
    ['x:y', repository('x', 0, 'y')],
    ['dev~1:y', repository('dev', 1, 'y')],
  ])('reads %j', (argument, expected) => {
    expect(parseRepositoryPath(argument)).toEqual(expected);
  });
});

describe('parseRefTarget', () => {
  it.each([
    ['main', { ref: 'main', back: 0 }],
    ['', { ref: '', back: 0 }],
    ['v1.0', { ref: 'v1.0', back: 0 }],
    ['feature/x', { ref: 'feature/x', back: 0 }],
    ['feature/x~2', { ref: 'feature/x', back: 2 }],
    ['~3', { ref: '', back: 3 }],
    ['main~2', { ref: 'main', back: 2 }],
    [':', { ref: '', back: 0, path: '' }],
    [':a', { ref: '', back: 0, path: 'a' }],
    ['main:', { ref: 'main', back: 0, path: '' }],
    ['main~2:a/b', { ref: 'main', back: 2, path: 'a/b' }],
    ['feature/x:a', { ref: 'feature/x', back: 0, path: 'a' }],
    ['C:/a', { ref: 'C', back: 0, path: '/a' }],
  ])('reads %j', (argument, expected) => {
    expect(parseRefTarget(argument)).toEqual(expected);
  });

  it.each(['main~0', '~0', 'main~abc', '~'])('refuses %j', (argument) => {
    expect(() => parseRefTarget(argument)).toThrow(InvalidRefNameError);
  });
});
