/** A disk whose inode numbers are above 2^53, where all of them are one `number` (NTFS, Lustre). */
import type * as fs from 'node:fs';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { scratchFolder } from '../helpers/scratch.ts';
import { replaceCalls } from '../helpers/systemCalls.ts';
import { filesOnDisk, makeFiles, TestTree } from './trees.ts';

const LEAD = 1n << 62n;
/** Inode numbers of this many in a row have the same double. */
const isFarBelow = (ino: bigint) => ino < 1n << 9n;
const numbers = new Map<string, bigint>();

function large(dev: bigint, ino: bigint): bigint {
  const key = `${dev} ${ino}`;
  if (!numbers.has(key)) numbers.set(key, BigInt(numbers.size));
  const number = numbers.get(key)!;
  expect(isFarBelow(number)).toBe(true);
  return LEAD + number;
}

replaceCalls(['lstatSync', 'statSync', 'fstatSync'], (look) => (...args) => {
  const stats = look(...args) as fs.Stats | fs.BigIntStats | undefined;
  if (stats === undefined) return undefined;
  if (typeof stats.ino === 'bigint') stats.ino = large(stats.dev as bigint, stats.ino);
  else stats.ino = Number(large(BigInt(stats.dev), BigInt(stats.ino)));
  return stats;
});

test('only the store itself is passed over', async () => {
  const files = { 'a/b': '1', 'c/d/e': '2', f: '3' };
  const folder = makeFiles(join(scratchFolder(), 'in'), { ...files, 'store.git/HEAD': 'x' });
  const tree = new TestTree();
  tree.storePath = join(folder, 'store.git');
  const report = await tree.copyIn(`${folder}/`, '');
  expect(await tree.files()).toEqual(files);
  expect(report.warnings).toEqual([
    { path: join(folder, 'store.git'), error: 'skipped: this is the store itself' },
  ]);

  const other = await TestTree.of({ 'a/b': '4' });
  other.storePath = tree.storePath;
  await other.copyOut('', folder, { delete: true });
  expect(filesOnDisk(folder)).toEqual({ 'a/b': '4', 'store.git/HEAD': 'x' });
});

test('followed links are left out only where they lead back', async () => {
  const folder = makeFiles(join(scratchFolder(), 'in'), { 'a/b/c': '1', 'd/e': '2' });
  symlinkSync('..', join(folder, 'a/up'));
  symlinkSync('../../d', join(folder, 'a/b/over'));
  const tree = new TestTree();
  const report = await tree.copyIn(`${folder}/`, '', { followSymlinks: true });
  expect(await tree.files()).toEqual({ 'a/b/c': '1', 'a/b/over/e': '2', 'd/e': '2' });
  expect(report.warnings.map(({ path }) => path)).toEqual([join(folder, 'a/up')]);
});
