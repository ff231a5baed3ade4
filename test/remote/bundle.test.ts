import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CorruptObjectError, FileNotFoundError } from '../../src/errors.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { exampleStore, expectSound, gitIn, newStore, refsOf } from './places.ts';

describe('writing a bundle', () => {
  test.each([2, 3] as const)('of version %i: Git verifies and clones it', async (version) => {
    const store = await exampleStore();
    const folder = scratchFolder();
    const file = join(folder, 'all.bundle');
    const diff = await store.backup(file, { bundleVersion: version });
    expect(diff.add).toHaveLength(5);
    expect(readFileSync(file, 'latin1').startsWith(`# v${version} git bundle\n`)).toBe(true);
    git(store.path, 'bundle', 'verify', '-q', file);
    gitIn(folder, 'clone', '-q', '--mirror', file, 'clone.git');
    expect(refsOf(join(folder, 'clone.git'))).toEqual(refsOf(store.path));
    expect(git(join(folder, 'clone.git'), 'symbolic-ref', 'HEAD')).toBe('refs/heads/main');
    expectSound(join(folder, 'clone.git'));
    expect((await store.backup(file)).inSync).toBe(true);
    expect(readdirSync(folder).sort()).toEqual(['all.bundle', 'clone.git']);
    await store.close();
  });

  test('of some refs, by other names; without history', async () => {
    const store = await exampleStore();
    const folder = scratchFolder();
    const file = join(folder, 'some.file');
    await store.bundleExport(file, { refs: { main: 'trunk', v2: 'two' }, squash: true });
    gitIn(folder, 'clone', '-q', '--mirror', file, 'clone.git');
    const clone = join(folder, 'clone.git');
    expect(Object.keys(refsOf(clone))).toEqual(['refs/heads/trunk', 'refs/tags/two']);
    expect(git(clone, 'rev-list', '--all', '--count')).toBe('2');
    for (const [theirs, ours] of [
      ['trunk', 'main'],
      ['two', 'v2'],
    ] as const) {
      expect(git(clone, 'rev-parse', `${theirs}^{tree}`)).toBe(
        git(store.path, 'rev-parse', `${ours}^{tree}`),
      );
      const format = ['log', '-1', '--format=%an %ae %at %cn %ct %B'];
      expect(git(clone, ...format, theirs)).toBe(git(store.path, ...format, ours));
    }
    expectSound(clone);
    expectSound(store.path);
    await store.close();
  });

  test('an abort ends its writing and reading with the reason of the signal', async () => {
    const store = await exampleStore();
    const file = join(scratchFolder(), 'all.bundle');
    const signal = AbortSignal.abort();
    await expect(store.bundleExport(file, { signal })).rejects.toBe(signal.reason);
    expect(existsSync(file)).toBe(false);
    await store.bundleExport(file);
    const other = await GitStore.open(join(scratchFolder(), 'other.git'), { branch: null });
    await expect(other.bundleImport(file, { signal })).rejects.toBe(signal.reason);
    expect(await other.branches.list()).toEqual([]);
    await store.close();
    await other.close();
  });

  test('is not written over another file, nor squashed to a repository', async () => {
    const store = await exampleStore();
    const folder = scratchFolder();
    const file = join(folder, 'letter.bundle');
    writeFileSync(file, 'Dear Ada');
    await expect(store.backup(file)).rejects.toThrow(CorruptObjectError);
    expect(readFileSync(file, 'utf8')).toBe('Dear Ada');
    const squashed = store.backup(join(folder, 'copy.git'), { squash: true });
    await expect(squashed).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(store.backup(join(folder, 'gone/x.bundle'))).rejects.toThrow(FileNotFoundError);
    await store.close();
  });
});

describe('reading a bundle', () => {
  test('by Git, of both versions, and a later one that builds on it', async () => {
    const source = await exampleStore();
    const folder = scratchFolder();
    const first = join(folder, 'first.bundle');
    const second = join(folder, 'second.bundle');
    git(source.path, 'bundle', 'create', '-q', '--version=3', second, '--all', '^main~5');
    git(source.path, 'tag', '-d', 'v1');
    git(source.path, 'branch', 'old', 'main~5');
    git(source.path, 'bundle', 'create', '-q', first, 'old');

    const store = await newStore();
    await expect(store.restore(second)).rejects.toMatchObject({ code: 'EPREREQUISITE' });
    expect(git(store.path, 'count-objects', '-v')).toContain('count: 0');
    await store.restore(first);
    expect(Object.keys(refsOf(store.path))).toEqual(['refs/heads/old']);
    await store.restore(second);
    expect(refsOf(store.path)).toEqual(refsOf(source.path));
    expectSound(store.path);
    await store.close();
    await source.close();
  });

  test('round trip through the library', async () => {
    const source = await exampleStore();
    const file = join(scratchFolder(), 'all.pack');
    await source.bundleExport(file);
    const store = await newStore();
    await store.bundleImport(file, { refs: ['main'] });
    expect(Object.keys(refsOf(store.path))).toEqual(['refs/heads/main']);
    await store.bundleImport(file);
    expect(refsOf(store.path)).toEqual(refsOf(source.path));
    expectSound(store.path);
    await store.close();
    await source.close();
  });

  test('cut off, damaged, missing', async () => {
    const source = await exampleStore();
    const folder = scratchFolder();
    const file = join(folder, 'all.bundle');
    await source.backup(file);
    const whole = readFileSync(file);
    const store = await newStore();
    const cut = join(folder, 'cut.bundle');
    for (const length of [10, 100, whole.length - 1]) {
      writeFileSync(cut, whole.subarray(0, length));
      await expect(store.restore(cut)).rejects.toThrow(CorruptObjectError);
    }
    const damaged = Buffer.from(whole);
    damaged[damaged.length - 100]! ^= 4;
    writeFileSync(cut, damaged);
    await expect(store.restore(cut)).rejects.toThrow(CorruptObjectError);
    await expect(store.restore(join(folder, 'gone.bundle'))).rejects.toThrow(FileNotFoundError);
    expect(refsOf(store.path)).toEqual({});
    expect(git(store.path, 'count-objects', '-v')).toMatch(/count: 0.*packs: 0/s);
    await store.close();
    await source.close();
  });
});
