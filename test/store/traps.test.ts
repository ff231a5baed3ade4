/** What callers get wrong from JavaScript, where no types warn: it is an error that says so, or it works. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import {
  BatchClosedError,
  createMemoryStorage,
  ExcludeFilter,
  type FS,
  GitStore,
  GitStoreError,
  hashFile,
  Workspace,
} from '../../src/index.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const now = () => 1_700_000_000_000;

async function memoryStore(): Promise<{ store: GitStore; fs: FS }> {
  const store = await GitStore.over(createMemoryStorage(), { now });
  return { store, fs: await store.branches.get('main') };
}

function folderWith(files: Record<string, string>): string {
  const folder = scratchFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** What a call throws, at once or later. */
async function failure(call: () => unknown): Promise<GitStoreError> {
  try {
    await call();
  } catch (error) {
    return error as GitStoreError;
  }
  throw new Error('It did not fail');
}

/** A value of any type, as JavaScript lets through. */
const any = (value: unknown) => value as never;

describe('work', () => {
  test('batch takes the function alone', async () => {
    const { fs } = await memoryStore();
    const made = await fs.batch(async (batch) => {
      await batch.write('a', '1');
      await batch.write('b', '2');
    });
    expect(await made.ls()).toEqual(['a', 'b']);
    expect(made.parentHashes).toEqual([fs.commitHash]);
  });

  test('exclude takes patterns', async () => {
    const { fs } = await memoryStore();
    const folder = folderWith({ 'a.x': '1', 'b.y': '2', 'c/d.x': '3' });
    const made = await fs.copyIn(`${folder}/`, '', { exclude: ['*.x'] });
    expect(await made.ls('', { recursive: true })).toEqual(['b.y']);
    const out = scratchFolder();
    await made.copyOut('', out, { exclude: ['b.*'] });
    expect((await made.copyOut('', out)).changes?.add.length).toBe(1);
    const same = await fs.copyIn(`${folder}/`, '', {
      exclude: new ExcludeFilter(['*.x']),
      dryRun: true,
    });
    expect(same.changes?.add.map(({ path }) => path)).toEqual(['b.y']);
  });

  test('a file: URL is a path', async () => {
    const { store, fs } = await memoryStore();
    const folder = folderWith({ 'ä b/x': '1' });
    const url = pathToFileURL(`${folder}/ä b/`);
    const file = new URL('x', url);
    let made = await fs.copyIn(url, 'in');
    made = await made.writeFromFile('one', file);
    made = await made.batch((batch) => batch.writeFromFile('two', file));
    made = await made.syncIn(new URL('.', file), 'synced');
    expect(await made.ls('', { recursive: true })).toEqual(['in/x', 'one', 'synced/x', 'two']);
    const out = pathToFileURL(`${scratchFolder()}/`);
    await made.copyOut('one', new URL('copy', out));
    await made.syncOut('in', new URL('dir', out));
    await made.archiveOut(new URL('all.zip', out));
    expect(readFileSync(new URL('copy', out), 'utf8')).toBe('1');
    expect(readFileSync(new URL('dir/x', out), 'utf8')).toBe('1');
    const empty = await store.branches.setEmpty('empty');
    expect((await empty.archiveIn(new URL('all.zip', out))).treeHash).toBe(made.treeHash);
    expect(await hashFile(file)).toBe(await made.objectHash('one'));
    await store.backup(new URL('backup.git', out));
    const opened = await GitStore.open(new URL('backup.git', out));
    expect((await opened.fs('main')).commitHash).toBe(made.commitHash);
    const workspace = await Workspace.open(url, { store: opened, branch: 'work' });
    expect((await workspace.checkpoint()).changes?.add.length).toBe(1);
    await workspace.close();
    await opened.close();
  });

  test('copyFromRef of a snapshot alone copies all of it', async () => {
    const { store, fs } = await memoryStore();
    const other = await (await store.branches.setEmpty('other')).write('a/b', '1');
    expect((await fs.copyFromRef(other)).treeHash).toBe(other.treeHash);
  });

  test('back goes one step', async () => {
    const { fs } = await memoryStore();
    const next = await fs.write('a', '1');
    expect((await next.back()).commitHash).toBe(fs.commitHash);
  });

  test('closing a writer again is nothing', async () => {
    const { fs } = await memoryStore();
    const writer = fs.writer('a');
    const stream = writer.getWriter();
    await stream.write('text');
    await stream.close();
    await stream.close();
    stream.releaseLock();
    await writer.close();
    await expect(writer.getWriter().write('more')).rejects.toThrow(BatchClosedError);
    await expect(writer.getWriter).toThrow();
    expect(await writer.fs.readText('a')).toBe('text');
    const piped = writer.fs.writer('b');
    await fs.batch().discard();
    await writer.fs.readStream('a').pipeTo(piped);
    await piped.close();
    await expect(piped.getWriter().write('more')).rejects.toThrow('The writer of b is closed');
  });
});

describe('relative paths', () => {
  const start = process.cwd();
  afterEach(() => process.chdir(start));

  test('are resolved at the call', async () => {
    const { fs } = await memoryStore();
    const folder = folderWith({ 'src/a': '1', 'src/b/c': '2', 'elsewhere/x': '' });
    const elsewhere = join(folder, 'elsewhere');
    /** Calls from the folder, and leaves it before the call has done anything. */
    const leaving = <T>(call: () => Promise<T>): Promise<T> => {
      process.chdir(folder);
      const made = call();
      process.chdir(elsewhere);
      return made;
    };
    let made = await leaving(() => fs.copyIn('./src/', ''));
    made = await leaving(() => made.copyIn(['src', './src/./b'], 'deep'));
    made = await leaving(() => made.writeFromFile('one', 'src/a'));
    made = await leaving(() => made.syncIn('src', 'synced'));
    expect(await made.ls('', { recursive: true })).toEqual([
      'a',
      'b/c',
      'deep/b/c',
      'deep/src/a',
      'deep/src/b/c',
      'one',
      'synced/a',
      'synced/b/c',
    ]);
    const out = await leaving(() => made.copyOut('a', 'out/'));
    expect(out.changes?.add.map(({ path }) => path)).toEqual(['out/a']);
    expect(readFileSync(join(folder, 'out/a'), 'utf8')).toBe('1');
    await leaving(() => made.syncOut('b', './out'));
    await leaving(() => made.archiveOut({ file: 'all.tar' }));
    await leaving(() => made.archiveIn({ file: 'all.tar' }));
    const missing = leaving(() => fs.copyIn('none/x', ''));
    await expect(missing).rejects.toThrow(/^none\/x: no such file or directory$/);
    await expect(missing).rejects.toMatchObject({ path: 'none/x' });
    const report = await leaving(() => made.copyIn(['none', 'src'], '', { ignoreErrors: true }));
    expect(report.changes?.errors.map(({ path }) => path)).toEqual(['none']);
  });
});

test('what console.log and JSON.stringify show', async () => {
  const { store, fs } = await memoryStore();
  const short = fs.commitHash.slice(0, 7);
  const tagged = await store.tags.set('v1', fs);
  const batch = fs.batch();
  await batch.write('a', '1');
  const writer = fs.writer('b/c');
  const [old] = [fs.commitHash];
  expect(
    [store, store.branches, store.tags, store.notes, store.notes.commits].map((one) =>
      inspect(one),
    ),
  ).toEqual([
    'GitStore(memory:)',
    'Branches(memory:)',
    'Tags(memory:)',
    'Notes(memory:)',
    'NoteNamespace(commits)',
  ]);
  expect(
    [fs, tagged, await store.fs(old), batch, writer].map((one) => [inspect(one), String(one)]),
  ).toEqual(
    [
      `FS(main@${short})`,
      `FS(v1@${short})`,
      `FS(${short})`,
      `Batch(main@${short}, open, 1 path)`,
      'Writer(b/c, open)',
    ].map((text) => [text, text]),
  );
  await writer.abort();
  const made = await batch.commit();
  expect(inspect(batch)).toBe(`Batch(main@${short}, committed, 1 path)`);
  expect(JSON.parse(JSON.stringify({ store, batch, fs: made }))).toEqual({
    store: { path: 'memory:' },
    batch: { branch: 'main', commitHash: made.commitHash, state: 'committed' },
    fs: {
      refName: 'main',
      writable: true,
      commitHash: made.commitHash,
      treeHash: made.treeHash,
      parentHashes: [old],
      authorName: 'gitstore',
      authorEmail: 'gitstore@localhost',
      time: '2023-11-14T22:13:20.000Z',
      message: '+ a',
    },
  });
});

describe('errors', () => {
  test('update whose function returns nothing', async () => {
    const { store } = await memoryStore();
    const updated = store.update(
      'main',
      any(async (fs: FS) => void (await fs.write('a', '1'))),
    );
    await expect(updated).rejects.toThrow(/must return the snapshot that its last write gave/);
    await expect(store.update('main', any(undefined))).rejects.toThrow('update takes a function');
  });

  test('a batch that is over says how it ended', async () => {
    const { fs } = await memoryStore();
    const batch = fs.batch();
    await batch.write('a', '1');
    await batch.commit();
    await expect(batch.write('b', '2')).rejects.toThrow('The batch is committed');
    await expect(batch.commit()).rejects.toThrow(BatchClosedError);
    await batch.discard();
    expect(() => fs.batch({}, any('fill'))).toThrow('batch takes a function, not "fill"');
  });

  test.each<[string, (fs: FS, store: GitStore) => unknown]>([
    ['dryRun', (fs) => fs.remove('a', { dryRun: any('false') })],
    ['recursive', (fs) => fs.move('a', 'b', { recursive: any(1) })],
    ['message', (fs) => fs.write('a', '1', { message: any(7) })],
    ['signal', (fs) => fs.copyIn('.', '', { signal: any(new AbortController()) })],
    ['onProgress', (fs) => fs.copyOut('', '/nowhere', { onProgress: any(true) })],
    ['exclude', (fs) => fs.copyIn('.', '', { exclude: any('*.x') })],
    ['delete', (fs) => fs.copyFromRef(fs, '', '', { delete: any('yes') })],
    ['parents', (fs) => fs.batch({ parents: any(fs) })],
    ['since', (fs) => fs.log({ since: any('2024-01-01') })],
    ['limit', (_, store) => store.branches.reflog('main', { limit: any('3') })],
    ['force', (_, store) => store.branches.delete('main', { force: any('no') })],
    ['maxFiles', (fs) => fs.archiveIn(new Uint8Array(9), { maxFiles: any('9') })],
    ['history', (fs) => fs.grep('x', { history: any(1) }).next()],
    ['dryRun', (_, store) => store.backup('x.git', { dryRun: any(0) })],
    ['create', () => GitStore.open('/nowhere', { create: any('no') })],
    ['now', () => GitStore.over(createMemoryStorage(), { now: any(5) })],
  ])('%s of another type is an error that names it', async (name, call) => {
    const { store, fs } = await memoryStore();
    const error = await failure(() => call(fs, store));
    expect(error).toBeInstanceOf(GitStoreError);
    expect(error.code).toBe('EINVAL');
    expect(error.message).toMatch(new RegExp(`^${name} must be `));
    expect(await store.branches.list()).toEqual(['main']);
  });

  test.each<[RegExp, (fs: FS, store: GitStore) => unknown]>([
    [/^A source must be a path or a file: URL/, (fs) => fs.copyIn(any(undefined), '')],
    [/^A source must be .*not one of https:/, (fs) => fs.copyIn(new URL('https://x.test'), '')],
    [/^The destination must be a path/, (fs) => fs.copyOut('', any(null))],
    [/^archiveOut takes a stream or \{ file: PATH \}/, (fs) => fs.archiveOut(any('x.zip'))],
    [/^archiveIn takes a stream or \{ file: PATH \}/, (fs) => fs.archiveIn(any('x.zip'))],
    [/^Expected an FS, not "main"/, (fs) => fs.diff(any('main'))],
    [/^Options must be an object, not "x"/, (fs) => fs.write('a', '1', any('x'))],
    [/^The URL must be a path/, (_, store) => store.backup(any(undefined))],
    [/^A path must be a string, not undefined/, (fs) => fs.read(any(undefined))],
    [/^A name must be a string, not 5/, (fs, store) => store.branches.set(any(5), fs)],
    [/^Content must be a string, bytes/, (fs) => fs.write('a', any({}))],
    [/^The text must be a string/, (fs) => fs.writeText('a', any(new Uint8Array(3)))],
    [/^The target of a link must be a string/, (fs) => fs.writeSymlink('a', any(undefined))],
    [/^Options must be an object, not null/, (fs) => fs.writeFromFile('a', 'b', any(null))],
    [/^recursive must be true or false/, (fs) => fs.ls('', { recursive: any('yes') })],
    [/^A pattern must be a string/, (fs) => fs.glob(any(undefined))],
    [/^A pattern must be a string/, (fs) => fs.grep(any(undefined)).next()],
    [/^A pattern must be a string/, (fs) => fs.find(any(5)).next()],
    [/^The sources must be an array/, (fs) => fs.copyFromRefs(any('main'))],
    [/^The changes must be an object/, (fs) => fs.apply(any(undefined))],
    [/^The text of a note must be a string/, (fs, { notes }) => notes.commits.set(fs, any(5))],
    [/^prune is not a valid date/, (_, store) => store.gc({ prune: any(5) })],
    [/^The policy must be an object/, (_, store) => store.branches.thin('main', any(undefined))],
    [/^format is 'bundle' or/, (_, store) => store.backup('x.git', { format: any('zip') })],
    [/^bundleVersion is 2 or 3/, (_, store) => store.backup('x', { bundleVersion: any(9) })],
    [/^The storage must be an object/, () => GitStore.over(any(undefined))],
    [/^The options, which name the store/, () => Workspace.open('.', any(undefined))],
    [/^The argument of ExcludeFilter must be an array/, () => new ExcludeFilter(any('*.x'))],
  ])('%s', async (message, call) => {
    const { store, fs } = await memoryStore();
    const error = await failure(() => call(fs, store));
    expect(error).toBeInstanceOf(GitStoreError);
    expect(error.message).toMatch(message);
  });
});

test('what JSON.stringify shows of an error', async () => {
  const { fs } = await memoryStore();
  const json = (error: unknown): unknown => JSON.parse(JSON.stringify({ error })).error;
  const missing = await fs.readText('none/x').catch((error: unknown) => error);
  expect(json(missing)).toEqual({
    name: 'FileNotFoundError',
    code: 'ENOENT',
    message: (missing as Error).message,
    path: 'none/x',
  });
  await fs.write('a', '1');
  const stale = await fs.write('a', '2').catch((error: unknown) => error);
  expect(json(stale)).toEqual({
    name: 'StaleSnapshotError',
    code: 'ESTALE',
    message: (stale as Error).message,
    ref: 'main',
    paths: [],
  });
});
