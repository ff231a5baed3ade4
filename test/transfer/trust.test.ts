/** Copies that must not do more than they are asked to, or less without a word. */
import { mkdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { MODE_GITLINK, MODE_LINK } from '../../src/git/objects/tree.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import { applyEdits, type TreeEdit } from '../../src/tree/edit.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { replaceCalls } from '../helpers/systemCalls.ts';
import { filesOnDisk, lines, makeFiles, TestTree } from './trees.ts';

const disk = {
  /** Names that cannot be removed. */
  fixed: [] as string[],
  /** Names that cannot be read. */
  closed: [] as string[],
};

function refuse(names: string[], code: string, path: unknown): void {
  // Files may be reached through the descriptors of their directories.
  const full = String(path).replace(/^\/proc\/self\/fd\/\d+/, (fd) => readlinkSync(fd));
  if (names.some((name) => full.endsWith(`/${name}`))) {
    throw Object.assign(new Error(`${code}: operation not permitted, '${path}'`), { code });
  }
}

replaceCalls(['unlinkSync', 'rmdirSync', 'openSync'], (call, name) => (path, ...rest) => {
  if (name === 'openSync') refuse(disk.closed, 'EACCES', path);
  else refuse(disk.fixed, name === 'unlinkSync' ? 'EPERM' : 'EBUSY', path);
  return call(path, ...rest);
});

afterEach(() => {
  disk.fixed = [];
  disk.closed = [];
});

async function edited(tree: TestTree, edits: Record<string, TreeEdit>): Promise<TestTree> {
  const writer = tree.storage.objects.writer();
  tree.root = await applyEdits(tree.trees, writer, tree.root, new Map(Object.entries(edits)));
  await writer.finish();
  return tree;
}

describe('a copy to disk', () => {
  test('what cannot go is an error at the end, with all else done', async () => {
    for (const ignoreErrors of [true, false]) {
      const out = makeFiles(scratchFolder(), { a: '1', fixed: '1', z: '1', 'd/x': '1', same: '1' });
      const tree = await TestTree.of({ b: '2', same: '2', 'e/f': '2' });
      disk.fixed = ['fixed', 'd'];
      const copied = tree.copyOut('', out, { delete: true, ignoreErrors });
      if (ignoreErrors) {
        const { errors } = await copied;
        expect(errors.map(({ path }) => path)).toEqual([join(out, 'd'), join(out, 'fixed')]);
      } else {
        await expect(copied).rejects.toThrow(/fixed: operation not permitted.*\(and 1 more\)/);
      }
      expect(filesOnDisk(out)).toEqual({ b: '2', same: '2', 'e/f': '2', fixed: '1' });
    }
  });

  test('a copy that fails has deleted nothing that is in nothing else its way', async () => {
    const out = makeFiles(scratchFolder(), { old: '1', way: '1', 'dir/x': '1' });
    const tree = await TestTree.of({ 'way/new': '2', dir: '2' });
    await edited(tree, { broken: { mode: 0o100644, id: '1'.repeat(40) } });
    await expect(tree.copyOut('', out, { delete: true })).rejects.toThrow('is missing');
    expect(filesOnDisk(out).old).toBe('1');
    await tree.copyOut('', out, { delete: true, ignoreErrors: true });
    expect(filesOnDisk(out)).toEqual({ 'way/new': '2', dir: '2' });
  });

  test('something in the way that cannot go stops only what it is in the way of', async () => {
    const out = makeFiles(scratchFolder(), { fixed: '1', z: '1' });
    const tree = await TestTree.of({ 'fixed/new': '2', b: '2' });
    disk.fixed = ['fixed'];
    await expect(tree.copyOut('', out, { delete: true })).rejects.toThrow('fixed: operation not');
    expect(filesOnDisk(out)).toEqual({ fixed: '1', b: '2' });
  });

  test.each([
    ['without a target', ''],
    ['with a zero byte in its target', 'a\0b'],
  ])('a link %s is an error of its own', async (_what, target) => {
    const tree = await TestTree.of({ 'd/a': '1', z: '1' });
    const writer = tree.storage.objects.writer();
    const id = await writer.write('blob', Buffer.from(target));
    await writer.finish();
    await edited(tree, { 'd/link': { mode: MODE_LINK, id } });
    const out = join(scratchFolder(), 'out');
    const { errors } = await tree.copyOut('', out, { ignoreErrors: true });
    expect(errors.map(({ path }) => path)).toEqual([join(out, 'd/link')]);
    expect(filesOnDisk(out)).toEqual({ 'd/a': '1', z: '1' });
    const failed = tree.copyOut('', join(scratchFolder(), 'o'));
    await expect(failed).rejects.toMatchObject({ code: 'EINVAL' });
  });
});

describe('submodules', () => {
  const link = { mode: MODE_GITLINK, id: '2'.repeat(40) };

  test('go to disk as nothing, and stay in the tree when that comes back', async () => {
    const tree = await edited(await TestTree.of({ a: '1', old: '1' }), {
      sub: link,
      'd/sub': link,
    });
    const out = scratchFolder();
    await tree.copyOut('', out);
    rmSync(join(out, 'old'));
    mkdirSync(join(out, 'sub'), { recursive: true });
    const report = await tree.copyIn(`${out}/`, '', { delete: true });
    expect(lines(report)).toEqual(['- old']);
    expect(report.warnings.map(({ path }) => path).sort()).toEqual(['d/sub', 'sub']);
    expect((await tree.trees.lookup(tree.root, 'd/sub'))?.id).toBe(link.id);
    expect((await tree.trees.lookup(tree.root, 'sub'))?.id).toBe(link.id);
  });

  test('that are checked out stay; files in their place are stored, with a warning', async () => {
    const tree = await edited(new TestTree(), { sub: link, plain: link });
    const folder = makeFiles(scratchFolder(), { 'sub/.git': 'x', 'sub/a': '1', 'plain/a': '1' });
    const { warnings } = await tree.copyIn(`${folder}/`, '', { delete: true });
    expect(warnings.map(({ error }) => error)).toEqual([
      'skipped: a submodule, which stays as it is in the destination',
      'a submodule, replaced by the entry in the source',
    ]);
    expect((await tree.trees.lookup(tree.root, 'sub'))?.id).toBe(link.id);
    expect((await tree.trees.lookup(tree.root, 'plain/a'))?.mode).toBe(0o100644);
  });
});

describe('deletes', () => {
  test('that do not happen are warned of', async () => {
    const folder = makeFiles(scratchFolder(), { a: '1', b: '1', 'd/x': '1' });
    const tree = await TestTree.of({ old: '1', 'd/old': '1' });
    const files = await tree.copyIn([`${folder}/a`, `${folder}/b`], '', { delete: true });
    expect(files.warnings.map(({ error }) => error)).toEqual([
      'nothing is deleted in the destination, as no source is a directory',
    ]);
    const options = { delete: true, ignoreErrors: true };
    const missing = await tree.copyIn([`${folder}/d`, `${folder}/none`], '', options);
    expect(missing.warnings).toEqual([
      {
        path: `${folder}/none`,
        error: 'nothing is deleted in the destination, as this source was not copied',
      },
    ]);
    expect(Object.keys(await tree.files())).toEqual(['a', 'b', 'd/old', 'd/x', 'old']);
  });

  test('happen beside a file that fails, also where a stat record knows the rest', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), { a: '1', gone: '1' });
    const store = await GitStore.open(join(folder, 's.git'), { durability: 'fast' });
    let fs = await store.branches.get('main');
    fs = await fs.copyIn([`${work}/`], '', { delete: true });
    rmSync(join(work, 'gone'));
    writeFileSync(join(work, 'closed'), '1');
    disk.closed = ['closed'];
    fs = await fs.copyIn([`${work}/`], '', { delete: true, ignoreErrors: true });
    expect(fs.changes?.errors.map(({ path }) => path)).toEqual([join(work, 'closed')]);
    expect(await fs.ls()).toEqual(['a']);
    await store.close();
  });
});

describe('.gitignore', () => {
  test('where it cannot be read its directory stays as it is in the tree', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), {
      a: '1',
      'd/.gitignore': 'secret\n',
      'd/secret': '1',
      'd/new': '1',
      'd/e/secret': '1',
    });
    const tree = await TestTree.of({ old: '0', 'd/old': '0', 'd/e/old': '0' });
    disk.closed = ['d/.gitignore'];
    const options = { gitignore: true, delete: true };
    await expect(tree.copyIn(`${work}/`, '', options)).rejects.toThrow('.gitignore');
    const { errors } = await tree.copyIn(`${work}/`, '', { ...options, ignoreErrors: true });
    expect(errors.map(({ path }) => path)).toEqual([join(work, 'd/.gitignore')]);
    expect(await tree.files()).toEqual({ a: '1', 'd/old': '0', 'd/e/old': '0' });
  });
});

test('a .gitmodules that is a link is not stored', async () => {
  const folder = makeFiles(scratchFolder(), { a: '1' });
  symlinkSync('a', join(folder, '.gitmodules'));
  const tree = new TestTree();
  const { warnings } = await tree.copyIn(`${folder}/`, '');
  expect(warnings.map(({ path }) => path)).toEqual([join(folder, '.gitmodules')]);
  await tree.copyIn(join(folder, '.gitmodules'), '');
  expect(await tree.files()).toEqual({ a: '1' });
});
