/** gitserve with real Git as the client, in every version of the protocol. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GitStore } from '../../src/store/gitStore.ts';
import { addCommits, makeHistory } from '../graph/histories.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { clone, expectSound, runGit, type Served, serveGit, tryGit } from './gitServer.ts';

const versions = ['protocol.version=0', 'protocol.version=1', 'protocol.version=2'];
const refsOf = (folder: string) =>
  runGit(folder, 'for-each-ref', '--format=%(objectname) %(refname)');

// Version 1 is version 0 with one more line; it is tried below.
describe.each(['protocol.version=0', 'protocol.version=2'])('%s', (version) => {
  let store: string;
  let server: Served;

  beforeAll(async () => {
    store = makeHistory({ commits: 120 });
    addCommits(store, 'side', 4);
    server = await serveGit(store);
  });

  afterAll(async () => {
    await server?.stop();
    expect(server?.errors).toEqual([]);
  });

  const count = async (folder: string, ...args: string[]): Promise<number> =>
    Number(await runGit(folder, 'rev-list', '--count', ...(args.length > 0 ? args : ['HEAD'])));

  test('a clone has every ref and object', async () => {
    const folder = await clone(server.url, version, '--mirror');
    await expectSound(folder);
    expect(await refsOf(folder)).toBe(await refsOf(store));
    expect(await runGit(folder, 'symbolic-ref', 'HEAD')).toBe('refs/heads/main');
    // Packed objects come as they lie, with their deltas.
    const idx = await runGit(folder, 'count-objects', '-v');
    expect(Number(/size-pack: (\d+)/.exec(idx)?.[1])).toBeLessThan(200);
  });

  test('a clone with a working tree', async () => {
    const folder = await clone(server.url, version);
    expect(readFileSync(join(folder, 'top.txt'), 'utf8')).toBe(
      gitBytes(store, ['cat-file', 'blob', 'main:top.txt']).toString(),
    );
    expect(await runGit(folder, 'status', '--porcelain')).toBe('');
  });

  test('ls-remote', async () => {
    const theirs = await runGit('/', '-c', version, 'ls-remote', server.url);
    expect(theirs).toBe(await runGit('/', 'ls-remote', store));
    const some = await runGit('/', '-c', version, 'ls-remote', '--symref', server.url, 'HEAD');
    expect(some).toBe(`ref: refs/heads/main\tHEAD\n${git(store, 'rev-parse', 'main')}\tHEAD`);
    const heads = await runGit('/', '-c', version, 'ls-remote', '--heads', server.url);
    expect(heads).toBe(await runGit('/', 'ls-remote', '--heads', store));
  });

  test('shallow, deeper, and whole again', async () => {
    const folder = await clone(server.url, version, '--depth=3', '--bare');
    expect(await count(folder, '--first-parent', 'HEAD')).toBe(3);
    await expectSound(folder);
    await runGit(folder, '-c', version, 'fetch', '-q', '--deepen=2', server.url, 'main');
    expect(await count(folder, '--first-parent', 'HEAD')).toBe(5);
    await runGit(folder, '-c', version, 'fetch', '-q', '--depth=2', server.url, 'main');
    expect(await count(folder, '--first-parent', 'HEAD')).toBe(2);
    await runGit(folder, '-c', version, 'fetch', '-q', '--unshallow', server.url, 'main');
    expect(await count(folder)).toBe(Number(git(store, 'rev-list', '--count', 'main')));
    expect(existsSync(join(folder, 'shallow'))).toBe(false);
    await expectSound(folder);
  });

  test('shallow since a time, and without what a tag has', async () => {
    const since = git(store, 'log', '-1', '--format=%ct', 'main~10');
    const recent = await clone(server.url, version, `--shallow-since=${since}`, '--bare');
    expect(await count(recent)).toBe(
      Number(git(store, 'rev-list', '--count', `--since=${since}`, 'main')),
    );
    await expectSound(recent);
    const without = await clone(server.url, version, '--shallow-exclude=v1', '--bare');
    expect(await count(without)).toBe(Number(git(store, 'rev-list', '--count', 'v1..main')));
    await expectSound(without);
    const none = await tryGit(['-c', version, 'clone', '--shallow-since=2100-01-01', server.url]);
    expect(none.stderr).toContain('No commits selected for shallow request');
  });

  test.each(['blob:none', 'blob:limit=400', 'tree:0'])('partial: %s', async (filter) => {
    const folder = await clone(server.url, version, `--filter=${filter}`, '--no-checkout');
    const missing = await runGit(folder, 'rev-list', '--objects', '--all', '--missing=print');
    expect(missing.split('\n').some((line) => line.startsWith('?'))).toBe(true);
    // What is missing is fetched when it is needed.
    await runGit(folder, '-c', version, 'checkout', '-q', 'main');
    expect(readFileSync(join(folder, 'top.txt'), 'utf8')).toBe(
      gitBytes(store, ['cat-file', 'blob', 'main:top.txt']).toString(),
    );
    expect(await runGit(folder, '-c', version, 'log', '--oneline', '-5', '--stat')).toContain(
      'top.txt',
    );
    await runGit(folder, '-c', version, 'fetch', '-q');
    await expectSound(folder);
  });

  test('what is new is fetched, with the tags of what comes', async () => {
    const folder = await clone(server.url, version, '--branch=light', '--single-branch', '--bare');
    await runGit(folder, 'update-ref', 'refs/heads/main', git(store, 'rev-parse', 'main~20'));
    await runGit(folder, '-c', version, 'fetch', '-q', server.url, 'main:main');
    expect(await runGit(folder, 'rev-parse', 'main')).toBe(git(store, 'rev-parse', 'main'));
    await runGit(folder, 'config', 'remote.origin.fetch', '+refs/heads/*:refs/heads/*');
    const all = await tryGit(['-c', version, 'fetch', 'origin'], folder);
    expect(all.code).toBe(0);
    expect(await runGit(folder, 'rev-parse', 'side')).toBe(git(store, 'rev-parse', 'side'));
    expect(await runGit(folder, 'tag')).toContain('v1');
    await expectSound(folder);
    const nothing = await tryGit(['-c', version, 'fetch', 'origin'], folder);
    expect({ code: nothing.code, stderr: nothing.stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('histories without anything in common, and a client that has much of its own', async () => {
    const other = makeHistory({ commits: 40, mergeEvery: 0 });
    await runGit(other, 'update-ref', 'refs/heads/own', 'main');
    addCommits(other, 'own', 70, 99);
    await runGit(other, '-c', version, 'fetch', '-q', server.url, '+refs/heads/*:refs/other/*');
    expect(await runGit(other, 'rev-parse', 'refs/other/main')).toBe(
      git(store, 'rev-parse', 'main'),
    );
    await expectSound(other);
  });

  test('pushing is refused, and Git says why', async () => {
    const folder = await clone(server.url, version);
    const push = await tryGit(['-c', version, 'push', server.url, 'HEAD:refs/heads/x'], folder);
    expect(push.code).not.toBe(0);
    expect(push.stderr).toContain('read-only here: pushing is not possible');
  });
});

test.each(versions)('an empty store, and a branch that comes (%s)', async (version) => {
  const path = join(scratchFolder(), 'empty.git');
  git(path, 'init', '-q', '--bare', '-b', 'trunk');
  const server = await serveGit(path);
  try {
    const folder = await clone(server.url, version);
    expect(await runGit('/', '-c', version, 'ls-remote', server.url)).toBe('');
    if (version.endsWith('2')) {
      expect(await runGit(folder, 'symbolic-ref', 'HEAD')).toBe('refs/heads/trunk');
    }
    const store = await GitStore.open(path, { branch: 'trunk' });
    await (await store.branches.set('trunk', await emptySnapshot(store))).writeText('a', 'b');
    await store.close();
    await runGit(folder, '-c', version, 'fetch', '-q');
    expect(await runGit(folder, 'show', 'origin/trunk:a')).toBe('b');
  } finally {
    await server.stop();
  }
});

async function emptySnapshot(store: GitStore) {
  git(store.path, 'commit-tree', '-m', 'first', '4b825dc642cb6eb9a060e54bf8d69288fbee4904');
  const id = git(
    store.path,
    'commit-tree',
    '-m',
    'first',
    '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
  );
  git(store.path, 'update-ref', 'refs/heads/trunk', id);
  return await store.branches.get('trunk');
}

test('a bare commit as HEAD, and a store that gitstore wrote', async () => {
  const path = join(scratchFolder(), 'ours.git');
  const store = await GitStore.open(path);
  let fs = await store.branches.get('main');
  for (let i = 0; i < 5; i++) fs = await fs.writeText(`folder/file ${i}`, `text ${i}`);
  await store.tags.set('first', fs);
  await store.close();
  const server = await serveGit(path);
  try {
    const folder = await clone(server.url);
    expect(readFileSync(join(folder, 'folder', 'file 4'), 'utf8')).toBe('text 4');
    await expectSound(folder);
    git(path, 'update-ref', '--no-deref', 'HEAD', git(path, 'rev-parse', 'main~1'));
    const detached = await clone(server.url);
    expect(await runGit(detached, 'rev-parse', 'HEAD')).toBe(git(path, 'rev-parse', 'main~1'));
  } finally {
    await server.stop();
  }
});

describe.each(['protocol.version=0', 'protocol.version=2'])('a shallow store, %s', (version) => {
  let whole: string;
  let store: string;
  let server: Served;

  beforeAll(async () => {
    whole = makeHistory({ commits: 40, mergeEvery: 0 });
    store = join(scratchFolder(), 'shallow.git');
    await runGit('/', 'clone', '-q', '--bare', '--depth=6', `file://${whole}`, store);
    server = await serveGit(store);
  });

  afterAll(async () => {
    await server?.stop();
    expect(server?.errors).toEqual([]);
  });

  const end = () => readFileSync(join(store, 'shallow'), 'utf8');
  const count = async (folder: string) =>
    Number(await runGit(folder, 'rev-list', '--count', 'main'));

  test.each([
    ['whole', [], 6],
    ['as a mirror', ['--mirror'], 6],
    ['less deep', ['--depth=2'], 2],
    ['deeper than it is', ['--depth=100'], 6],
    ['since a time', ['--shallow-since=2001-01-01'], 6],
  ])('a clone of it: %s', async (_, options, commits) => {
    const folder = await clone(server.url, version, '--bare', ...options);
    expect(await count(folder)).toBe(commits);
    if (commits === 6) expect(readFileSync(join(folder, 'shallow'), 'utf8')).toBe(end());
    await expectSound(folder);
  });

  test('a clone of it that gets deeper, and as deep as it goes', async () => {
    const folder = await clone(server.url, version, '--bare', '--depth=1');
    const fetch = (...args: string[]) =>
      runGit(folder, '-c', version, 'fetch', '-q', ...args, server.url, 'main');
    await fetch('--deepen=2');
    expect(await count(folder)).toBe(3);
    await fetch('--unshallow');
    expect(await count(folder)).toBe(6);
    expect(readFileSync(join(folder, 'shallow'), 'utf8')).toBe(end());
    await expectSound(folder);
  });

  test('fetches of what is new, and of the rest once it has come', async () => {
    const folder = await clone(server.url, version, '--bare');
    const small = await clone(server.url, version, '--bare', '--depth=1');
    addCommits(store, 'main', 2);
    for (const copy of [folder, small]) {
      await runGit(copy, '-c', version, 'fetch', '-q', server.url, '+main:main');
      await expectSound(copy);
    }
    expect([await count(folder), await count(small)]).toEqual([8, 3]);
    await runGit(store, 'fetch', '-q', '--unshallow', `file://${whole}`, 'main');
    await runGit(folder, '-c', version, 'fetch', '-q', '--unshallow', server.url, 'main');
    expect(await count(folder)).toBe(42);
    await expectSound(folder);
  });
});

test('writers and git gc at work, and clones all the while', async () => {
  const path = join(scratchFolder(), 'busy.git');
  const store = await GitStore.open(path, { durability: 'fast' });
  const server = await serveGit(path);
  let writing = true;
  const writer = (async () => {
    for (let i = 0; writing; i++) {
      await store.update('main', (fs) => fs.writeText(`d${i % 7}/f${i % 50}`, `version ${i}`));
      await setTimeout(2);
    }
  })();
  const collector = (async () => {
    while (writing) await runGit(path, 'gc', '-q');
  })();
  try {
    const copy = await clone(server.url);
    for (let round = 0; round < 3; round++) {
      const folder = await clone(server.url, versions[round % 3] as string);
      await expectSound(folder);
      await runGit(copy, 'pull', '-q', '--ff-only');
      await expectSound(copy);
    }
  } finally {
    writing = false;
    await Promise.all([writer, collector]);
    await server.stop();
    await store.close();
  }
  expect(server.errors).toEqual([]);
});
