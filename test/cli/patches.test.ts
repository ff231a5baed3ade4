/** `diff --patch`, `--stat`, `show` and `log` beside what Git prints of the same store. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { git } from '../helpers/git.ts';
import { Place } from './program.ts';

let place: Place;

beforeAll(async () => {
  place = new Place();
  const folder = join(place.folder, 'files');
  mkdirSync(join(folder, 'dir'), { recursive: true });
  const put = (path: string, text: string) => writeFileSync(join(folder, path), text);
  put('a.txt', 'one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n');
  put('with blank', 'no line end');
  put('dir/bin', '\0\x01');
  put('gone', 'gone\n');
  await place.ok('sync', folder, '-m', 'first\n\nwith a body');
  put('a.txt', 'one\nTWO\nthree\nfour\nfive\nsix\nseven\neight\nNINE\nten\neleven\n');
  put('with blank', 'a line end\n');
  put('dir/bin', '\0\x02');
  put('dir/new', 'new\n');
  await place.ok('sync', folder, '--exclude', 'gone', '-m', 'second');
  await place.ok('rm', 'gone');
  await place.ok('tag', 'set', 'v3');
});

/** Without what Git adds behind `@@`. */
function plain(text: string): string {
  return text.replace(/^(@@ .* @@).*$/gm, '$1').trimEnd();
}

test('diff --patch and --stat are what Git prints', async () => {
  const options = ['-c', 'core.quotePath=false', 'diff', '--no-renames', '--histogram'];
  for (const [args, refs] of [
    [['~2'], ['v3~2', 'v3']],
    [
      ['v3', 'main~1'],
      ['v3', 'v3~1'],
    ],
    [
      ['~2', '--', 'dir', 'a.txt'],
      ['v3~2', 'v3', '--', 'dir', 'a.txt'],
    ],
  ] as const) {
    const ours = await place.ok('diff', '--patch', ...args);
    const theirs = git(place.repo, ...options, '-p', '--no-ext-diff', ...refs);
    const sorted = (text: string) =>
      plain(text)
        .split(/^(?=diff )/m)
        .map((part) => part.trimEnd())
        .sort();
    expect(sorted(ours)).toEqual(sorted(theirs));
  }
  const stat = await place.ok('diff', '--stat', '~2');
  const theirs = git(place.repo, ...options, '--stat', 'v3~2', 'v3').split('\n');
  expect(stat.trimEnd().split('\n').at(-1)).toBe(theirs.at(-1));
  expect(stat).toMatch(/^ a\.txt +\| +5 \+\+\+--$/m);
  expect(stat).toMatch(/^ dir\/bin +\| +Bin$/m);
});

test('show prints a commit, a file and a directory', async () => {
  const text = await place.ok('show', 'main~2');
  expect(text).toMatch(
    /^commit [0-9a-f]{40}\nAuthor: .+ <.+>\nDate: {3}\S+\n\n {4}first\n\n {4}with a body\n\ndiff --git /,
  );
  expect(await place.ok('show', '--stat', 'v3')).toMatch(/ 1 file changed, 1 deletion\(-\)\n$/);
  expect(await place.ok('show', 'main~2:with blank')).toBe('no line end');
  expect(await place.ok('show', 'v3:dir')).toBe('bin\nnew\n');
  expect(await place.fails(1, 'show', 'v3:nope')).toMatch(/nope/);
});

test('log takes a limit, dates, an author and all branches', async () => {
  const hashes = async (...args: string[]) =>
    (await place.ok('log', ...args))
      .split('\n')
      .filter(Boolean)
      .map((line) => line.slice(0, 7));
  const all = await hashes();
  expect(all).toHaveLength(4);
  expect(await hashes('--limit', '2')).toEqual(all.slice(0, 2));
  expect(await hashes('-n', '1')).toEqual(all.slice(0, 1));
  expect(await hashes('--limit', '0')).toEqual([]);
  expect(await hashes('--since', '2000-01-01')).toEqual(all);
  expect(await hashes('--since', '2999-01-01')).toEqual([]);
  expect(await hashes('--match', 'no such')).toEqual([]);
  expect(await hashes('--author', 'nobody')).toEqual([]);
  const author = git(place.repo, 'log', '-1', '--format=%an', 'main');
  expect(await hashes('--author', author.toUpperCase())).toEqual(all);
  expect(await hashes('--author', '*>')).toEqual(all);
  await place.ok('branch', 'set', 'dev', '--ref', 'main~1');
  await place.ok('cp', join(place.folder, 'files', 'gone'), 'dev:other');
  expect(await hashes('--all')).toHaveLength(5);
  expect((await hashes('--all')).sort()).toEqual(
    git(place.repo, 'log', '--all', '--format=%h', '--abbrev=7', '--exclude=refs/gitstore/*')
      .split('\n')
      .sort(),
  );
  const patches = await place.ok('log', '--limit', '2', '--patch');
  expect(patches.match(/^commit /gm)).toHaveLength(2);
  expect(patches.match(/^diff /gm)).toHaveLength(5);
  expect(await place.fails(2, 'log', '--all', '-b', 'dev')).toMatch(/^--all /);
});

test('colour is for terminals, and on demand', async () => {
  expect(await place.ok('diff', '-p', '~1')).not.toContain('\x1b');
  expect(await place.ok('diff', '-p', '~1', '--color', 'always')).toContain('\x1b[31m-gone\x1b');
  expect(await place.fails(2, 'diff', '~1', '--color', 'sometimes')).toMatch(/always/);
});
