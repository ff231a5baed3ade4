import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { expectClean, git } from '../helpers/git.ts';
import { filesOnDisk, makeFiles } from '../transfer/trees.ts';
import { Place } from './program.ts';
import { Watching } from './watching.ts';

describe('sync', () => {
  it('makes the repository equal to a folder, and a folder equal to the repository', async () => {
    const place = new Place();
    const work = makeFiles(join(place.folder, 'work'), {
      a: '1',
      '.dot': '1',
      'd/b': '1',
      'd/c': { run: '1' },
    });
    await place.ok('sync', 'work');
    expect(await place.ok('ls', '-R')).toBe('.dot\na\nd/b\nd/c\n');
    expect(git(place.repo, 'log', '-1', '--format=%s')).toBe('Batch sync: +4');
    rmSync(join(work, 'd/b'));
    writeFileSync(join(work, 'a'), '22');
    expect(await place.ok('sync', '-n', 'work')).toBe('~ :a\n- :d/b\n');
    await place.ok('sync', 'work', ':');
    expect(await place.ok('ls', '-R')).toBe('.dot\na\nd/c\n');
    expect(git(place.repo, 'log', '-1', '--format=%s')).toBe('Batch sync: ~1 -1');
    const commits = git(place.repo, 'rev-list', '--count', 'main');
    await place.ok('sync', 'work');
    expect(git(place.repo, 'rev-list', '--count', 'main')).toBe(commits);

    writeFileSync(join(work, 'more'), '3');
    expect(await place.ok('sync', '-n', ':', 'work')).toBe('- work/more\n');
    await place.ok('sync', 'main~1:', 'work');
    expect(filesOnDisk(work)).toEqual({ a: '1', '.dot': '1', 'd/b': '1', 'd/c': { run: '1' } });
    await place.ok('sync', ':d', 'new/place');
    expect(filesOnDisk(join(place.folder, 'new/place'))).toEqual({ c: { run: '1' } });
    await place.ok('sync', 'main~1:', ':d');
    expect(await place.ok('ls', '-R', 'd')).toBe('d/.dot\nd/a\nd/d/b\nd/d/c\n');
    await place.ok('branch', 'set', 'none', '--empty');
    for (const command of ['cp', 'sync']) {
      await place.ok(command, 'none:', `none/${command}`);
      expect(readdirSync(join(place.folder, 'none', command))).toEqual([]);
    }
    expectClean(place.repo);
  });

  it('leaves out what it is told to, and does not delete that', async () => {
    const place = new Place();
    makeFiles(join(place.folder, 'work'), {
      a: '1',
      'x.log': '1',
      '.gitignore': '*.tmp',
      'd/y.tmp': '1',
      'd/b': '1',
    });
    await place.ok('sync', '--gitignore', '--exclude', '*.log', 'work');
    expect(await place.ok('ls', '-R')).toBe('a\nd/b\n');
    await place.ok('write', 'old.log');
    writeFileSync(join(place.folder, 'patterns'), '# mine\n\n*.log\n');
    await place.ok('sync', '--exclude-from', 'patterns', 'work');
    expect(await place.ok('ls', '-R')).toBe('.gitignore\na\nd/b\nd/y.tmp\nold.log\n');
    await place.ok('sync', '-c', 'work');
    expect(await place.ok('ls', '-R')).toBe('.gitignore\na\nd/b\nd/y.tmp\nx.log\n');
  });

  it('refuses what makes no sense', async () => {
    const place = new Place();
    makeFiles(place.folder, { 'work/a': '1', file: '1' });
    await place.ok('sync', 'work');
    expect(await place.fails(2, 'sync', ':')).toMatch(/Where to/);
    expect(await place.fails(2, 'sync', 'work', 'other')).toMatch(/':other'/);
    expect(await place.fails(1, 'sync', 'file', ':')).toBe(
      "file is a file: 'gitstore cp file :' copies it",
    );
    expect(await place.fails(1, 'sync', 'nothing', ':')).toMatch(/no such file or directory/);
    expect(await place.fails(2, 'sync', '--watch', ':', 'work')).toMatch(/--watch/);
    expect(await place.fails(2, 'sync', '--watch', ':', ':b')).toMatch(/--watch/);
    expect(await place.fails(2, 'sync', '--watch', '-n', 'work')).toMatch(/--dry-run/);
    expect(await place.fails(2, 'sync', '--watch', '--debounce', '99', 'work')).toMatch(
      /100 or more/,
    );
    expect(await place.fails(1, 'sync', '--watch', 'nothing')).toMatch(/no such/);
    expect(await place.ok('ls', '-R')).toBe('a\n');
  });
});

describe.skipIf(process.platform === 'win32')('sync --watch', () => {
  it('follows bursts, renames, new directories, and a folder that goes and comes back', {
    timeout: 120_000,
  }, async () => {
    const place = new Place();
    const work = makeFiles(join(place.folder, 'work'), { a: '1' });
    const watching = new Watching(place);
    await watching.inSync();
    for (let i = 0; i < 200; i++) makeFiles(work, { [`burst/${i % 7}/${i}`]: `${i}` });
    await watching.inSync();
    renameSync(join(work, 'burst/1'), join(work, 'moved'));
    makeFiles(work, { 'moved/new/deep/er': '1' });
    await watching.inSync();
    writeFileSync(join(work, 'moved/new/deep/er'), 'changed where a watch came late');
    await watching.inSync();
    // As editors save.
    writeFileSync(join(work, '.a.swp'), 'edited');
    renameSync(join(work, '.a.swp'), join(work, 'a'));
    await watching.inSync();
    // Another process writes to the branch: what it adds does not belong there.
    await place.ok('write', 'elsewhere');
    writeFileSync(join(work, 'a'), 'again');
    await watching.inSync();
    renameSync(work, `${work}.gone`);
    await sleep(400);
    expect(git(place.repo, 'ls-tree', '-r', '--name-only', 'main')).toContain('moved/new/deep/er');
    mkdirSync(work);
    writeFileSync(join(work, 'fresh'), '1');
    await watching.inSync();
    writeFileSync(join(work, 'fresh'), '2');
    await watching.inSync();
    await watching.stop();
    expect(watching.stderr).toBe('work is gone; waiting for it to come back\n');
    for (const line of watching.stdout.trimEnd().split('\n')) {
      expect(line).toMatch(
        /^\[\d\d:\d\d:\d\d\] Sync: (no changes|\+\d+ ~\d+ -\d+ \(commit [0-9a-f]{7}\))$/,
      );
    }
    expectClean(place.repo);
  });

  it('is not woken by what is left out, nor by the store in the folder', {
    timeout: 60_000,
  }, async () => {
    const place = new Place();
    const work = makeFiles(join(place.folder, 'work'), {
      a: '1',
      '.gitignore': 'out/\n*.log',
      'out/x': '1',
    });
    const inside = Object.assign(place, { repo: join(work, 'data.git') });
    const watching = new Watching(inside, '--gitignore');
    for (let tries = 0; tries < 200 && watching.stdout === ''; tries++) await sleep(50);
    await sleep(300);
    const first = watching.stdout;
    expect(first).toMatch(/^\S+ Sync: \+1 ~0 -0 \(commit \w+\)\n$/);
    writeFileSync(join(work, 'out/x'), '2');
    writeFileSync(join(work, 'b.log'), '2');
    await sleep(500);
    expect(watching.stdout).toBe(first);
    writeFileSync(join(work, '.gitignore'), 'out/');
    for (let tries = 0; tries < 200 && watching.stdout === first; tries++) await sleep(50);
    await watching.stop();
    expect(git(place.repo, 'ls-tree', '-r', '--name-only', 'main')).toBe('a\nb.log');
  });
});
