/** A disk that takes names for the same that differ only in letter case, as macOS and Windows have. */
import type * as fs from 'node:fs';
import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CopyOptions, type FS, GitStore } from '../../src/index.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, filesOnDisk, lines, makeFiles } from './trees.ts';

/** Below this directory names are folded. */
const disk = vi.hoisted(() => ({ root: '' }));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  /** The path with the names that are there, where there are some. */
  const found = (given: unknown): unknown => {
    let path = given;
    const isPath = typeof path === 'string' || Buffer.isBuffer(path);
    if (isPath && path?.toString().startsWith('/proc/self/fd/')) {
      path = path.toString().replace(/^\/proc\/self\/fd\/\d+/, (fd) => real.readlinkSync(fd));
    }
    if (!isPath || disk.root === '' || !path!.toString().startsWith(`${disk.root}/`)) return given;
    let at = disk.root;
    for (const name of path!
      .toString()
      .slice(at.length + 1)
      .split('/')) {
      const isDirectory = real.lstatSync(at, { throwIfNoEntry: false })?.isDirectory();
      const names = isDirectory ? real.readdirSync(at) : [];
      const same = names.find((other) => other.toLowerCase() === name.toLowerCase());
      at = `${at}/${same ?? name}`;
    }
    return at;
  };
  const folding = Object.entries(real).map(([key, value]) => {
    if (typeof value !== 'function' || !/^[a-z]/.test(key)) return [key, value];
    const act = value as (...args: unknown[]) => unknown;
    return [key, Object.assign((...args: unknown[]) => act(...args.map(found)), value)];
  });
  return Object.fromEntries(folding);
});

let folder: string;
let out: string;
let store: GitStore;

beforeEach(async () => {
  folder = scratchFolder();
  disk.root = join(folder, 'disk');
  mkdirSync(disk.root);
  out = join(disk.root, 'out');
  store = await GitStore.open(join(folder, 'store.git'), { durability: 'fast' });
});

afterEach(() => store.close());

/** A snapshot of these files and no others. */
async function snapshot(files: Files): Promise<FS> {
  const tip = await store.branches.get('main');
  const batch = tip.batch();
  for (const name of await tip.ls()) await batch.remove(name, { recursive: true });
  for (const [path, content] of Object.entries(files)) await batch.write(path, String(content));
  return batch.commit();
}

const SAME_NAME = 'already exists under a name that this disk takes for the same';

describe.each<[string, CopyOptions]>([
  ['cp', {}],
  ['sync', { delete: true }],
])('out with %s', (_command, options) => {
  const copy = (from: FS) => from.copyOut('/', out, { ...options, ignoreErrors: true });

  test.each<[string, Files, Files]>([
    ['files', { 'd/A': 'A' }, { 'd/a': 'a' }],
    ['directories', { 'A/x': 'A', 'A/w': 'w' }, { 'a/x': 'a', 'a/y': 'y' }],
    [
      'directories far above',
      { 'p/A/q/x': 'A', 'p/A/q/y': 'y' },
      { 'p/a/q/x': 'a', 'p/a/q/z': 'z' },
    ],
    ['directories of directories', { 'A/q/x': 'A' }, { 'a/q/x': 'a', 'a/r/x': 'a' }],
  ])('%s under one name: the first stays, the other is an error', async (_kind, first, second) => {
    const both = await snapshot({ ...first, ...second, 'm/n': 'n' });
    // Also where something is there already, and where a record of it is kept.
    for (let round = 0; round < 3; round++) {
      const { errors } = (await copy(both)).changes!;
      expect(filesOnDisk(out)).toEqual({ ...first, 'm/n': 'n' });
      expect(errors.map(({ path }) => path)).toEqual(
        Object.keys(second).map((path) => join(out, path)),
      );
      for (const { error } of errors) expect(error).toContain(SAME_NAME);
    }
    await expect(both.copyOut('/', out, options)).rejects.toThrow(SAME_NAME);
  });

  test('a file and a directory under one name: the file stays', async () => {
    const both = await snapshot({ 'A/x': 'A', a: 'a' });
    for (let round = 0; round < 3; round++) {
      const { errors } = (await copy(both)).changes!;
      expect(filesOnDisk(out)).toEqual({ a: 'a' });
      expect(errors.map(({ path }) => path)).toEqual([join(out, 'A/x')]);
    }
  });

  test.each<[string, Files, Files]>([
    ['file', { 'd/A': 'A' }, { 'd/a': 'a' }],
    ['directory', { 'A/x': 'A', 'A/w': 'w' }, { 'a/x': 'a', 'a/y': 'y' }],
  ])('a %s that comes later costs nothing that was there', async (_kind, first, second) => {
    await copy(await snapshot({ ...first, 'm/n': 'n' }));
    const both = await snapshot({ ...first, ...second, 'm/n': 'n' });
    for (let round = 0; round < 2; round++) {
      const { errors } = (await copy(both)).changes!;
      expect(errors.length).toBe(Object.keys(second).length);
      expect(filesOnDisk(out)).toEqual({ ...first, 'm/n': 'n' });
    }
  });
});

test.each<[string, Files, Files]>([
  ['file', { 'd/A': 'A' }, { 'd/a': 'A' }],
  ['directory', { 'p/A/x': 'x', 'p/A/y': 'y' }, { 'p/a/x': 'x', 'p/a/y': 'y' }],
])(
  'a %s that was renamed in letter case: sync out gives it its new name',
  async (_kind, before, after) => {
    await (await snapshot({ ...before, 'm/n': 'n' })).syncOut('/', out);
    const renamed = await snapshot({ ...after, 'm/n': 'n' });
    for (let round = 0; round < 2; round++) {
      const { errors } = (await renamed.syncOut('/', out)).changes!;
      expect(errors).toEqual([]);
      expect(filesOnDisk(out)).toEqual({ ...after, 'm/n': 'n' });
    }
  },
);

test.each([
  ['file', 'd/Foo', 'd/foo', ['+ d/foo', '- d/Foo']],
  ['directory', 'd/Sub', 'd/sub', ['+ d/sub/y', '- d/Sub/y']],
])(
  'a %s that was renamed in letter case: sync in takes it for renamed',
  async (_kind, from, to, changes) => {
    const source = makeFiles(join(disk.root, 'in'), { 'd/Foo': 'foo', 'd/Sub/y': 'y', z: 'z' });
    await (await store.branches.get('main')).syncIn(source, '/');
    await (await store.branches.get('main')).syncIn(source, '/');
    renameSync(join(source, from), join(source, 'aside'));
    renameSync(join(source, 'aside'), join(source, to));
    const synced = await (await store.branches.get('main')).syncIn(source, '/');
    expect(lines(synced.changes!).sort()).toEqual(changes);
    const again = await synced.syncIn(source, '/');
    expect(again.commitHash).toBe(synced.commitHash);
  },
);

describe('branches of a store on such a disk', () => {
  let folded: GitStore;
  beforeEach(async () => {
    folded = await GitStore.open(join(disk.root, 'folded.git'), { durability: 'fast' });
  });
  afterEach(() => folded.close());

  test('have the one name that they were given', async () => {
    const { branches } = folded;
    expect(await branches.has('main')).toBe(true);
    expect(await branches.has('Main')).toBe(false);
    await expect(branches.get('MAIN')).rejects.toThrow('Branch not found: MAIN');
    await expect(branches.delete('Main')).rejects.toThrow('Branch not found: Main');
    expect(await branches.list()).toEqual(['main']);
  });

  test('are not made beside one that the disk takes for the same', async () => {
    const { branches } = folded;
    const main = await branches.get('main');
    await branches.set('feature/one', main);
    const taken = (ref: string, other: string) =>
      `Cannot create refs/heads/${ref}: this disk takes it for refs/heads/${other}, which exists; use another name`;
    await expect(branches.set('Main', main)).rejects.toThrow(taken('Main', 'main'));
    await expect(branches.set('Feature/two', main)).rejects.toThrow(
      taken('Feature/two', 'feature'),
    );
    await branches.set('feature/two', main);
    expect((await branches.get('main')).commitHash).toBe(main.commitHash);
  });
});
