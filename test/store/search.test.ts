/** grep, find and blame, beside Git's. */
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FS, GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let store: GitStore;
let fs: FS;

beforeEach(async () => {
  store = await GitStore.open(join(scratchFolder(), 'data.git'), { durability: 'fast' });
  fs = await store.branches.get('main');
});

afterEach(() => store.close());

async function all<T>(found: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const one of found) list.push(one);
  return list;
}

test('grep finds lines in a snapshot, as git grep does', async () => {
  fs = await fs.writeText('a.txt', 'one\ntwo ONE\n\nthree one');
  fs = await fs.writeText('dir/b.txt', 'nothing here\n');
  fs = await fs.writeText('dir/c', 'one\0');
  fs = await fs.writeSymlink('link', 'one');
  for (const [pattern, options, flags] of [
    ['one', {}, []],
    ['ONE|three', {}, ['-E']],
    ['one', { ignoreCase: true }, ['-i']],
    ['^t', {}, []],
    ['e$', {}, []],
  ] as const) {
    const ours = (await all(fs.grep(pattern, options)))
      .flatMap(({ path, lines }) => lines.map(({ number, text }) => `${path}:${number}:${text}`))
      .join('\n');
    const theirs = git(store.path, 'grep', '-I', '-n', ...flags, pattern, 'main');
    expect(ours).toBe(theirs.replace(/^main:/gm, ''));
  }
  // Git counts an empty line behind the last line end.
  expect((await all(fs.grep('^$'))).map(({ path, lines }) => [path, lines])).toEqual([
    ['a.txt', [{ number: 3, text: '' }]],
  ]);
  expect((await all(fs.grep('one', { path: 'dir' })))[0]).toMatchObject({
    path: 'dir/c',
    isBinary: true,
  });
  expect(await all(fs.grep('(', { fixed: true }))).toEqual([]);
  await expect(all(fs.grep('('))).rejects.toMatchObject({ code: 'EINVAL' });
});

test('grep and find go through every version, each with the newest commit that holds it', async () => {
  fs = await fs.writeText('key', 'secret-1\n');
  const first = fs;
  fs = await fs.writeText('key', 'secret-2\n');
  fs = await fs.writeText('other', 'x');
  const second = fs;
  fs = await fs.remove('key');
  expect(await all(fs.grep('secret'))).toEqual([]);
  const found = await all(fs.grep(/secret-\d/, { history: true }));
  expect(found.map(({ path, commitHash, lines }) => [path, commitHash, lines[0]?.text])).toEqual([
    ['key', second.commitHash, 'secret-2'],
    ['key', first.commitHash, 'secret-1'],
  ]);
  expect((await all(fs.find('k*'))).length).toBe(0);
  expect((await all(fs.find('k*', { history: true }))).map((one) => one.commitHash)).toEqual([
    second.commitHash,
  ]);
  fs = await fs.writeText('deep/er/key', '1');
  expect((await all(fs.find('key'))).map(({ path }) => path)).toEqual(['deep/er/key']);
  expect((await all(fs.find('deep/*/k?y'))).map(({ path }) => path)).toEqual(['deep/er/key']);
});

test('blame names the commit that brought each line, as git blame does', async () => {
  const line = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h');
  const versions = fc.array(fc.uniqueArray(line, { minLength: 1 }), { minLength: 1, maxLength: 6 });
  let count = 0;
  await fc.assert(
    fc.asyncProperty(versions, async (texts) => {
      const name = `t${count++}`;
      let tip = await store.branches.set(name, fs);
      for (const lines of texts) tip = await tip.writeText('f', `${lines.join('\n')}\n`);
      const ours = (await tip.blame('f')).map(({ commitHash, text }) => `${commitHash} ${text}`);
      const porcelain = git(
        store.path,
        'blame',
        '--porcelain',
        '--diff-algorithm=histogram',
        name,
        '--',
        'f',
      );
      const theirs = [...porcelain.matchAll(/^([0-9a-f]{40}) .*\n(?:(?!\t).*\n)*\t(.*)$/gm)];
      expect(ours.map((one) => one.slice(41))).toEqual(theirs.map(([, , text]) => text));
      // Where lines have changed places, several answers are right: each names a commit that had it.
      for (const one of ours) {
        const [id, text] = [one.slice(0, 40), one.slice(41)];
        expect((await (await store.fs(id)).readText('f')).split('\n')).toContain(text);
      }
      const same = ours.filter((one, at) => one.startsWith(theirs[at]![1]!)).length;
      if (texts.every((lines) => [...lines].sort().join() === lines.join())) {
        expect(same).toBe(ours.length);
      }
    }),
    { numRuns: 30 },
  );
  await expect(fs.blame('nope')).rejects.toMatchObject({ code: 'ENOENT' });
});
