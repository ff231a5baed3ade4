/** What a sync left out is not lost when the next one goes back. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ExcludeFilter, type FS, GitStore } from '../../src/index.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, filesOnDisk, makeFiles } from './trees.ts';

const FILES: Files = {
  '.gitignore': '.env\nnode_modules/\n',
  '.env': 'secret',
  'node_modules/m/index.js': '1',
  'sub/.gitignore': '*.tmp\n',
  'sub/x.tmp': '1',
  'sub/kept': '1',
  'build.log': '1',
  a: '1',
};

let folder: string;
let work: string;
let store: GitStore;
let tip: FS;

beforeEach(async () => {
  folder = scratchFolder();
  work = makeFiles(join(folder, 'work'), FILES);
  store = await GitStore.open(join(folder, 's.git'), { durability: 'fast' });
  tip = await store.branches.get('main');
});

afterEach(() => store.close());

function forget(): void {
  const own = join(folder, 's.git/gitstore');
  for (const name of readdirSync(own)) if (name.startsWith('memo-')) rmSync(join(own, name));
}

describe('a sync back', () => {
  test('protects what the .gitignore files left out, and says so', async () => {
    tip = await tip.syncIn(work, '', { gitignore: true });
    expect(await tip.ls()).toEqual(['a', 'build.log', 'sub']);
    makeFiles(work, { new: '1', 'sub/new': '1' });
    for (let round = 0; round < 2; round++) {
      const { changes } = await tip.syncOut('', work);
      expect(filesOnDisk(work)).toEqual(FILES);
      expect(changes?.warnings.map(({ error }) => error)).toEqual([
        expect.stringContaining('the last sync from here left out'),
      ]);
    }
    await tip.syncOut('', work, { recall: false });
    expect(filesOnDisk(work)).toEqual({ a: '1', 'build.log': '1', 'sub/kept': '1' });
  });

  test('protects what was excluded, and does not replace it', async () => {
    tip = await tip.syncIn(work, '');
    const exclude = new ExcludeFilter(['*.log', '/sub']);
    makeFiles(work, { 'build.log': '2', 'sub/kept': '2', a: '2', 'sub/new': '2' });
    tip = await tip.syncIn(work, '', { exclude });
    makeFiles(work, { a: '3' });
    await tip.syncOut('', work);
    const expected = { ...FILES, 'build.log': '2', 'sub/kept': '2', a: '2', 'sub/new': '2' };
    expect(filesOnDisk(work)).toEqual(expected);
    // What is not there any more comes back.
    rmSync(join(work, 'build.log'));
    await tip.syncOut('', work);
    expect(filesOnDisk(work)).toEqual({ ...expected, 'build.log': '1' });
  });

  test('another branch or directory of the store protects too', async () => {
    tip = await tip.syncIn(work, '', { gitignore: true });
    const other = await store.branches.set('other', tip);
    await (other ?? (await store.branches.get('other'))).syncOut('', work);
    expect(filesOnDisk(work)).toEqual(FILES);
  });

  test('the memo is lost: .gitignore files that the snapshot has not tell of it', async () => {
    tip = await tip.syncIn(work, '', { gitignore: true });
    forget();
    makeFiles(work, { new: '1' });
    const { changes } = await tip.syncOut('', work);
    expect(filesOnDisk(work)).toEqual(FILES);
    expect(changes?.warnings[0]?.error).toContain('not in the store');
  });

  test('after a sync that left out nothing nothing is protected', async () => {
    tip = await tip.syncIn(work, '', { gitignore: true });
    tip = await tip.syncIn(work, '');
    makeFiles(work, { 'sub/y.tmp': '1', '.env': 'other' });
    const { changes } = await tip.syncOut('', work);
    expect(changes?.warnings).toEqual([]);
    expect(filesOnDisk(work)).toEqual(FILES);
  });

  test('a dry run remembers nothing', async () => {
    tip = await tip.syncIn(work, '', { gitignore: true });
    await tip.syncIn(work, '', { dryRun: true });
    await tip.syncOut('', work);
    expect(existsSync(join(work, '.env'))).toBe(true);
  });
});

test('gitignore works to disk, and across refs', async () => {
  await tip.write('data', 'x');
  tip = await (await store.branches.get('main')).syncIn(work, '', {});
  const out = makeFiles(join(folder, 'out'), { '.gitignore': 'mine\n', mine: '1', '.env': '0' });
  await tip.syncOut('', out, { gitignore: true });
  expect(filesOnDisk(out)).toEqual({
    '.gitignore': 'mine\n',
    mine: '1',
    '.env': '0',
    'sub/kept': '1',
    'build.log': '1',
    a: '1',
  });
  const copy = await (await store.branches.get('main')).copyFromRef(tip, '', 'copy', {
    gitignore: true,
  });
  expect(await copy.ls('copy')).toEqual(['a', 'build.log', 'sub']);
});
