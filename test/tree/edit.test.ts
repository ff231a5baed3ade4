import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { EMPTY_TREE_ID } from '../../src/git/objectId.ts';
import { MODE_FILE, MODE_TREE } from '../../src/git/objects/tree.ts';
import { createMemoryStorage } from '../../src/storage/memory/memoryStorage.ts';
import { diffTrees } from '../../src/tree/diff.ts';
import type { TreeEdit } from '../../src/tree/edit.ts';
import { TreeReader } from '../../src/tree/reader.ts';
import { walkFiles } from '../../src/tree/walk.ts';
import { runs } from '../crash/stress.ts';
import { CountingObjects, edited, treeWith } from './trees.ts';

async function pathsOf(trees: TreeReader, root: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of walkFiles(trees, root)) paths.push(path);
  return paths;
}

async function difference(trees: TreeReader, a: string, b: string, path?: string) {
  const found: string[] = [];
  for await (const one of diffTrees(trees, a, b, { path })) found.push(`${one.status} ${one.path}`);
  return found;
}

/** 100 directories with 10 files each. */
function manyFiles(): Record<string, string> {
  const files: Record<string, string> = {};
  for (let i = 0; i < 1000; i++) files[`d${i % 100}/f${i}`] = `${i}`;
  return files;
}

describe('applyEdits', () => {
  it('makes, replaces and removes; directories come and go', async () => {
    const { trees, root } = await treeWith({ 'a/b/c': '1', 'a/d': '2', e: '3' });
    expect(await pathsOf(trees, root)).toEqual(['a/b/c', 'a/d', 'e']);
    const gone = await edited(trees, root, { 'a/b/c': null, 'a/d': null });
    expect(await pathsOf(trees, gone)).toEqual(['e']);
    expect(await edited(trees, gone, { e: null })).toBe(EMPTY_TREE_ID);
  });

  it('gives the same tree for edits that change nothing', async () => {
    const { trees, root } = await treeWith({ 'a/b': '1', c: '2' });
    expect(await edited(trees, root, { 'a/b': '1', c: '2' })).toBe(root);
    expect(await edited(trees, root, { 'no/such': null, 'c/x': null, z: null })).toBe(root);
    expect(await edited(trees, root, {})).toBe(root);
  });

  it('puts a directory in the place of a file, and the reverse', async () => {
    const { trees, root } = await treeWith({ a: '1', 'b/c': '2' });
    expect(await pathsOf(trees, await edited(trees, root, { 'a/x': '3' }))).toEqual(['a/x', 'b/c']);
    expect(await pathsOf(trees, await edited(trees, root, { b: '3' }))).toEqual(['a', 'b']);
  });

  it('applies the edit of a path before those below it', async () => {
    const { trees, root } = await treeWith({ 'a/old': '1', b: '2' });
    const entry = await trees.lookup(root, 'a');
    const graft: TreeEdit = { mode: MODE_TREE, id: entry!.id };
    const paths = async (changes: Record<string, string | TreeEdit>) =>
      pathsOf(trees, await edited(trees, root, changes));
    expect(await paths({ a: null, 'a/new': '3' })).toEqual(['a/new', 'b']);
    expect(await paths({ 'a/new': '3', a: null })).toEqual(['a/new', 'b']);
    expect(await paths({ c: graft, 'c/new': '3' })).toEqual(['a/old', 'b', 'c/new', 'c/old']);
    expect(await paths({ c: graft, 'c/old': null })).toEqual(['a/old', 'b']);
    expect(await paths({ a: '3', 'a/old': null })).toEqual(['a', 'b']);
  });

  it('reads only the directories on changed paths, and none that it made itself', async () => {
    const counting = new CountingObjects();
    const { root } = await treeWith(manyFiles(), new TreeReader(counting.objects));
    const cold = new TreeReader(counting.objects);
    counting.reads.length = 0;
    const next = await edited(cold, root, { 'd7/new': 'x' });
    expect(counting.reads).toHaveLength(2);
    await edited(cold, next, { 'd7/newer': 'x' });
    expect(counting.reads).toHaveLength(2);
  });

  it('edits what it has made itself as if it were new', async () => {
    const path = fc.constantFrom('a', 'a/b', 'a/c', 'a0', 'b/c', 'b/d/e', 'ü');
    const change = fc.record({ path, content: fc.constantFrom('1', '2', null) });
    await fc.assert(
      fc.asyncProperty(fc.array(change), async (changes) => {
        const { trees, root } = await treeWith({ 'a/b': '0', 'b/c': '0', ü: '0' });
        let warm = root;
        let cold = root;
        for (const { path, content } of changes) {
          warm = await edited(trees, warm, { [path]: content });
          cold = await edited(new TreeReader(trees.objects), cold, { [path]: content });
          expect(warm).toBe(cold);
        }
      }),
    );
  });

  it('writes the mode of a directory as Git does, whoever wrote it otherwise', async () => {
    const { trees, root } = await treeWith({ 'a/x': '1', 'b/x': '1' });
    const body = Buffer.from((await trees.tree(root)).body).toString('latin1');
    const writer = trees.objects.writer();
    const padded = Buffer.from(body.replaceAll('40000', '040000'), 'latin1');
    const old = await writer.write('tree', padded);
    await writer.finish();
    const next = await edited(trees, old, { 'a/x': '2' });
    const { root: both } = await treeWith({ 'a/x': '2', 'b/x': '2' }, trees);
    expect(await edited(trees, next, { 'b/x': '2' })).toBe(both);
  });

  it('never opens what equal ids prove equal', async () => {
    const counting = new CountingObjects();
    const { trees, root } = await treeWith(manyFiles(), new TreeReader(counting.objects));
    const next = await edited(trees, root, { 'd7/f7': 'changed', 'd9/f9': null });
    const cold = new TreeReader(counting.objects);
    counting.reads.length = 0;
    expect(await difference(cold, root, next)).toEqual(['M d7/f7', 'D d9/f9']);
    expect(counting.reads).toHaveLength(6);
    expect(await difference(cold, next, next)).toEqual([]);
  });
});

describe('diffTrees', () => {
  it('says what a file and a directory of one name are to each other', async () => {
    const { trees, root } = await treeWith({ a: '1', 'a.b': '2' });
    const next = await edited(trees, root, { 'a/x': '1' });
    expect(await difference(trees, root, next)).toEqual(['D a', 'A a/x']);
    expect(await difference(trees, next, root)).toEqual(['A a', 'D a/x']);
    expect(await difference(trees, root, next, 'a')).toEqual(['D a', 'A a/x']);
    expect(await difference(trees, root, next, 'a/x')).toEqual(['A a/x']);
    expect(await difference(trees, root, next, 'a.b')).toEqual([]);
    expect(await difference(trees, root, next, 'none/such')).toEqual([]);
  });

  it('finds what differs between random trees, in the order of the paths', async () => {
    const name = fc.constantFrom('a', 'a.b', 'a0', 'b', 'ü', '\u{1f600}', '\uffee');
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
    const files = fc.dictionary(path, fc.constantFrom('1', '2'), { noNullPrototype: true });
    await fc.assert(
      fc.asyncProperty(files, files, async (first, second) => {
        const { trees, root: a } = await treeWith(withoutClashes(first));
        const { root: b } = await treeWith(withoutClashes(second), trees);
        const before = withoutClashes(first);
        const after = withoutClashes(second);
        const expected = [...new Set([...Object.keys(before), ...Object.keys(after)])]
          .filter((one) => before[one] !== after[one])
          .sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))
          .map((one) => `${!(one in before) ? 'A' : !(one in after) ? 'D' : 'M'} ${one}`);
        expect(await difference(trees, a, b)).toEqual(expected);
        expect(await pathsOf(trees, a)).toEqual(
          Object.keys(before).sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))),
        );
      }),
      { numRuns: runs(200) },
    );
  });
});

/** A file in whose way a directory stands is left out. */
function withoutClashes(files: Record<string, string>): Record<string, string> {
  const paths = Object.keys(files);
  const kept = Object.entries(files).filter(
    ([path]) => !paths.some((other) => other.startsWith(`${path}/`)),
  );
  return Object.fromEntries(kept);
}

describe('TreeReader', () => {
  it('looks up paths, also through directories of many entries again and again', async () => {
    const { trees, root } = await treeWith(manyFiles());
    for (let i = 0; i < 1000; i++) {
      expect((await trees.lookup(root, `d${i % 100}/f${i}`))?.mode).toBe(MODE_FILE);
      expect(await trees.lookup(root, `d${i % 100}/g${i}`)).toBeUndefined();
    }
    expect(await trees.lookup(root, 'd1/f1/x')).toBeUndefined();
    expect(await trees.lookup(root, '')).toEqual({ name: '', mode: MODE_TREE, id: root });
  });

  it('shares one read between those who want a tree at the same time', async () => {
    const counting = new CountingObjects();
    const { root } = await treeWith(manyFiles(), new TreeReader(counting.objects));
    const cold = new TreeReader(counting.objects);
    counting.reads.length = 0;
    await Promise.all(Array.from({ length: 50 }, () => cold.lookup(root, 'd1/f1')));
    expect(counting.reads).toHaveLength(2);
  });

  it('keeps no more trees than fit, and gives the right ones all the same', async () => {
    const counting = new CountingObjects();
    const { root } = await treeWith(manyFiles(), new TreeReader(counting.objects));
    const small = new TreeReader(counting.objects, { cacheBytes: 20_000 });
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 1000; i++) await small.lookup(root, `d${i % 100}/f${i}`);
    }
    expect(counting.reads.length).toBeGreaterThan(150);
  });

  it('names a tree that is missing, or that is none', async () => {
    const { objects } = createMemoryStorage();
    const trees = new TreeReader(objects);
    await expect(trees.tree('1'.repeat(40))).rejects.toMatchObject({
      code: 'ECORRUPT',
      objectId: '1'.repeat(40),
    });
    const writer = objects.writer();
    const blob = await writer.write('blob', Buffer.from('x'));
    await writer.finish();
    await expect(trees.lookup(blob, 'a')).rejects.toThrow(CorruptObjectError);
    expect((await trees.tree(EMPTY_TREE_ID)).entries).toEqual([]);
  });
});
