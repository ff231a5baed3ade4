/** Many processes write to one branch at once; each commit must be there, and only once. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildProgram, type Program } from '../helpers/build.ts';
import { commitsOf, expectClean, git } from '../helpers/git.ts';
import { type Finished, runNode, startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { effort } from './stress.ts';

const children = join(import.meta.dirname, 'children');
const processes = 8;
const { count: commitsEach, timeout } = effort(8, 200);

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});

describe('eight processes that commit to one branch', () => {
  test('all commits are reachable, none twice', { timeout }, async () => {
    const store = await newStore();
    await commitFromAll(store);
    expectAllCommits(store);
  });

  test('from snapshots that they hold', { timeout }, async () => {
    const store = await newStore();
    await commitFromAll(store, 'held-loop.mjs');
    expectAllCommits(store);
  });

  test('beside git push to another branch and git gc', { timeout }, async () => {
    const store = await newStore();
    const folder = scratchFolder();
    const clone = join(folder, 'clone');
    const stopFile = join(folder, 'stop');
    mkdirSync(clone);
    const pushes = startNode([join(children, 'push-loop.mjs'), store, clone, stopFile], {
      timeout,
    });
    const packs = startNode([join(children, 'gc-loop.mjs'), store, stopFile], { timeout });
    try {
      await commitFromAll(store);
    } finally {
      writeFileSync(stopFile, '');
    }
    expectSuccess(await packs.finished);
    const pushed = expectSuccess(await pushes.finished);
    expect(pushed.length).toBeGreaterThan(0);
    expect(commitsOf(store, 'pushed').reverse()).toEqual(pushed);
    expectAllCommits(store);
  });
});

async function newStore(): Promise<string> {
  const store = join(scratchFolder(), 'store.git');
  expectSuccess(await runNode([program.cli, '-r', store, 'init']));
  return store;
}

let reported: string[];

async function commitFromAll(store: string, child = 'commit-loop.mjs'): Promise<void> {
  const script = join(children, child);
  const writers = Array.from({ length: processes }, (_, i) =>
    runNode([script, program.library, store, 'main', `writer${i}`, String(commitsEach)], {
      timeout,
    }),
  );
  const ends = await Promise.all(writers);
  reported = ends.flatMap((end) => expectSuccess(end).slice(1));
}

function expectAllCommits(store: string): void {
  expectClean(store);
  const [initial, ...rest] = commitsOf(store).reverse();
  expect(initial).toBeDefined();
  expect(rest.sort()).toEqual([...reported].sort());
  expect(new Set(reported).size).toBe(processes * commitsEach);
  const files = git(store, 'ls-tree', '-r', '--name-only', 'main').split('\n');
  const expected = Array.from({ length: processes * commitsEach }, (_, n) => {
    const writer = Math.floor(n / commitsEach);
    return `writer${writer}/${n % commitsEach}`;
  });
  expect(files.sort()).toEqual(expected.sort());
}

/** The lines that a process printed which must have ended well. */
function expectSuccess(end: Finished): string[] {
  expect(end, end.stderr).toMatchObject({ code: 0, signal: null });
  return end.stdout.toString().split('\n').slice(0, -1);
}
