/** Chains that Git follows to their end, however long: deltas on deltas, tags of tags. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { craftPack, prepending } from '../storage/craftPack.ts';
import { openStore } from './rawTrees.ts';

test('a chain of deltas longer than Git makes them is read as verify takes it', async () => {
  const folder = scratchFolder();
  const path = join(folder, 's.git');
  git(path, 'init', '-q', '--bare');
  const entries: Parameters<typeof craftPack>[0][number][] = [];
  let body = Buffer.from('end\n');
  entries.push({ type: 'blob', data: body });
  for (let i = 0; i < 4200; i++) {
    const text = String.fromCharCode(97 + (i % 26));
    entries.push({ back: 1, data: prepending(body, text) });
    body = Buffer.concat([Buffer.from(text), body]);
  }
  const pack = join(path, 'objects', 'pack', 'pack-1234567890123456789012345678901234567890.pack');
  writeFileSync(pack, craftPack(entries));
  git(path, 'index-pack', pack);
  const id = gitBytes(path, ['hash-object', '--stdin'], body).toString().trim();
  const tree = gitBytes(path, ['mktree'], Buffer.from(`100644 blob ${id}\tfile\n`));
  const who = ['-c', 'user.name=A', '-c', 'user.email=a@x'];
  const commit = git(path, ...who, 'commit-tree', tree.toString().trim(), '-m', 'deep');
  git(path, 'update-ref', 'refs/heads/main', commit);

  const { store } = await openStore(path);
  expect((await store.verify()).faults).toEqual([]);
  expect(await (await store.fs('main')).readText('file')).toBe(body.toString());
  await store.close();
});

test('a tag behind a hundred tags is listed, and names its commit', async () => {
  const path = join(scratchFolder(), 's.git');
  const { store, storage } = await openStore(path);
  const fs = await (await store.branches.get('main')).write('a', 'a');
  const writer = storage.objects.writer();
  let [id, type] = [fs.commitHash, 'commit'];
  for (let i = 0; i < 100; i++) {
    const text = `object ${id}\ntype ${type}\ntag t${i}\ntagger A <a@x> 1700000000 +0000\n\nt\n`;
    id = await writer.write('tag', Buffer.from(text));
    type = 'tag';
  }
  await writer.finish();
  git(path, 'update-ref', 'refs/tags/deep', id);
  expect(await store.tags.list()).toEqual(['deep']);
  expect((await store.tags.get('deep')).commitHash).toBe(fs.commitHash);
  expect((await store.verify()).faults).toEqual([]);
  await store.gc();
  expect((await store.fs('deep')).commitHash).toBe(fs.commitHash);
  await store.close();
});
