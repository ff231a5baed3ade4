import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FileNotFoundError, GitStoreError } from '../../src/errors.ts';
import { GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { emptyBare, exampleStore, expectSound, gitIn, newStore, refsOf } from './places.ts';
import { backUpBesideCurrent } from './refusedDeletions.ts';

describe('backup to a path', () => {
  test('makes the repository, and only what is missing travels later', async () => {
    const store = await exampleStore();
    const path = join(scratchFolder(), 'deep/er/copy.git');
    expect((await store.backup(path, { dryRun: true })).add).toHaveLength(5);
    expect(existsSync(path)).toBe(false);
    const diff = await store.backup(path);
    expect(diff.add.map(({ ref }) => ref)).toEqual(Object.keys(refsOf(store.path)));
    expect(refsOf(path)).toEqual(refsOf(store.path, 'refs/heads', 'refs/tags', 'refs/notes'));
    expectSound(path);
    expect((await store.backup(path)).inSync).toBe(true);

    const before = Number(git(path, 'count-objects').split(' ')[0]);
    await (await store.branches.get('main')).writeText('new.txt', 'new');
    expect((await store.backup(path)).update).toHaveLength(1);
    expect(Number(git(path, 'count-objects').split(' ')[0]) - before).toBe(3);
    expect(refsOf(path)).toEqual(refsOf(store.path));
    expectSound(path);
    await store.close();
  });

  test('of a shallow clone says what is missing', async () => {
    const whole = await exampleStore();
    const path = emptyBare();
    git(path, 'fetch', '-q', '--depth=2', `file://${whole.path}`, 'main:main');
    const store = await GitStore.open(path);
    for (const target of ['copy.git', 'copy.bundle']) {
      const copy = join(scratchFolder(), target);
      await expect(store.backup(copy)).rejects.toThrow(/is a shallow clone.*--unshallow/);
    }
    git(path, 'fetch', '-q', '--unshallow', `file://${whole.path}`, 'main:main');
    const copy = join(scratchFolder(), 'copy.git');
    await store.backup(copy);
    expectSound(copy);
    await store.close();
    await whole.close();
  });

  test('deletes what is beyond, moves back, and replaces a/b by a', async () => {
    const store = await exampleStore();
    const path = emptyBare();
    await store.backup(path);
    git(path, 'update-ref', 'refs/heads/main', 'main~4');
    git(path, 'branch', 'beyond', 'main');
    git(path, 'update-ref', 'refs/pull/1/head', 'main');
    await store.branches.delete('topic/one');
    await store.branches.set('topic', await store.branches.get('main'));
    const diff = await store.backup(path);
    expect(diff.delete.map(({ ref }) => ref)).toEqual([
      'refs/heads/beyond',
      'refs/heads/topic/one',
    ]);
    expect(refsOf(path, 'refs/heads', 'refs/tags', 'refs/notes')).toEqual(refsOf(store.path));
    expect(Object.keys(refsOf(path))).toContain('refs/pull/1/head');
    expectSound(path);
    await store.close();
  });

  test('keeps the branch that is the current one there, as Git does', async () => {
    await backUpBesideCurrent((path) => path);
    const store = await exampleStore();
    const path = emptyBare();
    await store.backup(path);
    git(path, 'branch', 'top', 'main');
    git(path, 'symbolic-ref', 'HEAD', 'refs/heads/top');
    git(path, 'config', 'receive.denyDeletes', 'true');
    git(path, 'branch', 'beyond', 'main');
    const kept = (await store.backup(path)).warnings.map(({ ref }) => ref);
    expect(kept).toEqual(['refs/heads/beyond', 'refs/heads/top']);
    git(path, 'config', 'receive.denyDeletes', 'false');
    git(path, 'config', 'receive.denyDeleteCurrent', 'ignore');
    expect((await store.backup(path)).delete).toHaveLength(2);
    expect(refsOf(path)).toEqual(refsOf(store.path));
    await store.close();
  });

  test('with refs: only these, under other names, and nothing is deleted', async () => {
    const store = await exampleStore();
    const path = emptyBare();
    await store.backup(path, { refs: ['v1'] });
    await store.backup(path, { refs: { main: 'trunk', 'refs/tags/v2': 'two' } });
    expect(Object.keys(refsOf(path))).toEqual([
      'refs/heads/trunk',
      'refs/tags/two',
      'refs/tags/v1',
    ]);
    expectSound(path);
    await expect(store.backup(path, { refs: ['gone'] })).rejects.toMatchObject({ code: 'ENOREF' });
    await store.close();
  });

  test('an empty store deletes nothing', async () => {
    const path = (await exampleStore()).path;
    const store = await newStore();
    await expect(store.backup(path)).rejects.toThrow('nothing to back up');
    expect(Object.keys(refsOf(path))).toHaveLength(5);
  });

  test('a place that is no repository, and a working tree', async () => {
    const store = await exampleStore();
    const folder = scratchFolder();
    writeFileSync(join(folder, 'file'), '');
    await expect(store.backup(folder)).rejects.toThrow(GitStoreError);
    const tree = scratchFolder();
    gitIn(tree, 'init', '-q');
    await expect(store.backup(tree)).rejects.toThrow('working tree');
    await expect(store.backup(join(folder, 'file'))).rejects.toThrow('Not a directory');
    await expect(store.backup('')).rejects.toMatchObject({ code: 'EINVAL' });
    await store.close();
  });

  test('a linked working tree, whose .git is a file, can be restored from', async () => {
    const folder = scratchFolder();
    const tree = join(folder, 'tree');
    gitIn(folder, 'init', '-q', '-b', 'main', tree);
    gitIn(tree, 'commit', '-q', '--allow-empty', '-m', 'first');
    gitIn(tree, 'worktree', 'add', '-q', '-b', 'side', join(folder, 'linked'));
    const store = await newStore();
    await store.restore(join(folder, 'linked'));
    expect(await store.branches.has('side')).toBe(true);
    await store.close();
  });

  test('a branch that moved there meanwhile is not moved', async () => {
    const store = await exampleStore();
    const path = emptyBare();
    await store.backup(path);
    const target = await GitStore.open(path);
    await (await store.branches.get('main')).writeText('x', 'x');
    const moved = store.backup(path, {
      onProgress: () => git(path, 'update-ref', 'refs/heads/main', 'main~1'),
    });
    await expect(moved).rejects.toMatchObject({ code: 'ESTALE' });
    await target.close();
    await store.close();
  });
});

describe('restore from a path', () => {
  test('adds and updates, deletes nothing, leaves HEAD alone', async () => {
    const source = await exampleStore();
    const store = await newStore();
    git(store.path, 'symbolic-ref', 'HEAD', 'refs/heads/elsewhere');
    await store.restore(source.path);
    expect(refsOf(store.path)).toEqual(refsOf(source.path));
    expect(git(store.path, 'symbolic-ref', 'HEAD')).toBe('refs/heads/elsewhere');
    expectSound(store.path);

    const main = await store.branches.get('main');
    await store.branches.set('mine', await main.writeText('mine.txt', 'mine'));
    await (await source.branches.get('main')).writeText('theirs.txt', 'theirs');
    const diff = await store.restore(source.path);
    expect(diff.update.map(({ ref }) => ref)).toEqual(['refs/heads/main']);
    expect(diff.total).toBe(1);
    expect(await store.branches.has('mine')).toBe(true);
    const tip = await store.branches.get('main');
    expect(await tip.exists('theirs.txt')).toBe(true);
    expect(await tip.exists('mine.txt')).toBe(false);
    // Where the branch was is in its reflog, and undone with it.
    const [entry] = await store.branches.reflog('main');
    expect(entry?.message).toBe(`restore: from ${source.path}`);
    expect((await store.restore(source.path)).inSync).toBe(true);
    expectSound(store.path);
    await store.close();
    await source.close();
  });

  test('a repository of Git, with a working tree, packed refs and alternates', async () => {
    const folder = scratchFolder();
    gitIn(folder, 'init', '-q', '-b', 'main', 'one');
    const one = join(folder, 'one');
    for (const name of ['a', 'b', 'c']) {
      writeFileSync(join(one, name), name.repeat(1000));
      gitIn(one, 'add', '-A');
      gitIn(one, 'commit', '-q', '-m', name);
    }
    gitIn(folder, 'clone', '-q', '--shared', 'one', 'two');
    const two = join(folder, 'two');
    writeFileSync(join(two, 'd'), 'd');
    gitIn(two, 'add', '-A');
    gitIn(two, 'commit', '-q', '-m', 'd');
    gitIn(two, 'pack-refs', '--all');
    const store = await newStore();
    const diff = await store.restore(two);
    expect(diff.remoteHead).toBe('refs/heads/main');
    expect(refsOf(store.path)).toEqual(refsOf(join(two, '.git'), 'refs/heads'));
    expectSound(store.path);
    await store.close();
  });

  test('by name, dry, and from nowhere', async () => {
    const source = await exampleStore();
    const store = await newStore();
    expect((await store.restore(source.path, { dryRun: true })).add).toHaveLength(5);
    expect(refsOf(store.path)).toEqual({});
    await store.restore(source.path, { refs: { main: 'theirs' } });
    expect(Object.keys(refsOf(store.path))).toEqual(['refs/heads/theirs']);
    await expect(store.restore(join(scratchFolder(), 'gone'))).rejects.toThrow(FileNotFoundError);
    await store.close();
    await source.close();
  });

  test('a source that lacks an object leaves the store as it was', async () => {
    const source = await exampleStore();
    const lost = git(source.path, 'rev-parse', 'main~6:README.md');
    rmSync(join(source.path, 'objects', lost.slice(0, 2), lost.slice(2)));
    const store = await newStore();
    await expect(store.restore(source.path)).rejects.toThrow(lost);
    expect(refsOf(store.path)).toEqual({});
    expect(git(store.path, 'count-objects', '-v')).toContain('count: 0');
    await store.close();
    await source.close();
  });
});
