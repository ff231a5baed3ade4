/**
 * The locks around a change of refs: who waits for whom, and what is left when a writer dies at any
 * step of it.
 */
import {
  closeSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { FileNotFoundError, LockTimeoutError } from '../../src/errors.ts';
import { createRepository } from '../../src/storage/bare/create.ts';
import { FileLock } from '../../src/storage/bare/locks/kernelLock.ts';
import { Backoff } from '../../src/storage/bare/locks/waiting.ts';
import type { TransactionStep } from '../../src/storage/bare/refs/change/refPlace.ts';
import { BareRefs, type BareRefsOptions } from '../../src/storage/bare/refs/refs.ts';
import { effort, seed, seededRandom } from '../crash/stress.ts';
import { makeCommits } from '../helpers/commits.ts';
import { expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import type { CountTask } from './children/count.ts';
import type { CrashTask } from './children/crash.ts';
import type { WriteTask } from './children/write.ts';
import { startChild } from './children.ts';
import { collect, saying } from './places.ts';

const MAIN = 'refs/heads/main';
const TWIN = 'refs/heads/twin';
const DEEP = 'refs/heads/deep/er';
const fast: BareRefsOptions = { durability: 'fast', lockTimeout: 3000 };

let store: string;
/** Three real commits, so that Git can be asked whether all is well. */
let a: string;
let b: string;
let c: string;

beforeEach(async () => {
  store = join(scratchFolder(), 'store.git');
  await createRepository(store, { durability: 'fast' });
  [a, b, c] = makeCommits(store, 3) as [string, string, string];
  const refs = new BareRefs(store, fast);
  await refs.update([
    { ref: MAIN, old: null, new: a },
    { ref: TWIN, old: null, new: a },
  ]);
  refs.close();
});

function lockFiles(): string[] {
  const below = readdirSync(join(store, 'refs'), { recursive: true, encoding: 'utf8' });
  return [...readdirSync(store), ...below].filter((name) => name.endsWith('.lock')).sort();
}

function expectNoLeftovers(): void {
  expect(lockFiles()).toEqual(['gitstore.lock']);
  expect(statSync(join(store, 'gitstore.lock')).nlink).toBe(1);
}

describe('a lock of Git', () => {
  test('is waited for, and then named', async () => {
    const lock = join(store, `${MAIN}.lock`);
    writeFileSync(lock, '');
    const refs = new BareRefs(store, { durability: 'fast', lockTimeout: 150 });
    const update = refs.update([{ ref: MAIN, old: a, new: b }]);
    await expect(update).rejects.toMatchObject({ code: 'ELOCKED', ref: MAIN, path: lock });
    await expect(refs.update([{ ref: MAIN, new: b }])).rejects.toThrow(lock);
    expect(await refs.get(MAIN)).toBe(a);
    expect(await collect(refs.reflog(MAIN))).toHaveLength(1);
    expect(existsSync(lock)).toBe(true);
    rmSync(lock);
    await refs.update([{ ref: MAIN, old: a, new: b }]);
    expectNoLeftovers();
  });

  test('that is given back in time only delays', async () => {
    const lock = join(store, 'HEAD.lock');
    writeFileSync(lock, `${a}\n`);
    setTimeout(() => rmSync(lock), 100);
    const refs = new BareRefs(store, fast);
    await refs.update([{ ref: MAIN, old: a, new: b }]);
    expect(await refs.get(MAIN)).toBe(b);
    expectNoLeftovers();
  });

  test('on one ref does not keep others from other refs', async () => {
    writeFileSync(join(store, `${MAIN}.lock`), '');
    const refs = new BareRefs(store, { durability: 'fast', lockTimeout: 300 });
    const blocked = refs.update([{ ref: MAIN, new: b }]).catch((error: unknown) => error);
    await refs.update([{ ref: TWIN, old: a, new: b }]);
    expect(await refs.get(TWIN)).toBe(b);
    expect(await blocked).toBeInstanceOf(LockTimeoutError);
  });

  test('on packed-refs keeps refs from being deleted', async () => {
    writeFileSync(join(store, 'packed-refs.lock'), '');
    const refs = new BareRefs(store, { durability: 'fast', lockTimeout: 100 });
    await expect(refs.update([{ ref: TWIN, new: null }])).rejects.toThrow('packed-refs.lock');
    await refs.update([{ ref: TWIN, old: a, new: b }]);
  });

  test('our lock keeps Git out while we work', async () => {
    const refs = new BareRefs(store, {
      ...fast,
      onStep(step) {
        if (step === 'logged')
          expect(() => git(store, 'update-ref', MAIN, c)).toThrow('File exists');
      },
    });
    await refs.update([{ ref: MAIN, old: a, new: b }]);
    git(store, 'update-ref', MAIN, c, b);
    expect.assertions(1);
  });
});

describe('the lock of the store', () => {
  const kinds = [
    { name: 'kernel lock', kernelLocks: true },
    { name: 'holder link', kernelLocks: false },
  ];

  test.each(kinds)(
    '$name: one holder at a time, named to who waits too long',
    async ({ kernelLocks }) => {
      const path = join(store, 'gitstore.lock');
      const fd = openSync(path, 'r+');
      const lock = new FileLock(fd, path, kernelLocks);
      expect(lock.tryLock()).toBe(true);
      const refs = new BareRefs(store, { durability: 'fast', lockTimeout: 100, kernelLocks });
      const update = refs.update([{ ref: MAIN, old: a, new: b }]);
      await expect(update).rejects.toMatchObject({ code: 'ELOCKED', path });
      await expect(refs.update([{ ref: MAIN, new: b }])).rejects.toThrow(`process ${process.pid}`);
      lock.unlock();
      await refs.update([{ ref: MAIN, old: a, new: b }]);
      closeSync(fd);
      expect(await refs.get(MAIN)).toBe(b);
    },
  );

  test.each(kinds)(
    '$name: two stores in one process exclude each other',
    async ({ kernelLocks }) => {
      let inside = 0;
      const options: BareRefsOptions = {
        durability: 'full',
        kernelLocks,
        onStep(step) {
          if (step === 'locked') expect(++inside).toBe(1);
          if (step === 'unlocked') inside--;
        },
      };
      const stores = [new BareRefs(store, options), new BareRefs(store, options)];
      await Promise.all(
        stores.flatMap((refs) => [b, c, a, b].map((id) => refs.update([{ ref: MAIN, new: id }]))),
      );
    },
  );

  test('four processes with holder links count to 200', async () => {
    const task: CountTask = {
      store,
      options: { durability: 'fast', kernelLocks: false },
      ref: 'refs/heads/number',
      times: 50,
      turns: true,
    };
    const refs = new BareRefs(store, fast);
    await refs.update([{ ref: task.ref, new: `${'0'.repeat(39)}1` }]);
    const children = await Promise.all([1, 2, 3, 4].map(() => startChild('count', task)));
    for (const child of children) {
      expect(await child.finished).toMatchObject({ code: 0, stderr: '' });
    }
    expect(await refs.get(task.ref)).toBe(`${'0'.repeat(38)}c9`);
  });

  test('a store that was removed and made anew is found again', async () => {
    const refs = new BareRefs(store, fast);
    await refs.update([{ ref: MAIN, new: b }]);
    rmSync(store, { recursive: true });
    await expect(refs.update([{ ref: MAIN, new: b }])).rejects.toThrow(FileNotFoundError);
    await createRepository(store, { durability: 'fast' });
    await refs.update([{ ref: MAIN, old: null, new: c }]);
    expect(await refs.get(MAIN)).toBe(c);
    expectNoLeftovers();
  });
});

describe('a writer that dies', () => {
  const steps: TransactionStep[] = ['announced', 'locked', 'logged', 'moved'];
  const ways = [
    { name: 'hard links', options: fast },
    { name: 'hard links, full', options: { ...fast, durability: 'full' as const } },
    { name: 'directories', options: { ...fast, hardLinks: false } },
    { name: 'holder links', options: { ...fast, kernelLocks: false } },
  ];

  async function crash(task: Omit<CrashTask, 'store'>): Promise<void> {
    const child = await startChild('crash', { store, ...task });
    expect(await child.finished).toMatchObject({ signal: 'SIGKILL', stderr: '' });
  }

  describe.each(ways)('$name', ({ options }) => {
    test.each(steps)('at step %s of one ref', async (step) => {
      await crash({ options, updates: [{ ref: MAIN, old: a, new: b }], step });
      const refs = new BareRefs(store, options);
      const value = await refs.get(MAIN);
      expect(value).toBe(step === 'moved' ? b : a);
      await refs.update([{ ref: TWIN, old: a, new: c }]);
      expectNoLeftovers();
      git(store, 'update-ref', MAIN, c, value!);
      await refs.update([{ ref: MAIN, old: c, new: b, reflog: saying('after') }]);
      const [entry] = await collect(refs.reflog(MAIN));
      expect(entry).toMatchObject({ old: c, new: b, message: 'after' });
      expectClean(store);
    });

    test.each(steps)('at step %s of several refs: all moved, or none', async (step) => {
      git(store, 'update-ref', 'refs/tags/v1', a);
      git(store, 'pack-refs', '--all');
      const updates = [
        { ref: MAIN, old: a, new: b },
        { ref: TWIN, old: a, new: b },
        { ref: DEEP, old: null, new: b },
        { ref: 'refs/tags/v1', old: a, new: null },
      ];
      await crash({ options, updates, step });
      const refs = new BareRefs(store, options);
      await refs.update([{ ref: 'refs/heads/unrelated', old: null, new: c }]);
      const moved = step === 'moved';
      expect(await refs.get(MAIN)).toBe(moved ? b : a);
      expect(await refs.get(TWIN)).toBe(moved ? b : a);
      expect(await refs.get(DEEP)).toBe(moved ? b : undefined);
      expect(await refs.get('refs/tags/v1')).toBe(moved ? undefined : a);
      expectNoLeftovers();
      expectClean(store);
      const again = updates.map(({ ref }) => ({ ref, new: c }));
      await refs.update(again);
      for (const { ref } of again) expect(git(store, 'rev-parse', ref)).toBe(c);
    });
  });

  test.each(steps)(
    'at step %s of several refs, without the hard links that others have',
    async (step) => {
      // It has seen the record before.
      const refs = new BareRefs(store, fast);
      await refs.update([{ ref: 'refs/heads/first', old: null, new: a }]);
      const options = { ...fast, hardLinks: false };
      const updates = [MAIN, TWIN].map((ref) => ({ ref, old: a, new: b }));
      await crash({ options, updates, step });
      await refs.update([{ ref: 'refs/heads/unrelated', old: null, new: c }]);
      const value = step === 'moved' ? b : a;
      expect([await refs.get(MAIN), await refs.get(TWIN)]).toEqual([value, value]);
      expectNoLeftovers();
      expectClean(store);
      refs.close();
    },
  );

  describe.each(ways)('while it packs refs, $name', ({ options }) => {
    test.each([
      ['announced', 1],
      ['locked', 1],
      ['synced', 1],
      // The new file is in place; one loose file is gone; two are.
      ['moved', 1],
      ['moved', 2],
      ['moved', 3],
    ] as const)('at step %s, time %i: every ref keeps its value', async (step, nth) => {
      git(store, 'update-ref', 'refs/tags/v1', a);
      git(store, 'pack-refs', '--all');
      git(store, 'update-ref', 'refs/tags/v1', b);
      git(store, 'update-ref', MAIN, c);
      git(store, 'update-ref', DEEP, b);
      const before = git(store, 'for-each-ref');
      await crash({ options, step, nth });
      expect(git(store, 'for-each-ref')).toBe(before);
      const refs = new BareRefs(store, options);
      await refs.update([{ ref: 'refs/heads/unrelated', old: null, new: c }]);
      expectNoLeftovers();
      await refs.update([{ ref: 'refs/heads/unrelated', old: c, new: null }]);
      await refs.pack(async (id) => id);
      expect(git(store, 'for-each-ref')).toBe(before);
      expect(existsSync(join(store, MAIN))).toBe(false);
      expectClean(store);
    });
  });

  test('its leftovers are gone once the store is opened, also for Git', async () => {
    await crash({ options: fast, updates: [{ ref: MAIN, new: b }], step: 'locked' });
    expect(lockFiles()).toContain('HEAD.lock');
    expect(() => git(store, 'update-ref', MAIN, c)).toThrow('File exists');
    new BareRefs(store, fast).close();
    expectNoLeftovers();
    git(store, 'update-ref', MAIN, c);
  });

  test('a lock that Git has taken meanwhile stays', async () => {
    await crash({ options: fast, updates: [{ ref: MAIN, new: b }], step: 'announced' });
    const lock = join(store, `${MAIN}.lock`);
    writeFileSync(lock, '');
    const refs = new BareRefs(store, fast);
    await refs.update([{ ref: TWIN, new: b }]);
    expect(existsSync(lock)).toBe(true);
  });

  test('leftovers that no record tells of are found', async () => {
    await crash({ options: fast, updates: [{ ref: DEEP, new: b }], step: 'locked' });
    writeFileSync(join(store, 'gitstore.lock'), '');
    const refs = new BareRefs(store, fast);
    await refs.update([{ ref: TWIN, new: b }]);
    expectNoLeftovers();
  });

  test('a copy of its store needs no hand either', async () => {
    await crash({ options: fast, updates: [{ ref: MAIN, new: b }], step: 'locked' });
    const copy = join(scratchFolder(), 'copy.git');
    cpSync(store, copy, { recursive: true });
    expect(statSync(join(copy, 'gitstore.lock')).nlink).toBe(1);
    const refs = new BareRefs(copy, fast);
    await refs.update([{ ref: MAIN, old: a, new: b }]);
    expect(existsSync(join(copy, `${MAIN}.lock`))).toBe(false);
  });

  test('a link that a user made to the lock file does no harm', async () => {
    linkSync(join(store, 'gitstore.lock'), join(store, 'my-own-link'));
    const refs = new BareRefs(store, fast);
    await refs.update([{ ref: MAIN, old: a, new: b }]);
    await refs.update([{ ref: MAIN, old: b, new: c }]);
    expect(existsSync(join(store, 'my-own-link'))).toBe(true);
    expect(lockFiles()).toEqual(['gitstore.lock']);
  });

  test('fails without a trace when it fails without dying', async () => {
    mkdirSync(join(store, 'gitstore', 'ref-1'));
    const refs = new BareRefs(store, fast);
    const update = refs.update([
      { ref: MAIN, old: a, new: b },
      { ref: DEEP, old: null, new: b },
    ]);
    await expect(update).rejects.toThrow('EISDIR');
    expect((await refs.list('')).refs).toHaveLength(2);
    expect(await refs.get(MAIN)).toBe(a);
    expect(await collect(refs.reflog(MAIN))).toHaveLength(1);
    expect(existsSync(join(store, 'refs/heads/deep'))).toBe(false);
    expectNoLeftovers();
  });

  test.each(['locked', 'logged', 'moved'] as const)(
    'fails at step %s: all as before',
    async (fatal) => {
      let armed = true;
      const refs = new BareRefs(store, {
        ...fast,
        onStep(step) {
          if (armed && step === fatal) throw new Error('injected');
        },
      });
      const before = readFileSync(join(store, 'logs', MAIN), 'utf8');
      for (const next of [b, null]) {
        const update = refs.update([
          { ref: MAIN, old: a, new: next },
          { ref: TWIN, old: a, new: null },
          { ref: DEEP, old: null, new: b },
        ]);
        await expect(update).rejects.toThrow('injected');
        expect((await refs.list('')).refs).toEqual([
          { ref: MAIN, id: a },
          { ref: TWIN, id: a },
        ]);
        expect(readFileSync(join(store, 'logs', MAIN), 'utf8')).toBe(before);
        expect(await collect(refs.reflog(TWIN))).toHaveLength(1);
        expectNoLeftovers();
      }
      armed = false;
      await refs.update([{ ref: MAIN, old: a, new: b }]);
      expectClean(store);
    },
  );

  test.each([1, 2, 3, 4])(
    'fails after %i moves: packed refs under others as before',
    async (nth) => {
      const under = ['broken', 'link', 'loose', 'only'].map((name) => `refs/heads/${name}`);
      for (const ref of under) git(store, 'update-ref', ref, a);
      git(store, 'pack-refs', '--all', '--no-prune');
      const [broken, link, loose, only] = under as [string, string, string, string];
      writeFileSync(join(store, broken), 'garbage\n');
      writeFileSync(join(store, link), `ref: ${MAIN}\n`);
      writeFileSync(join(store, loose), `${b}\n`);
      rmSync(join(store, only));
      const files = () => [
        readFileSync(join(store, 'packed-refs'), 'utf8'),
        ...under.map(
          (ref) => existsSync(join(store, ref)) && readFileSync(join(store, ref), 'utf8'),
        ),
      ];
      const before = files();
      for (const next of [null, c]) {
        let moves = 0;
        const refs = new BareRefs(store, {
          ...fast,
          onStep(step) {
            if (step === 'moved' && ++moves === nth) throw new Error('injected');
          },
        });
        // Of one that is set, what a symbolic ref leads to is what moves.
        const all = next === null ? under : [broken, loose, only, MAIN];
        const update = refs.update(all.map((ref) => ({ ref, new: next })));
        await expect(update).rejects.toThrow('injected');
        expect(files()).toEqual(before);
        expect(await refs.get(MAIN)).toBe(a);
        expectNoLeftovers();
      }
    },
  );

  const { count, timeout } = effort(4, 300);
  test(`at ${count} random moments (seed ${seed})`, { timeout }, async () => {
    const random = seededRandom(seed);
    const ids = [a, b, c];
    for (let round = 0; round < count; round++) {
      const options: BareRefsOptions = {
        ...fast,
        durability: round % 3 === 0 ? 'full' : 'fast',
        hardLinks: round % 4 !== 0,
      };
      const task: WriteTask = { store, options, ids };
      const child = await startChild('write', task);
      await new Promise((resolve) => child.process.stdout?.once('data', resolve));
      await new Promise((resolve) => setTimeout(resolve, random() * 15));
      child.process.kill('SIGKILL');
      const acknowledged = Number(
        (await child.finished).stdout.toString().trimEnd().split('\n').at(-1),
      );
      const refs = new BareRefs(store, options);
      const pauses = vi.spyOn(Backoff.prototype, 'pause');
      await refs.update([{ ref: 'refs/heads/after', new: ids[round % 3]! }]);
      // It has waited for nothing that the dead one had.
      expect(pauses).not.toHaveBeenCalled();
      expectNoLeftovers();
      const main = await refs.get(MAIN);
      expect(await refs.get(TWIN)).toBe(main);
      expect([ids[acknowledged % 3], ids[(acknowledged + 1) % 3]]).toContain(main);
      if (round % 10 === 0) expectClean(store);
      refs.close();
    }
    expectClean(store);
  });
});
