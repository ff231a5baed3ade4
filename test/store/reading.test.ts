import { beforeAll, describe, expect, it } from 'vitest';
import { type FS, GitStore, GitStoreError } from '../../src/index.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { codeOf } from './model.ts';
import { currentOf, memoryStore, START, snapshotWith, steadyOptions } from './stores.ts';

const BIG = Buffer.alloc(3_500_000, 'abcdefghij');

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('reading', () => {
  let fs: FS;

  beforeAll(async () => {
    fs = await currentOf(await memoryStore());
    fs = await fs.apply({
      writes: {
        'dir/a.txt': 'hello world',
        'dir/run.sh': { data: '#!/bin/sh\n', mode: 'executable' },
        'dir/sub/deep.txt': 'deep',
        'dir.txt': 'sorts before the directory in a tree, after it by name',
        empty: '',
        big: BIG,
        link: { target: 'dir/a.txt' },
        'to-dir': { target: 'dir' },
      },
    });
  });

  it('gives bytes, text and ranges', async () => {
    expect(await fs.read('dir/a.txt')).toEqual(new Uint8Array(Buffer.from('hello world')));
    expect(await fs.readText('/dir//./a.txt')).toBe('hello world');
    const range = async (offset?: number, size?: number) =>
      Buffer.from(await fs.read('dir/a.txt', { offset, size })).toString();
    expect(await range()).toBe('hello world');
    expect(await range(6)).toBe('world');
    expect(await range(0, 5)).toBe('hello');
    expect(await range(4, 3)).toBe('o w');
    expect(await range(6, 100)).toBe('world');
    expect(await range(11)).toBe('');
    expect(await range(1000, 5)).toBe('');
    expect(await range(3, 0)).toBe('');
    expect((await fs.read('empty')).length).toBe(0);
    const middle = await fs.read('big', { offset: 1_234_567, size: 2_000_000 });
    expect(Buffer.compare(middle, BIG.subarray(1_234_567, 3_234_567))).toBe(0);
  });

  it.each([
    [{ offset: -1 }],
    [{ offset: 1.5 }],
    [{ size: -1 }],
    [{ size: Number.NaN }],
    [{ offset: Number.POSITIVE_INFINITY }],
  ])('refuses the range %j', async (range) => {
    expect(await codeOf(fs.read('dir/a.txt', range))).toBe('EINVAL');
    expect(await codeOf(fs.readByHash(await fs.objectHash('dir/a.txt'), range))).toBe('EINVAL');
    expect(() => fs.readStream('dir/a.txt', range)).toThrow(/whole number/);
  });

  it('gives bytes that are the caller’s own', async () => {
    const bytes = await fs.read('dir/a.txt');
    bytes.fill(0);
    expect(await fs.readText('dir/a.txt')).toBe('hello world');
    for await (const chunk of fs.readStream('dir/a.txt')) chunk.fill(0);
    expect(await fs.readText('dir/a.txt')).toBe('hello world');
  });

  it('decodes text', async () => {
    const bytes = Buffer.from('\ufeffhé€', 'utf8');
    let other = await fs.write('utf8', bytes);
    other = await other.write('utf16', Buffer.from('hé', 'utf16le'));
    other = await other.write('latin', Buffer.from('hé', 'latin1'));
    other = await other.write('sjis', Buffer.of(0x82, 0xa0));
    other = await other.write('broken', Buffer.of(0x61, 0xff));
    expect(await other.readText('utf8')).toBe('\ufeffhé€');
    expect(await other.readText('utf16', 'utf16le')).toBe('hé');
    expect(await other.readText('latin', 'latin1')).toBe('hé');
    expect(await other.readText('sjis', 'shift_jis')).toBe('あ');
    expect(await other.readText('broken')).toBe('a\ufffd');
    expect(await codeOf(other.readText('utf8', 'klingon'))).toBe('EINVAL');
    await other.undo(5);
  });

  it('streams, in full, in part, and not at all', async () => {
    const whole = Buffer.concat(await collect(fs.readStream('big')));
    expect(Buffer.compare(whole, BIG)).toBe(0);
    const part = Buffer.concat(await collect(fs.readStream('big', { offset: 3_499_990 })));
    expect(part.toString()).toBe('abcdefghij');
    expect(await collect(fs.readStream('empty'))).toEqual([]);
    const reader = fs.readStream('big').getReader();
    expect((await reader.read()).done).toBe(false);
    await reader.cancel();
    expect(await codeOf(collect(fs.readStream('no/such')))).toBe('ENOENT');
    expect(await codeOf(collect(fs.readStream('dir')))).toBe('EISDIR');
    await fs.readStream('big').cancel();
  });

  it('follows no links', async () => {
    expect(await fs.readText('link')).toBe('dir/a.txt');
    expect(await fs.readlink('link')).toBe('dir/a.txt');
    expect(await fs.fileType('link')).toBe('link');
    expect(await codeOf(fs.read('to-dir/a.txt'))).toBe('ENOTDIR');
    expect(await fs.exists('to-dir/a.txt')).toBe(false);
    expect(await codeOf(fs.readlink('dir/a.txt'))).toBe('EINVAL');
    expect(await codeOf(fs.readlink('dir'))).toBe('EINVAL');
  });

  it('says what stands where', async () => {
    expect(await fs.exists('dir/a.txt')).toBe(true);
    expect(await fs.exists('dir')).toBe(true);
    expect(await fs.exists('')).toBe(true);
    expect(await fs.exists('dir/none')).toBe(false);
    expect(await fs.exists('empty/x')).toBe(false);
    expect(await fs.isDir('dir')).toBe(true);
    expect(await fs.isDir('')).toBe(true);
    expect(await fs.isDir('to-dir')).toBe(false);
    expect(await fs.isDir('none')).toBe(false);
    expect(await fs.fileType('dir/run.sh')).toBe('executable');
    expect(await fs.fileType('dir/a.txt')).toBe('blob');
    expect(await fs.fileType('')).toBe('tree');
    expect(await fs.size('big')).toBe(BIG.length);
    expect(await fs.size('empty')).toBe(0);
    expect(await fs.objectHash('')).toBe(fs.treeHash);
    expect(await fs.objectHash('empty')).toBe('e69de29bb2d1d6434b8b29ae775ad8c2e48c5391');
    expect(await codeOf(fs.size('dir'))).toBe('EISDIR');
  });

  it('gives what stat gives', async () => {
    const mtime = fs.time.getTime() / 1000;
    expect(mtime).toBeGreaterThan(START);
    expect(await fs.stat('dir/run.sh')).toEqual({
      mode: 0o100755,
      fileType: 'executable',
      size: 10,
      hash: await fs.objectHash('dir/run.sh'),
      nlink: 1,
      mtime,
    });
    expect(await fs.stat('dir')).toMatchObject({ mode: 0o40000, size: 0, nlink: 3 });
    expect(await fs.stat()).toMatchObject({ fileType: 'tree', nlink: 3, hash: fs.treeHash });
    expect(await fs.stat('link')).toMatchObject({ mode: 0o120000, fileType: 'link', size: 9 });
    expect(await codeOf(fs.stat('none'))).toBe('ENOENT');
  });

  it('lists directories', async () => {
    const names = ['big', 'dir', 'dir.txt', 'empty', 'link', 'to-dir'];
    expect(await fs.ls()).toEqual(names);
    expect(await fs.ls('dir/')).toEqual(['a.txt', 'run.sh', 'sub']);
    expect(await fs.ls('dir', { recursive: true })).toEqual([
      'dir/a.txt',
      'dir/run.sh',
      'dir/sub/deep.txt',
    ]);
    expect((await fs.listdir()).map(({ name }) => name)).toEqual(names);
    expect(await fs.listdir('dir/sub')).toEqual([
      {
        name: 'deep.txt',
        oid: await fs.objectHash('dir/sub/deep.txt'),
        mode: 0o100644,
        fileType: 'blob',
      },
    ]);
    expect(await codeOf(fs.ls('dir/a.txt'))).toBe('ENOTDIR');
    expect(await codeOf(fs.ls('to-dir'))).toBe('ENOTDIR');
    expect(await codeOf(fs.listdir('none'))).toBe('ENOENT');
  });

  it('walks as os.walk does', async () => {
    const steps = await collect(fs.walk());
    expect(steps.map(({ dirpath }) => dirpath)).toEqual(['', 'dir', 'dir/sub']);
    expect(steps[0]!.dirnames).toEqual(['dir']);
    expect(steps[1]!.files.map(({ name }) => name)).toEqual(['a.txt', 'run.sh']);
    const pruned: string[] = [];
    for await (const step of fs.walk('dir')) {
      pruned.push(step.dirpath);
      step.dirnames.length = 0;
    }
    expect(pruned).toEqual(['dir']);
    expect(await codeOf(collect(fs.walk('big')))).toBe('ENOTDIR');
    expect(await codeOf(collect(fs.walk('none')))).toBe('ENOENT');
  });

  it('finds by pattern', async () => {
    expect(await fs.glob('**/*.txt')).toEqual(['dir.txt', 'dir/a.txt', 'dir/sub/deep.txt']);
    expect(await collect(fs.iglob('dir/r*'))).toEqual(['dir/run.sh']);
  });

  it('says why there is nothing to read', async () => {
    await expect(fs.read('dir/none')).rejects.toMatchObject({
      name: 'FileNotFoundError',
      code: 'ENOENT',
      path: 'dir/none',
      message: 'dir/none: no such file or directory',
    });
    await expect(fs.read('dir')).rejects.toMatchObject({ code: 'EISDIR', path: 'dir' });
    await expect(fs.read('')).rejects.toMatchObject({ code: 'EISDIR' });
    await expect(fs.read('empty/x/y')).rejects.toMatchObject({ code: 'ENOTDIR' });
    await expect(fs.read('../x')).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(fs.exists('a/../b')).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('reads blobs by hash', async () => {
    const store = await memoryStore();
    const snapshot = await (await currentOf(store)).write('a', 'content');
    const hash = await snapshot.objectHash('a');
    expect(Buffer.from(await store.readByHash(hash)).toString()).toBe('content');
    expect(Buffer.from(await store.readByHash(hash, { offset: 3 })).toString()).toBe('tent');
    expect(Buffer.from(await snapshot.readByHash(hash.toUpperCase())).toString()).toBe('content');
    expect(await store.hasHash(hash)).toBe(true);
    expect(await store.hasHash(snapshot.commitHash)).toBe(false);
    expect(await store.hasHash('0'.repeat(40))).toBe(false);
    expect(await store.hasHash('no hash')).toBe(false);
    expect(await codeOf(store.readByHash(snapshot.treeHash))).toBe('ENOENT');
    expect(await codeOf(store.readByHash('1234'))).toBe('ENOENT');
  });
});

describe('differences', () => {
  it('go from this snapshot to the other', async () => {
    const before = await snapshotWith({ a: '1', 'd/b': '2', 'd/c': '3', e: '4' });
    const after = await before.apply({
      writes: { a: 'new', 'd/x': 'x', e: { data: '4', mode: 'executable' } },
      removes: 'd/b',
    });
    const found = await collect(before.diff(after));
    expect(found.map(({ status, path }) => `${status} ${path}`)).toEqual([
      'M a',
      'D d/b',
      'A d/x',
      'M e',
    ]);
    expect(found[0]).toMatchObject({
      old: { name: 'a', oid: await before.objectHash('a'), fileType: 'blob' },
      new: { name: 'a', oid: await after.objectHash('a'), fileType: 'blob' },
    });
    expect(found[1]!.new).toBeUndefined();
    expect(found[2]!.old).toBeUndefined();
    const below = await collect(after.diff(before, { path: '/d/' }));
    expect(below.map(({ status, path }) => `${status} ${path}`)).toEqual(['A d/b', 'D d/x']);
    expect(await collect(before.diff(before))).toEqual([]);
  });

  it('are not defined between stores', async () => {
    const [one, other] = [await snapshotWith({}), await snapshotWith({})];
    expect(await codeOf(collect(one.diff(other)))).toBe('EINVAL');
    expect(() => one.diff({} as FS)).toThrow(GitStoreError);
  });
});

describe('what Git wrote', () => {
  it('reads right: odd names, old modes, submodules, other encodings', async () => {
    const path = `${scratchFolder()}/made-by-git`;
    (await GitStore.open(path, { ...steadyOptions(), durability: 'fast' })).close();
    const blob = gitBytes(path, ['hash-object', '-w', '--stdin'], Buffer.from('text'));
    const id = blob.toString().trim();
    const commit = git(path, 'rev-parse', 'main');
    const entries = [
      `100664 blob ${id}\tgroup-writable\0`,
      `120000 blob ${id}\tlink\0`,
      `160000 commit ${commit}\tmodule\0`,
      `100755 blob ${id}\t`,
    ];
    const input = Buffer.concat([Buffer.from(entries.join('')), Buffer.of(0xe9, 0x74, 0xe9, 0)]);
    const tree = gitBytes(path, ['mktree', '-z'], input).toString().trim();
    const body = Buffer.concat([
      Buffer.from(
        `tree ${tree}\nparent ${commit}\nauthor Zo\xeb <z@x> 1 -0330\ncommitter C <c@x> -5 +0000\nencoding ISO-8859-1\n\nd\xe9j\xe0 vu\n\n`,
        'latin1',
      ),
    ]);
    const made = gitBytes(path, ['hash-object', '-w', '-t', 'commit', '--stdin'], body);
    git(path, 'update-ref', 'refs/heads/odd', made.toString().trim());

    await using store = await GitStore.open(path, steadyOptions());
    const fs = await store.fs('odd');
    expect(await fs.ls()).toEqual(['group-writable', 'link', 'module', '\udce9t\udce9']);
    expect(await fs.fileType('group-writable')).toBe('blob');
    expect(await fs.fileType('\udce9t\udce9')).toBe('executable');
    expect(await fs.readText('\udce9t\udce9')).toBe('text');
    expect(await fs.isDir('module')).toBe(true);
    expect(await fs.ls('module')).toEqual([]);
    expect(await codeOf(fs.read('module'))).toBe('EISDIR');
    expect(fs.message).toBe('déjà vu');
    expect(fs.authorName).toBe('Zoë');
    expect(fs.authorEmail).toBe('z@x');
    expect(fs.time).toEqual(new Date(-5000));
    const next = await fs.remove(['module', 'link'], { recursive: true });
    expect(git(path, 'ls-tree', '--name-only', 'odd').split('\n')).toEqual([
      'group-writable',
      '"\\351t\\351"',
    ]);
    expect(next.changes!.delete.map(({ path: p }) => p)).toEqual(['link', 'module']);
  });
});
