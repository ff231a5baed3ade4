/**
 * Writers killed at random moments. Whatever the moment: Git finds the store in order, every commit
 * whose call had returned is reachable, and the next process writes without a manual step.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test, vi } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { Backoff } from '../../src/storage/bare/locks/waiting.ts';
import { buildProgram, type Program } from '../helpers/build.ts';
import { commitsOf, expectClean, git } from '../helpers/git.ts';
import { type Running, runNode, startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { effort, seed, seededRandom } from './stress.ts';

const children = join(import.meta.dirname, 'children');
const { count, timeout } = effort(2, 150);

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});

test(`a loop of commits, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const random = seededRandom(seed);
  const store = await newStore();
  for (let round = 0; round < count; round++) {
    const script = join(children, 'commit-loop.mjs');
    const args = [script, program.library, store, 'main', `round${round}`, '1000000'];
    const writer = startNode(args, { timeout });
    await firstOutput(writer);
    await sleep(random() * 80);
    const returned = (await kill(writer)).slice(1);
    await expectInOrder(store, round, returned);
  }
});

test(`a large cp, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const random = seededRandom(seed + 1);
  const store = await newStore();
  const source = largeFolder(random);
  // How long one takes here, so that the moments fall into all of its length.
  const start = performance.now();
  const whole = await runNode([program.cli, '-r', store, 'cp', source, ':whole']);
  expect(whole.code, whole.stderr).toBe(0);
  const duration = performance.now() - start;

  for (let round = 0; round < count; round++) {
    // New content every time, so that all of it has to be written.
    fillFolder(source, random);
    const tip = git(store, 'rev-parse', 'main');
    const copy = startNode([program.cli, '-r', store, 'cp', source, `:round${round}`], { timeout });
    await sleep(random() * duration * 1.1);
    await kill(copy);
    const after = git(store, 'rev-parse', 'main');
    if (after !== tip) {
      // It had moved the branch: then all of it is there, in one commit.
      expect(git(store, 'rev-parse', 'main~1')).toBe(tip);
      const names = git(store, 'ls-tree', '-r', '--name-only', 'main', `round${round}/`);
      expect(names.split('\n')).toHaveLength(filesInSource);
    }
    await expectInOrder(store, round, []);
  }
});

test(`cp beside automatic collections, both killed ${count} times (seed ${seed})`, {
  timeout,
}, async () => {
  const random = seededRandom(seed + 2);
  const store = await newStore();
  // Every round leaves enough for ours and Git's to be due.
  git(store, 'config', 'gc.auto', '60');
  git(store, 'config', 'gc.autoPackLimit', '2');
  git(store, 'config', 'gc.autoDetach', 'false');
  const source = join(scratchFolder(), 'small');
  mkdirSync(source);
  for (let round = 0; round < count; round++) {
    for (let i = 0; i < 150; i++) writeFileSync(join(source, `file${i}`), `${random()} ${i}\n`);
    const copy = startNode([program.cli, '-r', store, 'cp', source, ':copy'], { timeout });
    const collection =
      round % 2 === 0
        ? startNode([program.cli, '-r', store, 'gc', '--auto'], { timeout })
        : startNode(['-e', gitCollection, store], { timeout });
    await sleep(60 + random() * 250);
    const collectionKilled = random() < 0.5;
    await kill(copy);
    if (collectionKilled) await kill(collection);
    else await collection.finished;
    await collectionsEnded(store);
    await expectInOrder(store, round, []);
  }
});

const gitCollection =
  "require('node:child_process').spawnSync('git', ['--git-dir', process.argv[1], 'gc', '--auto', '-q'])";

/**
 * Git's fsck complains of packs that vanish while it runs, so collections end first: also those that
 * cp and write have started by themselves, and a `git gc` whose parent was killed.
 */
async function collectionsEnded(store: string): Promise<void> {
  const isAtWork = () =>
    spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' }).stdout.includes(store);
  while (isAtWork()) await sleep(30);
}

async function newStore(): Promise<string> {
  const store = join(scratchFolder(), 'store.git');
  const end = await runNode([program.cli, '-r', store, 'init']);
  expect(end.code, end.stderr).toBe(0);
  // So many cp's call for a collection; git fsck complains of packs that vanish while it runs.
  git(store, 'config', 'gc.auto', '0');
  return store;
}

const filesInSource = 600;

function largeFolder(random: () => number): string {
  const source = join(scratchFolder(), 'source');
  mkdirSync(source);
  fillFolder(source, random);
  return source;
}

/** 600 files from a few bytes to a few hundred kilobytes, about 12 MB, half of it random. */
function fillFolder(source: string, random: () => number): void {
  for (let i = 0; i < filesInSource; i++) {
    const folder = join(source, `folder${i % 20}`);
    mkdirSync(folder, { recursive: true });
    const body = Buffer.alloc(i % 50 === 0 ? 300_000 : Math.floor(random() * 30_000) + 4);
    for (let at = 0; at + 4 <= body.length; at += 8) body.writeUInt32LE(random() * 2 ** 32, at);
    writeFileSync(join(folder, `file${i}`), body);
  }
}

async function firstOutput({ process, finished }: Running): Promise<void> {
  const early = finished.then((end) => {
    throw new Error(`ended before it was killed: ${end.stderr}`);
  });
  const output = new Promise<void>((resolve) => process.stdout?.once('data', () => resolve()));
  await Promise.race([output, early]);
}

/** Kills a process and gives back the whole lines it had printed. */
async function kill({ process, finished }: Running): Promise<string[]> {
  process.kill('SIGKILL');
  return (await finished).stdout.toString().split('\n').slice(0, -1);
}

async function expectInOrder(store: string, round: number, returned: string[]): Promise<void> {
  expectClean(store);
  const reachable = new Set(commitsOf(store));
  expect(returned.filter((id) => !reachable.has(id))).toEqual([]);
  // By turns, as the first of them clears away what the dead one has left.
  const writers = [writeWithoutWaiting, writeByCommand];
  for (const write of round % 2 === 0 ? writers : writers.toReversed()) await write(store, round);
}

/**
 * The next write is promised within a second. What could make it slow is waiting for what the dead one
 * had, a lock or a turn: it waits for nothing.
 */
async function writeWithoutWaiting(path: string, round: number): Promise<void> {
  const pauses = vi.spyOn(Backoff.prototype, 'pause');
  const store = await GitStore.open(path, { create: false });
  await store.update('main', (tip) => tip.writeText(`next/${round}`, `next ${round}\n`));
  await store.close();
  expect(pauses).not.toHaveBeenCalled();
  expect(git(path, 'show', `main:next/${round}`)).toBe(`next ${round}`);
}

async function writeByCommand(store: string, round: number): Promise<void> {
  const next = await runNode([program.cli, '-r', store, 'write', `after/${round}`], {
    input: `after ${round}\n`,
  });
  expect(next.code, next.stderr).toBe(0);
  expect(git(store, 'show', `main:after/${round}`)).toBe(`after ${round}`);
}
