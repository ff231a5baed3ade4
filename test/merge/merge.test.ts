/** Merging, picking and reverting through the library; merge-tree is the referee in referee.test.ts. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type FS,
  GitStore,
  type MergeConflict,
  MergeConflictError,
  type MergeOptions,
  PermissionError,
  StaleSnapshotError,
} from '../../src/index.ts';
import { expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { currentOf, filesOf, memoryStore, steadyOptions } from '../store/stores.ts';

type Files = Record<string, string | null>;

/** Writes files; null removes one. */
async function change(fs: FS, files: Files): Promise<FS> {
  const removes = Object.keys(files).filter((path) => files[path] === null);
  const writes: Record<string, string> = {};
  for (const [path, text] of Object.entries(files)) if (text !== null) writes[path] = text;
  return fs.apply({ removes, writes });
}

/** `main` and `dev`, which come from the same files and have each changed them. */
async function fork(base: Files, ours: Files, theirs: Files): Promise<{ main: FS; dev: FS }> {
  const store = await memoryStore();
  const root = await change(await currentOf(store), base);
  const dev = await change(await store.branches.set('dev', root), theirs);
  return { main: await change(root, ours), dev };
}

async function conflictsOf(merging: Promise<FS>): Promise<readonly MergeConflict[]> {
  const error = await merging.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof MergeConflictError)) throw error ?? new Error('It merged');
  expect(error.code).toBe('ECONFLICT');
  return error.conflicts;
}

const LINES = 'one\ntwo\nthree\nfour\nfive\nsix\nseven\n';

describe('merge', () => {
  it('unites what both sides have changed, with both as parents', async () => {
    const { main, dev } = await fork(
      { text: LINES, gone: 'x', same: 'y' },
      { text: LINES.replace('one', '1'), mine: 'm' },
      { text: LINES.replace('seven', '7'), gone: null, other: 'o' },
    );
    const merged = await main.merge('dev');
    expect(await filesOf(merged)).toEqual({
      text: LINES.replace('one', '1').replace('seven', '7'),
      same: 'y',
      mine: 'm',
      other: 'o',
    });
    expect(merged.parentHashes).toEqual([main.commitHash, dev.commitHash]);
    expect(merged.message).toBe("Merge branch 'dev'");
    expect(merged.changes?.actions().map(({ action, path }) => `${action} ${path}`)).toEqual([
      'delete gone',
      'add other',
      'update text',
    ]);
    // Once more there is nothing to bring.
    expect((await merged.merge(dev)).commitHash).toBe(merged.commitHash);
    expect((await merged.mergeBase('dev'))?.commitHash).toBe(dev.commitHash);
  });

  it('follows a file that one side has moved, also when it has changed it', async () => {
    const moved = { 'a/text': null, 'b/text': LINES.replace('seven', '7') };
    const { main } = await fork(
      { 'a/text': LINES },
      { 'a/text': LINES.replace('one', '1') },
      moved,
    );
    const united = { 'b/text': LINES.replace('one', '1').replace('seven', '7') };
    expect(await filesOf(await main.merge('dev', { dryRun: true }))).toEqual(await filesOf(main));
    expect(await filesOf(await main.merge('dev'))).toEqual(united);
    const conflicts = await conflictsOf(main.merge('dev', { renames: false }));
    expect(conflicts).toMatchObject([{ path: 'a/text', kind: 'modified-and-deleted' }]);
  });

  it('moves a branch without commits of its own to the source', async () => {
    const store = await memoryStore();
    const root = await currentOf(store);
    const dev = await change(await store.branches.set('dev', root), { a: 'A' });
    const dry = await root.merge('dev', { dryRun: true });
    expect([dry.commitHash, dry.changes?.total]).toEqual([root.commitHash, 1]);
    const merged = await root.merge('dev', { tag: 'v1' });
    expect([merged.commitHash, merged.refName]).toEqual([dev.commitHash, 'main']);
    expect((await store.tags.get('v1')).commitHash).toBe(dev.commitHash);
    const again = await merged.undo();
    const commit = await again.merge('dev', {
      fastForward: false,
      messageTemplate: 'A {op}{total_count}',
    });
    expect([commit.message, commit.parentHashes.length]).toEqual(['A 1', 2]);
  });

  it('refuses conflicts, each with its kind and three entries, and commits nothing', async () => {
    const { main, dev } = await fork(
      { text: LINES, gone: 'old\n', x: 'x\n', moved: LINES },
      {
        text: LINES.replace('two', 'mine'),
        gone: null,
        added: 'mine\n',
        d: 'file',
        m1: LINES,
        moved: null,
      },
      {
        text: LINES.replace('two', 'other'),
        gone: 'new\n',
        added: 'other\n',
        'd/e': 'f',
        m2: LINES,
        moved: null,
      },
    );
    const conflicts = await conflictsOf(main.merge('dev'));
    expect(conflicts.map(({ path, kind }) => `${path}: ${kind}`)).toEqual([
      'added: added-twice',
      'd: directory-and-file',
      'gone: modified-and-deleted',
      'moved: renamed-twice',
      'text: content',
    ]);
    const text = conflicts[4]!;
    expect(text.ours).toEqual({
      path: 'text',
      mode: 0o100644,
      id: await main.objectHash('text'),
    });
    expect(text.theirs?.id).toBe(await dev.objectHash('text'));
    expect(Buffer.from(await main.readByHash(text.base!.id)).toString()).toBe(LINES);
    expect(conflicts[3]!.paths.toSorted()).toEqual(['m1', 'm2', 'moved']);
    expect(conflicts[2]).toMatchObject({ ours: undefined, theirs: { path: 'gone' } });
    expect(conflicts[1]!.theirs).toEqual({
      path: 'd',
      mode: 0o040000,
      id: await dev.objectHash('d'),
    });
    const now = await conflictsOf(main.merge(dev, { dryRun: true }));
    expect(now).toEqual(conflicts);
  });

  it('favours a side, or takes the lines of both', async () => {
    const merge = async (options: MergeOptions): Promise<string> => {
      const ours = { text: LINES.replace('two', 'mine').replace('six', '6') };
      const { main } = await fork({ text: LINES }, ours, { text: LINES.replace('two', 'other') });
      return (await main.merge('dev', options)).readText('text');
    };
    expect(await merge({ favor: 'ours' })).toBe('one\nmine\nthree\nfour\nfive\n6\nseven\n');
    expect(await merge({ favor: 'theirs' })).toBe('one\nother\nthree\nfour\nfive\n6\nseven\n');
    expect(await merge({ favor: 'union' })).toBe('one\nmine\nother\nthree\nfour\nfive\n6\nseven\n');
    expect(await merge({ conflicts: 'markers' })).toBe(
      'one\n<<<<<<< main\nmine\n=======\nother\n>>>>>>> dev\nthree\nfour\nfive\n6\nseven\n',
    );
  });

  it("takes a program's own answers", async () => {
    const { main } = await fork(
      { 'a.json': '{"a":1}', b: 'b\n', c: 'c\n', d: 'd\n', moved: LINES },
      { 'a.json': '{"a":2}', b: 'B\n', c: 'C\n', d: null, moved: null, m1: LINES, e: 'file' },
      { 'a.json': '{"a":3}', b: '8\n', c: '0\n', d: 'D\n', moved: null, m2: LINES, 'e/f': 'dir' },
    );
    const merged = await main.merge('dev', {
      resolve: ({ path, kind }) => {
        if (path === 'a.json') return { data: '{"a":5}' };
        if (path === 'b') return 'theirs';
        if (path === 'd') return null;
        if (kind === 'renamed-twice' || path === 'e') return 'ours';
        return undefined;
      },
      conflicts: 'markers',
    });
    expect(merged.changes?.conflicts.map(({ path }) => path)).toEqual(['c']);
    expect(await filesOf(merged)).toEqual({
      'a.json': '{"a":5}',
      b: '8\n',
      c: '<<<<<<< main\nC\n=======\n0\n>>>>>>> dev\n',
      m1: LINES,
      e: 'file',
    });
  });

  it('needs a branch that stands at the snapshot', async () => {
    const { main, dev } = await fork({ a: 'a' }, { b: 'b' }, { c: 'c' });
    const later = await change(main, { d: 'd' });
    await expect(main.merge(dev)).rejects.toThrow(StaleSnapshotError);
    await later.merge(dev);
    const store = await memoryStore();
    const tagged = await store.tags.set('v1', await currentOf(store));
    await expect(tagged.merge('main', { fastForward: false })).rejects.toThrow(PermissionError);
  });

  it('begins with nothing where the histories have none in common', async () => {
    const store = await memoryStore();
    const main = await change(await currentOf(store), { a: 'a', same: 's' });
    const other = await change(await store.branches.setEmpty('other'), { b: 'b', same: 's' });
    expect(await main.mergeBase(other)).toBeNull();
    expect(Object.keys(await filesOf(await main.merge(other)))).toEqual(['a', 'b', 'same']);
  });
});

describe('pick and revert', () => {
  it('make one change again, or take it back, and keep what came later', async () => {
    const store = await memoryStore();
    const root = await change(await currentOf(store), { text: LINES });
    const dev = await store.branches.set('dev', root);
    const changed = await dev.writeText('text', LINES.replace('two', '2'), {
      message: 'Count\n\nwell',
    });
    await changed.writeText('other', 'x');
    const main = await change(root, { text: LINES.replace('six', '6') });
    const picked = await main.pick(changed);
    expect(await filesOf(picked)).toEqual({ text: LINES.replace('two', '2').replace('six', '6') });
    expect([picked.message, picked.parentHashes]).toEqual(['Count\n\nwell', [main.commitHash]]);
    expect((await picked.pick(changed)).commitHash).toBe(picked.commitHash);
    const later = await change(picked, { new: 'n' });
    const reverted = await later.revert(picked);
    expect(await filesOf(reverted)).toEqual({ text: LINES.replace('six', '6'), new: 'n' });
    expect(reverted.message).toBe(`Revert "Count"\n\nThis reverts commit ${picked.commitHash}.`);
    const rewritten = await change(reverted, { text: 'all\nnew\n' });
    expect(await conflictsOf(rewritten.revert(main))).toMatchObject([{ path: 'text' }]);
  });

  it('write what Git finds in order', async () => {
    const folder = join(scratchFolder(), 'store.git');
    await using store = await GitStore.open(folder, { ...steadyOptions(), author: 'Bea' });
    const root = await change(await currentOf(store), { 'd/text': LINES });
    const dev = await change(await store.branches.set('dev', root), {
      'd/text': LINES.replace('one', '1'),
    });
    const main = await change(root, { 'd/text': LINES.replace('six', '6') });
    const merged = await main.merge(dev);
    await merged.revert(dev);
    expectClean(folder);
    expect(git(folder, 'show', 'main:d/text')).toBe(LINES.replace('six', '6').trimEnd());
    expect(git(folder, 'log', '-g', '--format=%gs', '-2', 'main')).toBe(
      `revert: Revert "~ d/text"\nmerge dev: Merge made by three trees`,
    );
  });
});
