/** Modes that other programs store, and commits from before 1970: what they are on disk and back. */
import { execFileSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

/** A tree as it is given, which `git mktree` would tidy up. */
function treeOf(
  repo: string,
  entries: readonly [mode: string, name: string, id: string][],
): string {
  const body = Buffer.concat(
    entries.flatMap(([mode, name, id]) => [
      Buffer.from(`${mode} ${name}\0`),
      Buffer.from(id, 'hex'),
    ]),
  );
  const args = ['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'];
  return gitBytes(repo, args, body).toString().trim();
}

function blobOf(repo: string, text: string): string {
  return gitBytes(repo, ['hash-object', '-w', '--stdin'], Buffer.from(text)).toString().trim();
}

describe.skipIf(process.platform === 'win32')('modes 100664 and 100777', () => {
  const folder = scratchFolder();
  const repo = join(folder, 'data.git');
  const disk = join(folder, 'disk');
  let odd: string;
  let plain: string;

  beforeAll(() => {
    execFileSync('git', ['init', '-q', '--bare', '-b', 'main', repo]);
    const [a, b] = [blobOf(repo, 'a'), blobOf(repo, 'b')];
    const commit = (modes: readonly [string, string], ...parents: string[]): string => {
      const below = treeOf(repo, [[modes[0], 'deep', a]]);
      const tree = treeOf(repo, [
        ['40000', 'd', below],
        [modes[0], 'file', a],
        [modes[1], 'run', b],
      ]);
      const from = parents.flatMap((parent) => ['-p', parent]);
      return git(repo, 'commit-tree', '-m', modes.join(' '), ...from, tree);
    };
    odd = commit(['100664', '100777']);
    plain = commit(['100644', '100755'], odd);
    mkdirSync(join(disk, 'd'), { recursive: true });
    for (const [path, text] of Object.entries({ 'd/deep': 'a', file: 'a', run: 'b' })) {
      writeFileSync(join(disk, path), text);
    }
    chmodSync(join(disk, 'run'), 0o755);
  });

  it('differ from 100644 and 100755 in nothing, as with Git', async () => {
    git(repo, 'update-ref', 'refs/heads/main', plain);
    expect(git(repo, 'diff', '--name-only', odd, plain)).toBe('');
    const store = await GitStore.open(repo);
    const [before, now] = [await store.fs(odd), await store.fs(plain)];
    for await (const difference of now.diff(before)) expect(difference).toBeUndefined();
    const hashes: string[] = [];
    for await (const commit of now.log({ path: 'file' })) hashes.push(commit.commitHash);
    expect(hashes).toEqual([odd]);
    await store.close();
  });

  it.each(['syncIn', 'copyIn'] as const)('%s of equal files changes nothing', async (verb) => {
    git(repo, 'update-ref', 'refs/heads/main', odd);
    const store = await GitStore.open(repo);
    const main = await store.branches.get('main');
    for (const dryRun of [true, false]) {
      const after =
        verb === 'syncIn'
          ? await main.syncIn(disk, '', { dryRun })
          : await main.copyIn(`${disk}/`, '', { dryRun });
      expect(after.commitHash).toBe(odd);
      expect(after.changes).toMatchObject({ add: [], update: [], delete: [] });
    }
    // What has changed is stored, and what has not stays as it lies there.
    writeFileSync(join(disk, 'file'), 'another');
    const after = await main.syncIn(disk, '');
    expect(after.changes!.update.map(({ path }) => path)).toEqual(['file']);
    writeFileSync(join(disk, 'file'), 'a');
    await store.close();
  });

  it('copies across refs and writes of the same change nothing', async () => {
    git(repo, 'update-ref', 'refs/heads/main', odd);
    const store = await GitStore.open(repo);
    const main = await store.branches.get('main');
    const copied = await main.copyFromRef(await store.fs(plain), '', '');
    expect(copied.changes).toMatchObject({ add: [], update: [], delete: [] });
    const written = await copied.apply({ writes: { file: 'a' } });
    expect(written.treeHash).toBe(main.treeHash);
    await store.close();
  });
});

it('files of a commit from before 1970 get its time', async () => {
  const folder = scratchFolder();
  const seconds = -86_400 * 365;
  const store = await GitStore.open(join(folder, 'data.git'), {
    now: () => seconds * 1000,
  });
  const main = await (await store.branches.get('main')).apply({
    writes: { 'a.txt': 'a', large: Buffer.alloc(3 << 20), link: { target: 'a.txt' }, 'd/x': 'x' },
  });
  const out = join(folder, 'out');
  await main.copyOut('', out);
  mkdirSync(join(folder, 'there'));
  writeFileSync(join(folder, 'there/a.txt'), 'older');
  await main.copyOut('', join(folder, 'there'));
  for (const path of ['out/a.txt', 'out/large', 'out/link', 'out/d/x', 'there/a.txt']) {
    expect({ path, at: lstatSync(join(folder, path)).mtimeMs / 1000 }).toEqual({
      path,
      at: seconds,
    });
  }
  expect(statSync(join(out, 'large')).size).toBe(3 << 20);
  expect((await main.copyIn(`${out}/`, '')).changes).toMatchObject({ add: [], update: [] });
  await store.close();
});
