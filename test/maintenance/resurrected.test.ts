/** Files of a snapshot that nothing leads to are committed again beside a collection. */
import { readdirSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { type FS, GitStore } from '../../src/index.ts';
import { expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const AGES = new Date(Date.now() - 40 * 24 * 3600 * 1000);

let path: string;
let store: GitStore;
/** A snapshot of which only the hash is known. */
let lost: FS;

beforeEach(async () => {
  path = join(scratchFolder(), 'data.git');
  store = await GitStore.open(path, { durability: 'fast' });
  const main = await store.branches.get('main');
  const writes = { 'd/a': 'text of a', 'd/b': 'text of b' };
  const { commitHash } = await (await store.branches.set('lost', main)).apply({ writes });
  git(path, 'update-ref', '-d', 'refs/heads/lost');
  await store.close();
  store = await GitStore.open(path, { durability: 'fast' });
  lost = await store.fs(commitHash);
});

/** Nothing in the store was used for more than the grace time. */
function age(): void {
  const objects = join(path, 'objects');
  for (const name of readdirSync(objects, { recursive: true, encoding: 'utf8' })) {
    utimesSync(join(objects, name), AGES, AGES);
  }
}

/** Whether a file was used within the last hour. */
const isRecent = (file: string): boolean =>
  Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0) < 3_600_000;

test.each(['loose', 'in a cruft pack', 'in a pack of their own'])(
  'objects that are %s count as used again',
  async (where) => {
    if (where === 'in a pack of their own') {
      git(path, 'update-ref', 'refs/heads/x', lost.commitHash);
      git(path, 'repack', '-adq');
      git(path, 'update-ref', '-d', 'refs/heads/x');
    }
    if (where === 'in a cruft pack') git(path, 'repack', '-dq', '--cruft');
    age();
    await (await store.fs('main')).copyFromRef(lost, ['d/a', 'd/b'], '/');
    for (const name of ['a', 'b']) {
      const id = git(path, 'rev-parse', `main:${name}`);
      const loose = join(path, 'objects', id.slice(0, 2), id.slice(2));
      const packs = readdirSync(join(path, 'objects/pack')).filter((one) => one.endsWith('.pack'));
      const isInPack =
        where === 'in a pack of their own' && isRecent(join(path, 'objects/pack', packs[0]!));
      expect(isInPack || isRecent(loose)).toBe(true);
    }
    expectClean(path);
    await store.close();
  },
);

test('objects that are gone are an error, and no commit', async () => {
  // The trees are known, so the plan is made without a look at the disk.
  await lost.ls('', { recursive: true });
  const before = git(path, 'rev-parse', 'main');
  git(path, 'prune', '--expire=now');
  const fs = await store.fs('main');
  await expect(fs.copyFromRef(lost, ['d/a'], '/')).rejects.toMatchObject({ code: 'EEXPIRED' });
  expect(git(path, 'rev-parse', 'main')).toBe(before);
  await store.close();
});
