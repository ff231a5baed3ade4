import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { git, gitBytes } from '../helpers/git.ts';
import { Place } from './program.ts';

class Folder extends Place {
  readonly work = join(this.folder, 'work');

  constructor() {
    super();
    mkdirSync(join(this.work, 'src'), { recursive: true });
  }

  put(path: string, text: string): void {
    writeFileSync(join(this.work, path), text);
  }

  get(path: string): string {
    return readFileSync(join(this.work, path), 'utf8');
  }

  in(path: string, ...args: string[]): Promise<string> {
    return this.okWith({ cwd: join(this.work, path) }, ...args);
  }
}

test('checkpoint, changes and rewind, from the folder and from one below', async () => {
  const place = new Folder();
  place.put('src/a', '1');
  place.put('b', '1');
  expect(await place.in('.', 'checkpoint')).toMatch(/^[0-9a-f]{7} {2}\+2\n$/);
  expect(await place.in('.', 'checkpoint')).toMatch(/^[0-9a-f]{7} {2}nothing has changed\n$/);
  place.put('src/a', '22');
  place.put('b', '22');
  expect(await place.in('src', 'changes')).toBe('M  b\nM  src/a\n');
  expect(await place.in('src', 'changes', '-l', 'a')).toBe('M  src/a  1 B -> 2 B\n');
  expect(JSON.parse(await place.in('src', 'changes', '--format', 'json', 'a'))).toEqual([
    { path: 'src/a', change: 'update', type: 'blob', size: 2, old_size: 1 },
  ]);
  expect(await place.in('src', 'rewind', '-n', 'a')).toBe('~ src/a\n');
  expect(await place.in('src', 'rewind', 'a')).toMatch(/^Rewound to [0-9a-f]{7} - .*: ~1\n$/);
  expect([place.get('src/a'), place.get('b')]).toEqual(['1', '22']);
  await place.in('.', 'checkpoint', '--label', 'run=7', '-m', 'seven {as it is}');
  place.put('b', '333');
  await place.in('.', 'rewind', '--label', 'run=7');
  expect(place.get('b')).toBe('22');
  expect(await place.in('.', 'log')).toContain('seven {as it is}');
});

test('what a rewind cannot do is named, and the exit code is 1', async () => {
  const place = new Folder();
  place.put('x', '1');
  await place.in('.', 'checkpoint');
  rmSync(join(place.work, 'x'));
  place.put('.gitignore', '*.log\n');
  mkdirSync(join(place.work, 'x'));
  place.put('x/mine.log', 'mine');
  const result = await place.runWith({ cwd: place.work }, 'rewind');
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/^Error: x: [^\n]+\n$/);
  expect(place.get('x/mine.log')).toBe('mine');
});

test('a fork has a branch of its own, and the repository knows both folders', async () => {
  const place = new Folder();
  place.put('src/a', '1');
  await place.in('.', 'checkpoint');
  const other = join(place.folder, 'other');
  expect(await place.in('.', 'fork', '../other')).toMatch(/other is on branch other \(/);
  expect(readFileSync(join(other, 'src/a'), 'utf8')).toBe('1');
  expect(await place.ok('workspaces')).toBe(`other  ${other}\nmain  ${place.work}\n`);
  rmSync(other, { recursive: true });
  await place.ok('workspaces', '--forget', other);
  expect(await place.ok('workspaces')).toBe(`main  ${place.work}\n`);
});

test('merge brings a fork home, and what is not stored yet in either folder', async () => {
  const place = new Folder();
  place.put('src/a', '1\n2\n3\n');
  place.put('.gitignore', '*.log\n');
  await place.in('.', 'checkpoint');
  const other = join(place.folder, 'other');
  await place.in('.', 'fork', '../other');
  writeFileSync(join(other, 'src/a'), '1\n2\nthree\n');
  place.put('src/a', 'one\n2\n3\n');
  place.put('mine.log', 'mine');
  const preview = await place.runWith({ cwd: place.work }, 'merge', '-n', '../other');
  expect([preview.code, preview.stdout]).toEqual([0, '']);
  expect(preview.stderr.match(/has 1 change that no checkpoint holds/g)).toHaveLength(2);
  expect(await place.in('src', 'merge', '../../other')).toMatch(/^[0-9a-f]{7} {2}~1\n$/);
  expect([place.get('src/a'), place.get('mine.log')]).toEqual(['one\n2\nthree\n', 'mine']);
  expect(await place.in('.', 'changes')).toBe('');
  expect(await place.ok('log', '-b', 'main')).toContain("Merge branch 'other'");
  // From elsewhere, by the branch's name, the other way round.
  const record = await place.ok(
    'merge',
    '--dir',
    other,
    'main',
    '--tag',
    'home',
    '--format',
    'json',
  );
  expect(JSON.parse(record)).toMatchObject([{ update: [{ path: 'src/a' }], errors: [] }]);
  expect(readFileSync(join(other, 'src/a'), 'utf8')).toBe('one\n2\nthree\n');
  expect(await place.ok('hash', 'home')).toBe(await place.ok('hash', 'other'));
});

test('a merge that conflicts leaves both folders alone, and -b changes a branch alone', async () => {
  const place = new Folder();
  place.put('a', '1');
  await place.in('.', 'checkpoint');
  const other = join(place.folder, 'other');
  await place.in('.', 'fork', '../other');
  writeFileSync(join(other, 'a'), 'theirs');
  place.put('a', 'mine');
  const failed = await place.runWith({ cwd: place.work }, 'merge', '../other');
  expect([failed.code, failed.stdout]).toEqual([1, 'content  :a\n']);
  expect(place.get('a')).toBe('mine');
  expect(await place.in('.', 'merge', '../other', '--theirs', 'a')).toMatch(/ {2}~1\n$/);
  expect(place.get('a')).toBe('theirs');
  writeFileSync(join(other, 'a'), 'later');
  const alone = await place.run('merge', other, '-b', 'main');
  expect([alone.code, alone.stdout]).toEqual([0, '']);
  expect(alone.stderr).toMatch(/^Warning: .*work holds branch 'main' and has not changed/);
  expect(place.get('a')).toBe('theirs');
  expect(await place.fails(2, 'merge', other)).toContain('There is no workspace here');
  expect(await place.fails(2, 'merge', 'x', '--dir', other, '-b', 'main')).toContain('--dir');
  expect(await place.fails(1, 'merge', '-b', 'main', place.folder)).toContain('No workspace of');
});

test('a folder of another machine is no workspace here, whatever its path', async () => {
  const place = new Folder();
  place.put('a', '1');
  await place.in('.', 'checkpoint');
  await place.ok('branch', 'set', 'dev');
  await place.runWith({ input: 'new' }, 'write', 'b', '-b', 'dev');
  const [ref, id] = git(
    place.repo,
    'for-each-ref',
    '--format=%(refname) %(objectname)',
    'refs/gitstore/workspaces',
  ).split(' ');
  const record = { ...JSON.parse(git(place.repo, 'cat-file', 'blob', id!)), host: 'elsewhere' };
  const moved = gitBytes(
    place.repo,
    ['hash-object', '-w', '--stdin'],
    Buffer.from(JSON.stringify(record)),
  );
  git(place.repo, 'update-ref', `refs/gitstore/workspaces/${'1'.repeat(40)}`, `${moved}`.trim());
  git(place.repo, 'update-ref', '-d', ref!);
  // It would be committed, empty, if it were taken for that machine's.
  rmSync(join(place.work, 'a'));
  await place.in('.', 'merge', 'dev');
  expect(await place.ok('ls')).toBe('a\nb\n');
  expect(existsSync(join(place.work, 'b'))).toBe(false);
  expect(await place.fails(1, 'merge', '-b', 'main', place.work)).toContain('No workspace of');
});

test('what was merged before a conflict is told as well, and a plan lists its conflicts', async () => {
  const place = new Folder();
  place.put('a', '1');
  await place.in('.', 'checkpoint');
  for (const branch of ['one', 'two']) await place.ok('branch', 'set', branch);
  await place.runWith({ input: 'new' }, 'write', 'b', '-b', 'one');
  await place.runWith({ input: 'theirs' }, 'write', 'a', '-b', 'two');
  place.put('a', 'ours');
  await place.in('.', 'checkpoint');
  const plan = await place.in('.', 'merge', '-n', '--markers', 'two');
  expect(plan).toContain('content  :a\n');
  const result = await place.run('merge', '-b', 'main', 'one', 'two');
  expect(result.code).toBe(1);
  expect(result.stderr).toMatch(/^Warning: .*work holds branch 'main' and has not changed/m);
});

test('mistakes are told in one line', async () => {
  const place = new Folder();
  place.put('a', '1');
  expect(await place.fails(1, 'changes', '--dir', place.work)).toMatch(/data\.git/);
  expect(existsSync(place.repo)).toBe(false);
  await place.in('.', 'checkpoint');
  const failure = async (...args: string[]) => {
    const { code, stderr } = await place.runWith({ cwd: place.work }, ...args);
    return `${code} ${stderr.trimEnd()}`;
  };
  expect(await failure('checkpoint', 'nope')).toMatch(/^1 Error: nope: neither in /);
  expect(await failure('checkpoint', '../data.git')).toMatch(
    /^2 Error: \.\.\/data\.git is not in /,
  );
  expect(await failure('rewind')).toMatch(/^1 Error: Branch 'main' has no checkpoint 1 before /);
  expect(await failure('rewind', '--to', 'x', '--back', '1')).toMatch(/^2 Error: Give one of /);
  expect(await failure('rewind', '--label', 'x')).toMatch(/^2 Error: .*NAME=VALUE/);
  expect(await failure('checkpoint', '--dir', 'nope')).toMatch(/^1 Error: nope: no such file/);
  expect(await failure('fork', '.')).toMatch(/^1 Error: \.: it holds files already/);
  expect(await place.fails(1, 'checkpoint', '--dir', place.folder)).toMatch(
    /^Branch 'main' holds the checkpoints of .*work; give this folder/,
  );
});
