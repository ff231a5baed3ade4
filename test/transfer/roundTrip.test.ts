import { chmodSync, lstatSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodePath } from '../../src/git/pathBytes.ts';
import { createBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { runs } from '../crash/stress.ts';
import { gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Content, type Files, filesOnDisk, makeFiles, TestTree } from './trees.ts';

/** Names as they come, up to the longest a disk takes, some of them no UTF-8. */
const name = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('a', 'b', 'c', 'A', 'a.b', 'a-b', '.x', 'ä', '日本', '𝒳'),
  },
  fc.constantFrom('x'.repeat(255), 'with space', 'line\nbreak', '-dash', '*', '\ufffd', 'a\\b'),
  fc
    .uint8Array({ minLength: 1, maxLength: 12 })
    .filter((bytes) => !bytes.includes(0) && !bytes.includes(0x2f))
    .map((bytes) => decodePath(bytes))
    .filter((text) => text !== '.' && text !== '..'),
);
const content: fc.Arbitrary<Content> = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.constantFrom('', 'same', 'z'.repeat(5000)),
  fc.record({ run: fc.string({ maxLength: 10 }) }),
  fc.record({ link: fc.oneof(name, fc.constantFrom('/etc', '../..', 'p'.repeat(4000))) }),
);

/** Directories within directories; no name twice in one. */
interface Node {
  readonly [name: string]: Content | { in: Node };
}
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.dictionary(name, fc.oneof({ maxDepth: 3 }, content, fc.record({ in: tie('node') })), {
    maxKeys: 6,
    noNullPrototype: true,
  }),
}));

function flatten(tree: Node, prefix = '', files: Files = {}): Files {
  for (const [key, value] of Object.entries(tree)) {
    if (typeof value === 'object' && 'in' in value) flatten(value.in, `${prefix}${key}/`, files);
    else files[prefix + key] = value;
  }
  return files;
}

/** What real Git finds in a tree. */
function filesInGit(store: string, root: string): Files {
  const files: Files = {};
  const listing = decodePath(gitBytes(store, ['ls-tree', '-r', '-z', root]));
  for (const line of listing.split('\0').slice(0, -1)) {
    const [, mode, id, path] = /^(\d+) \w+ (\w+)\t(.*)$/s.exec(line)!;
    const text = decodePath(gitBytes(store, ['cat-file', 'blob', id!]));
    files[path!] = mode === '120000' ? { link: text } : mode === '100755' ? { run: text } : text;
  }
  return files;
}

describe('disk to store to disk', () => {
  test('any tree comes back as it was, and Git reads the same', { timeout: 120_000 }, async () => {
    const folder = scratchFolder();
    const store = join(folder, 'store.git');
    const storage = await createBareStorage(store, { durability: 'fast' });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(node, async (shape) => {
        const files = flatten(shape);
        const source = makeFiles(join(folder, `in${round}`), files);
        const tree = new TestTree(storage);
        const report = await tree.copyIn(`${source}/`, '');
        expect(report.add).toHaveLength(Object.keys(files).length);
        if (round % 5 === 0) expect(filesInGit(store, tree.root)).toEqual(files);
        expect((await tree.copyIn(`${source}/`, '')).inSync).toBe(true);

        const out = join(folder, `out${round++}`);
        await tree.copyOut('', out);
        expect(filesOnDisk(out)).toEqual(files);
        expect((await tree.copyOut('', out)).inSync).toBe(true);
      }),
      { numRuns: runs(60) },
    );
    await storage.close();
  });

  test('one tree over another makes them equal, either way', { timeout: 120_000 }, async () => {
    const folder = scratchFolder();
    let round = 0;
    await fc.assert(
      fc.asyncProperty(node, node, async (one, other) => {
        const [files, old] = [flatten(one), flatten(other)];
        fc.pre(Object.keys(files).length > 0);
        const source = makeFiles(join(folder, `in${round}`), files);
        const before = makeFiles(join(folder, `out${round++}`), old);
        const tree = await TestTree.of(old);
        const planned = await tree.copyIn(`${source}/`, '', { delete: true, dryRun: true });
        const report = await tree.copyIn(`${source}/`, '', { delete: true });
        expect(report.actions()).toEqual(planned.actions());
        expect(await tree.files()).toEqual(files);

        const plannedOut = await tree.copyOut('', before, { delete: true, dryRun: true });
        const reportOut = await tree.copyOut('', before, { delete: true });
        expect(reportOut.actions()).toEqual(plannedOut.actions());
        expect(filesOnDisk(before)).toEqual(files);
        expect(reportOut.total).toBe(report.total);
      }),
      { numRuns: runs(60) },
    );
  });

  test('more files than one thread is worth, large ones among them', async () => {
    const folder = scratchFolder();
    const storage = await createBareStorage(join(folder, 'store.git'), { durability: 'fast' });
    const files: Files = {};
    for (let i = 0; i < 700; i++) files[`d${i % 7}/e${i % 3}/f${i}`] = `file ${i}\n`.repeat(i);
    for (let i = 0; i < 3; i++) files[`d${i}/large`] = `${i}0123456789`.repeat(200_000);
    files['d1/almost'] = 'x'.repeat((1 << 20) - 1);
    files['d1/edge'] = 'x'.repeat(1 << 20);
    files.run = { run: 'x'.repeat((1 << 20) + 1) };
    const source = makeFiles(join(folder, 'in'), files);
    const tree = new TestTree(storage);
    const steps: { phase: string; files: number; bytes: number }[] = [];
    await tree.copyIn(source, '', { onProgress: (progress) => steps.push(progress) });
    const count = Object.keys(files).length;
    expect(steps.at(-1)).toMatchObject({ phase: 'copy', files: count, totalFiles: count });
    const last = steps.at(-1) as { bytes: number; totalBytes?: number };
    expect(last.bytes).toBe(last.totalBytes);
    await tree.copyOut('in/', join(folder, 'out'), { onProgress: (step) => steps.push(step) });
    expect(steps.at(-1)).toMatchObject({ phase: 'copy', files: count, bytes: last.bytes });
    expect(filesOnDisk(join(folder, 'out'))).toEqual(files);
    expect(statSync(join(folder, 'out/run')).mtimeMs).toBe(tree.time.getTime());
    expect(statSync(join(folder, 'out/d1/edge')).mtimeMs).toBe(tree.time.getTime());
    expect((await tree.copyIn(source, '')).inSync).toBe(true);
    expect((await tree.copyOut('in/', join(folder, 'out'))).inSync).toBe(true);
    await storage.close();
  });
});

describe('what a tree can hold', () => {
  test("a mode change alone is an update, and an owner's permissions stay", async () => {
    const folder = makeFiles(scratchFolder(), { secret: 'x', tool: 'y' });
    chmodSync(join(folder, 'secret'), 0o600);
    const tree = await TestTree.of({ secret: 'new', tool: { run: 'y' } });
    const report = await tree.copyOut('', folder);
    expect(report.update.map(({ path, type }) => [path, type])).toEqual([
      [`${folder}/secret`, 'blob'],
      [`${folder}/tool`, 'executable'],
    ]);
    expect(lstatSync(join(folder, 'secret')).mode & 0o777).toBe(0o600);
    expect(lstatSync(join(folder, 'tool')).mode & 0o111).not.toBe(0);
    const back = await TestTree.of({ tool: 'y' });
    expect((await back.copyIn(join(folder, 'tool'), 'tool')).update).toHaveLength(1);
    expect(await back.files()).toEqual({ tool: { run: 'y' } });
    expect((await back.copyIn(join(folder, 'tool'), '', { mode: 'blob' })).update).toHaveLength(1);
    expect(await back.files()).toEqual({ tool: 'y' });
  });

  test('links to directories are followed only on demand, cycles cut', async () => {
    const folder = makeFiles(scratchFolder(), {
      'real/f': 'f',
      'top/file': { link: '../real/f' },
      'top/dir': { link: '../real' },
      'top/sub/up': { link: '..' },
    });
    const tree = new TestTree();
    await tree.copyIn(`${folder}/top/`, '');
    expect(await tree.files()).toEqual({
      file: { link: '../real/f' },
      dir: { link: '../real' },
      'sub/up': { link: '..' },
    });
    const followed = new TestTree();
    const report = await followed.copyIn(`${folder}/top`, '', { followSymlinks: true });
    expect(await followed.files()).toEqual({ 'top/file': 'f', 'top/dir/f': 'f' });
    expect(report.warnings.map(({ path }) => path)).toEqual([`${folder}/top/sub/up`]);
    symlinkSync('nowhere', join(folder, 'top/dangling'));
    const options = { followSymlinks: true };
    await expect(followed.copyIn(`${folder}/top`, '', options)).rejects.toThrow(
      'a link to nothing',
    );
  });

  test('the store itself is not copied into itself, nor over', async () => {
    const folder = scratchFolder();
    const storePath = join(folder, 'data', 'store.git');
    const storage = await createBareStorage(storePath, { durability: 'fast' });
    writeFileSync(join(folder, 'data', 'f'), 'f');
    symlinkSync(storePath, join(folder, 'alias'));
    const tree = new TestTree(storage);
    tree.storePath = storePath;
    const report = await tree.copyIn(`${folder}/data/`, '');
    expect(await tree.files()).toEqual({ f: 'f' });
    expect(report.warnings).toHaveLength(1);
    for (const source of [storePath, join(folder, 'alias/'), join(storePath, 'objects')]) {
      expect((await tree.copyIn(source, '')).warnings).toHaveLength(1);
    }
    expect(await tree.files()).toEqual({ f: 'f' });
    for (const dest of [storePath, join(folder, 'alias'), join(storePath, 'new')]) {
      await expect(tree.copyOut('', dest)).rejects.toThrow('the store itself');
    }
    mkdirSync(join(folder, 'data', '.git'));
    writeFileSync(join(folder, 'data', '.git', 'config'), 'x');
    makeFiles(join(folder, 'data'), { extra: 'x' });
    const out = await tree.copyOut('', join(folder, 'data'), { delete: true });
    expect(out.delete.map(({ path }) => path)).toEqual([join(folder, 'data', 'extra')]);
    expect(lstatSync(join(storePath, 'HEAD')).isFile()).toBe(true);
    expect(lstatSync(join(folder, 'data', '.git', 'config')).isFile()).toBe(true);
    await storage.close();
  });
});
