import { spawn } from 'node:child_process';
import * as fs from 'node:fs';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { GitStoreError, InvalidPathError } from '../../src/errors.ts';
import { createBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { createMemoryStorage } from '../../src/storage/memory/memoryStorage.ts';
import type { ObjectWriter, Storage } from '../../src/storage/storage.ts';
import { finishFile } from '../../src/transfer/disk/put/putFile.ts';
import { copyIn } from '../../src/transfer/in/copyIn.ts';
import type { CopyOptions } from '../../src/transfer/rules/options.ts';
import type { ChangeReport } from '../../src/tree/changes.ts';
import { buildScript } from '../helpers/build.ts';
import { gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { asPlainUser } from '../helpers/users.ts';
import { type Files, filesOnDisk, lines, makeFiles, TestTree } from './trees.ts';

const isWindows = process.platform === 'win32';

describe('trees that no honest program writes', () => {
  function treeObject(store: string, entries: [mode: string, name: string, id: string][]): string {
    const body = Buffer.concat(
      entries.flatMap(([mode, name, id]) => [
        Buffer.from(`${mode} ${name}\0`),
        Buffer.from(id, 'hex'),
      ]),
    );
    const args = ['hash-object', '-w', '--literally', '-t', 'tree', '--stdin'];
    return gitBytes(store, args, body).toString().trim();
  }

  test('nothing outside the destination is touched', async () => {
    const folder = scratchFolder();
    const store = join(folder, 'store.git');
    const storage = await createBareStorage(store, { durability: 'fast' });
    const blob = (text: string): string =>
      gitBytes(store, ['hash-object', '-w', '--stdin'], Buffer.from(text)).toString().trim();
    const harm = blob('harm');
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    const inner = treeObject(store, [['100644', 'escaped', harm]]);
    const link = blob(outside);
    const hostile: [string, string, string][][] = [
      ...['..', '.', '.git', '.GIT', 'git~1', '.git '].map((name): [string, string, string][] => [
        ['40000', name, inner],
      ]),
      ...['../escaped', 'a/../../escaped', `${outside}/escaped`, '.git', '..'].map(
        (name): [string, string, string][] => [['100644', name, harm]],
      ),
      [
        ['120000', 'same', link],
        ['40000', 'same', inner],
      ],
      [
        ['40000', 'same', inner],
        ['120000', 'same', link],
      ],
    ];
    for (const [round, entries] of hostile.entries()) {
      const root = treeObject(store, [...entries, ['100644', 'zz', harm]]);
      const tree = new TestTree(storage, root);
      const out = join(folder, `out${round}`);
      mkdirSync(out);
      const report = await tree.copyOut('', out, { ignoreErrors: true });
      expect(report.errors.length + report.warnings.length).toBe(1);
      const left = Object.keys(filesOnDisk(out)).filter((path) => !path.startsWith('same'));
      expect(left).toEqual(['zz']);
      expect(lstatSync(join(out, '.git'), { throwIfNoEntry: false })).toBeUndefined();
      if (report.errors.length > 0) {
        await expect(tree.copyOut('', out)).rejects.toThrow(InvalidPathError);
      }
    }
    // Below the top as well, with directories that have files and such that have none, and many files.
    const names = Array.from({ length: 400 }, (_, i) => `f${1000 + i}`);
    const many = treeObject(
      store,
      names.map((name) => ['100644', name, harm]),
    );
    const deep = treeObject(store, [['40000', 'deep', inner]]);
    const deepAndMany = treeObject(store, [
      ['40000', 'deep', inner],
      ['40000', 'many', many],
    ]);
    for (const [below, count] of [
      [inner, 1],
      [deep, 1],
      [deepAndMany, 401],
    ] as const) {
      const twice = treeObject(store, [
        ['120000', 'same', link],
        ['40000', 'same', below],
      ]);
      const tree = new TestTree(storage, treeObject(store, [['40000', 'top', twice]]));
      const out = join(folder, `below-${below}`);
      const report = await tree.copyOut('', out, { ignoreErrors: true });
      expect(report.errors.length + report.warnings.length).toBe(count);
      expect(readdirSync(join(out, 'top'))).toEqual(['same']);
    }
    expect(readdirSync(outside)).toEqual([]);
    expect(existsSync(join(folder, 'escaped'))).toBe(false);

    // Named by the caller it is refused as well.
    const tree = new TestTree(storage, treeObject(store, [['40000', '.git', inner]]));
    await expect(tree.copyOut('.git', outside)).rejects.toThrow(GitStoreError);
    await expect(tree.copyOut('./.git/escaped', `${outside}/`)).resolves.toBeDefined();
    rmSync(join(outside, 'escaped'));
    await expect(tree.copyOut('/./.git/escaped', outside)).rejects.toThrow(GitStoreError);
    expect(readdirSync(outside)).toEqual([]);
    await storage.close();
  });

  test('links that stand in the destination are replaced, not followed', async () => {
    const folder = makeFiles(scratchFolder(), { 'outside/kept': 'kept', 'out/': '' });
    symlinkSync(join(folder, 'outside'), join(folder, 'out/sub'));
    symlinkSync(join(folder, 'outside/kept'), join(folder, 'out/kept'));
    const tree = await TestTree.of({ 'sub/deep/file': 'file', kept: 'new' });
    await tree.copyOut('', join(folder, 'out'), { delete: true });
    expect(filesOnDisk(folder)).toEqual({
      'outside/kept': 'kept',
      'out/sub/deep/file': 'file',
      'out/kept': 'new',
    });
  });

  test('submodules are skipped, and their folder stays', async () => {
    const storage = await createBareStorage(join(scratchFolder(), 'store.git'), {
      durability: 'fast',
    });
    const blob = gitBytes(storage.location, ['hash-object', '-w', '--stdin']).toString().trim();
    const root = treeObject(storage.location, [
      ['100644', 'a', blob],
      ['160000', 'sub', 'a'.repeat(40)],
    ]);
    const out = makeFiles(scratchFolder(), { 'sub/work': 'work', old: 'old' });
    const report = await new TestTree(storage, root).copyOut('', out, { delete: true });
    expect(report.warnings.map(({ path }) => path)).toEqual(['sub']);
    expect(filesOnDisk(out)).toEqual({ a: '', 'sub/work': 'work' });
    await storage.close();
  });
});

describe('files that fail', () => {
  test.skipIf(isWindows)('unreadable files, with and without ignoreErrors', async () => {
    const source = makeFiles(scratchFolder(), { a: 'a', b: 'b', 'c/d': 'd' });
    await asPlainUser(source, async () => {
      chmodSync(join(source, 'b'), 0);
      chmodSync(join(source, 'c'), 0);
      const tree = await TestTree.of({ 'c/d': 'kept', x: 'x' });
      await expect(tree.copyIn(`${source}/`, '')).rejects.toThrow('permission denied');
      const report = await tree.copyIn(`${source}/`, '', { ignoreErrors: true, delete: true });
      expect(report.errors.map(({ path }) => path).sort()).toEqual([`${source}/b`, `${source}/c`]);
      expect(await tree.files()).toEqual({ a: 'a', 'c/d': 'kept' });
      chmodSync(join(source, 'c'), 0o755);
    });
  });

  test.skipIf(isWindows)('read-only directories: an error a file, no leftovers', async () => {
    const out = makeFiles(scratchFolder(), { 'ro/old': 'old' });
    await asPlainUser(out, async () => {
      chmodSync(join(out, 'ro'), 0o555);
      const tree = await TestTree.of({ 'ro/a': 'a', 'ro/deep/b': 'b', c: 'c' });
      await expect(tree.copyOut('', out)).rejects.toThrow('permission denied');
      const report = await tree.copyOut('', out, { ignoreErrors: true });
      expect(report.errors.map(({ path }) => path)).toEqual([`${out}/ro/a`, `${out}/ro/deep/b`]);
      expect(filesOnDisk(out)).toEqual({ 'ro/old': 'old', c: 'c' });
      chmodSync(join(out, 'ro'), 0o755);
    });
  });

  test.skipIf(isWindows)(
    'closed directories in the destination: an error each, the rest is copied',
    async () => {
      const out = makeFiles(scratchFolder(), {
        'closed/in': 'old',
        'listed/in': 'old',
        'goes/in': 'old',
        'way/in': 'old',
        old: 'old',
      });
      await asPlainUser(out, async () => {
        const modes = { closed: 0, listed: 0o444, goes: 0, way: 0 };
        for (const [name, mode] of Object.entries(modes)) chmodSync(join(out, name), mode);
        const tree = await TestTree.of({
          'closed/in': 'new',
          'closed/deep/a': 'a',
          'listed/b': 'b',
          way: 'file',
          'open/c': 'c',
        });
        await expect(tree.copyOut('', out, { delete: true })).rejects.toThrow('permission denied');
        const options = { ignoreErrors: true, delete: true };
        for (const dryRun of [true, false]) {
          const report = await tree.copyOut('', out, { ...options, dryRun });
          expect(lines(report)).toEqual([`- ${out}/old`, `+ ${out}/open/c`]);
          expect(report.errors).toEqual([
            { path: `${out}/closed`, error: 'permission denied' },
            { path: `${out}/goes`, error: 'permission denied' },
            { path: `${out}/listed`, error: 'permission denied' },
            { path: `${out}/way`, error: 'permission denied' },
            { path: `${out}/way`, error: expect.stringContaining('in the way') },
          ]);
        }
        // One that is not looked into is no matter, and neither is what it would get.
        await tree.copyOut('open/', join(out, 'open'), { delete: true });
        const alone = await tree.copyOut('closed', out, { ignoreErrors: true });
        expect(alone.errors.map(({ path }) => path)).toEqual([`${out}/closed`]);
        const inside = await tree.copyOut(['open', 'way'], join(out, 'closed'), {
          ignoreErrors: true,
        });
        expect(inside.errors.map(({ path }) => path)).toEqual([`${out}/closed`]);
        for (const name of Object.keys(modes)) chmodSync(join(out, name), 0o755);
      });
      expect(filesOnDisk(out)).toEqual({
        'closed/in': 'old',
        'listed/in': 'old',
        'goes/in': 'old',
        'way/in': 'old',
        'open/c': 'c',
      });
    },
  );

  test('links with targets that no disk takes', async () => {
    const files: Files = { long: { link: 'p'.repeat(70_000) }, empty: { link: '' }, ok: 'ok' };
    const tree = await TestTree.of(files);
    const out = join(scratchFolder(), 'out');
    const report = await tree.copyOut('', out, { ignoreErrors: true });
    expect(report.errors.map(({ path }) => path)).toEqual([`${out}/empty`, `${out}/long`]);
    for (const { error } of report.errors) expect(error).not.toContain('\n');
    expect(filesOnDisk(out)).toEqual({ ok: 'ok' });
    await expect(tree.copyOut('', out)).rejects.toThrow(GitStoreError);
    expect(readdirSync(out)).toEqual(['ok']);
  });

  test('a missing object fails alone', async () => {
    const tree = await TestTree.of({ a: 'a', b: 'b' });
    const { objects } = createMemoryStorage();
    const read = tree.storage.objects;
    const lacking = {
      ...objects,
      header: (id: string) => (id === missing ? objects.header(id) : read.header(id)),
      tryRead: (id: string) => (id === missing ? undefined : read.tryRead(id)),
      read: (id: string) => read.read(id),
    };
    const missing = (await tree.trees.lookup(tree.root, 'a'))!.id;
    Object.assign(tree.trees, { objects: lacking });
    const out = join(scratchFolder(), 'out');
    const report = await tree.copyOut('', out, { ignoreErrors: true });
    expect(report.errors).toEqual([{ path: `${out}/a`, error: `Blob ${missing} is missing` }]);
    expect(filesOnDisk(out)).toEqual({ b: 'b' });
  });

  test('of what a missing tree holds the rest is copied', async () => {
    const { storage, root, trees } = await TestTree.of({ 'a/b/c': 'c', 'a/d': 'd', 'e/f': 'f' });
    const missing = (await trees.lookup(root, 'a/b'))!.id;
    const { objects } = storage;
    const lacking = {
      ...objects,
      header: (id: string) => objects.header(id),
      tryRead: (id: string) => (id === missing ? undefined : objects.tryRead(id)),
      read: async (id: string) => (id === missing ? undefined : objects.read(id)),
    };
    const tree = new TestTree({ ...storage, objects: lacking } as Storage, root);
    const out = join(scratchFolder(), 'out');
    const report = await tree.copyOut('', out, { ignoreErrors: true });
    expect(report.errors).toEqual([{ path: 'a/b', error: `Tree ${missing} is missing` }]);
    expect(filesOnDisk(out)).toEqual({ 'a/d': 'd', 'e/f': 'f' });
    await expect(tree.copyOut('', `${out}2`)).rejects.toThrow(/is missing/);
  });

  test('what a signal stops leaves neither edits nor temporary files', async () => {
    const files: Files = {};
    for (let i = 0; i < 500; i++) files[`d${i % 9}/f${i}`] = `${i}`.repeat(4000);
    const source = makeFiles(join(scratchFolder(), 'in'), files);
    const tree = new TestTree();
    const stop = new AbortController();
    const onProgress = ({ phase, files: count }: { phase: string; files: number }): void => {
      if (phase === 'copy' && count > 0) stop.abort();
    };
    await expect(tree.copyIn(source, '', { signal: stop.signal, onProgress })).rejects.toThrow();
    expect(await tree.files()).toEqual({});
    await tree.copyIn(`${source}/`, '');
    const out = join(scratchFolder(), 'out');
    const signal = AbortSignal.timeout(15);
    await tree.copyOut('', out, { signal, ignoreErrors: true }).catch(() => {});
    for (const [path, text] of Object.entries(existsSync(out) ? filesOnDisk(out) : {})) {
      expect(text).toBe(files[path]);
    }
    await expect(tree.copyOut('', out, { signal: AbortSignal.abort() })).rejects.toThrow('abort');
  });
});

test('a signal stops a copy in the middle of a large file', async () => {
  const folder = scratchFolder();
  const storage = await createBareStorage(join(folder, 'store.git'), { durability: 'fast' });
  const huge = join(folder, 'huge');
  const size = 2 ** 30;
  writeFileSync(huge, '');
  truncateSync(huge, size);
  const stop = new AbortController();
  let last = 0;
  const onProgress = ({ bytes }: { bytes: number }): void => {
    last = bytes;
    if (bytes > 0) stop.abort();
  };
  const options = { signal: stop.signal, onProgress, ignoreErrors: true };
  const copy = new TestTree(storage).copyIn(huge, '', options);
  await expect(copy).rejects.toMatchObject({ name: 'AbortError' });
  expect(last).toBeLessThan(size);
  const below = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  expect(below.filter((path) => path.includes('tmp_'))).toEqual([]);
  await storage.close();
});

test('a signal stops copies of large files to disk', async () => {
  const folder = scratchFolder();
  const large = 'large'.repeat(4e6);
  const tree = await TestTree.of({ a: large, b: `${large}b`, c: `${large}c`, 'd/e': `${large}e` });
  const out = join(folder, 'out');
  const stop = new AbortController();
  const onProgress = ({ phase, bytes }: { phase: string; bytes: number }): void => {
    if (phase === 'copy' && bytes > 0) stop.abort();
  };
  const copy = tree.copyOut('', out, { signal: stop.signal, onProgress, ignoreErrors: true });
  await expect(copy).rejects.toMatchObject({ name: 'AbortError' });
  const left = readdirSync(out, { recursive: true, encoding: 'utf8' });
  expect(left.length).toBeLessThan(5);
  expect(left.filter((path) => path.includes('.gs-'))).toEqual([]);
});

describe.each([
  ['while they are copied', false],
  ['while they are read ahead', true],
])('files that change %s', (_when, hasIdleThreads) => {
  /** Files that come first; only of many some are read ahead. */
  const many: Files = {};
  if (hasIdleThreads) for (let i = 0; i < 300; i++) many[`0/${i}`] = '';

  /** Copies a folder in while `disturb` runs at the moment the store takes the first file. */
  async function copyDisturbed(
    source: string,
    disturb: () => void,
  ): Promise<{ text: Files; warnings: number }> {
    const tree = new TestTree();
    const writer = tree.storage.objects.writer();
    let isDisturbed = false;
    const disturbed: ObjectWriter = {
      hasIdleThreads,
      write(type, body) {
        if (!isDisturbed && body.length > 0) {
          disturb();
          isDisturbed = true;
        }
        return writer.write(type, body);
      },
      async writeStream(chunks, size) {
        const slow = async function* () {
          for await (const chunk of chunks) {
            yield chunk;
            if (!isDisturbed) disturb();
            isDisturbed = true;
          }
        };
        return writer.writeStream(slow(), size);
      },
      finish: () => writer.finish(),
      abort: () => writer.abort(),
    };
    const { trees, root } = tree;
    const result = await copyIn({ trees, root, writer: disturbed }, [`${source}/`], '');
    await writer.finish();
    const text: Files = {};
    for (const [path, edit] of result.edits) {
      if (path in many) continue;
      text[path] = Buffer.from((await tree.storage.objects.read(edit!.id))!.body).toString();
    }
    return { text, warnings: result.report.warnings.length };
  }

  test('a small one that grew, shrank, vanished or became another kind', async () => {
    const source = makeFiles(scratchFolder(), {
      ...many,
      a: 'a',
      grows: 'x',
      shrinks: 'xxx',
      vanishes: 'x',
      link: 'x',
      wasLink: { link: 'x' },
    });
    const { text, warnings } = await copyDisturbed(source, () => {
      appendFileSync(join(source, 'grows'), 'y');
      truncateSync(join(source, 'shrinks'), 1);
      rmSync(join(source, 'vanishes'));
      rmSync(join(source, 'link'));
      symlinkSync('target', join(source, 'link'));
      rmSync(join(source, 'wasLink'));
      writeFileSync(join(source, 'wasLink'), 'file');
    });
    const expected = { a: 'a', grows: 'xy', shrinks: 'x', link: 'target', wasLink: 'file' };
    expect(text).toEqual(expected);
    expect(warnings).toBe(1);
  });

  test.each(['append', 'truncate'])('a large one: %s', async (how) => {
    const source = makeFiles(scratchFolder(), { ...many, large: 'x'.repeat(3 << 20) });
    const { text } = await copyDisturbed(source, () => {
      if (how === 'append') appendFileSync(join(source, 'large'), 'end');
      else truncateSync(join(source, 'large'), 2 << 20);
    });
    expect(Object.keys(text)).toEqual(['large']);
    expect(text.large === readFileSync(join(source, 'large'), 'utf8')).toBe(true);
  });
});

describe('files that do not stop growing', () => {
  /** Copies a folder in; `disturb` runs after each chunk of a large file and before each small one. */
  async function copyDisturbed(
    source: string,
    disturb: () => void,
  ): Promise<{ tree: TestTree; report: ChangeReport }> {
    const tree = new TestTree();
    const writer = tree.storage.objects.writer();
    const disturbed: ObjectWriter = {
      ...writerFunctions(writer),
      async writeStream(chunks, size) {
        const slow = async function* () {
          for await (const chunk of chunks) {
            yield chunk;
            disturb();
          }
        };
        return writer.writeStream(slow(), size);
      },
    };
    const { trees, root } = tree;
    const { memos } = tree.storage;
    const result = await copyIn({ trees, root, writer: disturbed, memos }, [`${source}/`], '');
    await writer.finish();
    for (const [path, edit] of result.edits) {
      blobs.set(path, Buffer.from((await tree.storage.objects.read(edit!.id))!.body).toString());
    }
    return { tree, report: result.report };
  }

  function writerFunctions(writer: ObjectWriter): ObjectWriter {
    return {
      hasIdleThreads: false,
      write: (type, body) => writer.write(type, body),
      writeStream: (chunks, size) => writer.writeStream(chunks, size),
      finish: () => writer.finish(),
      abort: () => writer.abort(),
    };
  }

  const blobs = new Map<string, string>();

  test('are stored as they were at a moment, with a warning', async () => {
    const source = makeFiles(scratchFolder(), { a: 'a', log: 'first line\n'.repeat(2e5) });
    const log = join(source, 'log');
    const { report } = await copyDisturbed(source, () => appendFileSync(log, 'one more\n'));
    expect(report.errors).toEqual([]);
    expect(report.warnings).toMatchObject([{ path: log }]);
    expect(report.warnings[0]!.error).toMatch(/^stored up to its first \d+ bytes: it grew/);
    expect(blobs.get('a')).toBe('a');
    const stored = blobs.get('log')!;
    const now = readFileSync(log, 'utf8');
    expect(stored.length < now.length && now.startsWith(stored)).toBe(true);
    expect(stored.length).toBeGreaterThan(2_200_000);
  });

  test('are not stored when what was there changes as well', async () => {
    const source = makeFiles(scratchFolder(), { a: 'a', log: 'first line\n'.repeat(2e5) });
    const log = join(source, 'log');
    let count = 0;
    const copy = copyDisturbed(source, () => {
      appendFileSync(log, 'one more\n');
      const fd = fs.openSync(log, 'r+');
      fs.writeSync(fd, `${count++}`, 0);
      fs.closeSync(fd);
    });
    await expect(copy).rejects.toMatchObject({ code: 'EBUSY' });
  });
});

test.runIf(process.platform === 'linux')(
  'files that give no size are read to their end',
  async () => {
    const source = makeFiles(scratchFolder(), { version: { link: '/proc/version' }, empty: '' });
    const tree = new TestTree();
    for (const time of ['first', 'second']) {
      await tree.copyIn([`${source}/`], '', { followSymlinks: true });
      const out = join(scratchFolder(), time);
      await tree.copyOut('', out);
      const expected = { version: readFileSync('/proc/version', 'utf8'), empty: '' };
      expect(filesOnDisk(out)).toEqual(expected);
    }
  },
);

describe('two copies into one new directory at once', () => {
  const large = 'large'.repeat(1e6);
  const source: Files = { a: 'a', 'sub/b': { run: 'b' }, 'sub/link': { link: 'a' }, 'x/y': large };
  // Few files are written at once, many by a thread.
  for (let i = 0; i < 400; i++) source[`many/${i}`] = `${i}`;

  /** Copies out; when it is about to write, another copy has been there. */
  async function race(options: CopyOptions, other: Files): Promise<[Files, ChangeReport]> {
    const tree = await TestTree.of(source);
    const out = join(scratchFolder(), 'new');
    let isMade = false;
    const report = await tree.copyOut('', out, {
      ...options,
      onProgress: ({ phase }) => {
        if (phase === 'copy' && !isMade) makeFiles(out, other);
        isMade ||= phase === 'copy';
      },
    });
    return [filesOnDisk(out), report];
  }

  function expectFiles(found: Files, wanted: Files): void {
    // Not to be printed when it is not what it should be.
    expect(found['x/y'] === wanted['x/y']).toBe(true);
    expect({ ...found, 'x/y': '' }).toEqual({ ...wanted, 'x/y': '' });
  }

  test('the last one wins', async () => {
    const [files] = await race({}, source);
    expectFiles(files, source);
    const [mixed, report] = await race({}, { a: 'other', 'sub/link': 'file', 'x/y': 'z', o: 'o' });
    expectFiles(mixed, { ...source, o: 'o' });
    expect(report.add).toHaveLength(Object.keys(source).length);
  });

  test('with ignoreExisting the first one', async () => {
    const other: Files = { a: 'other', 'sub/link': 'file', 'x/y': 'z', 'many/7': 'seven' };
    const [files, report] = await race({ ignoreExisting: true }, other);
    expectFiles(files, { ...source, ...other });
    expect(report.add).toHaveLength(Object.keys(source).length - 4);
  });

  test('a disk that takes names in other letter case for the same', () => {
    const folder = scratchFolder();
    const fold = (path: fs.PathLike) =>
      `${dirname(String(path))}/${basename(String(path)).toLowerCase()}`;
    const disk = {
      ...fs,
      lstatSync: (path: fs.PathLike) => fs.lstatSync(fold(path), { throwIfNoEntry: false }),
    } as unknown as typeof fs;
    const put = (name: string) => {
      const temporary = `${folder}/.gs-0123456789-1`;
      writeFileSync(temporary, name);
      const place = {
        isNew: true,
        keepsOthers: false,
        isLink: false,
        mtime: 0,
        permissions: 0o666,
      };
      const path = `${folder}/${name}`;
      return finishFile(disk, { ...place, path, temporary, exactPermissions: undefined });
    };
    put('readme');
    expect(put('readme')[0]).toBe(6);
    expect(() => put('README')).toThrow(/takes for the same/);
    expect(readFileSync(`${folder}/readme`, 'utf8')).toBe('readme');
  });

  test('three at once', async () => {
    const tree = await TestTree.of(source);
    const out = join(scratchFolder(), 'new');
    await Promise.all([1, 2, 3].map(() => tree.copyOut('', out)));
    expectFiles(filesOnDisk(out), source);
  });
});

test('a copy to disk that is killed leaves every file whole, old or new', async () => {
  const folder = scratchFolder();
  const store = join(folder, 'store.git');
  const storage = await createBareStorage(store, { durability: 'fast' });
  const version = (n: number): Files => {
    const files: Files = {};
    for (let i = 0; i < 400; i++) files[`d${i % 11}/f${i}`] = `${n}`.repeat(500 + i * 40);
    files['d0/large'] = `${n}`.repeat(3 << 20);
    return files;
  };
  const roots: string[] = [];
  for (const n of [1, 2]) {
    const tree = new TestTree(storage);
    await tree.copyIn(`${makeFiles(join(folder, `v${n}`), version(n))}/`, '');
    roots.push(tree.root);
  }
  await storage.close();
  const child = await buildScript('transfer/children/copyOut.ts');
  const out = join(folder, 'out');
  const run = async (root: string, killAfter?: number): Promise<number> => {
    const process_ = spawn(process.execPath, [child, store, root, out], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<void>((resolve) => process_.once('close', () => resolve()));
    await new Promise((resolve) => process_.stdout.once('data', resolve));
    const start = performance.now();
    if (killAfter !== undefined) await Promise.race([sleep(killAfter), ended]);
    if (killAfter !== undefined) process_.kill('SIGKILL');
    await ended;
    return performance.now() - start;
  };
  const duration = await run(roots[0]!);
  expect(filesOnDisk(out)).toEqual(version(1));
  const [one, two] = [version(1), version(2)];
  for (let round = 0; round < 8; round++) {
    await run(roots[(round + 1) % 2]!, Math.random() * duration);
    for (const [path, text] of Object.entries(filesOnDisk(out))) {
      if (/(?:^|\/)\.gs-[^/]*$/.test(path)) continue;
      if (text !== one[path]) expect(text === two[path], path).toBe(true);
    }
  }
  await run(roots[1]!);
  expect(filesOnDisk(out)).toEqual(two);
});
