/**
 * A disk that runs full: a small tmpfs is mounted for the store, which only root may do; elsewhere
 * these tests are skipped.
 */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { buildProgram, type Program } from '../helpers/build.ts';
import { expectClean, git } from '../helpers/git.ts';
import { runProgram } from '../helpers/hosts.ts';
import { mountTmpfs, unmount } from '../helpers/mount.ts';
import type { Finished, RunOptions } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { effort } from './stress.ts';

const MiB = 1024 * 1024;
const { count, timeout } = effort(2, 60);
let program: Program;
let disk: string;
let store: string;
let mounted: boolean;

beforeAll(async () => {
  program = await buildProgram();
});

beforeEach(async ({ skip }) => {
  disk = scratchFolder();
  mounted = mountTmpfs(disk, '8m');
  if (!mounted) skip('mounting a tmpfs is not permitted here');
  store = join(disk, 'store.git');
  expect(await gitstore(['init'])).toMatchObject({ code: 0 });
  expect(await gitstore(['write', 'first'], { input: 'first\n' })).toMatchObject({ code: 0 });
});

afterEach(() => {
  if (mounted) unmount(disk);
});

describe('the disk runs full', () => {
  test('in the middle of a cp of many files', { timeout }, async () => {
    const source = join(scratchFolder(), 'source');
    mkdirSync(source);
    for (let i = 0; i < 200; i++) writeFileSync(join(source, `file${i}`), randomBytes(MiB / 10));
    // Often: where in its course the threads' work fails is a matter of luck.
    for (let round = 0; round < count; round++) await expectRefused(['cp', source, ':']);
  });

  test('in the middle of a cp of one big file', { timeout: 60_000 }, async () => {
    const source = join(scratchFolder(), 'big');
    writeFileSync(source, randomBytes(20 * MiB));
    await expectRefused(['cp', source, ':big']);
  });

  test('while a restore comes in', { timeout: 60_000 }, async () => {
    const other = join(scratchFolder(), 'other.git');
    const big = join(scratchFolder(), 'big');
    writeFileSync(big, randomBytes(20 * MiB));
    const stored = await runProgram(program.cli, ['-r', other, 'cp', big, ':']);
    expect(stored, stored.stderr).toMatchObject({ code: 0 });
    await expectRefused(['restore', '--ref', 'main:theirs', other]);
    // A bundle that does not fit leaves none.
    const bundle = join(disk, 'all.bundle');
    const backup = await runProgram(program.cli, ['-r', other, 'backup', bundle]);
    expectOneLine(backup);
    expect(readdirSync(disk)).toEqual(['store.git']);
  });

  test('while a pipe is stored', { timeout: 60_000 }, async () => {
    await expectRefused(['write', 'piped'], { input: randomBytes(20 * MiB) });
  });

  test('while an archive comes in or goes out', { timeout: 60_000 }, async () => {
    const folder = join(scratchFolder(), 'many');
    mkdirSync(folder);
    for (let i = 0; i < 200; i++) writeFileSync(join(folder, `file${i}`), randomBytes(MiB / 10));
    const archive = join(scratchFolder(), 'many.tar');
    expect(spawnSync('tar', ['cf', archive, '-C', folder, '.']).status).toBe(0);
    await expectRefused(['untar', archive]);
    await expectRefused(['untar', '-'], { input: readFileSync(archive) });
    const other = join(scratchFolder(), 'other.git');
    const stored = await runProgram(program.cli, ['-r', other, 'untar', archive]);
    expect(stored, stored.stderr).toMatchObject({ code: 0 });
    for (const name of ['x.tar', 'x.tar.gz', 'x.zip']) {
      expectOneLine(await runProgram(program.cli, ['-r', other, 'archive-out', join(disk, name)]));
      expect(readdirSync(disk)).toEqual(['store.git']);
    }
  });

  test.each([3, 40])(
    'while a copy goes out, %i files a directory',
    { timeout: 60_000 },
    async (n) => {
      const folder = join(scratchFolder(), 'many');
      for (let i = 0; i < 400; i++) {
        mkdirSync(join(folder, `d${i % n}`), { recursive: true });
        writeFileSync(join(folder, `d${i % n}`, `file${i}`), randomBytes(MiB / 20));
      }
      const other = join(scratchFolder(), 'other.git');
      const stored = await runProgram(program.cli, ['-r', other, 'cp', `${folder}/`, ':']);
      expect(stored, stored.stderr).toMatchObject({ code: 0 });
      const out = join(disk, 'out');
      expectOneLine(await runProgram(program.cli, ['-r', other, 'cp', ':', out]));
      const left = readdirSync(out, { recursive: true, withFileTypes: true });
      for (const entry of left) expect(entry.name).not.toContain('.gs-');
      const files = left.filter((entry) => entry.isFile());
      expect(files.length).toBeGreaterThan(0);
      for (const { parentPath, name } of files) {
        const path = join(parentPath, name);
        const source = join(folder, path.slice(out.length));
        expect(readFileSync(path).equals(readFileSync(source)), path).toBe(true);
      }
      rmSync(out, { recursive: true });
    },
  );

  test('at any step of a small write', { timeout: 120_000 }, async () => {
    let refused = 0;
    for (let free = 0; free <= 12; free++) {
      const before = git(store, 'rev-parse', 'main');
      const ballast = fillUpTo(free * 4096);
      const text = `written with ${free} pages free\n`;
      const end = await gitstore(['write', `small/${free}`], { input: text });
      rmSync(ballast);
      if (end.code === 0) {
        expect(git(store, 'show', `main:small/${free}`)).toBe(text.trimEnd());
      } else {
        refused++;
        expectOneLine(end);
        expect(git(store, 'rev-parse', 'main')).toBe(before);
      }
      expectClean(store);
      const next = await gitstore(['write', `after/${free}`], { input: 'there\n' });
      expect(next, next.stderr).toMatchObject({ code: 0 });
    }
    expect(refused).toBeGreaterThan(0);
  });
});

/** The command fails in one line, leaves the branch and the free space as they were, and all works on. */
async function expectRefused(args: string[], options?: RunOptions): Promise<void> {
  const before = git(store, 'rev-parse', 'main');
  const free = freeBytes();
  expectOneLine(await gitstore(args, options));
  expect(git(store, 'rev-parse', 'main')).toBe(before);
  expectClean(store);
  const packFolder = join(store, 'objects', 'pack');
  expect(readdirSync(packFolder).filter((name) => !/^pack-/.test(name))).toEqual([]);
  expect(free - freeBytes()).toBeLessThan(MiB / 2);
  const next = await gitstore(['write', 'second'], { input: 'second\n' });
  expect(next, next.stderr).toMatchObject({ code: 0 });
  expect(git(store, 'show', 'main:second')).toBe('second');
  expectClean(store);
}

function expectOneLine(end: Finished): void {
  expect(end.code, end.stderr).toBe(1);
  expect(end.stderr).toMatch(/^Error: [^\n]+\n$/);
  expect(end.stderr).toMatch(/space/i);
}

function freeBytes(): number {
  const { bavail, bsize } = statfsSync(disk);
  return bavail * bsize;
}

/** A file that leaves so many bytes free. */
function fillUpTo(free: number): string {
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(Math.max(0, freeBytes() - free)));
  return ballast;
}

async function gitstore(args: string[], options?: RunOptions): Promise<Finished> {
  return await runProgram(program.cli, ['-r', store, ...args], options);
}
