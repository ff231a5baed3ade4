import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { FileNotFoundError, InvalidPathError, NotADirectoryError } from '../../src/errors.ts';
import { ExcludeFilter } from '../../src/transfer/rules/excludeFilter.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, filesOnDisk, makeFiles, TestTree } from './trees.ts';

const SOURCES: Files = {
  'file.txt': 'file',
  'dir/a': 'a',
  'dir/.hidden': 'hidden',
  'dir/sub/b': 'b',
  'base/sub/dir/c': 'c',
  'base/sub/dir/deep/d': 'd',
  'base/other': 'other',
};
const BEFORE: Files = { 'there/old': 'old', plain: 'plain' };

/** What the table of spec/cli.md says: sources, destination, paths that appear. */
const rows: [name: string, sources: string[], dest: string, expected: Files][] = [
  ['a file to a new name', ['file.txt'], 'new.txt', { 'new.txt': 'file' }],
  ['a file to a new name in a new directory', ['file.txt'], 'x/new', { 'x/new': 'file' }],
  ['a file to the name of a file', ['file.txt'], 'plain', { plain: 'file' }],
  ['a file to a directory', ['file.txt'], 'there', { 'there/file.txt': 'file' }],
  ['a file to a new directory', ['file.txt'], 'new/', { 'new/file.txt': 'file' }],
  ['a file to the root', ['file.txt'], '', { 'file.txt': 'file' }],
  ['several files', ['file.txt', 'dir/a'], 'new', { 'new/file.txt': 'file', 'new/a': 'a' }],
  [
    'a directory',
    ['dir'],
    'new',
    { 'new/dir/a': 'a', 'new/dir/.hidden': 'hidden', 'new/dir/sub/b': 'b' },
  ],
  [
    'a directory to a directory',
    ['dir'],
    'there',
    { 'there/dir/a': 'a', 'there/dir/.hidden': 'hidden', 'there/dir/sub/b': 'b' },
  ],
  ['contents', ['dir/'], 'new', { 'new/a': 'a', 'new/.hidden': 'hidden', 'new/sub/b': 'b' }],
  ['contents to the root', ['dir/.'], '', { a: 'a', '.hidden': 'hidden', 'sub/b': 'b' }],
  ['a pivot', ['base/./sub/dir'], 'new', { 'new/sub/dir/c': 'c', 'new/sub/dir/deep/d': 'd' }],
  [
    'a pivot with contents',
    ['base/./sub/dir/'],
    'new',
    { 'new/sub/c': 'c', 'new/sub/deep/d': 'd' },
  ],
  ['a pivot with a file', ['base/./sub/dir/c'], 'new', { 'new/sub/dir/c': 'c' }],
  [
    'a pivot and nothing behind',
    ['base/sub/./'],
    'new',
    { 'new/dir/c': 'c', 'new/dir/deep/d': 'd' },
  ],
  ['a leading ./', ['./dir/sub'], 'new', { 'new/sub/b': 'b' }],
  [
    'files and directories',
    ['file.txt', 'dir/sub', 'base/sub/'],
    'new',
    { 'new/file.txt': 'file', 'new/sub/b': 'b', 'new/dir/c': 'c', 'new/dir/deep/d': 'd' },
  ],
];

describe('where sources land', () => {
  let folder: string;
  beforeAll(() => {
    folder = makeFiles(join(scratchFolder(), 'src'), SOURCES);
  });

  test.each(rows)('disk to store: %s', async (_name, sources, dest, expected) => {
    const tree = await TestTree.of(BEFORE);
    const paths = sources.map((source) => `${folder}/${source.replace(/^\.\//, '')}`);
    await tree.copyIn(paths, dest);
    expect(await tree.files()).toEqual({ ...BEFORE, ...expected });
  });

  test.each(rows)('store to disk: %s', async (_name, sources, dest, expected) => {
    const tree = await TestTree.of(SOURCES);
    const out = makeFiles(scratchFolder(), BEFORE);
    await tree.copyOut(sources, `${out}/${dest}`);
    expect(filesOnDisk(out)).toEqual({ ...BEFORE, ...expected });
  });

  test('the whole tree, out and in', async () => {
    const tree = await TestTree.of(SOURCES);
    const out = join(scratchFolder(), 'new');
    await tree.copyOut('', out);
    expect(filesOnDisk(out)).toEqual(SOURCES);
    const again = new TestTree();
    await again.copyIn(`${out}/`, '/');
    expect(again.root).toBe(tree.root);
  });

  test('a destination directory is made, also for nothing', async () => {
    const out = scratchFolder();
    const empty = new TestTree();
    expect((await empty.copyOut('', join(out, 'dry'), { dryRun: true })).total).toBe(0);
    expect((await empty.copyOut('', join(out, 'new/deep'))).total).toBe(0);
    expect(readdirSync(join(out, 'new'))).toEqual(['deep']);
    const tree = await TestTree.of(SOURCES);
    await tree.copyOut('dir/', join(out, 'excluded'), { exclude: new ExcludeFilter(['*']) });
    const missing = await tree.copyOut('none', join(out, 'none'), { ignoreErrors: true });
    expect(missing.errors).toHaveLength(1);
    expect(readdirSync(out).sort()).toEqual(['excluded', 'new']);
    makeFiles(out, { file: '' });
    await expect(empty.copyOut('', join(out, 'file'))).rejects.toThrow(NotADirectoryError);
    await expect(empty.copyOut('', join(out, 'file/below'))).rejects.toThrow(NotADirectoryError);
  });

  test('what is not there, or not a directory', async () => {
    const tree = await TestTree.of(BEFORE);
    const out = makeFiles(scratchFolder(), BEFORE);
    await expect(tree.copyIn(`${folder}/none`, '')).rejects.toThrow(FileNotFoundError);
    await expect(tree.copyOut('none', out)).rejects.toThrow(FileNotFoundError);
    await expect(tree.copyIn(`${folder}/file.txt/`, '')).rejects.toThrow(NotADirectoryError);
    await expect(tree.copyOut('plain/', out)).rejects.toThrow(NotADirectoryError);
    await expect(tree.copyIn(`${folder}/dir`, 'plain')).rejects.toThrow(NotADirectoryError);
    await expect(tree.copyIn(`${folder}/dir/a`, 'plain/x')).rejects.toThrow(NotADirectoryError);
    await expect(tree.copyOut('there', `${out}/plain`)).rejects.toThrow(NotADirectoryError);
    await expect(tree.copyOut('plain', `${out}/plain/x`)).rejects.toThrow(NotADirectoryError);
    await expect(tree.copyIn(`${folder}/dir/a`, 'x/.git/y')).rejects.toThrow(InvalidPathError);
    await expect(tree.copyIn(`${folder}/dir/a`, '../y')).rejects.toThrow(InvalidPathError);
    await expect(tree.copyOut('../plain', out)).rejects.toThrow(InvalidPathError);
    await expect(tree.copyIn([], '')).rejects.toThrow(InvalidPathError);
    expect(await tree.files()).toEqual(BEFORE);
    expect(filesOnDisk(out)).toEqual(BEFORE);
  });

  test('a directory named .git is refused as a source, skipped within one', async () => {
    const source = makeFiles(scratchFolder(), {
      'repo/.git/HEAD': 'x',
      'repo/sub/.GIT/HEAD': 'x',
      'repo/sub/.git.': 'x',
      'repo/f': 'f',
    });
    const tree = new TestTree();
    await expect(tree.copyIn(`${source}/repo/.git`, '')).rejects.toThrow(InvalidPathError);
    const report = await tree.copyIn(`${source}/repo/`, '');
    expect(await tree.files()).toEqual({ f: 'f' });
    expect(report.warnings.map(({ path }) => path.slice(source.length)).sort()).toEqual([
      '/repo/.git',
      '/repo/sub/.GIT',
      '/repo/sub/.git.',
    ]);
    await tree.copyIn(`${source}/repo/.git/`, 'meta');
    expect(await tree.files()).toEqual({ f: 'f', 'meta/HEAD': 'x' });
  });

  test('a destination that is a link to a directory is followed', async () => {
    const tree = await TestTree.of(SOURCES);
    const out = makeFiles(scratchFolder(), { 'real/': '', link: { link: 'real' } });
    await tree.copyOut('dir/', `${out}/link`);
    expect(filesOnDisk(`${out}/real`)).toEqual({ a: 'a', '.hidden': 'hidden', 'sub/b': 'b' });
    mkdirSync(`${out}/other`);
    await tree.copyOut('file.txt', `${out}/link/sub/b`);
    expect(filesOnDisk(`${out}/real`)['sub/b']).toBe('file');
  });
});
