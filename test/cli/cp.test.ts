/** cp in every direction, and what it prints. */

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectClean, git, gitEnvironment } from '../helpers/git.ts';
import { filesOnDisk } from '../transfer/trees.ts';
import { Place } from './program.ts';

/** Writes files into the place's folder; a text that begins with `->` is a link's target. */
function fill(place: Place, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(place.folder, name);
    mkdirSync(dirname(path), { recursive: true });
    if (text.startsWith('->')) symlinkSync(text.slice(2), path);
    else writeFileSync(path, text);
    if (name.endsWith('.sh')) chmodSync(path, 0o755);
  }
}

const FILES = {
  'in/a.txt': 'a',
  'in/b.md': 'b',
  'in/sub/c.txt': 'c',
  'in/sub/run.sh': 'run',
  'in/link': '->sub/c.txt',
  'in/.dot': 'dot',
  'one.txt': 'one',
};

const files = async (place: Place, ref = '') => (await place.ok('ls', '-R', `${ref}:`)).split('\n');

describe('from disk', () => {
  it.each([
    [['one.txt', ':'], ['one.txt']],
    [['one.txt', ':x'], ['x']],
    [['one.txt', ':x/'], ['x/one.txt']],
    [
      ['./in', ':'],
      ['in/.dot', 'in/a.txt', 'in/b.md', 'in/link', 'in/sub/c.txt', 'in/sub/run.sh'],
    ],
    [
      ['in/sub/', ':x'],
      ['x/c.txt', 'x/run.sh'],
    ],
    [
      ['in/*.txt', 'one.txt', ':x'],
      ['x/a.txt', 'x/one.txt'],
    ],
    [
      ['in/**/*.txt', ':'],
      ['a.txt', 'c.txt'],
    ],
    [['in/*.txt', ':x'], ['x/a.txt']],
    [['in/./sub/c.txt', ':x'], ['x/sub/c.txt']],
    [
      ['--exclude', '*.txt', '--exclude', 'link', 'in/', ':'],
      ['.dot', 'b.md', 'sub/run.sh'],
    ],
    [
      ['--exclude-from', 'rules', 'in/', ':'],
      ['.dot', 'b.md', 'sub/c.txt', 'sub/run.sh'],
    ],
    [['--follow-symlinks', 'in/link', ':'], ['link']],
  ])('%j', async (args, expected) => {
    const place = new Place();
    fill(place, { ...FILES, rules: '# rules\n\n/a.txt\nlink\n' });
    expect(await place.ok('cp', ...args)).toBe('');
    expect(await files(place)).toEqual([...expected, '']);
  });

  it('lands the only match of a glob by its name, in every direction', async () => {
    const place = new Place();
    fill(place, FILES);
    await place.ok('cp', 'in/', ':');
    await place.ok('cp', ':*.txt', 'out');
    expect(readFileSync(join(place.folder, 'out/a.txt'), 'utf8')).toBe('a');
    await place.ok('cp', ':*.txt', ':x');
    expect(await place.ok('cat', 'x/a.txt')).toBe('a');
    await place.ok('cp', '--no-glob', ':a.txt', ':y');
    expect(await place.ok('cat', 'y')).toBe('a');
  });

  it('keeps modes and links, or takes the type that is asked for', async () => {
    const place = new Place();
    fill(place, FILES);
    await place.ok('cp', 'in/', ':');
    await place.ok('cp', '--type', 'executable', 'one.txt', ':');
    await place.ok('cp', '--type', 'blob', '--follow-symlinks', 'in/link', 'in/sub/run.sh', ':t');
    const modes = git(place.repo, 'ls-tree', '-r', '--format=%(objectmode) %(path)', 'main');
    expect(modes.split('\n').sort()).toEqual([
      '100644 .dot',
      '100644 a.txt',
      '100644 b.md',
      '100644 sub/c.txt',
      '100644 t/link',
      '100644 t/run.sh',
      '100755 one.txt',
      '100755 sub/run.sh',
      '120000 link',
    ]);
    expectClean(place.repo);
  });

  it('makes no repository for sources none of which is there', async () => {
    const place = new Place();
    const missing = 'missing: no such file or directory';
    expect(await place.fails(1, 'cp', 'missing', ':')).toBe(missing);
    expect(await place.fails(1, 'sync', 'missing', ':x')).toMatch(/^missing: no such file/);
    expect(await place.fails(1, 'untar', 'missing.tar')).toMatch(/^missing\.tar: no such file/);
    expect((await place.run('cp', '--ignore-errors', 'missing', ':')).code).toBe(1);
    expect(existsSync(place.repo)).toBe(false);
  });

  it.skipIf(process.platform === 'win32')(
    'takes no source for missing that it cannot see',
    async () => {
      const place = new Place();
      await place.run('init');
      symlinkSync('loop', join(place.folder, 'loop'));
      for (const source of ['loop/file', 'loop/*.txt']) {
        expect(await place.fails(1, 'cp', source, ':')).toMatch(/too many symbolic links/);
      }
    },
  );

  it('prints what a dry run would change and changes nothing, not even a missing repository', async () => {
    const place = new Place();
    fill(place, FILES);
    expect(await place.ok('cp', '-n', 'in/', ':x')).toBe(
      '+ :x/.dot\n+ :x/a.txt\n+ :x/b.md\n+ :x/link\n+ :x/sub/c.txt\n+ :x/sub/run.sh\n',
    );
    expect(existsSync(place.repo)).toBe(false);
    await place.ok('cp', 'in/', ':');
    const tip = git(place.repo, 'rev-parse', 'main');
    fill(place, { 'in/a.txt': 'A', 'in/new': 'new' });
    expect(await place.ok('cp', '-n', '--delete', 'in/sub/', 'in/a.txt', ':')).toBe(
      '- :.dot\n~ :a.txt\n- :b.md\n+ :c.txt\n- :link\n+ :run.sh\n- :sub/c.txt\n- :sub/run.sh\n',
    );
    expect(await place.ok('cp', '-n', 'in/', ':')).toBe('~ :a.txt\n+ :new\n');
    expect(git(place.repo, 'rev-parse', 'main')).toBe(tip);
  });

  it('tells with -v what it did, and makes no commit for nothing', async () => {
    const place = new Place();
    fill(place, FILES);
    const first = await place.run('-v', 'cp', 'one.txt', 'in/a.txt', ':', '-m', 'Two');
    expect(first.stderr).toMatch(
      /^Created repository \S+\n\+ :a\.txt\n\+ :one\.txt\nCommitted [0-9a-f]{7}: Two\n$/,
    );
    const second = await place.run('-v', 'cp', 'one.txt', ':');
    expect(second.stderr).toMatch(/^Nothing to change: [0-9a-f]{7}\n$/);
    expect(git(place.repo, 'rev-list', '--count', 'main')).toBe('2');
  });

  it('deletes what the sources do not cover', async () => {
    const place = new Place();
    fill(place, FILES);
    await place.ok('cp', 'in/', ':x');
    await place.ok('cp', 'one.txt', ':');
    await place.ok('cp', '--delete', 'in/sub/', ':x');
    expect(await files(place)).toEqual(['one.txt', 'x/c.txt', 'x/run.sh', '']);
    expect(git(place.repo, 'log', '-1', '--format=%s')).toBe('Batch cp: +2 -6');
    expect(await place.fails(1, 'cp', '--delete', 'one.txt', ':')).toMatch(/directory/);
  });

  it('commits nothing when a source is missing; with --ignore-errors the rest', async () => {
    const place = new Place();
    fill(place, FILES);
    await place.ok('init');
    expect(await place.fails(1, 'cp', 'in/a.txt', 'missing', ':')).toMatch(/missing/);
    expect(git(place.repo, 'rev-list', '--count', 'main')).toBe('1');
    const carried = await place.run('cp', '--ignore-errors', 'in/a.txt', 'missing', ':');
    expect(carried).toMatchObject({ code: 1, stdout: '' });
    expect(carried.stderr).toMatch(/^ERROR: missing: [^\n]+\n$/);
    expect(await files(place)).toEqual(['a.txt', '']);
    const all = await place.run('cp', '--ignore-errors', 'gone', ':');
    expect(all.code).toBe(1);
    expect(all.stderr).toMatch(/^ERROR: gone: [^\n]+\n$/);
    expect(git(place.repo, 'rev-list', '--count', 'main')).toBe('2');
    expect(await place.fails(1, 'cp', '*.nothing', ':')).toBe('Nothing matches: *.nothing');
  });

  it('warns of two sources for one place', async () => {
    const place = new Place();
    fill(place, { 'x/f': '1', 'y/f': '2' });
    const { code, stderr } = await place.run('cp', 'x/f', 'y/f', ':');
    expect(code).toBe(0);
    expect(stderr).toMatch(/^Created repository \S+\nWarning: [^\n]+\n$/);
    expect(await place.ok('cat', 'f')).toBe('1');
  });

  it('takes names that begin with a dash after --', async () => {
    const place = new Place();
    fill(place, { '-x': 'dash' });
    await place.ok('cp', '--', '-x', ':');
    expect(await files(place)).toEqual(['-x', '']);
  });
});

describe('from several refs', () => {
  const place = new Place();

  beforeAll(async () => {
    fill(place, { 'old/f': 'old', 'old/d/g': 'old', 'new/f': 'new', 'new/d/h': 'new' });
    await place.ok('cp', '-b', 'old', 'old/', ':');
    await place.ok('branch', 'set', 'new', '--empty');
    await place.ok('branch', 'set', 'third', '--empty');
    await place.ok('cp', '-b', 'new', 'new/', ':');
  });

  it.each(['', 'third:'])(
    'to %jout: of what lands on one path the first is kept',
    async (where) => {
      const warning = 'Warning: f: skipped: another source lands on the same path\n';
      const first = await place.run('cp', 'old:f', 'new:f', 'old:d', `${where}out`);
      expect(first).toMatchObject({ code: 0, stderr: warning });
      // The sources of one ref need not stand together.
      const second = await place.run('cp', 'old:d', 'new:d/', 'new:f', 'old:', `${where}out2`);
      const twice = warning.replace('f:', 'd/g:');
      expect(second).toMatchObject({ code: 0, stderr: twice + warning });
      if (where !== '') await place.ok('cp', 'third:', 'across');
      const held = filesOnDisk(join(place.folder, where === '' ? '' : 'across'));
      const expected = { 'out/f': 'old', 'out/d/g': 'old' };
      const expected2 = { 'out2/f': 'new', 'out2/h': 'new', 'out2/d/g': 'old' };
      expect(held).toMatchObject({ ...expected, ...expected2 });
      expect(Object.keys(held).filter((path) => path.startsWith('out'))).toHaveLength(5);
    },
  );

  it('each file gets the time of its own snapshot, also one in a new directory', async () => {
    for (const [branch, time] of Object.entries({ old: 1_000_000_000, new: 1_500_000_000 })) {
      const tree = git(place.repo, 'rev-parse', `${branch}^{tree}`);
      const commit = ['commit-tree', '-m', 'then', tree];
      const env = { ...gitEnvironment, GIT_COMMITTER_DATE: `${time} +0000` };
      const { stdout } = spawnSync('git', ['-C', place.repo, ...commit], { env, encoding: 'utf8' });
      git(place.repo, 'update-ref', `refs/heads/${branch}`, stdout.trim());
    }
    await place.ok('cp', 'old:d', 'new:f', 'new:d/h', 'times');
    const timeOf = (path: string) => lstatSync(join(place.folder, 'times', path)).mtimeMs / 1000;
    expect(['d/g', 'f', 'h'].map(timeOf)).toEqual([1_000_000_000, 1_500_000_000, 1_500_000_000]);
  });

  it('deletes what none of them covers', async () => {
    fill(place, { 'mirror/d/x': '1', 'mirror/x': '1', 'mirror/f': 'old' });
    await place.ok('cp', '--delete', 'old:d', 'new:', 'mirror');
    expect(filesOnDisk(join(place.folder, 'mirror'))).toEqual({
      f: 'new',
      'd/g': 'old',
      'd/h': 'new',
    });
  });
});

describe('to disk and across', () => {
  const place = new Place();

  beforeAll(async () => {
    fill(place, FILES);
    await place.ok('cp', 'in/', ':');
    await place.ok('tag', 'set', 'v1');
    await place.ok('branch', 'set', 'dev');
    fill(place, { 'in/a.txt': 'A' });
    await place.ok('cp', 'in/a.txt', ':');
    await place.ok('cp', 'one.txt', 'dev:');
  });

  it.each([
    [[':a.txt', 'OUT'], ''],
    [[':a.txt', 'OUT/'], 'a.txt'],
    [[':sub', 'OUT'], 'sub sub/c.txt sub/run.sh'],
    [[':sub/', 'OUT'], 'c.txt run.sh'],
    [[':', 'OUT'], '.dot a.txt b.md link sub sub/c.txt sub/run.sh'],
    [[':*.txt', ':sub/*.sh', 'OUT'], 'a.txt run.sh'],
    [['v1:a.txt', 'dev:one.txt', 'OUT'], 'a.txt one.txt'],
    [['--exclude', 'sub/', ':', 'OUT'], '.dot a.txt b.md link'],
  ])('%j', async (args, expected) => {
    const out = join(place.folder, `out-${args.join('-').replace(/\W/g, '_')}`);
    await place.ok('cp', ...args.map((arg) => arg.replace('OUT', out)));
    const names = lstatSync(out).isDirectory() ? readdirSync(out, { recursive: true }) : [];
    expect(names.sort().join(' ')).toBe(expected);
  });

  it('restores contents, modes, links and the time of the commit', async () => {
    const out = join(place.folder, 'restored');
    await place.ok('cp', 'v1:', out);
    expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('a');
    expect(readlinkSync(join(out, 'link'))).toBe('sub/c.txt');
    expect(lstatSync(join(out, 'sub/run.sh')).mode & 0o111).not.toBe(0);
    const time = Number(git(place.repo, 'log', '-1', '--format=%ct', 'v1'));
    expect(lstatSync(join(out, 'a.txt')).mtimeMs).toBe(time * 1000);
    expect(await place.ok('cp', '-n', ':', out)).toMatch(/^~ [^:\n]*a\.txt\n$/);
    expect(readFileSync(join(out, 'a.txt'), 'utf8')).toBe('a');
    await place.ok('cp', '--back', '0', '--delete', ':sub/', out);
    expect(readdirSync(out).sort()).toEqual(['c.txt', 'run.sh']);
  });

  it('copies between refs in one commit', async () => {
    await place.ok('cp', 'v1:a.txt', 'dev:one.txt', 'v1:sub', ':mix');
    expect(await place.ok('ls', '-R', 'mix')).toBe(
      'mix/a.txt\nmix/one.txt\nmix/sub/c.txt\nmix/sub/run.sh\n',
    );
    expect(await place.ok('cat', 'mix/a.txt')).toBe('a');
    expect(git(place.repo, 'log', '-1', '--format=%s')).toBe('Batch cp: +4');
    await place.ok('cp', '--ref', 'v1', '-b', 'dev', ':b.md', ':copy.md');
    expect(await place.ok('cat', 'dev:copy.md')).toBe('b');
    expectClean(place.repo);
  });

  it('refuses what makes no sense', async () => {
    const cases: [1 | 2, string[], RegExp][] = [
      [2, ['a', 'b'], /write ':b'/],
      [2, ['one.txt', ':a.txt', ':x'], /'one\.txt' is on disk/],
      [2, ['one.txt'], /destination/],
      [2, ['--ref', 'v1', 'one.txt', ':'], /--ref has no use/],
      [2, ['--type', 'blob', ':a.txt', 'x'], /--type has no use/],
      [2, ['--tag', 't', ':a.txt', 'x'], /--tag has no use/],
      [2, ['-m', 'x', ':a.txt', 'x'], /--message has no use/],
      [2, ['--type', 'link', 'one.txt', ':'], /'link' is invalid/],
      [1, ['one.txt', 'v1:'], /Cannot write to tag 'v1' — use a branch/],
      [1, ['one.txt', 'main~1:'], /historical commit \(remove ~1/],
      [1, ['one.txt', 'nope:'], /Branch 'nope' does not exist; branches: /],
      [1, [':gone', 'x'], /gone/],
    ];
    for (const [code, args, message] of cases) {
      expect(await place.fails(code, 'cp', ...args)).toMatch(message);
    }
    expect(existsSync(join(place.folder, 'x'))).toBe(false);
  });
});
