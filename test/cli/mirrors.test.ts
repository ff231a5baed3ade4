import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { git } from '../helpers/git.ts';
import { expectSound, gitIn, refsOf } from '../remote/places.ts';
import { Place } from './program.ts';

let place: Place;
let copy: string;

beforeEach(async () => {
  place = new Place();
  copy = join(place.folder, 'copy.git');
  await place.okWith({ input: 'one\n' }, 'write', 'file.txt');
  await place.ok('tag', 'set', 'v1');
});

const short = (revision: string, repo = place.repo): string =>
  git(repo, 'rev-parse', '--short=7', revision);

test('backup -n says what would change, in text and JSON; backup does it quietly', async () => {
  const tip = git(place.repo, 'rev-parse', 'main');
  expect(await place.ok('backup', '-n', copy)).toBe(
    `  create  refs/heads/main  ${short('main')}\n  create  refs/tags/v1  ${short('v1')}\n`,
  );
  expect(existsSync(copy)).toBe(false);
  expect(await place.ok('backup', copy)).toBe('');
  expect(await place.ok('backup', '-n', copy)).toBe('Nothing to push — already in sync.\n');
  expect(await place.ok('backup', '-n', '--format', 'json', copy)).toBe(
    '{"add":[],"update":[],"delete":[]}\n',
  );

  await place.okWith({ input: 'two\n' }, 'write', 'file.txt');
  await place.ok('tag', 'delete', 'v1');
  await place.ok('branch', 'set', 'dev');
  const now = git(place.repo, 'rev-parse', 'main');
  expect(await place.ok('backup', '-n', copy)).toBe(
    [
      `  create  refs/heads/dev  ${short('main')}\n`,
      `  update  refs/heads/main  ${tip.slice(0, 7)} -> ${short('main')}\n`,
      `  delete  refs/tags/v1  ${tip.slice(0, 7)}\n`,
    ].join(''),
  );
  expect(JSON.parse(await place.ok('backup', '--format', 'jsonl', copy))).toEqual({
    add: [{ ref: 'refs/heads/dev', old_hash: null, new_hash: now }],
    update: [{ ref: 'refs/heads/main', old_hash: tip, new_hash: now }],
    delete: [{ ref: 'refs/tags/v1', old_hash: tip, new_hash: null }],
  });
  expect(refsOf(copy)).toEqual(refsOf(place.repo));
  expectSound(copy);
});

test('restore takes the current branch also where a sync service has left a copy of a ref', async () => {
  await place.ok('branch', 'set', 'dev');
  await place.ok('branch', 'current', '-b', 'dev');
  gitIn(place.folder, 'init', '--quiet', '--bare', copy);
  writeFileSync(
    join(copy, 'refs/heads/main (conflicted copy)'),
    git(place.repo, 'rev-parse', 'main'),
  );
  await place.ok('restore', '-r', copy, place.repo);
  expect(git(copy, 'symbolic-ref', 'HEAD')).toBe('refs/heads/dev');
});

test('--ref, renames, and what cannot be', async () => {
  await place.ok('backup', '--ref', 'main:trunk', '--ref', 'v1', copy);
  expect(Object.keys(refsOf(copy))).toEqual(['refs/heads/trunk', 'refs/tags/v1']);
  for (const ref of ['main:', ':x', '']) await place.fails(2, 'backup', '--ref', ref, copy);
  await place.fails(2, 'backup', '--ref', 'main:a', '--ref', 'main:b', copy);
  await place.fails(2, 'backup', '--type', 'zip', copy);
  expect(await place.fails(1, 'backup', '--ref', 'gone', copy)).toContain('Ref not found: gone');
  expect(await place.fails(1, 'backup', '--squash', copy)).toContain('bundle');
  expect(await place.fails(1, 'backup', '-n', 'ftp://host/x')).toContain('ftp');
  await place.fails(1, 'backup', '-r', join(place.folder, 'gone.git'), copy);
});

test('restore creates the repository, with the current branch that it is there', async () => {
  await place.ok('branch', 'set', 'dev');
  await place.ok('branch', 'current', '-b', 'dev');
  const other = join(place.folder, 'other.git');
  const refusal = await place.fails(1, '-r', other, 'restore', '--no-create', place.repo);
  expect(refusal).toContain('other.git');
  expect(await place.ok('-r', other, 'restore', '-n', place.repo)).toContain('refs/heads/dev');
  expect(existsSync(other)).toBe(false);
  // What a restore that failed has left is still to get its current branch.
  await place.fails(1, '-r', other, 'restore', join(place.folder, 'gone.git'));
  expect(await place.ok('-r', other, 'restore', place.repo)).toBe('');
  expect(refsOf(other)).toEqual(refsOf(place.repo));
  expect(await place.ok('-r', other, 'branch', 'current')).toBe('dev\n');
  expect(await place.ok('-r', other, 'cat', 'file.txt')).toBe('one\n');
  expect(await place.ok('-r', other, 'restore', '-n', place.repo)).toContain('already in sync');

  // Into one that is there HEAD stays, nothing is deleted, and undo brings back what was.
  await place.ok('-r', other, 'branch', 'current', '-b', 'main');
  await place.okWith({ input: 'mine\n' }, '-r', other, 'write', 'file.txt');
  await place.ok('-r', other, 'restore', place.repo);
  expect(await place.ok('-r', other, 'branch', 'current')).toBe('main\n');
  expect(await place.ok('-r', other, 'cat', 'file.txt')).toBe('one\n');
  expect(git(other, 'rev-parse', 'main')).toBe(git(place.repo, 'rev-parse', 'main'));
  expectSound(other);
});

test('bundles, with and without history', async () => {
  await place.okWith({ input: 'two\n' }, 'write', 'file.txt');
  await place.ok('backup', 'all.bundle');
  await place.ok('backup', '--squash', '--ref', 'main', '--type', 'bundle', 'now');
  gitIn(place.folder, 'clone', '-q', 'all.bundle', 'all');
  gitIn(place.folder, 'clone', '-q', '-b', 'main', 'now', 'now-clone');
  expect(gitIn(join(place.folder, 'all'), 'rev-list', '--count', 'HEAD')).toBe('3');
  expect(gitIn(join(place.folder, 'now-clone'), 'rev-list', '--count', 'HEAD')).toBe('1');
  await place.ok('-r', 'new.git', 'restore', 'all.bundle');
  expect(await place.ok('-r', 'new.git', 'cat', 'file.txt')).toBe('two\n');
  writeFileSync(join(place.folder, 'x.bundle'), 'no bundle');
  expect(await place.fails(1, 'restore', 'x.bundle')).toContain('Not a bundle');
});

test('status lines with -v, and no password in them', async () => {
  const url = new URL(`file://${copy}`);
  const { stdout, stderr } = await place.run('-v', 'backup', url.href);
  expect(stdout).toBe('');
  expect(stderr).toContain('  create  refs/heads/main');
  const failed = await place.run('-v', 'restore', 'http://ada:top-secret@127.0.0.1:1/x.git');
  expect(failed.code).toBe(1);
  expect(failed.stderr).toMatch(/^Error: No connection to http:\/\/127\.0\.0\.1:1\/x\.git: .*\n$/);
});

test('a URL without its scheme is refused, and a restore of nothing leaves nothing behind', async () => {
  const place = new Place();
  expect(await place.fails(1, 'restore', 'typo.git')).toMatch(/typo\.git/);
  expect(await place.fails(1, 'restore', 'github.com/me/data.git')).toMatch(/https:\/\/github/);
  expect(readdirSync(place.folder)).toEqual([]);
  await place.ok('init');
  expect(await place.fails(1, 'backup', 'github.com/me/data.git')).toMatch(/https:\/\/github/);
  expect(readdirSync(place.folder)).toEqual(['data.git']);
});

test('a branch that the other side does not let go is a warning and exit 1', async () => {
  await place.ok('branch', 'set', 'dev');
  await place.ok('backup', copy);
  git(copy, 'symbolic-ref', 'HEAD', 'refs/heads/dev');
  await place.ok('branch', 'delete', 'dev');
  await place.okWith({ input: 'two\n' }, 'write', 'file.txt');
  const { code, stdout, stderr } = await place.run('backup', '--format', 'jsonl', copy);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^Warning: refs\/heads\/dev in \S+ stays .*current branch.*\n$/);
  expect(stdout).toMatch(/^\{"add":\[\],"update":\[\{"ref":"refs\/heads\/main"[^\n]*\n$/);
  expect(await place.ok('-r', copy, 'branch', 'current', '-b', 'main')).toBe('');
  expect(await place.ok('backup', copy)).toBe('');
  expect(refsOf(copy)).toEqual(refsOf(place.repo));
});

test('a repository that is made is told of on stderr, once', async () => {
  const place = new Place();
  writeFileSync(join(place.folder, 'one.txt'), 'one');
  mkdirSync(join(place.folder, 'one'));
  const made = async (path: string, ...args: string[]) => {
    for (const stderr of [`Created repository ${path}\n`, '']) {
      const ran = await place.runWith({ input: 'x' }, ...args);
      expect({ args, ...ran }).toMatchObject({ code: 0, stdout: '', stderr });
    }
  };
  await made('a.git', '-r', 'a.git', 'write', 'file.txt');
  await made('b.git', '-r', 'b.git', 'cp', 'one.txt', ':');
  await made('c.git', '-r', 'c.git', 'sync', 'one', ':');
  await made('d.git', '-r', 'a.git', 'backup', 'd.git');
  await made('e.git', '-r', 'e.git', 'restore', 'd.git');
  await place.ok('-r', 'a.git', 'tar', 'a.tar');
  await made('f.git', '-r', 'f.git', 'untar', 'a.tar');
  const dry = await place.run('-r', 'g.git', 'cp', '-n', 'one.txt', ':');
  expect(dry.stderr).toBe('');
  expect((await place.run('-r', 'h.git', 'init')).stderr).toBe('');
});

test('a restore of nothing into what exists is an error, one of the same is none', async () => {
  git('.', 'init', '-q', '--bare', copy);
  const head = join(place.folder, 'head.bundle');
  git(place.repo, 'bundle', 'create', '-q', head, 'HEAD');
  for (const source of [copy, head]) {
    for (const more of [[], ['-n'], ['--format', 'json']]) {
      expect(await place.fails(1, 'restore', ...more, source)).toBe(
        `Nothing to restore: ${source} has no branches, tags or notes`,
      );
    }
  }
  await place.ok('backup', copy);
  expect(await place.ok('restore', copy)).toBe('');
});
