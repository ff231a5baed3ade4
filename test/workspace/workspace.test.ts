/** A folder with a memory, through the library. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GitStore, type Rewound, type ThinPolicy, Workspace } from '../../src/index.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let folder: string;
let store: GitStore;
let work: Workspace;

beforeEach(async () => {
  const base = scratchFolder();
  folder = join(base, 'work');
  mkdirSync(folder);
  store = await GitStore.open(join(base, 'data.git'), { durability: 'fast' });
  work = await Workspace.open(folder, { store });
});

afterEach(async () => {
  await work.close();
  await store.close();
});

function put(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
}

function get(path: string): string {
  return readFileSync(join(folder, path), 'utf8');
}

function problems({ changes }: Rewound): string[] {
  return changes.errors.map(({ path, error }) => `${path}: ${error}`);
}

test('a checkpoint is the folder as a commit, and the same snapshot when nothing has changed', async () => {
  put('a.txt', 'one');
  put('.gitignore', '*.log\nnode_modules/\n');
  put('noise.log', 'x');
  put('node_modules/m/index.js', 'x');
  const first = await work.checkpoint({ message: 'first', labels: { run: '42', Tool: 'editor' } });
  expect(await first.ls('', { recursive: true })).toEqual(['.gitignore', 'a.txt']);
  expect(first.message).toBe('first\n\nrun: 42\nTool: editor');
  expect((await work.checkpoint()).commitHash).toBe(first.commitHash);
  put('noise.log', 'y');
  expect((await work.checkpoint()).commitHash).toBe(first.commitHash);
  expect(git(store.path, 'fsck', '--strict')).toBe('');
  expect(git(store.path, 'interpret-trailers', '--parse', '--no-divider', '/dev/null')).toBe('');
});

test('the repository of the folder itself is left alone without a word, one below it is told', async () => {
  put('.git/HEAD', 'ref: refs/heads/main\n');
  put('sub/.git/HEAD', 'ref: refs/heads/main\n');
  put('sub/a', 'a');
  const told = [{ path: join(folder, 'sub/.git'), error: expect.stringContaining('skipped') }];
  expect((await work.changes()).warnings).toEqual(told);
  const first = await work.checkpoint();
  expect(first.changes?.warnings).toEqual(told);
  put('b', 'b');
  const { saved } = await work.rewind(first);
  expect(saved.changes?.warnings.map(({ path }) => path)).not.toContain(join(folder, '.git'));
  expect(get('.git/HEAD')).toBe('ref: refs/heads/main\n');
  expect(await saved.ls('', { recursive: true })).toEqual(['b', 'sub/a']);
});

test('checkpoints are found by their labels', async () => {
  for (const run of ['1', '2', '3']) {
    put('a.txt', run);
    await work.checkpoint({ labels: { run, kind: run === '2' ? 'even' : 'odd' } });
  }
  const found: string[] = [];
  for await (const fs of work.checkpoints({ labels: { kind: 'odd' } })) {
    found.push(await fs.readText('a.txt'));
  }
  expect(found).toEqual(['3', '1']);
  await work.rewind({ labels: { RUN: '2', kind: 'even' } });
  expect(get('a.txt')).toBe('2');
  await expect(work.rewind({ labels: { run: '9' } })).rejects.toThrow(
    "No checkpoint of branch 'main' with the label run=9",
  );
});

test.each([{ 'a b': 'x' }, { a: 'x\ny' }, { a: ' x' }, { '': 'x' }])(
  'a label that no trailer can hold is refused: %j',
  async (labels) => {
    put('a.txt', 'one');
    await expect(work.checkpoint({ labels })).rejects.toMatchObject({ code: 'EINVAL' });
    expect((await work.head()).parentHashes).toEqual([]);
  },
);

test('changes tell kinds and sizes', async () => {
  put('same', 's');
  put('edited', '1');
  put('gone', '22');
  put('was-file', '333');
  put('tool', 'x');
  await work.checkpoint();
  put('edited', '4444');
  put('new', '55555');
  rmSync(join(folder, 'gone'));
  rmSync(join(folder, 'was-file'));
  symlinkSync('edited', join(folder, 'was-file'));
  chmodSync(join(folder, 'tool'), 0o755);
  const { entries, errors } = await work.changes();
  expect(errors).toEqual([]);
  expect(entries).toEqual([
    { path: 'edited', kind: 'modified', type: 'blob', size: 4, oldSize: 1 },
    { path: 'gone', kind: 'deleted', type: 'blob', oldSize: 2 },
    { path: 'new', kind: 'added', type: 'blob', size: 5 },
    { path: 'tool', kind: 'modified', type: 'executable', size: 1, oldSize: 1 },
    { path: 'was-file', kind: 'type', type: 'link', size: 6, oldSize: 3 },
  ]);
  expect((await work.changes(undefined, { paths: ['new'] })).entries).toHaveLength(1);
  expect((await work.changes({ back: 0 })).entries).toHaveLength(5);
});

test('a rewind stores the folder first, writes only what differs, and can be rewound', async () => {
  put('keep', 'k');
  put('edit', 'before');
  put('dir/deep/file', 'd');
  put('.gitignore', 'secret\n');
  put('secret', 'mine');
  await work.checkpoint();
  utimesSync(join(folder, 'keep'), 1, 1);
  const { ino } = lstatSync(join(folder, 'keep'));
  put('edit', 'after');
  put('added', 'a');
  rmSync(join(folder, 'dir'), { recursive: true });
  put('dir', 'a file now');
  const there = await work.rewind({ back: 1 });
  expect(there.changes.errors).toEqual([]);
  expect(get('edit')).toBe('before');
  expect(get('dir/deep/file')).toBe('d');
  expect(existsSync(join(folder, 'added'))).toBe(false);
  expect(get('secret')).toBe('mine');
  expect(lstatSync(join(folder, 'keep'))).toMatchObject({ ino, mtimeMs: 1000 });
  expect((await work.changes()).entries).toEqual([]);
  expect(there.snapshot.treeHash).toBe(there.target.treeHash);
  const back = await work.rewind(there.saved);
  expect(problems(back)).toEqual([]);
  expect(get('dir')).toBe('a file now');
  expect(get('edit')).toBe('after');
  expect(get('added')).toBe('a');
});

test('a rewind of some paths leaves the others alone, stored or not', async () => {
  put('a', '1');
  put('b', '1');
  put('sub/c', '1');
  await work.checkpoint();
  put('a', '2');
  put('b', '2');
  put('sub/c', '2');
  put('sub/new', '2');
  const { snapshot } = await work.rewind({ back: 1 }, { paths: ['a', 'sub'] });
  expect([get('a'), get('b'), get('sub/c')]).toEqual(['1', '2', '1']);
  expect(existsSync(join(folder, 'sub/new'))).toBe(false);
  expect(await snapshot.readText('b')).toBe('1');
  expect((await work.changes()).entries.map(({ path }) => path)).toEqual(['b']);
  await expect(work.rewind({ back: 0 }, { paths: ['nowhere'] })).rejects.toThrow(
    /^nowhere: neither in /,
  );
  await expect(work.rewind({ back: 0 }, { paths: ['../x'] })).rejects.toMatchObject({
    code: 'EINVAL',
  });
});

test('a dry run changes nothing and tells what a rewind does', async () => {
  put('a', '1');
  await work.checkpoint();
  put('a', '2');
  put('b', '2');
  const before = (await work.head()).commitHash;
  const dry = await work.rewind({ back: 1 }, { dryRun: true });
  expect(dry.changes.actions().map(({ action, path }) => `${action} ${path}`)).toEqual([
    'update a',
    'delete b',
  ]);
  expect((await work.head()).commitHash).toBe(before);
  expect([get('a'), get('b')]).toEqual(['2', '2']);
  const done = await work.rewind({ back: 1 });
  expect(done.changes.actions().map(({ action, path }) => `${action} ${path}`)).toEqual([
    'update a',
    'delete b',
  ]);
});

/** A rewind copies twice: to the store first, to the folder after it has looked at what it replaces. */
test.each(['the checkpoint is made', 'the folder is written'])(
  'a file that changes while a rewind runs stays as it is, and is reported: when %s',
  async (moment) => {
    for (const name of ['a', 'b', 'c', 'd']) put(name, 'old');
    const first = await work.checkpoint();
    for (const name of ['a', 'b', 'c']) put(name, 'new');
    rmSync(join(folder, 'd'));
    put('e', 'new');
    let copies = 0;
    let isDone = false;
    const result = await work.rewind(first, {
      onProgress: ({ phase, files, totalFiles }) => {
        if (phase !== 'copy' || isDone) return;
        if (files === 0) copies += 1;
        // A slow machine makes more calls in between.
        isDone =
          moment === 'the folder is written' ? copies === 2 : copies === 1 && files === totalFiles;
        if (!isDone) return;
        for (const name of ['b', 'd', 'e']) put(name, 'by somebody else');
      },
    });
    expect(['a', 'b', 'c', 'd', 'e'].map(get)).toEqual([
      'old',
      'by somebody else',
      'old',
      'by somebody else',
      'by somebody else',
    ]);
    expect(result.changes.errors.map(({ path }) => path)).toEqual(['b', 'd', 'e']);
    expect((await work.changes()).entries.map(({ path }) => path)).toEqual(['b', 'd', 'e']);
  },
);

test('the folder of a directory that holds ignored files is not cleared for a file', async () => {
  put('x', 'a file');
  const first = await work.checkpoint();
  rmSync(join(folder, 'x'));
  put('.gitignore', '*.log\n');
  put('x/a', '1');
  put('x/keep.log', 'mine');
  const result = await work.rewind(first);
  expect(result.changes.errors.map(({ path }) => path)).toEqual(['x']);
  expect(get('x/keep.log')).toBe('mine');
});

test('excluded files are left alone also where an old checkpoint holds them', async () => {
  put('a', '1');
  put('big.bin', '1');
  const first = await work.checkpoint();
  const later = await Workspace.open(folder, { store, exclude: ['*.bin'] });
  put('a', '2');
  put('big.bin', '2');
  await later.rewind(first);
  expect([get('a'), get('big.bin')]).toEqual(['1', '2']);
  const again = await Workspace.open(folder, { store });
  expect(again.exclude).toEqual(['*.bin']);
});

test('a link that came in the place of a directory leads nowhere', async () => {
  const outside = join(dirname(folder), 'outside');
  mkdirSync(outside);
  writeFileSync(join(outside, 'f'), 'theirs');
  put('dir/f', '1');
  const first = await work.checkpoint();
  put('dir/f', '2');
  await work.checkpoint();
  rmSync(join(folder, 'dir'), { recursive: true });
  symlinkSync(outside, join(folder, 'dir'));
  await work.rewind(first);
  expect(readFileSync(join(outside, 'f'), 'utf8')).toBe('theirs');
  expect(lstatSync(join(folder, 'dir')).isDirectory()).toBe(true);
  expect(get('dir/f')).toBe('1');
});

test('a fork is a folder on a branch of its own', async () => {
  put('a', '1');
  symlinkSync('a', join(folder, 'link'));
  const there = join(dirname(folder), 'idea');
  const fork = await work.fork(there);
  expect(fork.branch).toBe('idea');
  expect(readlinkSync(join(there, 'link'))).toBe('a');
  writeFileSync(join(there, 'a'), '2');
  await fork.checkpoint();
  expect(await (await work.head()).readText('a')).toBe('1');
  expect((await work.changes()).entries).toEqual([]);
  const all = await Workspace.list(store);
  expect(all.map(({ path, branch }) => [path, branch])).toEqual([
    [there, 'idea'],
    [folder, 'main'],
  ]);
  await expect(work.fork(there)).rejects.toMatchObject({ code: 'ENOTEMPTY' });
  await expect(work.fork(join(dirname(folder), 'x'), { branch: 'idea' })).rejects.toThrow(
    'Branch already exists: idea',
  );
  await expect(Workspace.open(join(dirname(folder)), { store })).rejects.toThrow(
    /^Branch 'main' holds the checkpoints of /,
  );
  expect(await Workspace.forget(store, there)).toBe(true);
  expect(await Workspace.forget(store, there)).toBe(false);
});

test('two processes that store one folder do not harm each other', async () => {
  const other = await GitStore.open(store.path, { durability: 'fast' });
  const second = await Workspace.open(folder, { store: other });
  for (let round = 0; round < 10; round++) {
    put('a', `${round}`);
    put(`f${round}`, 'x');
    const [one, two] = await Promise.all([work.checkpoint(), second.checkpoint()]);
    expect(one.treeHash).toBe(two.treeHash);
  }
  expect((await work.changes()).entries).toEqual([]);
  await other.close();
});

test('onChange is called when something has changed', async () => {
  let called = (): void => {};
  const told = new Promise<void>((resolve) => {
    called = resolve;
  });
  const watching = await Workspace.open(folder, { store, onChange: () => called() });
  put('a', '1');
  await told;
  await watching.close();
});

test('there is nothing to rewind to before the first checkpoint', async () => {
  put('a', '1');
  await expect(work.rewind({ back: 1 })).rejects.toThrow(/has no checkpoint 1 before/);
  expect(get('a')).toBe('1');
});

test('a workspace with a policy thins its branch now and then', async () => {
  const thinning = await Workspace.open(folder, { store, keep: { keepLast: 3 } });
  let last = await work.head();
  for (let round = 0; round < 50; round++) {
    put('a', `${round}`);
    last = await thinning.checkpoint();
  }
  expect((await work.head()).commitHash).toBe(last.commitHash);
  const all: string[] = [];
  for await (const fs of work.checkpoints()) all.push(await fs.readText('a'));
  expect(all).toEqual(['49', '48', '47']);
  put('a', 'on');
  expect(await (await last.writeText('b', 'x')).readText('a')).toBe('49');
});

test('a size that others exceed leaves the other rules of a policy in force', async () => {
  const warnings: string[] = [];
  await using other = await GitStore.open(store.path, {
    durability: 'fast',
    onWarning: ({ code }) => warnings.push(code),
  });
  const keep = { keepLast: 3, maxSize: 1 };
  const thinning = await Workspace.open(folder, { store: other, keep });
  put('a', 'start');
  await other.branches.set('fork', await thinning.checkpoint());
  for (let round = 0; round < 60; round++) {
    put('a', `${round}`);
    await thinning.checkpoint();
  }
  expect(warnings).toEqual(['NOT_THINNED']);
  const all: string[] = [];
  for await (const fs of thinning.checkpoints()) all.push(await fs.readText('a'));
  expect(all.length).toBeLessThan(20);
});

test('a fork comes home by a merge, and conflicts change nothing', async () => {
  put('a', 'one\ntwo\nthree\nfour\nfive\n');
  const there = join(dirname(folder), 'idea');
  const fork = await work.fork(there);
  writeFileSync(join(there, 'a'), 'one\ntwo\nthree\nfour\nFIVE\n');
  writeFileSync(join(there, 'new'), 'n');
  put('a', 'ONE\ntwo\nthree\nfour\nfive\n');
  const { snapshot, saved, changes } = await work.merge(fork);
  expect(get('a')).toBe('ONE\ntwo\nthree\nfour\nFIVE\n');
  expect(get('new')).toBe('n');
  expect(changes.errors).toEqual([]);
  expect(snapshot.parentHashes).toEqual([saved.commitHash, (await fork.head()).commitHash]);
  expect((await work.changes()).entries).toEqual([]);
  writeFileSync(join(there, 'new'), 'theirs');
  put('new', 'ours');
  await expect(work.merge(fork)).rejects.toMatchObject({ code: 'ECONFLICT' });
  expect(get('new')).toBe('ours');
  const { snapshot: favored } = await work.merge(fork, { favor: 'theirs' });
  expect(get('new')).toBe('theirs');
  expect(await favored.readText('new')).toBe('theirs');
});

test('a fork that fails leaves neither a branch nor a workspace', async () => {
  put('a.txt', 'one');
  const tip = await work.checkpoint();
  // A name that no disk takes.
  await tip.write(`${'x'.repeat(300)}`, 'content');
  const before = await store.branches.list();
  const other = join(dirname(folder), 'other');
  await expect(work.fork(other)).rejects.toMatchObject({ code: 'ENAMETOOLONG' });
  expect(await store.branches.list()).toEqual(before);
  expect((await Workspace.list(store)).map((one) => one.branch)).toEqual([work.branch]);
});

test('a thinning that fails is a warning: the checkpoint stands', async () => {
  put('a.txt', 'first');
  const { commitHash: first } = await work.checkpoint();
  put('a.txt', 'second');
  await work.checkpoint();
  await work.close();
  // Thinning reads the line to its end; a checkpoint does not.
  rmSync(join(store.path!, 'objects', first.slice(0, 2), first.slice(2)));
  const warnings: string[] = [];
  const other = await GitStore.open(store.path, {
    durability: 'fast',
    onWarning: ({ code }) => warnings.push(String(code)),
  });
  work = await Workspace.open(folder, { store: other, keep: { keepLast: 10 } });
  let made = await work.checkpoint();
  for (let i = 0; i < 55; i++) {
    put('a.txt', `${i}`);
    made = await work.checkpoint();
  }
  expect(warnings).toContain('NOT_THINNED');
  expect((await other.branches.get(work.branch)).commitHash).toBe(made.commitHash);
  const keep = { last: 10 } as ThinPolicy;
  await expect(Workspace.open(folder, { store: other, keep })).rejects.toThrow("No rule 'last'");
  await work.close();
  await other.close();
});

test('a merge that is cut short has the folder merged, and no checkpoint takes it back', async () => {
  put('a.txt', 'one');
  const fork = await work.fork(join(dirname(folder), 'other'));
  writeFileSync(join(fork.path, 'b.txt'), 'theirs');
  await fork.checkpoint();
  await fork.close();
  put('c.txt', 'ours');
  const { commitHash: before } = await work.checkpoint();
  await work.close();
  const storage = await openBareStorage(store.path!, { durability: 'fast', lockTimeout: 300 });
  work = await Workspace.open(folder, { store: await GitStore.over(storage) });
  // The branch cannot move: as if the process ended before it did.
  const lock = join(store.path!, 'refs', 'heads', `${work.branch}.lock`);
  const merging = work.merge('other');
  const file = join(folder, 'b.txt');
  while (!existsSync(file)) {
    if (!existsSync(lock)) writeFileSync(lock, '');
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await expect(merging).rejects.toMatchObject({ code: 'ELOCKED' });
  rmSync(lock, { force: true });
  expect((await work.head()).commitHash).toBe(before);
  const next = await work.checkpoint();
  expect(await next.ls('')).toEqual(['a.txt', 'b.txt', 'c.txt']);
  const { snapshot } = await work.merge('other');
  expect(await snapshot.ls('')).toEqual(['a.txt', 'b.txt', 'c.txt']);
  await storage.close();
});
