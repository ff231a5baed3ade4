import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  createMemoryStorage,
  type FileData,
  type FS,
  GitStore,
  GitStoreError,
  type OpenOptions,
} from '../../src/index.ts';
import { expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { codeOf } from './model.ts';
import { currentOf, filesOf, memoryStore, START, snapshotWith, steadyOptions } from './stores.ts';

async function* chunksOf(...chunks: string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

describe('a tag in the same step', () => {
  it('moves with the branch, or neither does', async () => {
    const store = await memoryStore();
    let fs = await currentOf(store);
    fs = await fs.write('a', '1', { tag: 'first' });
    expect((await store.tags.get('first')).commitHash).toBe(fs.commitHash);
    for (const write of [
      () => fs.write('a', '2', { tag: 'first' }),
      () => fs.batch({ tag: 'first' }, async (batch) => await batch.write('a', '2')),
      () => fs.remove('a', { tag: 'first' }),
      () => fs.move('a', 'b', { tag: 'first' }),
      () => fs.copyFromRef(fs, ['a'], 'copy', { tag: 'first' }),
    ]) {
      expect(await codeOf(write())).toBe('EREFEXISTS');
      expect((await currentOf(store)).commitHash).toBe(fs.commitHash);
    }
    expect(await codeOf(fs.write('a', '2', { tag: 'not valid' }))).toBe('EINVAL');
    fs = await fs.write('a', '2', { tag: 'first', forceTag: true });
    expect((await store.tags.get('first')).commitHash).toBe(fs.commitHash);
    // Nothing to change: the tag is set all the same.
    const same = await fs.write('a', '2', { tag: 'again' });
    expect((await store.tags.get('again')).commitHash).toBe(same.commitHash);
    // A stale snapshot sets no tag.
    const held = fs;
    await fs.write('a', '3');
    expect(await codeOf(held.write('b', '1', { tag: 'late' }))).toBe('ESTALE');
    expect(await store.tags.has('late')).toBe(false);
  });
});

describe('write', () => {
  it('takes content in every form', async () => {
    let fs = await snapshotWith({});
    const forms: FileData[] = [
      'grüße',
      new TextEncoder().encode('grüße'),
      Buffer.from('grüße'),
      chunksOf('gr', 'üße'),
      new Blob(['grüße']).stream(),
      Readable.from([Buffer.from('grü'), Buffer.from('ße')]),
    ];
    for (const [i, data] of forms.entries()) {
      fs = await fs.write(`f${i}`, data);
      expect(await fs.readText(`f${i}`)).toBe('grüße');
    }
    fs = await fs.writeText('text', 'grüße');
    expect(await fs.objectHash('text')).toBe(await fs.objectHash('f3'));
  });

  it('refuses what is no content, and leaves nothing behind', async () => {
    const fs = await snapshotWith({ a: '1' });
    await expect(fs.write('a', 5 as unknown as string)).rejects.toThrow(GitStoreError);
    await expect(fs.write('a', Readable.from([{}]))).rejects.toThrow(GitStoreError);
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('half');
      throw new Error('the source broke');
    }
    await expect(fs.write('a', failing())).rejects.toThrow('the source broke');
    expect(await (await fs.write('b', '2')).readText('a')).toBe('1');
  });

  it('makes one commit by the store’s author, on top of the snapshot', async () => {
    const fs = await snapshotWith({ a: '1' });
    const next = await fs.write('dir/b', '2');
    expect(next).toMatchObject({
      message: '+ dir/b',
      parentHashes: [fs.commitHash],
      refName: 'main',
      writable: true,
      authorName: 'Ada',
      authorEmail: 'ada@example.org',
      timezoneOffset: 90,
    });
    expect(next.time.getTime()).toBeGreaterThan(START * 1000);
    expect(next.changes).toMatchObject({
      add: [{ path: 'dir/b', type: 'blob' }],
      update: [],
      delete: [],
      total: 1,
      inSync: false,
    });
    expect(await filesOf(fs)).toEqual({ a: '1' });
    expect(await filesOf(next)).toEqual({ a: '1', 'dir/b': '2' });
  });

  it('makes no commit when nothing changes', async () => {
    const fs = await snapshotWith({ a: '1' });
    const same = await fs.write('a', '1');
    expect(same.commitHash).toBe(fs.commitHash);
    expect(same.changes).toMatchObject({ total: 0, inSync: true });
    expect((await fs.batch({}, async () => {})).commitHash).toBe(fs.commitHash);
    await fs.write('a', '2');
    expect(await codeOf(fs.write('a', '1'))).toBe('ESTALE');
  });

  it('records extra parents, also when the tree stays as it was', async () => {
    const store = await memoryStore();
    const fs = await currentOf(store);
    const other = await (await store.branches.set('other', fs)).write('b', '2');
    const third = await (await store.branches.set('third', fs)).write('c', '2');
    const joined = await fs.write('a', '1', { parents: [other, third, other, fs] });
    expect(joined.parentHashes).toEqual([fs.commitHash, other.commitHash, third.commitHash]);
    expect(await filesOf(joined)).toEqual({ a: '1' });
    const marked = await joined.write('a', '1', { parents: [other] });
    expect(marked.parentHashes).toEqual([joined.commitHash, other.commitHash]);
    expect(marked.treeHash).toBe(joined.treeHash);
    const same = await marked.write('a', '1', { parents: [marked] });
    expect(same.commitHash).toBe(marked.commitHash);
  });

  it('checks that the branch still stands there', async () => {
    const fs = await snapshotWith({ a: '1' });
    const winner = await fs.write('a', '2');
    await expect(fs.write('b', '3')).rejects.toMatchObject({
      name: 'StaleSnapshotError',
      code: 'ESTALE',
      ref: 'main',
    });
    expect(await filesOf(await winner.write('c', '4'))).toEqual({ a: '2', c: '4' });
  });

  it('writes to branches only', async () => {
    const store = await memoryStore();
    const fs = await (await currentOf(store)).write('a', '1');
    const tagged = await store.tags.set('v1', fs);
    const bare = await store.fs(fs.commitHash);
    for (const readOnly of [tagged, bare]) {
      expect(readOnly.writable).toBe(false);
      expect(await codeOf(readOnly.write('a', '2'))).toBe('EPERM');
      expect(await codeOf(readOnly.remove('a'))).toBe('EPERM');
      expect(await codeOf(readOnly.move('a', 'b'))).toBe('EPERM');
      expect(await codeOf(readOnly.undo())).toBe('EPERM');
      expect(await codeOf(readOnly.redo())).toBe('EPERM');
      expect(() => readOnly.batch()).toThrow(/branch/);
      expect(await codeOf(readOnly.writer('a').close())).toBe('EPERM');
    }
    await expect(tagged.write('a', '2')).rejects.toThrow("Cannot write to tag 'v1' — use a branch");
  });

  it.each(['', '/', '..', 'a/../b', 'a\0', '.git/config', 'x/.GIT'])(
    'refuses the path %j',
    async (path) => {
      const fs = await snapshotWith({ a: '1' });
      expect(await codeOf(fs.write(path, 'x'))).toBe('EINVAL');
      expect(await codeOf(fs.writeSymlink(path, 'x'))).toBe('EINVAL');
      expect(await codeOf(fs.batch().write(path, 'x'))).toBe('EINVAL');
      expect(await codeOf(fs.apply({ writes: { [path]: 'x' } }))).toBe('EINVAL');
      expect(await codeOf(fs.move('a', path === '/' || path === '' ? '..' : path))).toBe('EINVAL');
    },
  );

  it('puts nothing in the place of a directory, and nothing below a file', async () => {
    const fs = await snapshotWith({ 'dir/a': '1', file: '2' });
    const withLink = await fs.writeSymlink('link', 'dir');
    expect(await codeOf(withLink.write('dir', 'x'))).toBe('EISDIR');
    expect(await codeOf(withLink.write('file/x', 'x'))).toBe('ENOTDIR');
    expect(await codeOf(withLink.write('file/x/y/z', 'x'))).toBe('ENOTDIR');
    expect(await codeOf(withLink.write('link/a', 'x'))).toBe('ENOTDIR');
    expect(await codeOf(withLink.writeSymlink('dir', 'x'))).toBe('EISDIR');
  });

  it('knows modes by name and by number', async () => {
    let fs = await snapshotWith({});
    const modes = { executable: 'executable', blob: 'blob', link: 'link' } as const;
    for (const [path, mode] of Object.entries(modes)) fs = await fs.write(path, 'x', { mode });
    const numbers = [0o755, 0o100755, 0o644, 0o100644, 0o700, 0o120000, 0o600, 0o100600];
    for (const mode of numbers) fs = await fs.write(mode.toString(8), 'x', { mode });
    const types = await Promise.all((await fs.ls()).map((path) => fs.fileType(path)));
    expect(Object.fromEntries((await fs.ls()).map((path, i) => [path, types[i]]))).toEqual({
      '100600': 'blob',
      '100644': 'blob',
      '100755': 'executable',
      '120000': 'link',
      '600': 'blob',
      '644': 'blob',
      '700': 'executable',
      '755': 'executable',
      blob: 'blob',
      executable: 'executable',
      link: 'link',
    });
    for (const mode of ['tree', 'file', 0o40000, 0o160000, -1, 0.5, 0o200000] as never[]) {
      expect(await codeOf(fs.write('x', 'x', { mode }))).toBe('EINVAL');
    }
  });

  it('keeps a file executable, and makes a plain file of a link', async () => {
    let fs = await snapshotWith({});
    fs = await fs.write('run', '1', { mode: 'executable' });
    fs = await fs.write('run', '2');
    expect(await fs.fileType('run')).toBe('executable');
    fs = await fs.write('run', '2', { mode: 'blob' });
    expect(await fs.fileType('run')).toBe('blob');
    expect(fs.changes!.update).toEqual([{ path: 'run', type: 'blob' }]);
    fs = await fs.writeSymlink('link', 'run');
    fs = await fs.write('link', 'content');
    expect(await fs.fileType('link')).toBe('blob');
  });

  it('writes links as they are, and refuses what is no target', async () => {
    const fs = await snapshotWith({});
    const linked = await fs.writeSymlink('l', '../outside/\udcff');
    expect(await linked.readlink('l')).toBe('../outside/\udcff');
    expect(linked.message).toBe('+ l (link)');
    expect(await codeOf(linked.writeSymlink('m', ''))).toBe('EINVAL');
    expect(await codeOf(linked.writeSymlink('m', 'a\0'))).toBe('EINVAL');
  });

  it('takes local files, with their execute bit', async () => {
    const folder = scratchFolder();
    writeFileSync(`${folder}/plain`, 'plain');
    writeFileSync(`${folder}/run`, 'run');
    chmodSync(`${folder}/run`, 0o755);
    writeFileSync(`${folder}/big`, Buffer.alloc(2_500_000, 'x'));
    symlinkSync('run', `${folder}/link`);
    mkdirSync(`${folder}/dir`);
    let fs = await snapshotWith({ old: 'x' });
    fs = await fs.writeFromFile('old', `${folder}/run`);
    expect(fs.message).toBe('~ old (executable)');
    fs = await fs.writeFromFile('old', `${folder}/plain`);
    expect(await fs.fileType('old')).toBe('blob');
    fs = await fs.writeFromFile('linked', `${folder}/link`);
    expect(await fs.readText('linked')).toBe('run');
    fs = await fs.writeFromFile('plain', `${folder}/plain`, { mode: 0o755 });
    expect(await fs.fileType('plain')).toBe('executable');
    fs = await fs.writeFromFile('big', `${folder}/big`);
    expect(await fs.size('big')).toBe(2_500_000);
    expect(await codeOf(fs.writeFromFile('x', `${folder}/none`))).toBe('ENOENT');
    expect(await codeOf(fs.writeFromFile('x', `${folder}/dir`))).toBe('EISDIR');
    expect(await codeOf(fs.writeFromFile('x', `${folder}/plain/y`))).toBe('ENOTDIR');
  });

  it('stops at a signal while a stream has nothing to give', async () => {
    const fs = await snapshotWith({});
    const stop = new AbortController();
    async function* silent() {
      yield Buffer.from('start');
      stop.abort(new Error('enough'));
      await new Promise(() => {});
    }
    await expect(fs.write('a', silent(), { signal: stop.signal })).rejects.toThrow('enough');
  });

  it('stops at a signal', async () => {
    const fs = await snapshotWith({});
    const stop = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let i = 0; ; i++) {
        if (i === 3) stop.abort(new Error('enough'));
        yield Buffer.from('x');
      }
    }
    await expect(fs.write('a', endless(), { signal: stop.signal })).rejects.toThrow('enough');
    await expect(fs.write('a', 'x', { signal: stop.signal })).rejects.toThrow('enough');
    expect(await filesOf(await fs.write('b', '1'))).toEqual({ b: '1' });
  });
});

describe('messages', () => {
  const all = { writes: { a: 'x', c: 'y', d: 'z' }, removes: 'b', operation: 'cp' };

  async function textOf(message: string): Promise<string> {
    const fs = await snapshotWith({ a: '1', b: '2' });
    return (await fs.apply({ ...all, message })).message;
  }

  async function messageOf(
    messageTemplate: string,
    work?: (fs: FS) => Promise<FS>,
  ): Promise<string> {
    const fs = await snapshotWith({ a: '1', b: '2' });
    return (await (work?.(fs) ?? fs.apply({ ...all, messageTemplate }))).message;
  }

  it.each(['{op} {unknown}', 'a { b }} c {{', '}}', '{"a": {}}'])(
    '%s is taken as it is',
    async (text) => {
      expect(await textOf(text)).toBe(text);
    },
  );

  it('are used as they are without a brace', async () => {
    expect(await messageOf('plain } text')).toBe('plain } text');
    expect(await messageOf('two\n\nlines\n')).toBe('two\n\nlines');
    expect(await messageOf('')).toBe('');
  });

  it('have placeholders', async () => {
    expect(await messageOf('{op}: {add_count} {update_count} {delete_count} {total_count}')).toBe(
      'cp: 2 1 1 4',
    );
    expect(await messageOf('Nightly: {default}')).toBe('Nightly: Batch cp: +2 ~1 -1');
    expect(await messageOf('{{"json": {add_count}}}')).toBe('{"json": 2}');
    const noOperation = (fs: FS) => fs.write('new', 'x', { messageTemplate: '<{op}> {default}' });
    expect(await messageOf('', noOperation)).toBe('<> + new');
  });

  it.each(['{unknown}', '{', 'a {add_count', '{}', '{ default }'])('refuse %j', async (message) => {
    expect(await codeOf(messageOf(message))).toBe('EINVAL');
  });

  it('refuse a NUL', async () => {
    expect(await codeOf(textOf('a\0b'))).toBe('EINVAL');
  });

  it('say by default what changed', async () => {
    let fs = await snapshotWith({ a: '1', b: '2', c: '3' });
    expect(fs.message).toBe('Batch: +3');
    fs = await fs.write('run', 'x', { mode: 'executable' });
    expect(fs.message).toBe('+ run (executable)');
    fs = await fs.remove('run');
    expect(fs.message).toBe('- run');
    fs = await fs.remove(['a', 'b']);
    expect(fs.message).toBe('Batch rm: -2');
    fs = await fs.move('c', 'd');
    expect(fs.message).toBe('Batch mv: +1 -1');
    fs = await fs.batch({ operation: 'ar' }, async (batch) => {
      await batch.write('d', 'new');
      await batch.write('e', 'new');
    });
    expect(fs.message).toBe('Batch ar: +1 ~1');
  });
});

describe('apply', () => {
  it('does all in one commit, removals first', async () => {
    const folder = scratchFolder();
    writeFileSync(`${folder}/local`, 'from disk');
    const fs = await snapshotWith({ 'old/a': '1', 'old/b': '2', c: '3' });
    const next = await fs.apply({
      writes: {
        text: 'text',
        bytes: new Uint8Array([65]),
        stream: { data: chunksOf('a', 'b') },
        run: { data: '#!', mode: 0o755 },
        local: { file: `${folder}/local` },
        link: { target: 'text' },
        'old/new': 'x',
      },
      removes: ['old/', 'c'],
      message: 'all at once',
    });
    expect(next.parentHashes).toEqual([fs.commitHash]);
    expect(next.message).toBe('all at once');
    expect(await filesOf(next)).toEqual({
      bytes: 'A',
      link: 'text',
      local: 'from disk',
      'old/new': 'x',
      run: '#!',
      stream: 'ab',
      text: 'text',
    });
    expect(next.changes!.delete.map(({ path }) => path)).toEqual(['c', 'old/a', 'old/b']);
  });

  it('does nothing when a part fails', async () => {
    const fs = await snapshotWith({ 'dir/a': '1' });
    expect(await codeOf(fs.apply({ writes: { x: '1' }, removes: 'dir' }))).toBe('EISDIR');
    expect(await codeOf(fs.apply({ writes: { x: '1' }, removes: 'none' }))).toBe('ENOENT');
    expect(await codeOf(fs.apply({ writes: { x: '1' }, removes: 'dir/a/' }))).toBe('ENOTDIR');
    const link = await fs.apply({ writes: { x: { target: 'a', mode: 'link' } } });
    expect(await link.readlink('x')).toBe('a');
    const contradictions = [
      {},
      { data: 'x', target: 'y' },
      { data: 'x', file: 'y' },
      { file: 'x', target: 'y' },
      { target: 'x', mode: 'executable' },
      { data: undefined },
    ];
    for (const entry of contradictions) {
      await expect(link.apply({ writes: { y: entry as never } })).rejects.toThrow(GitStoreError);
    }
    expect((await link.apply({})).commitHash).toBe(link.commitHash);
  });

  it('with nothing to do makes no commit', async () => {
    const fs = await snapshotWith({ 'dir/a': '1' });
    expect((await fs.apply({})).commitHash).toBe(fs.commitHash);
  });
});

describe('remove', () => {
  it('removes files and, when asked, directories', async () => {
    const fs = await snapshotWith({ 'd/a': '1', 'd/e/b': '2', c: '3' });
    expect(await filesOf(await fs.remove('c'))).toEqual({ 'd/a': '1', 'd/e/b': '2' });
    const again = await currentOf2(fs);
    expect(await codeOf(again.remove('d'))).toBe('EISDIR');
    expect(await codeOf(again.remove('none'))).toBe('ENOENT');
    expect(await codeOf(again.remove('d/a/x'))).toBe('ENOTDIR');
    expect(await codeOf(again.remove('d/a/'))).toBe('ENOTDIR');
    expect(await codeOf(again.remove('', { recursive: true }))).toBe('EINVAL');
    const dry = await again.remove(['d/', 'd/a'], { recursive: true, dryRun: true });
    expect(dry.commitHash).toBe(again.commitHash);
    expect(dry.changes!.delete).toEqual([
      { path: 'd/a', type: 'blob' },
      { path: 'd/e/b', type: 'blob' },
    ]);
    expect(await again.exists('d/a')).toBe(true);
    const empty = await again.remove(['d', 'd/e'], { recursive: true });
    expect(await empty.ls()).toEqual([]);
    expect(empty.treeHash).toBe('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
    expect(empty.changes!.delete).toHaveLength(2);
  });

  /** The snapshot after the last write, by undoing and redoing it. */
  async function currentOf2(fs: FS): Promise<FS> {
    const parent = await fs.parent();
    expect(parent).not.toBeNull();
    return (await snapshotWith({ 'd/a': '1', 'd/e/b': '2' })) satisfies FS;
  }
});

describe('move', () => {
  const files = { a: '1', 'd/b': '2', 'd/s/c': '3', 'e/x': '4', f: '5' };
  const moved = async (sources: string | string[], dest: string) => {
    const fs = await snapshotWith(files);
    return filesOf(await fs.move(sources, dest, { recursive: true }));
  };

  it('renames, moves into directories, and replaces files', async () => {
    expect(await moved('a', 'z')).toEqual({ z: '1', 'd/b': '2', 'd/s/c': '3', 'e/x': '4', f: '5' });
    expect(await moved('a', 'new/deep/z')).toMatchObject({ 'new/deep/z': '1' });
    expect(await moved('a', 'd')).toMatchObject({ 'd/a': '1' });
    expect(await moved('a', 'new/')).toMatchObject({ 'new/a': '1' });
    expect(await moved(['a', 'f'], 'new')).toMatchObject({ 'new/a': '1', 'new/f': '5' });
    expect(await moved('d/b', '')).toMatchObject({ b: '2' });
    expect(await moved('a', 'f')).toEqual({ 'd/b': '2', 'd/s/c': '3', 'e/x': '4', f: '1' });
    expect(await moved('d', 'e')).toMatchObject({ 'e/d/b': '2', 'e/d/s/c': '3', 'e/x': '4' });
    expect(await moved('d', 'g')).toMatchObject({ 'g/b': '2', 'g/s/c': '3' });
    expect(await moved('d/s/', 's2')).toMatchObject({ 's2/c': '3' });
    expect(await moved(['a', 'd'], 'e/')).toMatchObject({ 'e/a': '1', 'e/d/b': '2' });
  });

  it('keeps modes and says where what came from', async () => {
    const fs = await (await snapshotWith(files)).write('d/run', '#!', { mode: 'executable' });
    const next = await fs.move('d', 'g', { recursive: true });
    expect(await next.fileType('g/run')).toBe('executable');
    expect(await next.objectHash('g')).toBe(await fs.objectHash('d'));
    expect(next.changes!.add).toEqual([
      { path: 'g/b', type: 'blob', src: 'd/b' },
      { path: 'g/run', type: 'executable', src: 'd/run' },
      { path: 'g/s/c', type: 'blob', src: 'd/s/c' },
    ]);
    expect(next.changes!.delete.map(({ path }) => path)).toEqual(['d/b', 'd/run', 'd/s/c']);
    const dry = await next.move('f', 'a', { dryRun: true });
    expect(dry.commitHash).toBe(next.commitHash);
    expect(dry.changes).toMatchObject({
      add: [],
      update: [{ path: 'a', src: 'f' }],
      delete: [{ path: 'f' }],
    });
  });

  it.each<[string | string[], string, string]>([
    ['a', 'a', 'EINVAL'],
    ['a', '', 'EINVAL'],
    ['d/b', 'd', 'EINVAL'],
    ['d', 'd', 'EINVAL'],
    ['d', 'd/s', 'EINVAL'],
    ['d', 'd/new/x', 'EINVAL'],
    ['a', 'a/x', 'EINVAL'],
    ['none', 'x', 'ENOENT'],
    ['a/x', 'y', 'ENOTDIR'],
    ['a/', 'x', 'ENOTDIR'],
    ['', 'x', 'EINVAL'],
    [[], 'x', 'EINVAL'],
    [['a', 'f'], 'e/x', 'ENOTDIR'],
    ['a', 'f/', 'ENOTDIR'],
    ['a', 'f/x', 'ENOTDIR'],
    ['d', 'f', 'ENOTDIR'],
    [['d/b', 'd'], 'e', 'ENOENT'],
    [['a', 'd/a2'], 'e', 'ENOENT'],
  ])('refuses %j to %j', async (sources, dest, code) => {
    expect(await codeOf(moved(sources, dest))).toBe(code);
  });

  it('puts a directory in the place of the one that held nothing else', async () => {
    const fs = await snapshotWith({ 'a/a/a/x': '1', 'a/a/y': '2', 'b/b': '3' });
    const next = await fs.move(['a/a', 'b/b'], '', { recursive: true });
    expect(await filesOf(next)).toEqual({ 'a/a/x': '1', 'a/y': '2', b: '3' });
    expect(next.changes!.add.map(({ path }) => path)).toEqual(['a/a/x', 'a/y', 'b']);
  });

  it('needs to be told to take directories, and replaces none that holds anything', async () => {
    const fs = await snapshotWith({ ...files, 'e/d/y': '6', 'g/d': '7', 's/b': '8' });
    expect(await codeOf(fs.move('d', 'x'))).toBe('EISDIR');
    expect(await codeOf(fs.move('d', 'e', { recursive: true }))).toBe('ENOTEMPTY');
    expect(await codeOf(fs.move('d', 'g', { recursive: true }))).toBe('ENOTDIR');
    expect(await codeOf(fs.move(['d/b', 's/b'], 'e'))).toBe('EINVAL');
  });
});

describe('a store that is closed', () => {
  it('does nothing any more', async () => {
    const store = await memoryStore();
    const fs = await (await currentOf(store)).write('a', '1');
    const batch = fs.batch();
    await store.close();
    await store.close();
    const calls: (() => unknown)[] = [
      () => fs.read('a'),
      () => fs.ls(),
      () => fs.exists('a'),
      () => fs.stat(),
      () => fs.write('a', '2'),
      () => fs.remove('a'),
      () => fs.move('a', 'b'),
      () => fs.parent(),
      () => fs.back(0).then((same) => same.readText('a')),
      () => fs.log().next(),
      () => fs.undo(),
      () => fs.squash(),
      () => fs.glob('*'),
      () => fs.readByHash('0'.repeat(40)),
      () => fs.copyIn('/tmp', ''),
      () => fs.copyOut('a', '/tmp/x'),
      () => fs.writer('a').close(),
      () => batch.write('a', 'x'),
      () => batch.remove('a'),
      () => batch.commit(),
      () => store.fs('main'),
      () => store.update('main', async (one) => one),
      () => store.hasHash('x'),
      () => store.branches.get('main'),
      () => store.branches.list(),
      () => store.branches.current(),
      () => store.branches.set('b', fs),
      () => store.branches.reflog('main'),
      () => store.tags.set('b', fs),
      () => store.tags.has('b'),
      () => store.tags.delete('b'),
      () => fs.readStream('a'),
      () => fs.iglob('*'),
      () => fs.walk()[Symbol.asyncIterator]().next(),
      () => fs.diff(fs)[Symbol.asyncIterator]().next(),
    ];
    for (const call of calls) {
      const code = await codeOf((async () => call())());
      expect({ call: String(call), code }).toEqual({ call: String(call), code: 'ECLOSED' });
    }
    expect(fs.message).toBe('+ a');
  });
});

describe('a commit', () => {
  it('is the same when it is read back, whatever its author is called', async () => {
    for (const author of ['Ada', ' A <d> a\n', 'Ädä \udc80 x', '']) {
      const storage = createMemoryStorage();
      const options = { ...steadyOptions(), author, email: `${author}@x` };
      const fs = await (await currentOf(await GitStore.over(storage, options))).write('a', 'x', {
        message: `by ${author}`,
      });
      const again = await (await GitStore.over(storage, options)).fs(fs.commitHash);
      for (const key of ['message', 'authorName', 'authorEmail', 'time', 'treeHash'] as const) {
        expect(again[key]).toEqual(fs[key]);
      }
    }
  });

  it('made in UTC says +0000', async () => {
    const { TZ } = process.env;
    process.env.TZ = 'UTC';
    try {
      const { fs, objects } = await inMemory();
      const commit = await objects.read((await fs.write('a', 'x')).commitHash);
      expect(Buffer.from(commit!.body).toString()).toMatch(/^committer .* \+0000$/m);
    } finally {
      if (TZ === undefined) delete process.env.TZ;
      else process.env.TZ = TZ;
    }
  });
});

/** A snapshot of a store whose committer has the machine's time zone. */
async function inMemory() {
  const storage = createMemoryStorage();
  return { fs: await currentOf(await GitStore.over(storage)), objects: storage.objects };
}

describe('on disk', () => {
  it('Git reads what was written', async () => {
    const path = `${scratchFolder()}/store.git`;
    await using store = await GitStore.open(path, { ...steadyOptions(), durability: 'fast' });
    let fs = await currentOf(store);
    fs = await fs.write('dir/ü', 'x', { mode: 0o755, message: 'first\n\nwith a body' });
    fs = await fs.writeSymlink('link', 'dir/ü');
    fs = await fs.write('big', Readable.from([Buffer.alloc(3_000_000)]));
    fs = await fs.remove(['big', 'dir', 'link'], { recursive: true, message: 'all gone' });
    expectClean(path);
    expect(git(path, 'log', '--format=%an <%ae> %ai %s', 'main').split('\n')).toEqual([
      'Ada <ada@example.org> 2024-01-01 01:30:04 +0130 all gone',
      'Ada <ada@example.org> 2024-01-01 01:30:03 +0130 + big',
      'Ada <ada@example.org> 2024-01-01 01:30:02 +0130 + link (link)',
      'Ada <ada@example.org> 2024-01-01 01:30:01 +0130 first',
      'Ada <ada@example.org> 2024-01-01 01:30:00 +0130 Initialize main',
    ]);
    expect(git(path, 'reflog', 'main', '--format=%gs').split('\n')).toEqual([
      'commit: all gone',
      'commit: + big',
      'commit: + link (link)',
      'commit: first',
      'commit (initial): Initialize main',
    ]);
    expect(
      git(path, 'ls-tree', '-r', 'main~2')
        .split('\n')
        .map((line) => line.slice(0, 6)),
    ).toEqual(['100755', '120000']);
  });

  it.each<[string, OpenOptions]>([
    ['a compression that Git refuses', { compression: 10 }],
    ['one that is no number of its levels', { compression: 1.5 }],
    ['a negative size', { bigFileThreshold: -1 }],
    ['an unknown durability', { durability: 'Full' as 'full' }],
  ])('makes no store with %s', async (_what, options) => {
    const path = `${scratchFolder()}/store.git`;
    expect(await codeOf(GitStore.open(path, options))).toBe('EINVAL');
    expect(existsSync(path)).toBe(false);
  });
});

describe('a local file that grows while it is read', () => {
  it('is stored as it was at a moment, with a warning, also in a batch', async () => {
    const file = join(scratchFolder(), 'log');
    writeFileSync(file, 'first line\n'.repeat(2e5));
    const storage = createMemoryStorage();
    const { objects } = storage;
    const plain = objects.writer.bind(objects);
    objects.writer = () => {
      const writer = plain();
      const { writeStream } = writer;
      writer.writeStream = async (source, size) => {
        async function* disturbed() {
          for await (const chunk of source) {
            appendFileSync(file, 'one more\n');
            yield chunk;
          }
        }
        return writeStream.call(writer, disturbed(), size);
      };
      return writer;
    };
    const store = await GitStore.over(storage);
    const fs = await (await currentOf(store)).writeFromFile('log', file);
    const batched = await fs.batch({}, (batch) => batch.writeFromFile('again', file));
    for (const [made, path] of [
      [fs, 'log'],
      [batched, 'again'],
    ] as const) {
      const text = await made.readText(path);
      expect(text).toMatch(/^(first line\n){200000}(one more\n)*$/);
      const error = `stored up to its first ${text.length} bytes: it grew meanwhile`;
      expect(made.changes?.warnings).toEqual([{ path, error }]);
    }
  });
});

it('a .gitmodules that is a symbolic link never gets in', async () => {
  const store = await memoryStore();
  let fs = await currentOf(store);
  fs = await fs.writeSymlink('link', 'x');
  for (const name of ['.gitmodules', 'd/.gitmodules', '.GITMODULES', 'gitmod~1']) {
    expect(await codeOf(fs.writeSymlink(name, 'x'))).toBe('EINVAL');
    expect(await codeOf(fs.move('link', name))).toBe('EINVAL');
    expect(await codeOf(fs.copyFromRef(fs, ['link'], name))).toBe('EINVAL');
    expect(await codeOf(fs.batch({}, (batch) => batch.writeSymlink(name, 'x')))).toBe('EINVAL');
  }
  fs = await fs.write('.gitmodules', '[submodule "a"]');
  expect((await store.verify()).ok).toBe(true);
});
