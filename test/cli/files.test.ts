/** ls, cat, write, rm and mv. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { GitStore } from '../../src/store/gitStore.ts';
import { expectClean, git, gitBytes } from '../helpers/git.ts';
import { Place, programPath } from './program.ts';

const place = new Place();
const { repo } = place;

/** A store with files, a link, an executable, names that are no UTF-8, a tag and a branch. */
beforeAll(async () => {
  const store = await GitStore.open(repo, { durability: 'fast', now: () => 1_700_000_000_000 });
  const first = await store.branches.get('main');
  const main = await first.apply({
    writes: {
      'a.txt': 'alpha\n',
      'b.txt': 'beta\n',
      'docs/guide.md': '# Guide\n',
      'docs/deep/x.md': 'x',
      'src/[id].ts': 'id',
      'src/i.ts': 'i',
      'caf\udce9': 'bytes',
      '.hidden': 'h',
      'run.sh': { data: '#!/bin/sh\n', mode: 'executable' },
      link: { target: 'docs/guide.md' },
    },
    message: 'Begin',
  });
  await store.tags.set('v1', main);
  const dev = await store.branches.set('dev', main);
  await dev.writeText('a.txt', 'alpha on dev\n', { message: 'Dev' });
  await main.writeText('a.txt', 'alpha again\n', { message: 'Again' });
  await store.close();
});

describe('ls', () => {
  it('lists names, bytes as they are, sorted by bytes', async () => {
    const { bytes } = await place.run('ls');
    expect(bytes).toEqual(
      Buffer.from('.hidden\na.txt\nb.txt\ncaf\xe9\ndocs\nlink\nrun.sh\nsrc\n', 'latin1'),
    );
  });

  it.each([
    [['docs'], ['deep', 'guide.md']],
    [[':docs/'], ['deep', 'guide.md']],
    [['/docs//./'], ['deep', 'guide.md']],
    [
      ['docs', 'a.txt'],
      ['a.txt', 'docs/deep', 'docs/guide.md'],
    ],
    [['docs/guide.md'], ['docs/guide.md']],
    [
      ['docs', 'docs/guide.md', ':docs'],
      ['docs/deep', 'docs/guide.md'],
    ],
    [
      ['-R', 'docs'],
      ['docs/deep/x.md', 'docs/guide.md'],
    ],
    [['*.txt'], ['a.txt', 'b.txt']],
    [['**/*.md'], ['docs/deep/x.md', 'docs/guide.md']],
    [['d*'], ['docs']],
    [
      ['-R', 'd*', 'a.txt'],
      ['a.txt', 'docs/deep/x.md', 'docs/guide.md'],
    ],
    [['src/[id].ts'], ['src/[id].ts']],
    [['src/[hi].ts'], ['src/i.ts']],
    [['dev:', 'v1:docs', '-R'], undefined],
  ])('%j', async (args, expected) => {
    const lines = (await place.ok('ls', ...args)).split('\n').slice(0, -1);
    if (expected === undefined) expect(new Set(lines).size).toBe(lines.length);
    else expect(lines).toEqual(expected);
  });

  it('shows details with -l, columns aligned', async () => {
    const id = (path: string) => git(repo, 'rev-parse', `main:${path}`);
    expect(await place.ok('ls', '-l', 'a.txt', 'b.txt', 'docs', 'link', 'run.sh')).toBe(
      [
        `${id('a.txt').slice(0, 7)}  12  a.txt`,
        `${id('b.txt').slice(0, 7)}   5  b.txt`,
        `${id('docs/deep').slice(0, 7)}   -  docs/deep/`,
        `${id('docs/guide.md').slice(0, 7)}   8  docs/guide.md`,
        `${id('link').slice(0, 7)}  13  link -> docs/guide.md`,
        `${id('run.sh').slice(0, 7)}  10  run.sh`,
        '',
      ].join('\n'),
    );
    expect(await place.ok('ls', '-l', '--full-hash', 'b.txt')).toBe(`${id('b.txt')}  5  b.txt\n`);
  });

  it('writes JSON', async () => {
    expect(JSON.parse(await place.ok('ls', 'docs', '--format', 'json'))).toEqual([
      'deep',
      'guide.md',
    ]);
    expect(JSON.parse(await place.ok('ls', 'caf*', '--format', 'json'))).toEqual(['caf\udce9']);
    const lines = (await place.ok('ls', '-l', 'docs', 'link', 'run.sh', '--format', 'jsonl'))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const entry = (path: string, size: number | null, type: string, target?: string) => ({
      name: path,
      path,
      hash: git(repo, 'rev-parse', `main:${path}`),
      size,
      type,
      target: target ?? null,
    });
    expect(lines).toEqual([
      entry('docs/deep', null, 'tree'),
      entry('docs/guide.md', 8, 'blob'),
      entry('link', 13, 'link', 'docs/guide.md'),
      entry('run.sh', 10, 'executable'),
    ]);
  });

  it('fails for what is not there', async () => {
    expect(await place.fails(1, 'ls', 'nowhere')).toMatch(/nowhere/);
    expect(await place.fails(1, 'ls', '*.zip')).toBe('Nothing matches: *.zip');
    expect(await place.fails(1, 'ls', '--no-glob', '*.txt')).toMatch(/\*\.txt/);
    expect(await place.fails(1, 'ls', '../x')).toMatch(/'\.\.'/);
  });
});

describe('cat', () => {
  it('writes files one after the other', async () => {
    expect(await place.ok('cat', 'b.txt', ':docs/guide.md', 'v1:a.txt', 'dev:a.txt')).toBe(
      'beta\n# Guide\nalpha\nalpha on dev\n',
    );
    expect(await place.ok('cat', 'main~1:a.txt')).toBe('alpha\n');
    expect(await place.ok('cat', '~1:a.txt')).toBe('alpha\n');
    expect(await place.ok('cat', '-b', 'dev', 'a.txt')).toBe('alpha on dev\n');
    expect(await place.ok('cat', `${git(repo, 'rev-parse', 'v1').slice(0, 7)}:a.txt`)).toBe(
      'alpha\n',
    );
  });

  it('takes names that are no UTF-8', async () => {
    const { code, stdout } = await place.runWith({}, 'cat', 'caf*');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    // Only a shell can hand over bytes.
    const script = `exec "$0" "$1" cat "$(printf 'caf\\351')"`;
    const env = { ...process.env, GITSTORE_REPO: repo };
    const output = execFileSync('sh', ['-c', script, process.execPath, programPath()], { env });
    expect(output.toString()).toBe('bytes');
  });

  it('writes nothing when one file is missing', async () => {
    expect(await place.fails(1, 'cat', 'a.txt', 'missing')).toMatch(/missing/);
    expect(await place.fails(1, 'cat', 'docs')).toMatch(/docs/);
    expect(await place.fails(1, 'cat', ':')).toContain('root');
  });
});

describe('write', () => {
  it('stores stdin byte for byte', async () => {
    const data = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));
    const own = new Place();
    expect(await own.okWith({ input: data }, 'write', 'data/random.bin')).toBe('');
    expect(gitBytes(own.repo, ['cat-file', 'blob', 'main:data/random.bin'])).toEqual(data);
    const { bytes } = await own.run('cat', 'data/random.bin');
    expect(bytes.equals(data)).toBe(true);
    expect(await own.okWith({ input: '' }, 'write', 'empty')).toBe('');
    expect(await own.ok('ls', '-l', 'empty')).toBe('e69de29  0  empty\n');
    expect(git(own.repo, 'log', '--format=%s', 'main')).toBe(
      '+ empty\n+ data/random.bin\nInitialize main',
    );
    expectClean(own.repo);
  });

  it('passes stdin through with -p', async () => {
    const own = new Place();
    const input = 'line\n'.repeat(50_000);
    expect(await own.okWith({ input }, 'write', '-p', 'log.txt')).toBe(input);
    expect(await own.ok('cat', 'log.txt')).toBe(input);
  });

  it('keeps storing when nobody reads what is passed through', async () => {
    const own = new Place();
    const script = `seq 1 200000 | "$0" "$1" -r "$2" write -p n.txt | head -1`;
    const output = execFileSync('sh', ['-c', script, process.execPath, programPath(), own.repo]);
    expect(output.toString()).toBe('1\n');
    expect((await own.ok('cat', 'n.txt')).split('\n').length).toBe(200_001);
  });

  it('takes branch, message, parents and a tag', async () => {
    await place.okWith(
      { input: 'new\n' },
      ...['write', 'dev:new.txt', '-m', 'New: {default} ({op})', '--parent', 'v1'],
      ...['--parent', 'main~1', '--parent', 'main', '--tag', 'written'],
    );
    expect(git(repo, 'log', '-1', '--format=%s', 'dev')).toBe('New: + new.txt ()');
    expect(git(repo, 'log', '-1', '--format=%P', 'dev')).toBe(
      git(repo, 'rev-parse', 'dev~1', 'v1', 'main').split('\n').join(' '),
    );
    expect(git(repo, 'rev-parse', 'written')).toBe(git(repo, 'rev-parse', 'dev'));
    const tip = git(repo, 'rev-parse', 'dev');
    const again = ['write', 'dev:new.txt', '--tag', 'written'];
    expect((await place.runWith({ input: 'other' }, ...again)).stderr).toMatch(
      /^Error: Tag already exists: written/,
    );
    expect(git(repo, 'rev-parse', 'dev')).toBe(tip);
    await place.okWith({ input: 'other' }, ...again, '--force-tag');
    expect(git(repo, 'rev-parse', 'written')).toBe(git(repo, 'rev-parse', 'dev'));
    expect(git(repo, 'rev-parse', 'written')).not.toBe(tip);
  });

  it('makes no commit when nothing changes', async () => {
    const tip = git(repo, 'rev-parse', 'dev');
    await place.okWith({ input: 'beta\n' }, 'write', '-b', 'dev', 'b.txt');
    expect(git(repo, 'rev-parse', 'dev')).toBe(tip);
    const verbose = await place.runWith({ input: 'beta\n' }, '-v', 'write', 'dev:b.txt');
    expect(verbose.stderr).toMatch(/^Nothing to change/);
  });

  it('refuses wrong paths, and a missing repository with --no-create', async () => {
    expect(await place.fails(1, 'write', '.git/config')).toMatch(/\.git/);
    expect(await place.fails(1, 'write', 'a/../b')).toMatch(/'\.\.'/);
    expect(await place.fails(1, 'write', ':')).toContain('root');
    expect(await place.fails(1, 'write', 'docs')).toMatch(/directory/i);
    const own = new Place();
    expect(await own.fails(1, 'write', '--no-create', 'x')).toMatch(/data\.git/);
    expect(await own.fails(1, 'write', 'main~1:x')).toMatch(/data\.git/);
  });

  it('creates the repository with the branch that is named', async () => {
    const own = new Place();
    await own.okWith({ input: 'x' }, 'write', 'trunk:x');
    expect(git(own.repo, 'symbolic-ref', 'HEAD')).toBe('refs/heads/trunk');
    const other = new Place();
    await other.okWith({ input: 'x' }, 'write', '-b', 'stem', 'x');
    expect(await other.ok('branch')).toBe('stem\n');
  });
});

describe('rm and mv', () => {
  const own = new Place();

  beforeAll(async () => {
    const folder = join(own.folder, 'tree');
    for (const name of ['one.txt', 'two.txt', 'd/three.txt', 'd/e/four.txt', 'w.log']) {
      mkdirSync(join(folder, name, '..'), { recursive: true });
      writeFileSync(join(folder, name), name);
    }
    symlinkSync('one.txt', join(folder, 'link'));
    await own.ok('cp', `${folder}/`, ':');
  });

  it('print what they would do with -n', async () => {
    const tip = git(own.repo, 'rev-parse', 'main');
    expect(await own.ok('rm', '-n', '*.txt')).toBe('- :one.txt\n- :two.txt\n');
    expect(await own.ok('rm', '-nR', 'd')).toBe('- :d/e/four.txt\n- :d/three.txt\n');
    expect(await own.ok('mv', '-n', ':one.txt', ':1.txt')).toBe('+ :1.txt\n- :one.txt\n');
    expect(git(own.repo, 'rev-parse', 'main')).toBe(tip);
  });

  it('move files, globs and directories', async () => {
    await own.ok('mv', ':one.txt', ':first.txt');
    await own.ok('mv', ':*.txt', ':texts/');
    await own.ok('mv', '-R', ':d', ':texts', '-m', 'Moved {total_count}: {op}');
    expect(await own.ok('ls', '-R')).toBe(
      'link\ntexts/d/e/four.txt\ntexts/d/three.txt\ntexts/first.txt\ntexts/two.txt\nw.log\n',
    );
    expect(git(own.repo, 'log', '-1', '--format=%s')).toBe('Moved 4: mv');
    expect(git(own.repo, 'log', '-1', '--skip=1', '--format=%s')).toBe('Batch mv: +2 -2');
  });

  it('remove files, globs and directories', async () => {
    await own.ok('rm', 'link', 'texts/*.txt');
    await own.ok('rm', '-R', 'texts', '--tag', 'bare');
    expect(await own.ok('ls', '-R')).toBe('w.log\n');
    expect(git(own.repo, 'rev-parse', 'bare')).toBe(git(own.repo, 'rev-parse', 'main'));
    expectClean(own.repo);
  });

  it('take a message with braces as it is, unless every placeholder is known', async () => {
    const said = () => git(own.repo, 'log', '-1', '--format=%s', 'words');
    await own.ok('branch', 'set', 'words');
    await own.okWith({ input: 'x' }, 'write', 'words:one', '-m', 'fix {x}');
    expect(said()).toBe('fix {x}');
    await own.ok('mv', 'words:one', 'words:two', '-m', '{what} {op}');
    expect(said()).toBe('{what} {op}');
    await own.okWith({ input: 'new' }, 'write', 'words:one', '-m', 'Store {add_count}');
    expect(said()).toBe('Store 1');
    await own.ok('branch', 'delete', 'words');
  });

  it('refuse what makes no sense', async () => {
    expect(await own.fails(1, 'rm', 'nothing')).toMatch(/nothing/);
    expect(await own.fails(1, 'rm', '*.zip')).toBe('Nothing matches: *.zip');
    expect(await own.fails(1, 'rm', ':')).toContain('root');
    await own.ok('undo');
    expect(await own.fails(1, 'rm', 'texts')).toMatch(/directory/i);
    expect(await own.fails(1, 'mv', ':texts', ':t')).toMatch(/directory/i);
    expect(await own.fails(1, 'mv', ':w.log', ':w.log')).toMatch(/w\.log/);
    expect(await own.fails(2, 'mv', 'w.log', ':x')).toBe(
      "Only paths in the repository can be moved: write ':w.log'",
    );
    expect(await own.fails(2, 'mv', ':w.log')).toMatch(/destination/);
    expect(await own.fails(1, 'mv', '--no-glob', ':*.log', ':x/')).toMatch(/\*\.log/);
  });
});

describe('an object that is damaged, or not there', () => {
  it('names it, and the next step', async () => {
    const damaged = new Place();
    await damaged.okWith({ input: 'a' }, 'write', 'a');
    const id = git(damaged.repo, 'rev-parse', 'main:a');
    const file = join(damaged.repo, 'objects', id.slice(0, 2), id.slice(2));
    const step = "'gitstore verify' lists all damage, and a backup has what is lost";
    chmodSync(file, 0o644);
    writeFileSync(file, readFileSync(file).subarray(0, 5));
    expect(await damaged.fails(1, 'cat', 'a')).toMatch(
      new RegExp(`${id}.* is corrupt.*; ${step}$`, 'i'),
    );
    rmSync(file);
    expect(await damaged.fails(1, 'cat', 'a')).toMatch(
      new RegExp(`${id}.* is missing; ${step}$`, 'i'),
    );
  });
});
