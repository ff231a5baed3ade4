/** archive-out, archive-in, zip, unzip, tar, untar. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { tarOf } from '../archive/members.ts';
import { expectClean, git } from '../helpers/git.ts';
import { startNode } from '../helpers/run.ts';
import { Place, programPath } from './program.ts';

const place = new Place();
const inFolder = (name: string): string => join(place.folder, name);

beforeAll(async () => {
  mkdirSync(inFolder('in/sub'), { recursive: true });
  writeFileSync(inFolder('in/a.txt'), 'alpha\n');
  writeFileSync(inFolder('in/sub/run'), '#!/bin/sh\n', { mode: 0o755 });
  await place.ok('cp', 'in/', ':', '-m', 'Begin');
  await place.ok('tag', 'set', 'v1');
  await place.okWith({ input: 'beta\n' }, 'write', 'b.txt', '-m', 'Beta');
});

/** A new store, and the tree that an archive makes in it. */
async function treeOf(...args: string[]): Promise<string> {
  const other = new Place();
  await other.okWith({ cwd: place.folder }, ...args);
  expectClean(other.repo);
  return git(other.repo, 'rev-parse', 'main^{tree}');
}

describe('out and in', () => {
  it.each([
    'x.zip',
    'x.tar',
    'x.tar.gz',
    'x.TGZ',
    'x.tar.bz2',
    'x.tbz2',
    'x.tar.xz',
    'x.txz',
    'x.tar.zst',
    'x.tzst',
  ])('%s', async (name) => {
    expect(await place.ok('archive-out', name)).toBe('');
    expect(await treeOf('archive-in', name)).toBe(git(place.repo, 'rev-parse', 'main^{tree}'));
  });

  it('standard output and input', async () => {
    for (const [out, back] of [
      [
        ['zip', '-'],
        ['unzip', '-'],
      ],
      [
        ['tar', '-'],
        ['untar', '-'],
      ],
      [
        ['tar', '--type', 'tar.xz', '-'],
        ['untar', '-'],
      ],
      [
        ['archive-out', '-', '--type', 'zip'],
        ['archive-in', '--type', 'zip', '-'],
      ],
      [
        ['archive-out', '-', '--type', 'tar'],
        ['archive-in', '--type', 'tar', '-'],
      ],
    ] as const) {
      const { bytes, code } = await place.run(...out);
      expect({ out, code }).toEqual({ out, code: 0 });
      const other = new Place();
      await other.okWith({ input: bytes }, ...back);
      expect(git(other.repo, 'rev-parse', 'main^{tree}')).toBe(
        git(place.repo, 'rev-parse', 'main^{tree}'),
      );
    }
  });

  it('an older snapshot, by ref and filters', async () => {
    await place.ok('tar', '--ref', 'v1', 'v1.tar');
    await place.ok('zip', '--back', '1', 'back.zip');
    await place.ok('archive-out', '--match', 'Beg*', 'match.tar');
    const tree = git(place.repo, 'rev-parse', 'v1^{tree}');
    for (const name of ['v1.tar', 'back.zip', 'match.tar']) {
      expect(await treeOf('archive-in', name)).toBe(tree);
    }
    expect(readFileSync(inFolder('v1.tar')).equals(readFileSync(inFolder('match.tar')))).toBe(true);
    expect(await place.fails(1, 'tar', '--match', 'nothing', 'x.tar')).toMatch(
      /No matching commits/,
    );
  });

  it('message, tag, branch, parent, dry run', async () => {
    await place.ok('tar', 'o.tar');
    const other = new Place();
    const file = inFolder('o.tar');
    expect(await other.ok('untar', '-n', file)).toBe('+ :a.txt\n+ :b.txt\n+ :sub/run\n');
    expect(existsSync(other.repo)).toBe(false);
    await other.ok('untar', file, '-m', '{op} {add_count}', '--tag', 't1', '-b', 'dev');
    expect(git(other.repo, 'log', '-1', '--format=%s', 't1')).toBe('ar 3');
    expect(git(other.repo, 'branch', '--format=%(refname:short)')).toBe('dev');
    expect(await other.fails(1, 'untar', file, '--tag', 't1')).toMatch(/Tag already exists/);
    await other.ok('untar', file, '-b', 'dev');
    expect(git(other.repo, 'rev-list', '--count', 'dev')).toBe('2');
    await other.ok('untar', file, '-b', 'dev', '--parent', 't1~1');
    expect(git(other.repo, 'rev-list', '--parents', '-1', 'dev').split(' ').length).toBe(3);
    expect(await new Place().fails(1, 'untar', '--no-create', file)).toMatch(/data\.git/);
  });

  it('says with -v what it does', async () => {
    const { stderr } = await place.run('-v', 'tar', 'v.tar');
    expect(stderr).toBe('a.txt\nb.txt\nsub/run\n');
  });
});

describe('what is refused', () => {
  it.each([
    [['archive-out', 'x.rar'], /'x\.rar' does not tell the format/],
    [['archive-in', 'x'], /'x' does not tell the format/],
    [['archive-out', '-'], /--type zip or --type tar for standard output/],
    [['archive-in', '-'], /--type zip or --type tar for standard input/],
    [['zip', 'x.tar.gz'], /the name of a tar, not of a zip/],
    [['untar', 'x.zip'], /the name of a zip, not of a tar/],
    [['tar', 'x.tar.lz'], /x\.tar\.lz/],
    [['untar', 'x.tar', '--max-size', 'much'], /number of bytes/],
    [['tar', 'x.tar', '-b', 'main', '--ref', 'v1'], /not both/],
  ])('%j', async (args, message) => {
    expect(await place.fails(2, ...args)).toMatch(message);
  });

  it('a missing file, a directory, a folder that is not there', async () => {
    expect(await place.fails(1, 'untar', 'missing.tar')).toMatch(/^missing\.tar: no such file/);
    expect(await place.fails(1, 'untar', 'in')).toMatch(/^in: .*directory/);
    expect(await place.fails(1, 'tar', 'no/folder/x.tar')).toMatch(/no such file or directory/);
  });

  it('wrong contents, in one line that names the file', async () => {
    writeFileSync(inFolder('text.zip'), 'no zip');
    writeFileSync(inFolder('evil.tar'), tarOf([{ name: '../evil', data: 'x' }]));
    writeFileSync(inFolder('out.tar'), tarOf([{ name: 'l', type: '2', link: '/etc' }]));
    await place.ok('tar', 'good.tar');
    writeFileSync(inFolder('good.zip'), readFileSync(inFolder('good.tar')));
    const before = git(place.repo, 'rev-parse', 'main');
    expect(await place.fails(1, 'archive-in', 'text.zip')).toBe('text.zip: Not a zip archive');
    expect(await place.fails(1, 'untar', 'evil.tar')).toMatch(/^evil\.tar: \.\.\/evil/);
    expect(await place.fails(1, 'untar', 'out.tar')).toMatch(/--outside-links/);
    expect(await place.fails(1, 'unzip', 'good.zip')).toMatch(/it is a tar archive/);
    expect(await place.fails(1, 'untar', 'good.tar', '--max-size', '5')).toMatch(/--max-size/);
    expect(git(place.repo, 'rev-parse', 'main')).toBe(before);
    await place.ok('untar', 'out.tar', '--outside-links', '-b', 'main');
    await place.ok('undo');
  });

  it('leaves no half archive behind', async () => {
    const folder = inFolder('outputs');
    mkdirSync(folder);
    await place.fails(1, 'tar', '--ref', 'nowhere', 'outputs/x.tar');
    expect(readdirSync(folder)).toEqual([]);
    await place.ok('tar', 'outputs/x.tar');
    await place.ok('tar', 'outputs/x.tar');
    expect(readdirSync(folder)).toEqual(['x.tar']);
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('nor when %s ends it', async (signal) => {
    const big = new Place();
    await big.okWith({ input: randomBytes(24 << 20) }, 'write', 'big');
    const folder = join(big.folder, 'outputs');
    mkdirSync(folder);
    const args = [programPath(), '-r', big.repo, 'tar', join(folder, 'x.tar.xz')];
    const { process, finished } = startNode(args);
    while (readdirSync(folder).length === 0) await setTimeout(10);
    process.kill(signal);
    expect((await finished).signal).toBe(signal);
    expect(readdirSync(folder)).toEqual([]);
  });
});
