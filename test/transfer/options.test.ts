import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GitStoreError } from '../../src/errors.ts';
import { ExcludeFilter } from '../../src/transfer/rules/excludeFilter.ts';
import { runs } from '../crash/stress.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Content, type Files, filesOnDisk, lines, makeFiles, TestTree } from './trees.ts';

describe('options of a copy', () => {
  test('ignoreExisting leaves alone what is there, whatever it is', async () => {
    const source = makeFiles(scratchFolder(), { a: 'new', b: 'new', 'c/d': 'new', e: 'new' });
    const old: Files = { a: 'old', c: 'old', 'e/f': 'old' };
    const tree = await TestTree.of(old);
    const report = await tree.copyIn(`${source}/`, '', { ignoreExisting: true });
    expect(lines(report)).toEqual(['+ b']);
    expect(await tree.files()).toEqual({ ...old, b: 'new' });
    const out = makeFiles(scratchFolder(), old);
    await (await TestTree.of(filesOnDisk(source))).copyOut('', out, { ignoreExisting: true });
    expect(filesOnDisk(out)).toEqual({ ...old, b: 'new' });
  });

  test('ignoreExisting with delete keeps a file where the sources have a directory', async () => {
    const source = makeFiles(scratchFolder(), { 'a/b': 'new', 'c/d/e': 'new' });
    const old: Files = { a: 'old', 'c/d': 'old', gone: 'old' };
    const options = { ignoreExisting: true, delete: true };
    const tree = await TestTree.of(old);
    expect(lines(await tree.copyIn(`${source}/`, '', options))).toEqual(['- gone']);
    expect(await tree.files()).toEqual({ a: 'old', 'c/d': 'old' });
    const out = makeFiles(scratchFolder(), old);
    await (await TestTree.of(filesOnDisk(source))).copyOut('', out, options);
    expect(filesOnDisk(out)).toEqual({ a: 'old', 'c/d': 'old' });
  });

  test.each([false, true])(
    'a destination that is a link to nothing is an error (dry run: %s)',
    async (dryRun) => {
      const folder = makeFiles(scratchFolder(), { link: { link: 'nowhere' } });
      const copied = (await TestTree.of({ a: '1' })).copyOut('', join(folder, 'link'), { dryRun });
      await expect(copied).rejects.toThrow(`${join(folder, 'link')}: a link to nothing`);
    },
  );

  test('files and directories in the way of each other are replaced, and reported', async () => {
    const source = makeFiles(scratchFolder(), { 'a/b': 'new', c: 'new', l: { link: 'x' }, m: 'm' });
    const old: Files = { a: 'old', 'c/d': 'old', 'c/e/f': 'old', l: 'old', m: { link: 'm' } };
    const expected = ['- a', '+ a/b', '+ c', '- c/d', '- c/e/f', '~ l', '~ m'];
    const tree = await TestTree.of(old);
    expect(lines(await tree.copyIn(`${source}/`, '', { dryRun: true }))).toEqual(expected);
    expect(await tree.files()).toEqual(old);
    expect(lines(await tree.copyIn(`${source}/`, ''))).toEqual(expected);
    expect(await tree.files()).toEqual(filesOnDisk(source));
    const out = makeFiles(scratchFolder(), { ...old, 'c/empty/': '' });
    const report = await tree.copyOut('', out);
    expect(lines(report).map((line) => line.replace(`${out}/`, ''))).toEqual(expected);
    expect(filesOnDisk(out)).toEqual(filesOnDisk(source));
  });

  test('overlapping sources: the first is kept, the second is a warning', async () => {
    const folder = makeFiles(scratchFolder(), {
      'one/a': '1',
      'one/d/x': '1',
      'two/a': '2',
      'two/b': '2',
      'three/d': '3',
      'four/a/y': '4',
    });
    const sources = ['one/', 'two/', 'three/', 'four/'].map((name) => `${folder}/${name}`);
    const expected: Files = { a: '1', 'd/x': '1', b: '2' };
    const tree = new TestTree();
    const report = await tree.copyIn(sources, '');
    expect(await tree.files()).toEqual(expected);
    expect(report.warnings.map(({ path }) => path)).toEqual([
      `${folder}/two/a`,
      `${folder}/three/d`,
      `${folder}/four/a`,
    ]);
    const all = new TestTree();
    await all.copyIn(`${folder}/`, '');
    const out = scratchFolder();
    const outReport = await all.copyOut(['one/', 'two/', 'three/', 'four/'], out);
    expect(filesOnDisk(out)).toEqual(expected);
    expect(outReport.warnings.map(({ path }) => path)).toEqual(['two/a', 'three/d', 'four/a']);
  });

  test('delete works within the directories that are sources', async () => {
    const folder = makeFiles(scratchFolder(), { 'one/a': '1', 'two/b': '2', f: 'f' });
    const old: Files = { 'one/x': 'x', 'two/y/z': 'z', 'three/x': 'x', g: 'g' };
    const tree = await TestTree.of(old);
    await tree.copyIn([`${folder}/one`, `${folder}/two`, `${folder}/f`], '', { delete: true });
    const expected = { 'one/a': '1', 'two/b': '2', f: 'f', 'three/x': 'x', g: 'g' };
    expect(await tree.files()).toEqual(expected);
    const out = makeFiles(scratchFolder(), old);
    await tree.copyOut(['one', 'two', 'f'], out, { delete: true });
    expect(filesOnDisk(out)).toEqual(expected);
    expect(existsSync(join(out, 'two/y'))).toBe(false);
    await expect(tree.copyIn(`${folder}/f`, '', { delete: true })).rejects.toThrow(GitStoreError);
    await expect(tree.copyOut('f', out, { delete: true })).rejects.toThrow(GitStoreError);
  });

  test('a source that cannot be looked into deletes nothing', async () => {
    const folder = makeFiles(scratchFolder(), { 'one/a': '1' });
    const tree = await TestTree.of({ x: 'x', 'two/y': 'y' });
    const options = { delete: true, ignoreErrors: true };
    const report = await tree.copyIn([`${folder}/one/`, `${folder}/gone/`], '', options);
    expect(report.errors.map(({ path }) => path)).toEqual([`${folder}/gone/`]);
    expect(await tree.files()).toEqual({ a: '1', x: 'x', 'two/y': 'y' });
    const none = await tree.copyIn(`${folder}/gone/`, '', options);
    expect([none.total, none.errors.length]).toEqual([0, 1]);
  });

  test('excluded files are not copied, not deleted, and not run over', async () => {
    const filter = new ExcludeFilter(['*.log', '!keep.log', 'build/', '/top', '# none', '']);
    const source = makeFiles(scratchFolder(), {
      'a.log': 'new',
      'keep.log': 'new',
      'build/x': 'new',
      'sub/build': 'new',
      'sub/top': 'new',
      top: 'new',
      '# none': 'new',
    });
    const old: Files = { 'old.log': 'old', 'sub/build/y': 'old', 'other/top': 'old', top: 'old' };
    const tree = await TestTree.of({ ...old, 'sub/build/y': 'old' });
    const expected: Files = {
      'old.log': 'old',
      'keep.log': 'new',
      'sub/top': 'new',
      top: 'old',
      '# none': 'new',
    };
    const options = { delete: true, exclude: filter, ignoreErrors: true };
    const report = await tree.copyIn(`${source}/`, '', options);
    // sub/build is a file here and an excluded directory there, so it cannot be replaced.
    expect(report.errors.map(({ path }) => path)).toEqual(['sub/build']);
    expect(await tree.files()).toEqual({ ...expected, 'sub/build/y': 'old' });
    const out = makeFiles(scratchFolder(), { ...old, 'only.log/x': 'x' });
    await tree.copyOut('', out, options);
    expect(filesOnDisk(out)).toEqual({ ...expected, 'sub/build/y': 'old', 'only.log/x': 'x' });
  });

  test('patterns are read from files, the caller has the last word', async () => {
    const folder = makeFiles(scratchFolder(), { list: '*.a\r\n\n# comment\n!x.a\n' });
    const filter = await ExcludeFilter.read([join(folder, 'list')], ['x.a', '!y.a']);
    expect(['w.a', 'x.a', 'y.a', 'comment'].map((path) => filter.excludes(path, false))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    await expect(ExcludeFilter.read([join(folder, 'none')])).rejects.toThrow('no such file');
  });

  test('patterns in files may have bytes that are no UTF-8', async () => {
    const list = join(scratchFolder(), 'list');
    writeFileSync(list, Buffer.from('a\xff\n', 'latin1'));
    const filter = await ExcludeFilter.read([list]);
    expect(filter.excludes('a\udcff', false)).toBe(true);
    expect(filter.excludes('a\udcfe', false)).toBe(false);
  });
});

const hasRsync = spawnSync('rsync', ['--version']).status === 0;

/** Small trees in which names and kinds collide often. */
const tree = fc
  .array(
    fc.tuple(
      fc.array(fc.constantFrom('a', 'b', 'c', 'x.log', 'build'), { minLength: 1, maxLength: 3 }),
      fc.constantFrom<Content>(
        '1',
        '22',
        '333',
        '1',
        { run: '1' },
        { link: 'a' },
        { link: '../b' },
      ),
    ),
    { maxLength: 9 },
  )
  .map((list) => {
    const files: Files = {};
    for (const [segments, text] of list) {
      const path = segments.join('/');
      const collides = Object.keys(files).some(
        (other) => other.startsWith(`${path}/`) || path.startsWith(`${other}/`),
      );
      if (!collides) files[path] = text;
    }
    return files;
  });

describe.skipIf(!hasRsync)('rsync as the referee', () => {
  test('the same files are left, whatever the options', { timeout: 120_000 }, async () => {
    const folder = scratchFolder();
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(tree, tree, tree),
        fc.subarray(['*.log', 'build/', '/a', 'b']),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(false, false, true),
        fc.constantFrom(['one/'], ['one'], ['one/', 'two/'], ['one', 'two']),
        async ([one, two, old], patterns, deletes, ignoreExisting, follow, sources) => {
          // Of a file and a directory for one path rsync takes the directory; we take the first.
          fc.pre(sources[1] !== 'two/' || !haveConflict(one, two));
          const here = makeFiles(join(folder, `${round++}`), {});
          makeFiles(join(here, 'one'), one);
          makeFiles(join(here, 'two'), two);
          const before = sources[0] === 'one' ? prefixed(old, 'one/') : old;
          const theirs = makeFiles(join(here, 'theirs'), before);
          const ours = join(here, 'ours');
          cpSync(theirs, ours, { recursive: true, verbatimSymlinks: true });

          const args = [
            follow ? '-rL' : '-rl',
            '-p',
            '--checksum',
            '--force',
            ...patterns.map((p) => `--exclude=${p}`),
          ];
          if (deletes) args.push('--delete');
          if (ignoreExisting) args.push('--ignore-existing');
          const rsync = spawnSync('rsync', [...args, ...sources, theirs], { cwd: here });
          // Where rsync could not make way for a file, it leaves what we refuse or replace.
          fc.pre(rsync.status === 0);
          const expected = filesOnDisk(theirs);
          // For a directory whose files are all excluded rsync makes an empty one, over a file that is
          // in its way. Git knows no empty directories: such a source covers nothing, the file stays.
          const gone = Object.keys(before).filter((path) => !(path in expected));
          fc.pre(deletes || !gone.some((path) => isEmptyDirectory(join(theirs, path))));

          const exclude = new ExcludeFilter(patterns);
          const options = { delete: deletes, ignoreExisting, exclude, ignoreErrors: true };
          const into = await TestTree.of(before);
          const report = await into.copyIn(
            sources.map((source: string) => join(here, source)),
            '',
            { ...options, followSymlinks: follow },
          );
          // A directory with excluded files in it is in the way: rsync --force deletes it, we do not.
          fc.pre(report.errors.length === 0);
          expect(await into.files()).toEqual(expected);

          // A tree in a store has no links that could be followed.
          if (follow) return;
          const from = await TestTree.of({ ...prefixed(one, 'one/'), ...prefixed(two, 'two/') });
          const held = await from.files();
          fc.pre(sources.every((s) => Object.keys(held).some((p) => p.startsWith(s))));
          await from.copyOut([...sources], ours, options);
          expect(filesOnDisk(ours)).toEqual(expected);
        },
      ),
      { numRuns: runs(60) },
    );
  });
});

function isEmptyDirectory(path: string): boolean {
  const isDirectory = existsSync(path) && statSync(path).isDirectory();
  return isDirectory && Object.keys(filesOnDisk(path)).length === 0;
}

function prefixed(files: Files, prefix: string): Files {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [prefix + path, text]));
}

function haveConflict(one: Files, two: Files): boolean {
  const isBelow = (a: string, b: string): boolean => a.startsWith(`${b}/`);
  return Object.keys(one).some((a) => Object.keys(two).some((b) => isBelow(a, b) || isBelow(b, a)));
}
