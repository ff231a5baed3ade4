import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { InvalidPathError } from '../../src/errors.ts';
import { diskGlob } from '../../src/transfer/disk/diskGlob.ts';
import { globTree } from '../../src/tree/glob.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, makeFiles, TestTree } from './trees.ts';

const FILES: Files = {
  'a.txt': '',
  'b.md': '',
  '.hidden.txt': '',
  'dir/c.txt': '',
  'dir/.secret/d.txt': '',
  'dir/deep/e.txt': '',
  'other/f.txt': '',
  'other/g\udce9.txt': '',
  'x[1].txt': '',
  link: { link: 'dir' },
};

const patterns = [
  '*',
  '*.txt',
  '.*',
  '**/*.txt',
  '**',
  'dir/**',
  '**/.secret/*',
  '*/',
  '**/',
  'dir/c.txt',
  'dir/*',
  'd?r/*.txt',
  'none/*',
  'none',
  'link/*',
  'a.txt/*',
  '*/./*.txt',
  'dir/./*/e.txt',
  'x[[]1].txt',
  '*/g*.txt',
];

describe('diskGlob', () => {
  let folder: string;
  beforeAll(() => {
    folder = makeFiles(join(scratchFolder(), 'top'), FILES);
  });

  test.each(patterns)('%s finds what it finds in a store', async (pattern) => {
    const tree = await TestTree.of(FILES);
    const found = await diskGlob(`${folder}/${pattern}`);
    const expected: string[] = [];
    for await (const path of globTree(tree.trees, tree.root, pattern)) expected.push(path);
    // Before the first wildcard a path is taken as it is, links included.
    const ours = found.filter((path) => !pattern.startsWith('link') || path === pattern);
    expect(ours).toEqual(expected.map((path) => `${folder}/${path}`).sort());
  });

  test('patterns keep the form of their beginning', async () => {
    expect(await diskGlob(`${folder}/../top/./dir/*.txt`)).toEqual([
      `${folder}/../top/./dir/c.txt`,
    ]);
    expect(await diskGlob(`${folder}//dir/*.txt`)).toEqual([`${folder}//dir/c.txt`]);
    expect(await diskGlob(`${folder}/dir/`)).toEqual([`${folder}/dir/`]);
    expect(await diskGlob('srx*')).toEqual([]);
    expect(await diskGlob('./pack*.json')).toEqual(['./package-lock.json', './package.json']);
    await expect(diskGlob('*/../x')).rejects.toThrow(InvalidPathError);
  });
});
