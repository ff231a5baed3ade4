/**
 * `sync` killed at random moments, in both directions: the branch has its old or its new tree, every
 * file on disk is whole, old or new, and what was learned on the way misleads nobody.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { buildProgram, type Program } from '../helpers/build.ts';
import { expectClean, git } from '../helpers/git.ts';
import { runProgram } from '../helpers/hosts.ts';
import { startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { effort, seed, seededRandom } from './stress.ts';

const { count, timeout } = effort(1, 200);
const FILES = 400;

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
});

async function run(store: string, ...args: string[]): Promise<void> {
  const end = await runProgram(program.cli, ['-r', store, ...args]);
  expect(end.code, end.stderr).toBe(0);
}

/** Starts the program and kills it after a while. */
async function runAndKill(delay: number, store: string, ...args: string[]): Promise<void> {
  const { process, finished } = startNode([program.cli, '-r', store, ...args], { timeout });
  await sleep(delay);
  process.kill('SIGKILL');
  await finished;
}

/** Gives about a third of the files new content of the same size; adds some, removes some. */
function change(folder: string, random: () => number, round: number): void {
  for (let i = 0; i < FILES; i++) {
    const directory = join(folder, `d${i % 17}`);
    const file = join(directory, `f${i}`);
    const dice = round === 0 ? 0 : random();
    if (dice > 0.4) continue;
    mkdirSync(directory, { recursive: true });
    if (dice > 0.35) rmSync(file, { force: true });
    else writeFileSync(file, `${round}`.padStart(4).repeat(5 + (i % 800)));
  }
}

function contents(folder: string): Record<string, string> {
  const files: Record<string, string> = {};
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) files[path.slice(folder.length + 1)] = readFileSync(path, 'latin1');
  }
  return files;
}

/** How long one sync takes here, in milliseconds. */
async function duration(act: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

/** The tree that Git makes of the folder. */
function treeOf(folder: string): string {
  const index = join(scratchFolder(), 'git');
  git(index, 'init', '-q', '--bare');
  git(index, '--work-tree', folder, '-c', 'core.bare=false', 'add', '-A');
  return git(index, 'write-tree');
}

test(`sync in, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const random = seededRandom(seed + 10);
  const store = join(scratchFolder(), 'store.git');
  const work = join(scratchFolder(), 'work');
  change(work, random, 0);
  const whole = await duration(() => run(store, 'sync', work));
  for (let round = 1; round <= count; round++) {
    const before = git(store, 'rev-parse', 'main^{tree}');
    change(work, random, round);
    await runAndKill(random() * whole * 1.1, store, 'sync', work);
    const after = git(store, 'rev-parse', 'main^{tree}');
    const wanted = treeOf(work);
    expect([before, wanted]).toContain(after);
    await run(store, 'sync', work);
    expect(git(store, 'rev-parse', 'main^{tree}')).toBe(wanted);
  }
  expectClean(store);
});

test(`sync out, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const random = seededRandom(seed + 11);
  const store = join(scratchFolder(), 'store.git');
  const work = join(scratchFolder(), 'work');
  const out = join(scratchFolder(), 'out');
  change(work, random, 0);
  await run(store, 'sync', work);
  const whole = await duration(() => run(store, 'sync', ':', out));
  for (let round = 1; round <= count; round++) {
    const before = contents(out);
    change(work, random, round);
    await run(store, 'sync', work);
    const wanted = contents(work);
    await runAndKill(random() * whole * 1.1, store, 'sync', ':', out);
    for (const [path, text] of Object.entries(contents(out))) {
      if (/(^|\/)\.gs-/.test(path)) continue;
      expect([before[path], wanted[path]], path).toContain(text);
    }
    // Unfinished files of the killed one are nobody's files: they do not get into the store.
    await run(store, 'cp', `${out}/`, ':copy');
    expect(git(store, 'ls-tree', '-r', '--name-only', 'main', 'copy/')).not.toContain('.gs-');
    await run(store, 'rm', '-R', 'copy');
    await run(store, 'sync', ':', out);
    // Nor is anything left of them.
    expect(contents(out)).toEqual(wanted);
  }
  expectClean(store);
});

test(`cp out into a new folder, killed ${count} times (seed ${seed})`, { timeout }, async () => {
  const random = seededRandom(seed + 13);
  const store = join(scratchFolder(), 'store.git');
  const work = join(scratchFolder(), 'work');
  change(work, random, 0);
  for (let i = 0; i < FILES; i++) {
    mkdirSync(join(work, `d${i % 17}/deep`), { recursive: true });
    writeFileSync(join(work, `d${i % 17}/deep/f${i}`), `${i}`.repeat(1000));
  }
  await run(store, 'sync', work);
  const wanted = contents(work);
  const inDirectory = (files: string[], directory: string) =>
    files.filter((path) => dirname(path) === directory).sort();
  const folder = scratchFolder();
  const whole = await duration(() => run(store, 'cp', ':', join(folder, 'whole')));
  for (let round = 0; round < 3 * count; round++) {
    const out = join(folder, `out${round}`);
    mkdirSync(out);
    await runAndKill((0.3 + 0.7 * random()) * whole, store, 'cp', ':', out);
    const found = contents(out);
    const named = Object.keys(found).filter((path) => !/(^|\/)\.gs-/.test(path));
    for (const path of named) expect(found[path] === wanted[path], path).toBe(true);
    // Where one file of a directory is, all are; Windows cannot do that.
    const directories = process.platform === 'win32' ? [] : new Set(named.map(dirname));
    for (const directory of directories) {
      expect(inDirectory(named, directory)).toEqual(inDirectory(Object.keys(wanted), directory));
    }
    // At the most the one that it was filling.
    const left = readdirSync(out, { recursive: true, encoding: 'utf8' });
    expect(left.filter((path) => basename(path).startsWith('.gs-')).length).toBeLessThan(2);
    await run(store, 'cp', ':', out);
    expect(contents(out)).toEqual(wanted);
  }
});

test('two syncs to one branch at once: both are in it', { timeout }, async () => {
  const store = join(scratchFolder(), 'store.git');
  const random = seededRandom(seed + 12);
  const folders = ['a', 'b', 'c'].map((name) => join(scratchFolder(), name));
  await run(store, 'init');
  for (let round = 0; round < 3; round++) {
    for (const folder of folders) change(folder, random, round);
    await Promise.all(folders.map((folder, i) => run(store, 'sync', folder, `:at${i}`)));
    for (const [i, folder] of folders.entries()) {
      expect(git(store, 'rev-parse', `main:at${i}`)).toBe(treeOf(folder));
    }
  }
  expectClean(store);
});
