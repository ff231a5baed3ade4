import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InvalidPathError } from '../../src/errors.ts';
import { globTree, hasGlobChars } from '../../src/tree/glob.ts';
import { runs } from '../crash/stress.ts';
import { treeWith } from './trees.ts';

const FILES = [
  'a.txt',
  'b.md',
  '.hidden',
  'src/a.ts',
  'src/b.js',
  'src/.env',
  'src/deep/a.ts',
  'src/deep/er/a.ts',
  '.git2/a.ts',
  'docs/x/readme',
];

async function glob(pattern: string, files = FILES): Promise<string[]> {
  const { trees, root } = await treeWith(Object.fromEntries(files.map((path) => [path, 'x'])));
  const found: string[] = [];
  for await (const path of globTree(trees, root, pattern)) found.push(path);
  return found.sort();
}

describe('globTree', () => {
  it.each<[string, string[]]>([
    ['*', ['a.txt', 'b.md', 'docs', 'src']],
    ['.*', ['.git2', '.hidden']],
    ['\\.h*', ['.hidden']],
    ['*.txt', ['a.txt']],
    ['?.md', ['b.md']],
    ['[ab].*', ['a.txt', 'b.md']],
    ['src/*', ['src/a.ts', 'src/b.js', 'src/deep']],
    ['src/.*', ['src/.env']],
    ['*/*', ['docs/x', 'src/a.ts', 'src/b.js', 'src/deep']],
    ['**/a.ts', ['src/a.ts', 'src/deep/a.ts', 'src/deep/er/a.ts']],
    ['src/**/a.ts', ['src/a.ts', 'src/deep/a.ts', 'src/deep/er/a.ts']],
    [
      'src/**',
      ['src/a.ts', 'src/b.js', 'src/deep', 'src/deep/a.ts', 'src/deep/er', 'src/deep/er/a.ts'],
    ],
    ['**/**/a.txt', ['a.txt']],
    ['**/.env', ['src/.env']],
    ['.git2/*', ['.git2/a.ts']],
    ['*/', ['docs/', 'src/']],
    ['src/*/', ['src/deep/']],
    ['src/deep', ['src/deep']],
    ['/src/a.*', ['src/a.ts']],
    ['./src//a.*', ['src/a.ts']],
    ['src/./deep/*', ['src/./deep/a.ts', 'src/./deep/er']],
    ['*/./*.ts', ['src/./a.ts']],
    ['**/./er/*', ['src/deep/./er/a.ts']],
    ['src/./', ['src/']],
    ['nothing', []],
    ['a.txt/*', []],
    ['', []],
  ])('%j', async (pattern, expected) => {
    expect(await glob(pattern)).toEqual(expected);
  });

  it('refuses to go up', async () => {
    await expect(glob('../*')).rejects.toThrow(InvalidPathError);
  });

  it('takes an escaped character for itself', async () => {
    expect(await glob('\\[a\\]*', ['[a]b', 'a'])).toEqual(['[a]b']);
    expect(await glob('\\*', ['*', 'a'])).toEqual(['*']);
  });

  it('finds what a plain search over all paths finds, each once', async () => {
    const name = fc.constantFrom('a', 'b', 'ab', '.a');
    const paths = fc.uniqueArray(
      fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => `${names.join('/')}/f`),
      { maxLength: 8 },
    );
    const segment = fc.constantFrom('a', 'b', '*', '?', 'a*', '**', '.*', 'f');
    const patterns = fc.array(segment, { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(paths, patterns, async (files, segments) => {
        const all = new Set<string>();
        for (const file of files) {
          const names = file.split('/');
          for (let depth = 1; depth <= names.length; depth++) {
            all.add(names.slice(0, depth).join('/'));
          }
        }
        const fits = (names: string[], rest: string[]): boolean => {
          const [first, ...others] = rest;
          if (first === undefined) return names.length === 0;
          const [head, ...tail] = names;
          if (first === '**') {
            if (others.length === 0) return names.length > 0 && names.every((n) => n[0] !== '.');
            return (
              fits(names, others) || (head !== undefined && head[0] !== '.' && fits(tail, rest))
            );
          }
          if (head === undefined || (head[0] === '.' && first[0] !== '.')) return false;
          const expression = first.replace('.', '\\.').replace('*', '.*').replace('?', '.');
          return new RegExp(`^${expression}$`).test(head) && fits(tail, others);
        };
        const expected = [...all].filter((path) => fits(path.split('/'), segments)).sort();
        expect(await glob(segments.join('/'), files)).toEqual(expected);
      }),
      { numRuns: runs(300) },
    );
  });

  it('knows a pattern by its characters', () => {
    expect(['*', 'a?', '[a'].every(hasGlobChars)).toBe(true);
    expect(['a', 'a.b/c', '{a,b}', ''].some(hasGlobChars)).toBe(false);
  });
});
