/** Directories that a copy to disk makes itself: filled under another name, and then renamed. */

import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { lstatSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { NotADirectoryError } from '../../src/errors.ts';
import type { TreeEntry } from '../../src/git/objects/tree.ts';
import { serializeTree } from '../../src/git/objects/treeWriter.ts';
import { createBareStorage, openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import { newTemporaryPrefix } from '../../src/transfer/disk/diskFiles.ts';
import { putFile } from '../../src/transfer/disk/put/putFile.ts';
import type { CopyOptions, CopyProgress } from '../../src/transfer/rules/options.ts';
import { gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, filesOnDisk, lines, makeFiles, TestTree } from './trees.ts';

const isWindows = process.platform === 'win32';

const storages: Storage[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const storage of storages.splice(0)) await storage.close();
});

/** Few files are written at once, many by a thread. Only objects in packs go the shortest way. */
describe.each([
  ['few files', 0, false],
  ['many files', 400, false],
  ['few files of a pack', 0, true],
  ['many files of a pack', 400, true],
])('%s', (_many, count, isPacked) => {
  const source: Files = {
    'd/a': 'a',
    'd/b/c/run': { run: 'run' },
    'd/b/large': 'large'.repeat(1e6),
    'd/b.txt': 'between',
    'd/link': { link: 'a' },
    'd/only/large': 'x'.repeat(3 << 20),
    'e/f': 'f',
    'l/only/directories/a': 'a',
    'm/a': 'a',
    'm/b/c': 'c',
  };
  for (let i = 0; i < count; i++) source[`many/${i % 20}/${i}`] = `${i}`;

  function expectSame(found: Files, wanted: Files): void {
    expect(Object.keys(found).sort()).toEqual(Object.keys(wanted).sort());
    for (const [path, content] of Object.entries(wanted)) {
      // Not to be printed when it is not what it should be.
      const isSame = JSON.stringify(found[path]) === JSON.stringify(content);
      expect(isSame, path).toBe(true);
    }
  }

  function commitOf(location: string, root: string): string {
    return gitBytes(location, ['commit-tree', '-m', 'all', root]).toString().trim();
  }

  async function treeOf(files: Files): Promise<TestTree> {
    if (!isPacked) return TestTree.of(files);
    const location = join(scratchFolder(), 'store.git');
    const tree = await TestTree.of(
      files,
      await createBareStorage(location, { durability: 'fast' }),
    );
    gitBytes(location, ['update-ref', 'refs/heads/main', commitOf(location, tree.root)]);
    gitBytes(location, ['repack', '-a', '-d', '-q', '--depth=1']);
    await tree.storage.close();
    const packed = await openBareStorage(location);
    storages.push(packed);
    return new TestTree(packed, tree.root);
  }

  /** Copies out; when the destination is known and nothing of it written yet, `disturb` runs. */
  async function copyDisturbed(
    tree: TestTree,
    out: string,
    disturb: () => void,
    options: CopyOptions = {},
  ) {
    let isBegun = false;
    return tree.copyOut('', out, {
      ...options,
      onProgress: ({ phase }) => {
        if (phase === 'copy' && !isBegun) disturb();
        isBegun ||= phase === 'copy';
      },
    });
  }

  test('all is there, reported in the order of the paths', async () => {
    const tree = await treeOf(source);
    const out = join(scratchFolder(), 'out');
    const told: CopyProgress[] = [];
    const report = await tree.copyOut('', out, {
      onProgress: (progress) => {
        if (progress.phase === 'copy') told.push(progress);
      },
    });
    expectSame(filesOnDisk(out), source);
    expect(report.add).toHaveLength(Object.keys(source).length);
    const paths = report.add.map(({ path }) => path.slice(out.length + 1)).filter((p) => p < 'l');
    expect(paths).toEqual([
      'd/a',
      'd/b.txt',
      'd/b/c/run',
      'd/b/large',
      'd/link',
      'd/only/large',
      'e/f',
    ]);
    let size = 0;
    for (const path of Object.keys(source)) size += lstatSync(join(out, path)).size;
    const count = Object.keys(source).length;
    expect(told.at(-1)).toMatchObject({ files: count, totalFiles: count, bytes: size });
    const bytes = told.map((progress) => progress.bytes);
    expect(bytes).toEqual(bytes.toSorted((a, b) => a - b));
    expect(lstatSync(join(out, 'd/a')).mtimeMs).toBe(tree.time.getTime());
  });

  test('what somebody else makes of a directory meanwhile', async () => {
    const tree = await treeOf(source);
    const folder = scratchFolder();
    const outside = makeFiles(join(folder, 'outside'), { kept: 'kept' });
    const out = join(folder, 'out');
    const before = { 'd/b/other': 'other', e: 'a file' };
    const disturb = () => {
      makeFiles(out, before);
      mkdirSync(join(out, 'many'), { recursive: true });
      for (const path of ['d/only', 'l', 'm']) symlinkSync(outside, join(out, path));
    };
    const report = await copyDisturbed(tree, out, disturb, { ignoreErrors: true });
    expect(report.errors.map(({ path }) => path).sort()).toEqual([
      `${out}/d/only/large`,
      `${out}/e/f`,
      `${out}/l/only/directories/a`,
      `${out}/m/a`,
      `${out}/m/b/c`,
    ]);
    const rest = { ...source };
    for (const { path } of report.errors) delete rest[path.slice(out.length + 1)];
    const link = { link: outside };
    expectSame(filesOnDisk(out), { ...rest, ...before, 'd/only': link, l: link, m: link });
    expect(readdirSync(outside)).toEqual(['kept']);
    expect(report.add).toHaveLength(Object.keys(rest).length);

    const other = join(folder, 'stopped');
    const stopped = copyDisturbed(tree, other, () => makeFiles(other, { e: 'a file' }));
    await expect(stopped).rejects.toThrow(NotADirectoryError);
    expect(Object.keys(filesOnDisk(other)).filter((path) => path.includes('.gs-'))).toEqual([]);
  });

  test.skipIf(isWindows)(
    'nothing goes through a link that a tree has under the same name as a directory',
    async () => {
      const outside = makeFiles(join(scratchFolder(), 'outside'), {});
      const { storage, trees, root } = await treeOf({ ...source, link: { link: outside } });
      const inRoot = async (wanted: string) =>
        (await trees.tree(root)).entries.find(({ name }) => name === wanted)!;
      const [d, link] = [await inRoot('d'), await inRoot('link')];
      const writer = storage.objects.writer();
      const treeWith = (entries: TreeEntry[]) =>
        writer.write('tree', Buffer.concat(entries.map((entry) => serializeTree([entry]))));
      const both = await treeWith([{ ...link, name: 'd' }, d]);
      const only = await treeWith([{ ...d, name: 'only' }]);
      const above = await treeWith([
        { ...link, name: 'd' },
        { ...d, id: only },
      ]);
      const evil = await treeWith([
        { ...d, name: 'a', id: both },
        { ...d, name: 'b', id: above },
      ]);
      await writer.finish();
      const out = join(scratchFolder(), 'out');
      await new TestTree(storage, evil).copyOut('', out, { ignoreErrors: true });
      expect(lstatSync(join(out, 'a/d')).isSymbolicLink()).toBe(true);
      expect(readdirSync(outside)).toEqual([]);
    },
  );

  test.skipIf(isWindows)(
    'a file that fails: the others of its directory come to their place',
    async () => {
      const long = `d/${'n'.repeat(300)}`;
      const tree = await treeOf({ ...source, [long]: 'no disk takes such a name' });
      const out = join(scratchFolder(), 'out');
      const report = await tree.copyOut('', out, { ignoreErrors: true });
      expect(report.errors.map(({ path }) => path)).toEqual([`${out}/${long}`]);
      expectSame(filesOnDisk(out), source);

      const other = join(scratchFolder(), 'stopped');
      await expect(tree.copyOut('', other)).rejects.toThrow(/name too long/);
      expect(readdirSync(other, { recursive: true }).join('\n')).not.toContain('.gs-');
    },
  );

  test('what a signal stops', async () => {
    const tree = await treeOf(source);
    const out = join(scratchFolder(), 'out');
    const stop = new AbortController();
    const disturb = () => setImmediate(() => stop.abort());
    await expect(copyDisturbed(tree, out, disturb, { signal: stop.signal })).rejects.toThrow();
    const left = Object.entries(filesOnDisk(out));
    for (const [path, content] of left) expect(content, path).toEqual(source[path]);
    await tree.copyOut('', out);
    expectSame(filesOnDisk(out), source);
  });
});

test('a disk that takes names in other letter case for the same', () => {
  const folder = scratchFolder();
  const fold = (path: fs.PathLike) => join(dirname(`${path}`), basename(`${path}`).toLowerCase());
  const disk = {
    ...fs,
    openSync: (path: fs.PathLike, flags: string, mode: number) =>
      fs.openSync(fold(path), flags, mode),
    symlinkSync: (target: fs.PathLike, path: fs.PathLike) => fs.symlinkSync(target, fold(path)),
  } as unknown as typeof fs;
  const put = (name: string, isLink = false) =>
    putFile(
      disk,
      {
        path: join(folder, name),
        temporary: undefined,
        isNew: true,
        keepsOthers: false,
        isLink,
        mtime: 0,
        permissions: 0o666,
        exactPermissions: undefined,
      },
      Buffer.from(name),
    );
  put('readme');
  expect(() => put('README')).toThrow(/takes for the same/);
  expect(() => put('Readme', true)).toThrow(/takes for the same/);
  expect(filesOnDisk(folder)).toEqual({ readme: 'readme' });
});

/** The name of an unfinished file of this process, changed. */
const temporaryName = (change: (name: string) => string) => change(`${newTemporaryPrefix()}7`);
const own = (name: string) => name;
const dead = (name: string) =>
  name.replace(/f[0-9]+/, `f${spawnSync(process.execPath, ['-e', '0']).pid}`);
const foreign = (name: string) =>
  name.replace(/^(\.gs-f[0-9]+\.[^.]+)\.[^.]+\.[^.]+/, '$1.other.other');

describe('what a copy has not finished', () => {
  const text = 'half of';
  let out: string;
  let tree: TestTree;

  beforeEach(async () => {
    out = join(scratchFolder(), 'out');
    tree = await TestTree.of({ 'd/a': 'a' });
    await tree.copyOut('', out);
  });

  /** Puts a file and a directory of that name there. */
  function leave(name: string): void {
    writeFileSync(join(out, name), text);
    mkdirSync(join(out, 'd', name));
    writeFileSync(join(out, 'd', name, 'b'), text);
  }

  test.each([
    { who: 'goes when its process is dead', change: dead, left: 0 },
    { who: 'stays while its process runs', change: own, minutes: 11, left: 2 },
    { who: 'stays when it is of another machine', change: foreign, left: 2 },
    { who: 'goes then after a while', change: foreign, minutes: 11, left: 0 },
    { who: 'is not what is just called like that', change: () => '.gs-0123456789-7', kept: 2 },
  ])('$who', async ({ change, minutes = 0, left = 0, kept = 0 }) => {
    const temporary = temporaryName(change);
    leave(temporary);
    const store = new TestTree();
    const report = await store.copyIn(`${out}/`, '');
    expect(report.warnings).toHaveLength(2 - kept);
    expect(Object.keys(await store.files())).toHaveLength(1 + kept);
    const now = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => now + minutes * 60_000);
    await tree.copyOut('', out, { delete: true, dryRun: true });
    expect(readdirSync(out)).toContain(temporary);
    await tree.copyOut('', out, { delete: kept === 0 });
    const there = Object.keys(filesOnDisk(out)).filter((path) => path.includes('.gs-'));
    expect(there).toHaveLength(left + kept);
    vi.restoreAllMocks();
  });
});

test.skipIf(isWindows)('directories get the permissions that the umask leaves', async () => {
  const tree = await TestTree.of({ 'd/e/f': 'f' });
  const out = join(scratchFolder(), 'out');
  const before = process.umask(0o027);
  try {
    await tree.copyOut('', out);
  } finally {
    process.umask(before);
  }
  for (const path of ['d', 'd/e']) expect(lstatSync(join(out, path)).mode & 0o777).toBe(0o750);
  expect(lstatSync(join(out, 'd/e/f')).mode & 0o777).toBe(0o640);
});

describe('the stat record', () => {
  const files: Files = { 'd/e/a': 'a', 'd/b': 'b', 'd/f/g/c': 'c', x: 'x' };

  /** Stores the files, copies them to a new folder, and takes in what is there then. */
  async function copyAndSync(disturb: (out: string) => void): Promise<string[]> {
    const folder = scratchFolder();
    const source = makeFiles(join(folder, 'in'), files);
    const store = await GitStore.open(join(folder, 'store.git'), { durability: 'fast' });
    const before = await (await store.branches.get('main')).syncIn(source, '');
    const out = join(folder, 'out');
    let isBegun = false;
    await before.copyOut('', out, {
      onProgress: ({ phase }) => {
        if (phase === 'copy' && !isBegun) disturb(out);
        isBegun ||= phase === 'copy';
      },
    });
    const after = await before.syncIn(out, '');
    await store.close();
    return lines(after.changes!);
  }

  test('knows new directories for the trees that they are', async () => {
    expect(await copyAndSync(() => {})).toEqual([]);
  });

  test.each(['d', 'd/e', 'd/f', 'd/f/g'])(
    'misses nothing that another puts into %s',
    async (at) => {
      const disturb = (out: string) => makeFiles(out, { [`${at}/other`]: 'other' });
      expect(await copyAndSync(disturb)).toEqual([`+ ${at}/other`]);
    },
  );
});
