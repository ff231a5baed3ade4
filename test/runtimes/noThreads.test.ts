/** A system that allows no thread (a permission model, a limit): all goes on without. */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { expectClean } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const FILES = 4000;
const threads = process.getBuiltinModule('node:worker_threads');
const { Worker } = threads;

let refused = 0;
beforeAll(() => {
  threads.Worker = class {
    constructor() {
      refused++;
      throw Object.assign(new Error('no more threads'), { code: 'ERR_WORKER_INIT_FAILED' });
    }
  } as unknown as typeof Worker;
});
afterAll(() => {
  threads.Worker = Worker;
});

test('copies in and out, collects and checks', async () => {
  const base = scratchFolder();
  const from = join(base, 'from');
  mkdirSync(from);
  for (let i = 0; i < FILES; i++) writeFileSync(join(from, `${i}`), `text ${i}\n`.repeat(20));
  const path = join(base, 'data.git');
  await using store = await GitStore.open(path, { durability: 'fast' });
  const fs = await (await store.branches.get('main')).copyIn(`${from}/`, '/');
  refused = 0;
  await fs.copyOut('/', join(base, 'out'));
  expect(refused).toBeGreaterThan(0);
  expect(readdirSync(join(base, 'out'))).toHaveLength(FILES);
  refused = 0;
  await store.gc({ prune: 'now' });
  expect(refused).toBeGreaterThan(0);
  refused = 0;
  expect(await store.verify()).toMatchObject({ ok: true });
  expect(refused).toBeGreaterThan(0);
  expectClean(path);
});
