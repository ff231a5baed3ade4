/**
 * One lock for processes with the native module and without it: who is judged dead, who waits, and
 * that no change is lost whatever the mix.
 */
import { existsSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { LockTimeoutError } from '../../src/errors.ts';
import { GitStore } from '../../src/index.ts';
import { createRepository } from '../../src/storage/bare/create.ts';
import { judge, newHolder } from '../../src/storage/bare/locks/holder.ts';
import { clearRemovals, type Step, take } from '../../src/storage/bare/locks/holderLink.ts';
import { BareRefs, type BareRefsOptions } from '../../src/storage/bare/refs/refs.ts';
import { effort, seed, seededRandom, stress } from '../crash/stress.ts';
import { expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import type { CountTask } from './children/count.ts';
import type { UpdateTask } from './children/update.ts';
import { startChild } from './children.ts';

const NUMBER = 'refs/heads/number';
const idOf = (value: number) => value.toString(16).padStart(40, '0');

let store: string;
let link: string;

beforeEach(async () => {
  store = join(scratchFolder(), 'store.git');
  await createRepository(store, { durability: 'fast' });
  link = join(store, 'gitstore.lock.holder');
  const refs = new BareRefs(store, { durability: 'fast' });
  await refs.update([{ ref: NUMBER, old: null, new: idOf(1) }]);
  refs.close();
});

/** This process as a holder, with some fields changed. */
function holderWith(fields: Record<number, string>): string {
  const [word = '', host = ''] = newHolder(undefined).split(' ');
  const parts = word.split('.').map((part, i) => fields[i] ?? part);
  return `${parts.join('.')} ${host}`;
}

describe('a holder', () => {
  test('fits into the inode of a symbolic link', () => {
    expect(newHolder('abcde').length).toBeLessThan(60);
  });

  test.each([
    ['this process', {}, 'alive'],
    ['a process that is gone', { 0: 'f999999999' }, 'dead'],
    ['an earlier process of this number', { 1: 'zzz' }, 'dead'],
    ['this machine before it was started again', { 3: 'other' }, 'dead'],
    ['another machine', { 2: 'other', 3: 'other' }, 'unknown'],
    ['another container', { 0: 'f999999999', 4: 'other' }, 'unknown'],
  ] as const)('%s is judged', (_, fields, verdict) => {
    // Where the system does not name its boot, host and process decide.
    if (process.platform !== 'linux' && verdict !== 'alive') return;
    expect(judge(holderWith(fields), undefined)).toBe(verdict);
  });

  test('with the kernel lock is dead for who has that lock now, on the same kernel only', () => {
    const holder = newHolder('space');
    expect(judge(holder, 'space')).toBe('dead');
    expect(judge(holder, 'other')).toBe('alive');
    expect(judge(holder, undefined)).toBe('alive');
    expect(judge('1 1 some-host of an older version', 'space')).toBe('unknown');
  });
});

describe.each([{ kernelLocks: true }, { kernelLocks: false }])(
  'a writer, kernel locks: $kernelLocks',
  ({ kernelLocks }) => {
    const options: BareRefsOptions = { durability: 'fast', lockTimeout: 150, kernelLocks };

    test('takes over from a dead one and leaves nothing', async () => {
      if (process.platform === 'win32') return;
      symlinkSync(holderWith({ 0: 'f999999999' }), link);
      const refs = new BareRefs(store, options);
      await refs.update([{ ref: NUMBER, old: idOf(1), new: idOf(2) }]);
      expect(readdirSync(store).filter((name) => name.includes('.holder'))).toEqual([]);
      refs.close();
    });

    test('names one that it cannot judge, and the file to remove', async () => {
      if (process.platform === 'win32') return;
      symlinkSync(holderWith({ 2: 'other', 3: 'other' }), link);
      const refs = new BareRefs(store, options);
      const error = await refs.update([{ ref: NUMBER, new: idOf(2) }]).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(LockTimeoutError);
      expect((error as Error).message).toContain(`process ${process.pid} on `);
      expect((error as Error).message).toContain(`remove ${link}`);
      expect(readlinkSync(link)).toContain(hostname().slice(0, 8));
      refs.close();
    });

    test('waits for one of the other kind that is at work', async () => {
      const other = new BareRefs(store, {
        durability: 'full',
        kernelLocks: !kernelLocks,
        onStep(step) {
          if (step === 'locked') inside = true;
          if (step === 'unlocked') inside = false;
        },
      });
      let inside = false;
      const refs = new BareRefs(store, {
        durability: 'full',
        kernelLocks,
        onStep(step) {
          if (step === 'locked') expect(inside).toBe(false);
        },
      });
      const change = (by: BareRefs, name: string) =>
        by.update([{ ref: `refs/heads/${name}`, new: idOf(7) }]);
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => [
          change(other, `a${i}`),
          change(refs, `b${i}`),
        ]).flat(),
      );
      refs.close();
      other.close();
    });
  },
);

test('what a remover that died has left goes', () => {
  if (process.platform === 'win32') return;
  const path = join(store, 'gitstore.lock');
  symlinkSync(newHolder(undefined), `${link}.0123456789abcdef`);
  writeFileSync(`${link}-of-a-user`, '');
  clearRemovals(path);
  expect(existsSync(`${link}-of-a-user`)).toBe(true);
  expect(readdirSync(store).filter((name) => name.startsWith('gitstore.lock.holder.'))).toEqual([]);
});

/** The number that the ref stands for, and that no lock is left. */
async function expectCount(least: number, most: number): Promise<void> {
  const refs = new BareRefs(store, { durability: 'fast', lockTimeout: 20_000 });
  await refs.update([{ ref: 'refs/heads/after', new: idOf(1) }]);
  const value = Number.parseInt((await refs.get(NUMBER)) ?? '', 16) - 1;
  expect(value).toBeGreaterThanOrEqual(least);
  expect(value).toBeLessThanOrEqual(most);
  refs.close();
  const left = readdirSync(store, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /gitstore\.lock\.holder|^refs.*\.lock$/.test(name),
  );
  expect(left).toEqual([]);
}

function counters(times: number): CountTask[] {
  return Array.from({ length: stress ? 16 : 4 }, (_, i) => ({
    store,
    options: { durability: 'full', kernelLocks: i % 2 === 0, lockTimeout: 120_000 },
    ref: NUMBER,
    times,
    turns: true,
  }));
}

describe('processes of both kinds that count', () => {
  const { count, timeout } = effort(8, 500);

  test(`${count} times each: nothing is lost`, { timeout }, async () => {
    const tasks = counters(count);
    const children = await Promise.all(tasks.map((task) => startChild('count', task)));
    for (const child of children) {
      expect(await child.finished).toMatchObject({ code: 0, stderr: '' });
    }
    await expectCount(tasks.length * count, tasks.length * count);
  });

  test(`${count} commits each through store.update: nothing is lost`, { timeout }, async () => {
    git(store, 'update-ref', '-d', NUMBER);
    git(store, 'config', 'gc.auto', '0');
    const first = await GitStore.open(store, { durability: 'fast' });
    await first.close();
    const tasks = Array.from({ length: stress ? 16 : 4 }, (_, i): UpdateTask => {
      const options = { durability: 'full', kernelLocks: i % 2 === 0 } as const;
      return { store, options, name: `w${i}`, times: count };
    });
    const children = await Promise.all(tasks.map((task) => startChild('update', task)));
    const acknowledged: string[] = [];
    for (const child of children) {
      const { code, stdout, stderr } = await child.finished;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      acknowledged.push(...stdout.toString().split('\n').filter(Boolean));
    }
    expect(acknowledged).toHaveLength(tasks.length * count);
    const made = new Set(git(store, 'rev-list', 'main').split('\n'));
    expect(acknowledged.filter((id) => !made.has(id))).toEqual([]);
    const files = git(store, 'ls-tree', '-r', '--name-only', 'main').split('\n');
    expect(files).toHaveLength(acknowledged.length);
    expectClean(store);
  });

  const kills = effort(2, 60).count;
  test(`${kills} kills (seed ${seed}): all that was acknowledged is there`, {
    timeout,
  }, async () => {
    const random = seededRandom(seed);
    const tasks = counters(1_000_000);
    let acknowledged = 0;
    let started = 0;
    const start = async (task: CountTask) => {
      started++;
      const child = await startChild('count', { ...task, isTold: true });
      return { child, task };
    };
    const running = await Promise.all(tasks.map(start));
    const end = async ({ child }: (typeof running)[number]) => {
      child.process.kill('SIGKILL');
      const { stdout, stderr } = await child.finished;
      expect(stderr).toBe('');
      acknowledged += stdout.length;
    };
    for (let round = 0; round < kills; round++) {
      await new Promise((resolve) => setTimeout(resolve, 100 + random() * 200));
      const index = Math.floor(random() * running.length);
      await end(running[index]!);
      running[index] = await start(running[index]!.task);
    }
    await Promise.all(running.map(end));
    // A change that was made and not acknowledged any more counts once for each that was killed.
    await expectCount(acknowledged, acknowledged + started);
  });
});

/**
 * Every interleaving of takers, each step one system call, with deaths at every step: a depth-first
 * walk over the states that can be reached.
 */
describe('taking a link over, in every order of steps', () => {
  interface Taker {
    /** The steps it has seen answered; a generator cannot be copied, so it is run again. */
    readonly answers: readonly unknown[];
    readonly state: 'taking' | 'inside' | 'refused' | 'dead';
  }
  interface World {
    readonly files: Readonly<Record<string, string>>;
    readonly takers: readonly Taker[];
  }

  function next(index: number, answers: readonly unknown[]): IteratorResult<Step, unknown> {
    const taking = take('L', `t${index}`);
    let result = taking.next(undefined) as IteratorResult<Step, unknown>;
    for (const answer of answers) {
      result = taking.next(answer as never) as IteratorResult<Step, unknown>;
    }
    return result;
  }

  function answer(world: World, step: Step): { files: Record<string, string>; value: unknown } {
    const files = { ...world.files };
    switch (step.do) {
      case 'create': {
        const isFree = files[step.path] === undefined;
        if (isFree) files[step.path] = step.holder;
        return { files, value: isFree };
      }
      case 'read':
        return { files, value: files[step.path] };
      case 'judge': {
        const taker = world.takers[Number(step.holder.slice(1))];
        return { files, value: taker === undefined || taker.state === 'dead' ? 'dead' : 'alive' };
      }
      case 'remove':
        delete files[step.path];
        return { files, value: undefined };
    }
  }

  function explore(takers: number, deaths: number): number {
    const start: World = {
      files: { L: 't9' },
      takers: Array.from({ length: takers }, () => ({ answers: [], state: 'taking' })),
    };
    const seen = new Set<string>();
    const open: World[] = [start];
    for (let world = open.pop(); world !== undefined; world = open.pop()) {
      const key = JSON.stringify(world);
      if (seen.has(key)) continue;
      seen.add(key);
      expect(world.takers.filter(({ state }) => state === 'inside').length).toBeLessThan(2);
      const dead = world.takers.filter(({ state }) => state === 'dead').length;
      world.takers.forEach((taker, index) => {
        const become = (changed: Taker, files: Readonly<Record<string, string>>) =>
          open.push({
            files,
            takers: world.takers.map((other, i) => (i === index ? changed : other)),
          });
        if (taker.state === 'dead' || taker.state === 'refused') return;
        if (dead < deaths) become({ answers: [], state: 'dead' }, world.files);
        if (taker.state === 'inside') {
          // It gives the lock back.
          const { L: _, ...rest } = world.files;
          become({ answers: [], state: 'refused' }, rest);
          return;
        }
        const result = next(index, taker.answers);
        if (result.done === true) {
          become(
            { answers: [], state: result.value === undefined ? 'inside' : 'refused' },
            {
              ...world.files,
            },
          );
          return;
        }
        const { files, value } = answer(world, result.value);
        become({ answers: [...taker.answers, value], state: 'taking' }, files);
      });
    }
    return seen.size;
  }

  test.each(stress ? [[2, 2] as const, [3, 0] as const] : [[2, 2] as const])(
    '%i takers, %i deaths',
    (takers, deaths) => {
      expect(explore(takers, deaths)).toBeGreaterThan(100);
    },
  );
});
