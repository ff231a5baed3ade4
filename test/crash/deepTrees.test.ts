/** Folders and trees that are nested deep: nothing goes by the stack, and nothing goes on for ever. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FS, type GitStore, type Storage, TooDeepError } from '../../src/index.ts';
import { MAX_DEPTH } from '../../src/tree/paths.ts';
import { programPath } from '../cli/program.ts';
import { git } from '../helpers/git.ts';
import { runNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { commitTree, nestedTree, openStore, rawEntry } from './rawTrees.ts';
import { stress } from './stress.ts';

const way = (depth: number) => Array.from({ length: depth }, () => 'a').join('/');

describe.skipIf(process.platform === 'win32')('a folder nested deep', () => {
  // A small stack does not hold 400 levels: as 1,500 of a stack of the usual size, and much quicker.
  const { depth, stack } = stress ? { depth: 1500, stack: 984 } : { depth: 400, stack: 200 };

  test('goes in, is known when it comes again, goes out, and goes', async () => {
    const folder = scratchFolder();
    const repo = join(folder, 's.git');
    const disk = join(folder, 'd');
    mkdirSync(join(disk, way(depth)), { recursive: true });
    for (const at of [1, 7, depth]) writeFileSync(join(disk, way(at), 'f'), `${at}`);
    const run = async (...args: string[]): Promise<string> => {
      const node = [`--stack-size=${stack}`, programPath(), '-r', repo, ...args];
      const { code, stdout, stderr } = await runNode(node, { cwd: folder });
      expect({ code, stderr: stderr.replace(/^Created .*\n/, '') }).toEqual({
        code: 0,
        stderr: '',
      });
      return stdout.toString();
    };
    await run('write', 'first');
    await run('sync', 'd', ':');
    const stored = await run('hash');
    await run('sync', 'd', ':');
    expect(await run('hash')).toBe(stored);
    writeFileSync(join(disk, way(depth), 'f'), 'changed');
    await run('sync', 'd', ':');
    expect(await run('diff', stored.trim())).toContain('a/f\n');
    await run('sync', ':', 'out');
    expect(readFileSync(join(folder, 'out', way(depth), 'f'), 'utf8')).toBe('changed');
    await run('sync', '--ref', '~2', ':', 'out');
    expect(readdirSync(join(folder, 'out'))).toEqual(['first']);
  });
});

describe('trees deeper than Git reads them', () => {
  const folder = scratchFolder();
  let store: GitStore;
  let storage: Storage;
  /** As deep as may be, and far too deep. */
  let within: FS;
  let beyond: FS;

  beforeAll(async () => {
    ({ store, storage } = await openStore(join(folder, 's.git')));
    await commitTree(storage, await nestedTree(storage, MAX_DEPTH - 1, 'text'), 'within');
    const depth = stress ? 100_000 : 6_000;
    await commitTree(storage, await nestedTree(storage, depth, 'text'), 'beyond');
    within = await store.fs('within');
    beyond = await store.fs('beyond');
  });
  afterAll(() => store.close());

  const all = async (items: AsyncIterable<unknown>): Promise<number> => {
    let count = 0;
    for await (const _ of items) count++;
    return count;
  };
  const sink = () => new WritableStream<Uint8Array>();
  /** Each walks down the whole tree. */
  const walks: Record<string, (fs: FS) => Promise<unknown>> = {
    ls: async (fs) => (await fs.ls('', { recursive: true })).length,
    walk: (fs) => all(fs.walk()),
    glob: async (fs) => (await fs.glob('**/leaf')).length,
    diff: async (fs) => all(fs.diff(await store.fs('main'))),
    tar: (fs) => fs.archiveOut(sink(), { format: 'tar' }),
    zip: (fs) => fs.archiveOut(sink(), { format: 'zip' }),
    remove: (fs) => fs.remove('a', { recursive: true, dryRun: true }),
    move: (fs) => fs.move('a', 'b', { recursive: true, dryRun: true }),
    'copy within': async (fs) =>
      (await store.fs('main')).copyFromRef(fs, 'a', '', { dryRun: true }),
    'copy out': (fs) => fs.copyOut('a', join(folder, 'never'), { dryRun: true }),
  };

  for (const [name, walk] of Object.entries(walks)) {
    test(`${name}: what Git reads is walked, what lies deeper is an error`, async () => {
      await expect(walk(within)).resolves.not.toBe(0);
      const error = await walk(beyond).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(TooDeepError);
      expect((error as TooDeepError).message).toMatch(/^a\/a[^\n]*: more than 2048 names deep/);
    });
  }

  test('carrying on past errors, the rest of a copy goes out', async () => {
    const writer = storage.objects.writer();
    const blob = await writer.write('blob', Buffer.from('near'));
    const root = [
      rawEntry('40000', 'a', await beyond.objectHash('a')),
      rawEntry('100644', 'z', blob),
    ];
    const tree = await writer.write('tree', Buffer.concat(root));
    await writer.finish();
    await commitTree(storage, tree, 'both');
    const out = join(folder, 'out');
    const { changes } = await (await store.fs('both')).copyOut('', out, { ignoreErrors: true });
    expect(changes?.errors.map(({ error }) => error)).toEqual([
      'more than 2048 names deep, which Git does not read',
    ]);
    expect(readFileSync(join(out, 'z'), 'utf8')).toBe('near');
  });

  test('a path of so many names can be written, one of more cannot', async () => {
    const fs = await store.fs('within');
    const path = `${way(MAX_DEPTH - 1)}/new`;
    const next = await fs.write(path, 'x');
    expect(await next.readText(path)).toBe('x');
    await expect(fs.write(`a/${path}`, 'x')).rejects.toThrow(TooDeepError);
    await expect(fs.move('a', 'b/', { recursive: true })).rejects.toThrow(TooDeepError);
  });

  test('collecting, checking and backing up take them at any depth', async () => {
    const { commitHash } = beyond;
    await store.gc({ prune: 'now' });
    expect((await store.verify()).faults).toEqual([]);
    expect(await all(beyond.log({ path: 'a/a' }))).toBe(1);
    const copy = join(folder, 'b.git');
    await store.backup(copy);
    expect(git(copy, 'rev-parse', 'beyond')).toBe(commitHash);
  });
});
