import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { GitStore } from '../../src/store/gitStore.ts';
import { ExcludeFilter } from '../../src/transfer/rules/excludeFilter.ts';
import { effort, seed } from '../crash/stress.ts';
import { git, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, lines, makeFiles, TestTree } from './trees.ts';

describe('gitignore', () => {
  test('nested files and negation; the files themselves and what they leave out stay behind', async () => {
    const work = makeFiles(scratchFolder(), {
      '.gitignore': '*.log\nbuild/\n/top\n!keep.log\n',
      'a.log': '1',
      'keep.log': '1',
      top: '1',
      'sub/top': '1',
      'build/x': '1',
      'sub/.gitignore': '!a.log\n/own\n*.tmp',
      'sub/a.log': '1',
      'sub/b.log': '1',
      'sub/own': '1',
      'sub/deep/own': '1',
      'sub/deep/x.tmp': '1',
      'sub/deep/.gitignore': '!x.tmp',
      'sub/build/keep.log': '1',
    });
    const tree = await TestTree.of({ 'sub/old.log': '0', 'sub/old': '0', '.gitignore': '0' });
    const report = await tree.copyIn(`${work}/`, '', { gitignore: true, delete: true });
    expect(lines(report)).toEqual([
      '+ keep.log',
      '+ sub/a.log',
      '+ sub/deep/own',
      '+ sub/deep/x.tmp',
      '- sub/old',
      '+ sub/top',
    ]);
    expect(Object.keys(await tree.files())).toContain('sub/old.log');
  });

  test('exclude has the last word', async () => {
    const work = makeFiles(scratchFolder(), {
      '.gitignore': 'a\nb\n',
      a: '1',
      b: '1',
      c: '1',
      d: '1',
    });
    const tree = new TestTree();
    const exclude = new ExcludeFilter(['!a', 'c']);
    await tree.copyIn(`${work}/`, '', { gitignore: true, exclude });
    expect(await tree.files()).toEqual({ a: '1', d: '1' });
  });

  test('a line of spaces says nothing, in a nested file either', async () => {
    const work = makeFiles(scratchFolder(), { 'sub/.gitignore': 'x\n  \n ', 'sub/deep/a': '1' });
    const tree = new TestTree();
    await tree.copyIn(`${work}/`, '', { gitignore: true });
    expect(await tree.files()).toEqual({ 'sub/deep/a': '1' });
  });

  test('a nested line without a name says nothing: slashes, an exclamation mark alone', async () => {
    const work = makeFiles(scratchFolder(), {
      '.gitignore': 'left\n',
      'sub/.gitignore': '/\n!\n!/\n//\n/  \n! \n',
      'sub/deep/a': '1',
      'sub/left/b': '1',
    });
    const tree = new TestTree();
    await tree.copyIn(`${work}/`, '', { gitignore: true });
    expect(await tree.files()).toEqual({ 'sub/deep/a': '1' });
  });

  test('lines may end as on Windows, also one that the file ends in the middle of', async () => {
    const work = makeFiles(scratchFolder(), {
      '.gitignore': 'a\r\nb\r',
      'sub/.gitignore': '\r\n/\r',
      a: '1',
      b: '1',
      'sub/deep/c': '1',
    });
    const tree = new TestTree();
    await tree.copyIn(`${work}/`, '', { gitignore: true });
    expect(await tree.files()).toEqual({ 'sub/deep/c': '1' });
  });

  test('bytes that are no UTF-8 are compared as they are', async () => {
    const work = makeFiles(scratchFolder(), { '\udcfe': '1', '\udcff': '1' });
    writeFileSync(join(work, '.gitignore'), Buffer.from('\xff\n', 'latin1'));
    const tree = new TestTree();
    await tree.copyIn(`${work}/`, '', { gitignore: true });
    expect(await tree.files()).toEqual({ '\udcfe': '1' });
  });

  const segment = fc.constantFrom('a', 'b', 'x.log', 'b c', '#d', '!e', 'éé', '.h');
  const pattern = fc.oneof(
    fc.constantFrom(
      'a',
      '*.log',
      'a/',
      '/a',
      'a/b',
      '**/b',
      'a/**',
      '!a',
      '!a/',
      '!*.log',
      '*',
      '/*',
      '!b',
    ),
    fc.constantFrom(
      '\\#d',
      '\\!e',
      '#d',
      'b c',
      'b c  ',
      'b\\ c',
      '[ab]',
      '?',
      '!.h',
      '/b/',
      '**/a/b',
      '**',
      'a/*/b',
      '/',
    ),
  );
  const rules = fc.array(pattern, { minLength: 1, maxLength: 5 });
  const { count, timeout } = effort(15, 2000);

  test('the same files as `git add` takes', { timeout }, async () => {
    const folder = scratchFolder();
    let round = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(segment, { minLength: 1, maxLength: 4 }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.array(fc.tuple(fc.array(segment, { maxLength: 2 }), rules), {
          minLength: 1,
          maxLength: 3,
        }),
        async (paths, ignores) => {
          const files: Files = {};
          for (const segments of paths) {
            const path = segments.join('/');
            const collides = Object.keys(files).some(
              (other) => other.startsWith(`${path}/`) || path.startsWith(`${other}/`),
            );
            if (!collides) files[path] = '1';
          }
          for (const [segments, list] of ignores) {
            const directory = segments.join('/');
            if (files[directory] !== undefined || files[segments[0] ?? ''] !== undefined) continue;
            files[join(directory, '.gitignore')] = list.join('\n');
          }
          const work = makeFiles(join(folder, `${round++}`), files);
          const index = join(folder, 'git');
          spawnSync('rm', ['-rf', index]);
          const options = {
            cwd: work,
            env: { ...gitEnvironment, GIT_DIR: index, GIT_WORK_TREE: work },
          };
          for (const args of [
            ['init', '-q'],
            ['add', '-A'],
          ]) {
            expect(spawnSync('git', args, options).status).toBe(0);
          }
          const expected = git(index, 'ls-files', '-z')
            .split('\0')
            .filter((path) => path !== '' && !/(^|\/)\.gitignore$/.test(path));
          const tree = new TestTree();
          await tree.copyIn(`${work}/`, '', { gitignore: true });
          expect(Object.keys(await tree.files()).sort()).toEqual(expected.sort());
        },
      ),
      { numRuns: count, seed },
    );
  });

  test('a .gitignore that changes counts for all below it, also where nothing else has changed', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), { 'd/e/a': '1', 'd/e/b': '1', 'd/c': '1' });
    const store = await GitStore.open(join(folder, 'store.git'), { durability: 'fast' });
    let fs = await store.branches.get('main');
    const sync = async (): Promise<string[]> => {
      // Twice, with time for the record to trust what it has.
      await new Promise((resolve) => setTimeout(resolve, 120));
      fs = await fs.syncIn(work, '', { gitignore: true });
      const changes = lines(fs.changes!);
      await new Promise((resolve) => setTimeout(resolve, 120));
      fs = await fs.syncIn(work, '', { gitignore: true });
      expect(lines(fs.changes!)).toEqual([]);
      return changes;
    };
    expect(await sync()).toEqual(['+ d/c', '+ d/e/a', '+ d/e/b']);
    makeFiles(work, { '.gitignore': 'a\n', 'd/e/new': '1' });
    // What is left out now is not deleted, and not updated.
    writeFileSync(join(work, 'd/e/a'), '2');
    expect(await sync()).toEqual(['+ d/e/new']);
    fs = await fs.remove('d', { recursive: true });
    expect(await sync()).toEqual(['+ d/c', '+ d/e/b', '+ d/e/new']);
    writeFileSync(join(work, '.gitignore'), 'b\n');
    expect(await sync()).toEqual(['+ d/e/a']);
    fs = await fs.remove('d', { recursive: true });
    expect(await sync()).toEqual(['+ d/c', '+ d/e/a', '+ d/e/new']);
    spawnSync('rm', [join(work, '.gitignore')]);
    expect(await sync()).toEqual(['+ d/e/b']);
    await store.close();
  });
});
