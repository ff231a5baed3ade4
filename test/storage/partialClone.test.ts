/** Partial clones made by real Git: what is there is read, what is promised is told apart from damage. */
import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { GitStore, PromisedObjectError } from '../../src/index.ts';
import { git, gitBytes, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { serveGit, tryGit } from '../server/gitServer.ts';

let source: string;
let path: string;

function clonePart(filter: string): string {
  const target = join(scratchFolder(), 'part.git');
  const url = pathToFileURL(source).href;
  const args = ['clone', '-q', '--bare', `--filter=${filter}`, url, target];
  const { status, stderr } = spawnSync('git', args, { env: gitEnvironment, encoding: 'utf8' });
  expect(status, stderr).toBe(0);
  return target;
}

beforeAll(async () => {
  source = join(scratchFolder(), 'source.git');
  const store = await GitStore.open(source);
  let fs = await store.branches.get('main');
  for (const text of ['one', 'two']) {
    fs = await fs.write('a/b', text);
    fs = await fs.write('c', `${text}!`);
  }
  await store.close();
  git(source, 'config', 'uploadpack.allowFilter', 'true');
});

beforeEach(() => {
  path = clonePart('blob:none');
});

async function promised(work: Promise<unknown>): Promise<void> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PromisedObjectError);
  const { message, code } = error as PromisedObjectError;
  expect(code).toBe('EPROMISED');
  expect(message).toContain('partial clone');
  expect(message).toContain(`git -C ${path} fetch --refetch --no-filter origin`);
}

test('it opens, also as old Gits mark it', async () => {
  git(path, 'config', 'core.repositoryformatversion', '1');
  git(path, 'config', 'extensions.partialClone', 'origin');
  const store = await GitStore.open(path, { create: false });
  const fs = await store.branches.get('main');
  expect(await fs.ls()).toEqual(['a', 'c']);
  const log = [];
  for await (const snapshot of fs.log()) log.push(snapshot);
  expect(log.length).toBeGreaterThan(3);
  await store.close();
});

test('what is there is read; what is not says how to get it, and that works', async () => {
  const store = await GitStore.open(path, { create: false });
  let fs = await store.branches.get('main');
  await promised(fs.readText('a/b'));
  await promised(fs.stat('c'));
  await promised(fs.copyOut('/', join(scratchFolder(), 'out')));
  await promised(fs.archiveOut({ file: join(scratchFolder(), 'x.zip') }));
  await promised(store.backup(join(scratchFolder(), 'copy.git')));
  expect(await store.hasHash('1'.repeat(40))).toBe(false);
  fs = await fs.write('new', 'mine');
  expect(await fs.readText('new')).toBe('mine');
  git(path, 'fetch', '-q', '--refetch', '--no-filter', 'origin');
  expect(await fs.readText('a/b')).toBe('two');
  await store.close();
});

test('a tree that is promised says so too', async () => {
  path = clonePart('tree:0');
  const store = await GitStore.open(path, { create: false });
  await promised(store.branches.get('main').then((fs) => fs.ls()));
  expect(await store.verify()).toMatchObject({ ok: true });
  await store.close();
});

describe('verify', () => {
  test('counts what is promised, which is no fault', async () => {
    const store = await GitStore.open(path, { create: false });
    const fs = await store.branches.get('main');
    await fs.write('new', 'mine');
    expect(await store.verify()).toMatchObject({ ok: true, promised: 4, faults: [] });
    await store.close();
  });

  test('still finds what nobody has promised', async () => {
    const store = await GitStore.open(path, { create: false });
    const fs = await store.branches.get('main');
    await fs.write('new', 'mine');
    const id = git(path, 'rev-parse', 'main:new');
    await store.close();
    rmSync(join(path, 'objects', id.slice(0, 2), id.slice(2)), { force: true });
    const again = await GitStore.open(path, { create: false });
    const { ok, faults } = await again.verify();
    expect(ok).toBe(false);
    expect(faults.map(({ subject }) => subject)).toEqual([`object ${id}`]);
    await again.close();
  });
});

test('gc keeps promisor packs, and all else', async () => {
  const store = await GitStore.open(path, { create: false });
  const fs = await store.branches.get('main');
  await fs.write('new', 'mine');
  const id = gitBytes(path, ['hash-object', '-w', '--stdin'], Buffer.from('stray'))
    .toString()
    .trim();
  const loose = join(path, 'objects', id.slice(0, 2), id.slice(2));
  utimesSync(loose, 0, 0);
  const packs = () => readdirSync(join(path, 'objects', 'pack'));
  const before = packs().filter((name) => name.endsWith('.promisor'));
  expect(before.length).toBe(1);
  await store.gc({ prune: 'now' });
  expect(packs()).toEqual(
    expect.arrayContaining([...before, before[0]!.replace('promisor', 'pack')]),
  );
  expect(git(path, 'cat-file', '-t', id)).toBe('blob');
  expect(git(path, 'show', 'main:new')).toBe('mine');
  expect(await store.verify()).toMatchObject({ ok: true, promised: 4 });
  await store.close();
  expect(spawnSync('git', ['--git-dir', path, 'fsck'], { env: gitEnvironment }).status).toBe(0);
});

test('a client of gitserve is told', async () => {
  const server = await serveGit(path);
  try {
    const end = await tryGit(['clone', server.url, join(scratchFolder(), 'x')]);
    expect(end.stderr).toMatch(
      /object [0-9a-f]{40} is not on the server: its repository is a partial clone/,
    );
  } finally {
    await server.stop();
  }
});
