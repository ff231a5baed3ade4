/** A read of a file's bytes that fails is told as such, never as damage, and costs nothing but the call. */
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { effort } from '../crash/stress.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { replaceCalls } from '../helpers/systemCalls.ts';

const fault = { countdown: 0, calls: 0 };

const next = (): Error | undefined => {
  fault.calls++;
  if (fault.countdown === 0 || --fault.countdown > 0) return undefined;
  const error = new Error('EIO: i/o error, read');
  return Object.assign(error, { code: 'EIO', errno: -5, syscall: 'read' });
};

replaceCalls(['readSync', 'read'], (call, name) => (...args) => {
  const error = next();
  if (error === undefined) return call(...args);
  if (name === 'readSync') throw error;
  setImmediate(() => (args.at(-1) as (error: Error) => void)(error));
  return undefined;
});

let path: string;
let history: string[];

beforeAll(async () => {
  path = join(scratchFolder(), 'data.git');
  await using store = await GitStore.open(path, { durability: 'fast' });
  let fs = await store.branches.get('main');
  for (let i = 0; i < 6; i++) {
    fs = await fs.apply({ writes: { text: `${'a line\n'.repeat(200)}${i}`, [`f${i}`]: `${i}` } });
  }
  git(path, 'repack', '-adq', '--depth=5');
  git(path, 'commit-graph', 'write', '--reachable', '--changed-paths');
  fs = await fs.write('loose', 'not packed');
  history = git(path, 'rev-list', 'main').split('\n');
});

const verbs: Record<string, (store: GitStore) => Promise<unknown>> = {
  verify: async (store) => {
    const { faults } = await store.verify();
    for (const { problem } of faults) throw new Error(problem);
  },
  gc: (store) => store.gc({ prune: 'now' }),
  pack: (store) => store.pack(),
  'a backup': (store) => store.backup(join(scratchFolder(), 'mirror.git')),
  'a bundle': (store) => store.backup(join(scratchFolder(), 'mirror.bundle')),
  reading: async (store) => {
    const fs = await store.fs('main');
    for (const name of await fs.ls('', { recursive: true })) await fs.read(name);
  },
  'a log of a path': async (store) => {
    const found: string[] = [];
    for await (const { commitHash } of (await store.fs('main')).log({ path: 'f0' })) {
      found.push(commitHash);
    }
    expect(found).toEqual(history.slice(-2, -1));
  },
  'a search in all versions': async (store) => {
    let count = 0;
    for await (const _ of (await store.fs('main')).grep('a line', { history: true })) count++;
    expect(count).toBe(6);
  },
  blame: async (store) => {
    const blame = await (await store.fs('main')).blame('text');
    expect(blame.length).toBeGreaterThan(200);
  },
  'a copy to the disk': async (store) => {
    const folder = join(scratchFolder(), 'out');
    const { changes } = await (await store.fs('main')).copyOut('/', folder);
    expect(changes?.errors).toEqual([]);
  },
};

describe.each(Object.entries(verbs))('%s', (_name, act) => {
  const run = async (): Promise<unknown> => {
    await using store = await GitStore.open(path, { create: false, durability: 'fast' });
    return await act(store);
  };

  test('tells of a failing read, and goes on with the next run', async () => {
    fault.calls = 0;
    await run();
    const { calls } = fault;
    expect(calls).toBeGreaterThan(3);
    const step = Math.ceil(calls / effort(25, calls).count);
    const texts = new Set<string>();
    for (let at = 1; at <= calls; at += step) {
      fault.countdown = at;
      await run().catch((error: Error) => texts.add(error.message));
      fault.countdown = 0;
    }
    expect([...texts].filter((text) => !/^(?!EIO).*i\/o error/.test(text))).toEqual([]);
    await run();
    expect(git(path, 'rev-list', 'main').split('\n')).toEqual(history);
    expect(git(path, 'fsck', '--strict')).toBe('');
  });
});
