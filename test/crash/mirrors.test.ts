/**
 * Backups and restores killed at random moments: both sides stay sound, every ref points to where it
 * was or to where it is to be, and another run does the rest.
 */
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { buildProgram, type Program } from '../helpers/build.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { runNode, startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { expectSound, refsOf } from '../remote/places.ts';
import { gitDaemon } from '../remote/servers.ts';
import { effort, seed, seededRandom } from './stress.ts';

const { count, timeout } = effort(1, 75);

let program: Program;
/** What both sides had before, and what one of them has by now. */
let before: string;
let after: string;

beforeAll(async () => {
  program = await buildProgram();
  before = join(scratchFolder(), 'before.git');
  after = join(scratchFolder(), 'after.git');
  const random = seededRandom(seed);
  gitBytes('.', ['init', '-q', '--bare', '-b', 'main', before]);
  gitBytes(before, ['fast-import', '--quiet'], history(random, 0, 150));
  cpSync(before, after, { recursive: true });
  gitBytes(after, ['fast-import', '--quiet'], history(random, 150, 600));
  git(after, 'tag', 'v1', 'main~20');
});

/** Commits on `main` and on a branch for every 50 of them, with contents that do not shrink. */
function history(random: () => number, from: number, to: number): Buffer {
  let stream = '';
  for (let i = from; i < to; i++) {
    const parent = i === from && from > 0 ? 'from refs/heads/main^0\n' : '';
    const text = Array.from({ length: 80 }, () => random().toString(36)).join('\n');
    stream += `commit refs/heads/main\ncommitter T <t@localhost> ${1700000000 + i} +0000\n`;
    stream += `data 2\nv\n${parent}M 100644 inline d${i % 9}/f${i % 37}\ndata ${text.length}\n${text}\n`;
    if (i % 50 === 49) stream += `reset refs/heads/b${i}\nfrom refs/heads/main\n\n`;
  }
  return Buffer.from(stream);
}

/** Kills runs of a command at random moments of the time that a whole one takes. */
async function killOften(
  random: () => number,
  prepare: () => void,
  args: () => readonly string[],
  check: () => Promise<void>,
): Promise<void> {
  prepare();
  const start = performance.now();
  const whole = await runNode([program.cli, ...args()], { timeout });
  expect(whole.code, whole.stderr).toBe(0);
  const duration = performance.now() - start;
  await check();
  for (let round = 0; round < count; round++) {
    prepare();
    const running = startNode([program.cli, ...args()], { timeout });
    await sleep(random() * duration * 1.1);
    running.process.kill('SIGKILL');
    await running.finished;
    await check();
  }
}

/** Every ref of a repository is as it was, or as it is to be. */
function expectBetween(repository: string): void {
  const [old, next] = [refsOf(before), refsOf(after)];
  for (const [ref, id] of Object.entries(refsOf(repository))) {
    expect([old[ref], next[ref]]).toContain(id);
  }
  expect(Object.keys(refsOf(repository))).toEqual(expect.arrayContaining(Object.keys(old)));
}

/** Another run, without killing it, does the rest; nothing half-written is left in sight. */
async function finish(repository: string, args: readonly string[]): Promise<void> {
  expectSound(repository);
  expectBetween(repository);
  const { code, stderr } = await runNode([program.cli, ...args], { timeout });
  expect(code, stderr).toBe(0);
  expect(refsOf(repository)).toEqual(refsOf(after));
  expectSound(repository);
}

test(`restore, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const store = join(scratchFolder(), 'store.git');
  const url = `${await gitDaemon(dirname(after))}/${basename(after)}`;
  const args = () => ['-r', store, 'restore', url];
  const prepare = () => {
    rmSync(store, { recursive: true, force: true });
    cpSync(before, store, { recursive: true });
  };
  await killOften(seededRandom(seed + 1), prepare, args, async () => {
    await finish(store, args());
    const packs = readdirSync(join(store, 'objects/pack')).filter((name) => name.endsWith('.pack'));
    // The one it began with, the one that came, and one for a run that was killed before refs moved.
    expect(packs.length).toBeLessThanOrEqual(3);
  });
});

test(`backup to a daemon, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const target = join(scratchFolder(), 'target.git');
  const url = `${await gitDaemon(dirname(target))}/${basename(target)}`;
  const args = () => ['-r', after, 'backup', url];
  const prepare = () => {
    rmSync(target, { recursive: true, force: true });
    cpSync(before, target, { recursive: true });
  };
  await killOften(seededRandom(seed + 2), prepare, args, async () => {
    await waitForGit(target);
    await finish(target, args());
    expectSound(after);
  });
});

test(`backup to a path, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const target = join(scratchFolder(), 'target.git');
  const args = () => ['-r', after, 'backup', target];
  const prepare = () => {
    rmSync(target, { recursive: true, force: true });
    cpSync(before, target, { recursive: true });
  };
  await killOften(seededRandom(seed + 3), prepare, args, async () => finish(target, args()));
});

test(`backup to a bundle, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const bundle = join(scratchFolder(), 'all.bundle');
  const args = () => ['-r', after, 'backup', bundle];
  const prepare = () => rmSync(bundle, { force: true });
  await killOften(seededRandom(seed + 4), prepare, args, async () => {
    // It is there whole, or not at all.
    if (existsSync(bundle)) git(after, 'bundle', 'verify', '-q', bundle);
  });
});

/** The receiving Git goes on for a moment after its client is gone. */
async function waitForGit(repository: string): Promise<void> {
  const locks = () =>
    readdirSync(repository, { recursive: true, encoding: 'utf8' }).some(
      (name) => name.endsWith('.lock') || name.includes('tmp_objdir'),
    );
  for (let tries = 0; locks() && tries < 100; tries++) await sleep(20);
}
