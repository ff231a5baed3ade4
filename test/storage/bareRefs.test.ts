/** Refs of a bare repository beside real Git: each reads what the other wrote. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  CorruptObjectError,
  GitStoreError,
  InvalidRefNameError,
  StaleSnapshotError,
} from '../../src/errors.ts';
import { encodePath } from '../../src/git/pathBytes.ts';
import { createRepository } from '../../src/storage/bare/create.ts';
import { BareObjects } from '../../src/storage/bare/objects/objects.ts';
import { BareRefs } from '../../src/storage/bare/refs/refs.ts';
import { peel } from '../../src/storage/peel.ts';
import { effort } from '../crash/stress.ts';
import { makeCommits as makeCommitsIn } from '../helpers/commits.ts';
import { expectClean, git, gitBytes, gitEnvironment } from '../helpers/git.ts';
import { startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import type { CountTask } from './children/count.ts';
import { startChild } from './children.ts';
import { collect, saying, someId } from './places.ts';

const MAIN = 'refs/heads/main';

let store: string;
let refs: BareRefs;

beforeEach(async () => {
  store = join(scratchFolder(), 'store.git');
  await createRepository(store, { durability: 'fast' });
  refs = new BareRefs(store, { durability: 'fast', lockTimeout: 5000 });
});

/** `count` real commits, each the parent of the next. */
function makeCommits(count: number): string[] {
  return makeCommitsIn(store, count);
}

describe('a ref that is asked for again and again', () => {
  /** Makes the file look as old as one that nobody touches any more. */
  const age = (name: string) => utimesSync(join(store, name), 1_600_000_000, 1_600_000_000);

  test('shows every change at once, however it is made', async () => {
    const [a, b, c] = makeCommits(3) as [string, string, string];
    const seen = async () => [await refs.get(MAIN), await refs.get(MAIN), await refs.get(MAIN)];
    const all = (id: string | undefined) => [id, id, id];
    expect(await seen()).toEqual(all(undefined));
    git(store, 'update-ref', MAIN, a);
    expect(await seen()).toEqual(all(a));
    age(MAIN);
    expect(await seen()).toEqual(all(a));
    // In place, of the same size, its time set back.
    writeFileSync(join(store, MAIN), `${b}\n`);
    age(MAIN);
    expect(await seen()).toEqual(all(b));
    // By a rename, as Git does it.
    git(store, 'update-ref', MAIN, c);
    age(MAIN);
    expect(await seen()).toEqual(all(c));
    git(store, 'pack-refs', '--all');
    expect(await seen()).toEqual(all(c));
    git(store, 'update-ref', MAIN, a);
    age(MAIN);
    expect(await seen()).toEqual(all(a));
    git(store, 'symbolic-ref', MAIN, 'refs/heads/other');
    expect(await seen()).toEqual(all(undefined));
    git(store, 'update-ref', 'refs/heads/other', b);
    expect(await seen()).toEqual(all(b));
    git(store, 'symbolic-ref', '--delete', MAIN);
    mkdirSync(join(store, MAIN));
    expect(await seen()).toEqual(all(undefined));
  });

  test('many of them', async () => {
    const [a, b] = makeCommits(2) as [string, string];
    const names = Array.from({ length: 300 }, (_, i) => `refs/heads/b${i}`);
    for (const id of [a, b]) {
      await refs.update(names.map((ref) => ({ ref, new: id })));
      for (const ref of names) age(ref);
      for (let round = 0; round < 3; round++) {
        for (const ref of names) expect(await refs.get(ref)).toBe(id);
      }
    }
  });
});

describe('what we wrote, read by Git', () => {
  test('refs, HEAD and reflogs', async () => {
    const [a, b, c] = makeCommits(3) as [string, string, string];
    await refs.update([{ ref: MAIN, old: null, new: a, reflog: saying('first') }]);
    await refs.update([{ ref: MAIN, old: a, new: b, reflog: saying('second') }]);
    await refs.update([
      { ref: 'refs/heads/deep/side', old: null, new: c },
      { ref: 'refs/tags/v1', old: null, new: a },
    ]);
    expect(git(store, 'for-each-ref', '--format=%(objectname) %(refname)').split('\n')).toEqual([
      `${c} refs/heads/deep/side`,
      `${b} refs/heads/main`,
      `${a} refs/tags/v1`,
    ]);
    expect(git(store, 'reflog', 'main', '--format=%H %gs %gn <%ge>')).toBe(
      `${b} second A U Thor <author@example.com>\n${a} first A U Thor <author@example.com>`,
    );
    expect(git(store, 'reflog', 'HEAD', '--format=%H')).toBe(`${b}\n${a}`);
    await refs.setHead('refs/heads/deep/side');
    expect(git(store, 'symbolic-ref', 'HEAD')).toBe('refs/heads/deep/side');
    await refs.setHead(MAIN);
    await refs.update([{ ref: 'refs/heads/deep/side', old: c, new: null }]);
    expect(existsSync(join(store, 'refs/heads/deep'))).toBe(false);
    expect(existsSync(join(store, 'logs/refs/heads/deep'))).toBe(false);
    expectClean(store);
  });

  test('a push and our updates leave reflogs that Git can follow', async () => {
    const [a, b, c] = makeCommits(3) as [string, string, string];
    await refs.update([{ ref: MAIN, new: a }]);
    git(store, 'update-ref', '-m', 'by git', MAIN, b, a);
    await refs.update([{ ref: MAIN, old: b, new: c, reflog: saying('by us') }]);
    expect(await collect(refs.reflog(MAIN))).toMatchObject([
      { old: b, new: c, message: 'by us' },
      { old: a, new: b, message: 'by git' },
      { old: null, new: a },
    ]);
    expect(git(store, 'rev-parse', 'main@{1}')).toBe(b);
    git(store, 'reflog', 'expire', '--all');
    expect(await collect(refs.reflog(MAIN))).toHaveLength(3);
    expect(await collect(refs.reflog('HEAD'))).toHaveLength(3);
  });
});

test('lines of any length in a reflog are read', async () => {
  const [a, b, c] = makeCommits(3) as [string, string, string];
  await refs.update([{ ref: MAIN, new: a }]);
  const long = `${a} ${b} A <a@b> 1 +0000\t${'long '.repeat(600_000)}\n`;
  appendFileSync(join(store, 'logs', MAIN), `${'x'.repeat(3_000_000)}\n${long}`);
  git(store, 'update-ref', MAIN, b);
  await refs.update([{ ref: MAIN, old: b, new: c }]);
  expect(await collect(refs.reflog(MAIN))).toMatchObject([
    { old: b, new: c },
    // Git has added a line too.
    { old: a, new: b, message: '' },
    { old: a, new: b, message: expect.stringMatching(/^(long ){100000}/) },
    { old: null, new: a },
  ]);
});

describe('packed refs', () => {
  test('are read, overridden by loose ones, and found again after each new packing', async () => {
    const ids = makeCommits(4);
    for (const [i, id] of ids.entries()) {
      git(store, 'update-ref', MAIN, id);
      git(store, 'update-ref', `refs/heads/b${i}`, id);
      git(store, 'pack-refs', '--all', '--prune');
      expect(existsSync(join(store, MAIN))).toBe(false);
      expect(await refs.get(MAIN)).toBe(id);
      expect((await refs.list('refs/heads/b')).refs).toHaveLength(i + 1);
    }
    await refs.update([{ ref: MAIN, old: ids[3]!, new: ids[0]! }]);
    expect(await refs.get(MAIN)).toBe(ids[0]);
    expect(git(store, 'rev-parse', 'main')).toBe(ids[0]);
    expect((await refs.list('')).refs).toEqual([
      ...ids.map((id, i) => ({ ref: `refs/heads/b${i}`, id })),
      { ref: MAIN, id: ids[0] },
    ]);
  });

  test('a deletion takes just its own lines out', async () => {
    const [a, b] = makeCommits(2) as [string, string];
    git(store, 'update-ref', MAIN, a);
    git(store, 'tag', '-a', 'v1', '-m', 'v1', a);
    git(store, 'tag', '-a', 'v2', '-m', 'v2', b);
    git(store, 'tag', 'v3', b);
    const tag = git(store, 'rev-parse', 'v1');
    git(store, 'pack-refs', '--all');
    const before = readFileSync(join(store, 'packed-refs'), 'utf8');
    await refs.update([{ ref: 'refs/tags/v1', old: tag, new: null }]);
    expect(readFileSync(join(store, 'packed-refs'), 'utf8')).toBe(
      before.replace(`${tag} refs/tags/v1\n^${a}\n`, ''),
    );
    expect(git(store, 'tag')).toBe('v2\nv3');
    expect(await refs.get('refs/tags/v1')).toBeUndefined();
    git(store, 'update-ref', 'refs/heads/other', a);
    git(store, 'pack-refs', '--all', '--no-prune');
    await refs.update([{ ref: 'refs/heads/other', new: b }]);
    await refs.update([{ ref: 'refs/heads/other', old: b, new: null }]);
    expect(git(store, 'for-each-ref', '--format=%(refname)', 'refs/heads')).toBe(MAIN);
    expectClean(store);
  });

  test('an unsorted file without a header is read', async () => {
    const text = `${someId(2)} refs/heads/b\n${someId(1)} refs/heads/a\n`;
    writeFileSync(join(store, 'packed-refs'), text);
    expect(await refs.get('refs/heads/a')).toBe(someId(1));
    expect(await refs.get('refs/heads/b')).toBe(someId(2));
  });

  test('collide with new names as loose ones do', async () => {
    const [a] = makeCommits(1) as [string];
    git(store, 'update-ref', 'refs/heads/a/b', a);
    git(store, 'pack-refs', '--all', '--prune');
    git(store, 'update-ref', MAIN, a);
    rmSync(join(store, 'refs/heads/a'), { recursive: true, force: true });
    for (const ref of ['refs/heads/a', 'refs/heads/a/b/c']) {
      await expect(refs.update([{ ref, new: a }])).rejects.toThrow(InvalidRefNameError);
      expect(git(store, 'for-each-ref', '--format=%(refname)')).toBe(`refs/heads/a/b\n${MAIN}`);
    }
    await refs.update([{ ref: 'refs/heads/a/b', old: a, new: null }]);
    await refs.update([{ ref: 'refs/heads/a', old: null, new: a }]);
    expectClean(store);
  });

  test('beside git pack-refs in a loop no ref is missing and no update lost', async () => {
    const ids = makeCommits(12);
    const other = 'refs/heads/never/moved';
    await refs.update([{ ref: MAIN, new: ids[0]! }]);
    await refs.update([{ ref: other, new: ids[0]! }]);
    const stop = join(store, 'stop');
    const packer = startNode([
      '-e',
      `const { spawnSync } = require('child_process');
       while (!require('fs').existsSync(${JSON.stringify(stop)}))
         spawnSync('git', ['--git-dir', ${JSON.stringify(store)}, 'pack-refs', '--all', '--prune']);`,
    ]);
    const reader = new BareRefs(store, { durability: 'fast' });
    let last = ids[0]!;
    const end = performance.now() + effort(150, 2000).count;
    const isPacked = () => existsSync(join(store, 'packed-refs'));
    for (let i = 1; performance.now() < end || !isPacked(); i++) {
      const next = ids[i % ids.length]!;
      await refs.update([{ ref: MAIN, old: last, new: next }]);
      last = next;
      expect(await reader.get(MAIN)).toBe(last);
      expect(await reader.get(other)).toBe(ids[0]);
      expect((await reader.list('refs/heads/')).refs).toEqual([
        { ref: MAIN, id: last },
        { ref: other, id: ids[0] },
      ]);
      await new Promise((resolve) => setTimeout(resolve, (i * 7) % 5));
    }
    writeFileSync(stop, '');
    await packer.finished;
    expectClean(store);
  });

  test('a deleted ref does not come back through git pack-refs', async () => {
    // Another value each time: Git's prune goes by the value, and takes away a ref that was deleted
    // and made again with the one it has just packed.
    const ids = makeCommits(50);
    const stop = join(store, 'stop');
    const packer = startNode([
      '-e',
      `const { spawnSync } = require('child_process');
       while (!require('fs').existsSync(${JSON.stringify(stop)}))
         spawnSync('git', ['--git-dir', ${JSON.stringify(store)}, 'pack-refs', '--all', '--prune']);`,
    ]);
    const end = performance.now() + effort(150, 2000).count;
    for (let i = 0; performance.now() < end; i++) {
      const a = ids[i % ids.length]!;
      await refs.update([{ ref: 'refs/heads/gone', old: null, new: a }]);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 6));
      await refs.update([{ ref: 'refs/heads/gone', old: a, new: null }]);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 6));
      expect(await refs.get('refs/heads/gone')).toBeUndefined();
    }
    writeFileSync(stop, '');
    await packer.finished;
  });
});

describe('symbolic refs', () => {
  const alias = 'refs/heads/alias';

  test('are followed by reads and by writes, with a line in each log', async () => {
    const [a, b] = makeCommits(2) as [string, string];
    await refs.update([{ ref: MAIN, new: a }]);
    git(store, 'symbolic-ref', alias, MAIN);
    expect(await refs.get(alias)).toBe(a);
    expect((await refs.list('refs/heads/')).refs).toEqual([
      { ref: alias, id: a },
      { ref: MAIN, id: a },
    ]);
    await refs.update([{ ref: alias, old: a, new: b, reflog: saying('through') }]);
    expect(await refs.get(MAIN)).toBe(b);
    expect(git(store, 'symbolic-ref', alias)).toBe(MAIN);
    for (const ref of [alias, MAIN, 'HEAD']) {
      const [entry] = await collect(refs.reflog(ref));
      expect(entry).toMatchObject({ old: a, new: b, message: 'through' });
    }
    const both = refs.update([
      { ref: alias, new: a },
      { ref: MAIN, new: a },
    ]);
    await expect(both).rejects.toThrow(InvalidRefNameError);
  });

  test('deleting one leaves what it leads to', async () => {
    const [a] = makeCommits(1) as [string];
    await refs.update([{ ref: MAIN, new: a }]);
    git(store, 'symbolic-ref', alias, MAIN);
    await refs.update([{ ref: alias, old: a, new: null }]);
    expect((await refs.list('')).refs).toEqual([{ ref: MAIN, id: a }]);
    git(store, 'symbolic-ref', alias, 'refs/heads/nothing');
    expect(await refs.get(alias)).toBeUndefined();
    expect((await refs.list('')).refs).toEqual([{ ref: MAIN, id: a }]);
    await refs.update([{ ref: alias, new: null }]);
    expect(existsSync(join(store, alias))).toBe(false);
  });

  test('one that leads to nothing creates what it leads to', async () => {
    const [a] = makeCommits(1) as [string];
    git(store, 'update-ref', MAIN, a);
    git(store, 'symbolic-ref', alias, 'refs/heads/made/new');
    await refs.update([{ ref: alias, old: null, new: a }]);
    expect(await refs.get('refs/heads/made/new')).toBe(a);
    expectClean(store);
  });

  test('in circles are broken', async () => {
    git(store, 'symbolic-ref', alias, 'refs/heads/other');
    git(store, 'symbolic-ref', 'refs/heads/other', alias);
    await expect(refs.get(alias)).rejects.toThrow(CorruptObjectError);
    await expect(refs.update([{ ref: alias, new: someId(1) }])).rejects.toThrow(CorruptObjectError);
    expect((await refs.list('')).refs).toEqual([]);
    await refs.update([{ ref: alias, new: null }]);
    expect(existsSync(join(store, alias))).toBe(false);
  });

  test.skipIf(process.platform === 'win32')(
    'HEAD as a file system link is understood',
    async () => {
      rmSync(join(store, 'HEAD'));
      symlinkSync('refs/heads/linked', join(store, 'HEAD'));
      expect(await refs.head()).toEqual({ ref: 'refs/heads/linked' });
      await refs.setHead('refs/heads/plain');
      expect(readFileSync(join(store, 'HEAD'), 'utf8')).toBe('ref: refs/heads/plain\n');
    },
  );

  test.each(['voilà', 'wide\u3000', '\udce0'])('HEAD may name a branch %j', async (name) => {
    writeFileSync(
      join(store, 'HEAD'),
      Buffer.concat([Buffer.from('ref: refs/heads/'), encodePath(name), Buffer.from(' \n')]),
    );
    expect(await refs.head()).toEqual({ ref: `refs/heads/${name}` });
  });

  test('a detached HEAD tells its commit', async () => {
    const [a] = makeCommits(1) as [string];
    git(store, 'update-ref', '--no-deref', 'HEAD', a);
    expect(await refs.head()).toEqual({ id: a });
    expect(await refs.get('HEAD')).toBe(a);
    await refs.update([{ ref: MAIN, new: a }]);
    expect(await collect(refs.reflog('HEAD'))).toHaveLength(1);
  });
});

describe('damage', () => {
  test.each(['', 'garbage\n', 'ref: \n', 'ref: ../../x\n', `${someId(1)}x\n`, 'abc\n'])(
    'a ref file of %j is broken until it is set without an old value',
    async (content) => {
      writeFileSync(join(store, MAIN), content);
      await expect(refs.get(MAIN)).rejects.toMatchObject({ code: 'ECORRUPT', ref: MAIN });
      expect((await refs.list('')).refs).toEqual([]);
      const compared = refs.update([{ ref: MAIN, old: null, new: someId(2) }]);
      await expect(compared).rejects.toThrow(CorruptObjectError);
      await refs.update([{ ref: MAIN, new: someId(2) }]);
      expect(await refs.get(MAIN)).toBe(someId(2));
    },
  );

  test('a ref file that is longer than any is broken, which does not take long to see', async () => {
    writeFileSync(join(store, MAIN), `ref: x${' '.repeat(1 << 20)}y`);
    await expect(refs.get(MAIN)).rejects.toMatchObject({ code: 'ECORRUPT', ref: MAIN });
  });

  test.each(['', 'garbage\n', `ref: ${MAIN}\n`, 'ref: refs/heads/none\n'])(
    'a ref file of %j can be deleted as one without a value, with its log',
    async (content) => {
      mkdirSync(join(store, 'logs/refs/heads'), { recursive: true });
      writeFileSync(join(store, MAIN), content);
      writeFileSync(join(store, 'logs', MAIN), 'left over\n');
      expect(await refs.has(MAIN)).toBe(true);
      const compared = refs.update([{ ref: MAIN, old: someId(1), new: null }]);
      await expect(compared).rejects.toThrow(GitStoreError);
      await refs.update([{ ref: MAIN, old: null, new: null }]);
      expect(await refs.has(MAIN)).toBe(false);
      expect(existsSync(join(store, 'logs', MAIN))).toBe(false);
      expect(existsSync(join(store, 'logs/HEAD'))).toBe(false);
      // One that has a value is none.
      await refs.update([{ ref: MAIN, new: someId(1) }]);
      const mended = refs.update([{ ref: MAIN, old: null, new: null }]);
      await expect(mended).rejects.toThrow(StaleSnapshotError);
      expect(await refs.get(MAIN)).toBe(someId(1));
    },
  );

  test('a packed ref under a broken file goes with it', async () => {
    const [a] = makeCommits(1) as [string];
    git(store, 'update-ref', MAIN, a);
    git(store, 'pack-refs', '--all');
    writeFileSync(join(store, MAIN), 'garbage\n');
    await refs.update([{ ref: MAIN, old: null, new: null }]);
    expect(await refs.has(MAIN)).toBe(false);
    expect(git(store, 'for-each-ref')).toBe('');
  });

  test('a ref file without a newline, or in capitals, is whole', async () => {
    const id = 'abcdef'.repeat(7).slice(0, 40);
    writeFileSync(join(store, MAIN), id.toUpperCase());
    expect(await refs.get(MAIN)).toBe(id);
  });

  test('directories left empty do not block a name', async () => {
    mkdirSync(join(store, 'refs/heads/a/b/c'), { recursive: true });
    mkdirSync(join(store, 'logs/refs/heads/a/b/c'), { recursive: true });
    await refs.update([{ ref: 'refs/heads/a', old: null, new: someId(1) }]);
    expect(await refs.get('refs/heads/a')).toBe(someId(1));
    expect(await collect(refs.reflog('refs/heads/a'))).toHaveLength(1);
  });

  test('the log of a ref that is gone does not block a name below it', async () => {
    mkdirSync(join(store, 'logs/refs/heads'), { recursive: true });
    writeFileSync(join(store, 'logs/refs/heads/a'), 'left over\n');
    await refs.update([{ ref: 'refs/heads/a/b', old: null, new: someId(1) }]);
    expect(await collect(refs.reflog('refs/heads/a/b'))).toHaveLength(1);
  });

  test('lines that are none are passed over, and a cut one costs only itself', async () => {
    const log = join(store, 'logs', MAIN);
    await refs.update([{ ref: MAIN, new: someId(1), reflog: saying('one') }]);
    appendFileSync(
      log,
      `\n\nnonsense\n${'x'.repeat(3 * 1024 * 1024)}\n${someId(1)} ${someId(2)} A <a`,
    );
    await refs.update([{ ref: MAIN, new: someId(3), reflog: saying('three') }]);
    const messages = (await collect(refs.reflog(MAIN))).map((entry) => entry.message);
    expect(messages).toEqual(['three', 'one']);
  });

  test('a log that others have cut or written anew is gone on with', async () => {
    const log = join(store, 'logs', MAIN);
    const update = (n: number) =>
      refs.update([{ ref: MAIN, new: someId(n), reflog: saying(`${n}`) }]);
    await update(1);
    await update(2);
    const whole = readFileSync(log);
    truncateSync(log, whole.length - 10);
    await update(3);
    writeFileSync(log, '');
    await update(4);
    writeFileSync(log, Buffer.concat([whole, whole, whole.subarray(0, 50)]));
    await update(5);
    const messages = (await collect(refs.reflog(MAIN))).map((entry) => entry.message);
    expect(messages).toEqual(['5', '2', '1', '2', '1']);
  });

  test('names that leave the repository are not read', async () => {
    writeFileSync(join(store, '..', 'outside'), `${someId(1)}\n`);
    expect(await refs.get('refs/../../outside')).toBeUndefined();
    expect(await refs.get('../outside')).toBeUndefined();
    expect(await collect(refs.reflog('../../outside'))).toEqual([]);
  });
});

describe('packing', () => {
  async function pack(): Promise<void> {
    const objects = new BareObjects(store, { durability: 'fast' });
    await refs.pack(async (id) => (await peel(objects, id))?.id);
    await objects.close();
  }

  /** Refs of every kind, some of them packed already. */
  function makeRefs(): void {
    const [a, b] = makeCommits(2) as [string, string];
    git(store, 'update-ref', MAIN, a);
    git(store, 'tag', '-a', '-m', 'old', 'old', a);
    git(store, 'update-ref', 'refs/heads/deep/er/still', b);
    git(store, 'update-ref', 'refs/heads/moved', a);
    git(store, 'update-ref', 'refs/other/tag', git(store, 'rev-parse', 'old'));
    git(store, 'pack-refs', '--all');
    git(store, 'update-ref', 'refs/heads/moved', b);
    git(store, 'update-ref', 'refs/heads/deep/er/and/more', b);
    git(store, 'update-ref', 'refs/notes/commits', a);
    git(store, 'update-ref', 'refs/bisect/bad', a);
    git(store, 'update-ref', 'refs/worktree/own', a);
    git(store, 'tag', '-a', '-m', 'one', 'v1', a);
    git(store, '-c', 'advice.nestedTag=false', 'tag', '-a', '-m', 'two', 'v2', 'v1');
    git(store, 'tag', 'light', b);
    git(store, 'tag', 'file', git(store, 'rev-parse', 'v1^{tree}'));
    git(store, 'symbolic-ref', 'refs/heads/alias', MAIN);
    git(store, 'symbolic-ref', 'refs/heads/nowhere', 'refs/heads/none');
    writeFileSync(join(store, 'refs/heads/missing'), `${someId(7)}\n`);
    writeFileSync(join(store, 'refs/heads/garbage'), 'garbage\n');
  }

  function looseRefs(place: string): string[] {
    const below = readdirSync(join(place, 'refs'), { recursive: true, withFileTypes: true });
    return below
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(place.length + 1))
      .sort();
  }

  test.each(['fully-peeled', 'peeled', ''])(
    'does what git pack-refs does; the file before: %j',
    async (trait) => {
      makeRefs();
      const path = join(store, 'packed-refs');
      const [header, ...lines] = readFileSync(path, 'latin1').split('\n') as [string, ...string[]];
      expect(header).toBe('# pack-refs with: peeled fully-peeled sorted ');
      const peeled = trait === 'peeled' ? lines.filter((line) => !/^\^/.test(line)) : lines;
      if (trait !== 'fully-peeled') {
        const first = trait === '' ? [] : ['# pack-refs with: peeled '];
        const kept = trait === '' ? peeled.filter((line) => !line.startsWith('^')) : lines;
        writeFileSync(path, [...first, ...kept].join('\n'));
      }
      const copy = join(scratchFolder(), 'copy.git');
      cpSync(store, copy, { recursive: true });
      spawnSync('git', ['--git-dir', copy, 'pack-refs', '--all', '--prune'], {
        env: gitEnvironment,
      });
      await pack();
      expect(readFileSync(path, 'latin1')).toBe(readFileSync(join(copy, 'packed-refs'), 'latin1'));
      expect(looseRefs(store)).toEqual(looseRefs(copy));
      expect(existsSync(join(store, 'refs/heads/deep'))).toBe(false);
      expect(existsSync(join(store, 'refs/heads'))).toBe(true);
    },
  );

  test('names that are not valid UTF-8', async () => {
    const [a] = makeCommits(1) as [string];
    const name = Buffer.from('refs/heads/caf\u00e9', 'latin1');
    gitBytes(
      store,
      ['update-ref', '--stdin'],
      Buffer.concat([Buffer.from('create '), name, Buffer.from(` ${a}\n`)]),
    );
    await pack();
    expect(readFileSync(join(store, 'packed-refs')).includes(name)).toBe(true);
    expect(gitBytes(store, ['for-each-ref', '--format=%(refname)'])).toEqual(
      Buffer.concat([name, Buffer.from('\n')]),
    );
    expect(looseRefs(store)).toEqual([]);
  });

  test('nothing to pack writes nothing', async () => {
    await pack();
    expect(existsSync(join(store, 'packed-refs'))).toBe(false);
  });

  test('what happens between the steps counts', async () => {
    const [a, b] = makeCommits(2) as [string, string];
    for (const name of ['again', 'gone', 'main', 'stays']) {
      git(store, 'update-ref', `refs/heads/${name}`, a);
    }
    let isPacked = false;
    refs = new BareRefs(store, {
      durability: 'fast',
      onStep(step) {
        if (step !== 'moved' || isPacked) return;
        isPacked = true;
        // The lock file of packed-refs is given back after this step; Git deletes under it.
        const lock = join(store, 'packed-refs.lock');
        renameSync(lock, `${lock}.aside`);
        git(store, 'update-ref', '-d', 'refs/heads/gone');
        git(store, 'update-ref', '-d', 'refs/heads/again');
        git(store, 'update-ref', 'refs/heads/again', a);
        git(store, 'update-ref', MAIN, b);
        renameSync(`${lock}.aside`, lock);
      },
    });
    await pack();
    expect(
      git(store, 'for-each-ref', '--format=%(refname:short) %(objectname)').split('\n'),
    ).toEqual([`again ${a}`, `main ${b}`, `stays ${a}`]);
    expect(looseRefs(store)).toEqual(['refs/heads/again', 'refs/heads/main']);
  });

  test('beside writers, Git, and Git packing', async () => {
    const ids = makeCommits(3);
    const byGit = startNode(['-e', churn, store, ...ids]);
    const task: CountTask = {
      store,
      options: { durability: 'fast' },
      ref: MAIN,
      times: 150,
      turns: false,
    };
    await refs.update([{ ref: MAIN, new: someId(1) }]);
    const byUs = await startChild('count', task);
    let isRunning = true;
    const ends = Promise.all([byGit.finished, byUs.finished]).finally(() => {
      isRunning = false;
    });
    // What the counter counts with is no object's id; that is no reason to leave it loose here.
    while (isRunning) {
      await refs.pack(async (id) => id);
      await sleep(1);
    }
    for (const end of await ends) expect(end).toMatchObject({ code: 0, stderr: '' });
    expect(await refs.get(MAIN)).toBe(someId(151));
    expect((await refs.list('refs/tags/')).refs).toEqual([]);
  });
});

/** Makes, moves and deletes tags, and packs refs; whatever it was told is done must be so. */
const churn = `
  const { spawnSync } = require('node:child_process');
  const [store, ...ids] = process.argv.slice(1);
  const git = (...args) => {
    for (let tries = 0; ; tries++) {
      const { status, stdout, stderr } = spawnSync('git', ['--git-dir', store, ...args], { encoding: 'utf8' });
      if (status === 0) return stdout.trim();
      // Somebody else had a lock.
      if (tries === 50 || !/lock|reference/.test(stderr)) throw new Error(args.join(' ') + ': ' + stderr);
    }
  };
  for (let round = 0; round < ${effort(5, 25).count}; round++) {
    for (const n of [0, 1, 2]) {
      git('update-ref', 'refs/tags/t' + n, ids[round % 3]);
      if (git('rev-parse', 'refs/tags/t' + n) !== ids[round % 3]) throw new Error('moved back');
    }
    if (round % 5 === 0) spawnSync('git', ['--git-dir', store, 'pack-refs', '--all', '--prune']);
    for (const n of [0, 1, 2]) {
      git('update-ref', '-d', 'refs/tags/t' + n);
      if (git('for-each-ref', 'refs/tags/t' + n) !== '') throw new Error('came back');
    }
  }
`;

describe('many writers', () => {
  test.each([true, false])('four processes count to 200, turns %s', async (turns) => {
    await refs.update([{ ref: MAIN, new: someId(1) }]);
    const task: CountTask = { store, options: { durability: 'fast' }, ref: MAIN, times: 50, turns };
    const children = await Promise.all([1, 2, 3, 4].map(() => startChild('count', task)));
    for (const child of children) {
      expect(await child.finished).toMatchObject({ code: 0, stderr: '' });
    }
    expect(await refs.get(MAIN)).toBe(someId(201));
    const entries = await collect(refs.reflog(MAIN));
    expect(entries.map((entry) => entry.new)).toEqual(
      Array.from({ length: 201 }, (_, i) => someId(201 - i)),
    );
  });

  test('a process that goes on writing keeps its turn, until it lets one that waits go first', async () => {
    const link = () =>
      readdirSync(join(store, 'gitstore')).filter((name) => /^turn-\d+\.holder$/.test(name));
    const other = new BareRefs(store, { durability: 'fast' });
    let isInside = false;
    let hasWaited = false;
    let waiting: Promise<void> | undefined;
    while (!hasWaited) {
      const giveBack = await refs.turn(MAIN, 10_000);
      isInside = true;
      waiting ??= other.turn(MAIN, 10_000).then((giveBackToo) => {
        expect(isInside).toBe(false);
        hasWaited = true;
        giveBackToo();
      });
      await sleep(2);
      isInside = false;
      giveBack();
    }
    await waiting;
    other.close();
    // After a single commit the turn is free at once, whatever the process does next.
    await sleep(20);
    (await refs.turn(MAIN, 1000))();
    expect(link()).toEqual([]);
    const both = [refs.turn(MAIN, 1000), refs.turn(MAIN, 1000)];
    for (const turn of both) {
      const giveBack = await turn;
      expect(link()).toHaveLength(1);
      giveBack();
    }
    expect(link()).toHaveLength(1);
    refs.close();
    expect(link()).toEqual([]);
    const late = new BareRefs(store, { durability: 'fast' });
    (await late.turn(MAIN, 1000))();
    while (link().length > 0) await sleep(1);
    late.close();
  });

  test('git update-ref and we count together', async () => {
    const ids = makeCommits(effort(15, 60).count);
    await refs.update([{ ref: MAIN, new: ids[0]! }]);
    const byGit = startNode([
      '-e',
      `const { spawnSync } = require('child_process');
       const ids = ${JSON.stringify(ids)};
       for (let at = 0; at + 1 < ids.length; ) {
         const args = ['update-ref', '-m', 'git', '${MAIN}', ids[at + 1], ids[at]];
         const { status } = spawnSync('git', ['--git-dir', ${JSON.stringify(store)}, ...args]);
         if (status === 0) console.log(ids[at + 1]);
         at++;
       }`,
    ]);
    const won: string[] = [];
    for (let at = 0; at + 1 < ids.length; at++) {
      try {
        await refs.update([{ ref: MAIN, old: ids[at]!, new: ids[at + 1]!, reflog: saying('us') }]);
        won.push(ids[at + 1]!);
      } catch (error) {
        if (!(error instanceof StaleSnapshotError)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 8));
    }
    const { stdout } = await byGit.finished;
    const wonByGit = stdout.toString().split('\n').filter(Boolean);
    expect(won.length + wonByGit.length).toBeGreaterThan(0);
    expect(new Set([...won, ...wonByGit]).size).toBe(won.length + wonByGit.length);
    const entries = (await collect(refs.reflog(MAIN))).reverse().slice(1);
    for (const [i, entry] of entries.entries()) {
      expect(entry.old).toBe(i === 0 ? ids[0] : entries[i - 1]!.new);
    }
    expect(await refs.get(MAIN)).toBe(entries.at(-1)!.new);
    expectClean(store);
  });

  test('a push beside our updates succeeds, both are there', async () => {
    const ids = makeCommits(8);
    await refs.update([{ ref: MAIN, new: ids[0]! }]);
    const clone = join(scratchFolder(), 'clone');
    spawnSync('git', ['clone', '-q', store, clone], { env: gitEnvironment });
    let pushed = false;
    const push = startNode([
      '-e',
      `const { spawnSync } = require('child_process');
       for (let i = 0; i < 10; i++) {
         spawnSync('git', ['-C', ${JSON.stringify(clone)}, 'commit', '-q', '--allow-empty', '-m', 'p' + i]);
         const { status, stderr } = spawnSync('git', ['-C', ${JSON.stringify(clone)}, 'push', '-q', 'origin', 'HEAD:refs/heads/pushed']);
         if (status !== 0) throw new Error(stderr.toString());
       }`,
    ]);
    void push.finished.then(() => {
      pushed = true;
    });
    let last = ids[0]!;
    for (let i = 1; !pushed; i++) {
      const next = ids[i % ids.length]!;
      await refs.update([{ ref: MAIN, old: last, new: next }]);
      last = next;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(await push.finished).toMatchObject({ code: 0, stderr: '' });
    expect(await refs.get('refs/heads/pushed')).toBe(git(join(clone, '.git'), 'rev-parse', 'HEAD'));
    expect(await refs.get(MAIN)).toBe(last);
    expectClean(store);
  });
});
