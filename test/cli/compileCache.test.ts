/** The compile cache: it may only ever save time, whatever state its files are in. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { buildProgram } from '../helpers/build.ts';
import { runNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let cli: string;
let store: string;

beforeAll(async () => {
  cli = (await buildProgram()).cli;
  store = join(scratchFolder(), 'store.git');
  const { code } = await runNode([cli, '-r', store, 'write', 'a.txt'], { input: 'text' });
  expect(code).toBe(0);
});

async function cat(cache: string, env: NodeJS.ProcessEnv = {}, path = 'a.txt'): Promise<void> {
  const finished = await runNode([cli, '-r', store, 'cat', path], {
    env: { NODE_COMPILE_CACHE: cache, ...env },
  });
  expect(finished).toMatchObject({ code: 0, stderr: '' });
  expect(finished.stdout.toString()).toBe('text');
}

const filesIn = (cache: string) => {
  const folder = join(cache, 'gitstore');
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
};

/** A cache that some runs have filled, and its only file. */
async function filled(): Promise<{ cache: string; file: string }> {
  const cache = scratchFolder();
  for (let run = 0; run < 3; run++) await cat(cache);
  const files = filesIn(cache);
  expect(files).toHaveLength(1);
  return { cache, file: files[0]! };
}

test('the first runs write one file for the command, later ones leave it', async () => {
  const { cache, file } = await filled();
  const before = statSync(file);
  expect(before.size).toBeGreaterThan(100_000);
  if (process.platform !== 'win32') {
    expect(before.mode & 0o777).toBe(0o600);
    expect(statSync(join(cache, 'gitstore')).mode & 0o777).toBe(0o700);
  }
  await cat(cache);
  expect(statSync(file).ino).toBe(before.ino);
  const other = await runNode([cli, '-r', store, 'ls'], { env: { NODE_COMPILE_CACHE: cache } });
  expect(other.stdout.toString()).toBe('a.txt\n');
  expect(filesIn(cache)).toHaveLength(2);
});

test('runs that load other parts of the program leave what was kept of the rest', async () => {
  await runNode([cli, '-r', store, 'write', 'b.txt'], { input: 'text' });
  const cache = scratchFolder();
  // Going back in history is a part of its own.
  for (let run = 0; run < 3; run++) {
    await cat(cache);
    await cat(cache, {}, '~1:a.txt');
  }
  const [file] = filesIn(cache);
  const before = statSync(file!);
  await cat(cache);
  await cat(cache, {}, '~1:a.txt');
  expect(statSync(file!).ino).toBe(before.ino);
  expect(statSync(file!).mtimeMs).toBe(before.mtimeMs);
});

test('a damaged file is made anew', async () => {
  const { cache, file } = await filled();
  const whole = readFileSync(file);
  const damage: (() => void)[] = [
    () => truncateSync(file, 0),
    () => truncateSync(file, 1000),
    () => writeFileSync(file, Buffer.alloc(whole.length)),
    () => writeFileSync(file, 'no cache at all'),
    ...[3, 5, 9, 13, 40, whole.length >> 1, whole.length - 1].map((at) => () => {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x10;
      writeFileSync(file, bytes);
    }),
  ];
  for (const doDamage of damage) {
    doDamage();
    const damaged = readFileSync(file);
    await cat(cache);
    expect(readFileSync(file).equals(damaged)).toBe(false);
  }
});

test.skipIf(process.platform === 'win32')('a file that others may write is not run', async () => {
  const { cache, file } = await filled();
  chmodSync(file, 0o666);
  await cat(cache);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('no cache where it is turned off or cannot be', async () => {
  const off = scratchFolder();
  await cat(off, { NODE_DISABLE_COMPILE_CACHE: '1' });
  expect(filesIn(off)).toEqual([]);
  const file = join(scratchFolder(), 'file');
  writeFileSync(file, '');
  await cat(file);
  const failed = scratchFolder();
  const { code } = await runNode([cli, '-r', store, 'cat', 'missing'], {
    env: { NODE_COMPILE_CACHE: failed },
  });
  expect(code).toBe(1);
  expect(filesIn(failed)).toEqual([]);
});

test.skipIf(process.getuid?.() !== 0)('another user’s home stays as it is', async () => {
  const home = scratchFolder();
  const env = { HOME: home, NODE_COMPILE_CACHE: '', XDG_CACHE_HOME: '' };
  await cat('', env);
  expect(readdirSync(home)).not.toEqual([]);
  const other = scratchFolder();
  chownSync(other, 12345, 12345);
  await cat('', { ...env, HOME: other });
  expect(readdirSync(other)).toEqual([]);
});

test('files of builds that are gone are removed', async () => {
  const cache = scratchFolder();
  const folder = join(cache, 'gitstore');
  mkdirSync(folder, { mode: 0o700 });
  const [old, recent] = ['0123-v1.2.3-x64-cat', '4567-v1.2.3-x64-cat'].map((name) =>
    join(folder, name),
  );
  writeFileSync(old!, '');
  writeFileSync(recent!, '');
  utimesSync(old!, 1, 1);
  await cat(cache);
  expect(existsSync(old!)).toBe(false);
  expect(existsSync(recent!)).toBe(true);
});
