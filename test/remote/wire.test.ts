import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { emptyBare, exampleStore, expectSound, newStore, refsOf } from './places.ts';
import { backUpBesideCurrent } from './refusedDeletions.ts';
import { fakeSsh, gitDaemon, httpBackend, serveHttp } from './servers.ts';

/** Ways to a repository by its path on this disk. */
interface Way {
  readonly name: string;
  urlOf(path: string): Promise<string>;
}

const ssh = fakeSsh();

const ways: readonly Way[] = [
  {
    name: 'http, version 2',
    urlOf: async (path) => `${await serveHttp(httpBackend(dirname(path)))}/${basename(path)}`,
  },
  {
    name: 'http, version 0',
    urlOf: async (path) => {
      const backend = httpBackend(dirname(path));
      const base = await serveHttp((request, response) => {
        delete request.headers['git-protocol'];
        backend(request, response);
      });
      return `${base}/${basename(path)}/`;
    },
  },
  {
    name: 'git daemon',
    urlOf: async (path) => `${await gitDaemon(dirname(path))}/${basename(path)}`,
  },
  {
    name: 'ssh',
    urlOf: async (path) => {
      process.env.GIT_SSH = ssh.program;
      return `ada@example.com:${path}`;
    },
  },
  {
    name: 'ssh, version 0',
    urlOf: async (path) => {
      // Not known to be OpenSSH, so it is asked for no options; and GIT_PROTOCOL gets lost.
      process.env.GIT_SSH_COMMAND = `env -u GIT_PROTOCOL '${ssh.program}'`;
      return `ssh://example.com:2222${path}`;
    },
  },
];

afterEach(() => {
  delete process.env.GIT_SSH;
  delete process.env.GIT_SSH_COMMAND;
});

describe.each(ways)('$name', ({ urlOf }) => {
  test('backup: a deletion that is refused is a warning, and all else goes through', async () => {
    await backUpBesideCurrent(urlOf);
  });

  test('backup: everything, then what changed; deletions; only some refs', async () => {
    const store = await exampleStore();
    const path = emptyBare();
    git(path, 'config', 'http.receivepack', 'true');
    git(path, 'config', 'receive.denyDeleteCurrent', 'ignore');
    const url = await urlOf(path);
    expect((await store.backup(url, { dryRun: true })).add).toHaveLength(5);
    expect(refsOf(path)).toEqual({});
    const diff = await store.backup(url);
    expect(diff.add.map(({ ref }) => ref)).toEqual(Object.keys(refsOf(store.path)));
    expect(refsOf(path)).toEqual(refsOf(store.path));
    expectSound(path);
    expect((await store.backup(url)).inSync).toBe(true);

    const main = await store.branches.get('main');
    await main.apply({ writes: { 'new.txt': 'new', 'dir1/file1.txt': 'changed' } });
    await store.branches.delete('topic/one');
    await store.branches.set('topic', main);
    const more = await store.backup(url);
    expect([more.add, more.update, more.delete].map((list) => list.length)).toEqual([1, 1, 1]);
    expect(refsOf(path)).toEqual(refsOf(store.path));
    expectSound(path);

    await store.backup(url, { refs: { main: 'other', 'refs/tags/v1': 'one' } });
    expect(Object.keys(refsOf(path))).toEqual([
      'refs/heads/main',
      'refs/heads/other',
      'refs/heads/topic',
      'refs/notes/commits',
      'refs/tags/one',
      'refs/tags/v1',
      'refs/tags/v2',
    ]);
    expect((await store.backup(url)).delete).toHaveLength(2);
    expect(refsOf(path)).toEqual(refsOf(store.path));
    await store.close();
  });

  test('restore: everything, then what changed, also beside changes of our own', async () => {
    const source = await exampleStore();
    const url = await urlOf(source.path);
    const store = await newStore();
    expect((await store.restore(url, { dryRun: true })).add).toHaveLength(5);
    const diff = await store.restore(url);
    expect(diff.remoteHead).toBe('refs/heads/main');
    expect(refsOf(store.path)).toEqual(refsOf(source.path));
    expectSound(store.path);
    expect((await store.restore(url)).inSync).toBe(true);

    // Both sides go on, ours a long way, so that it takes some words to find what both have.
    let ours = await store.branches.get('main');
    for (let i = 0; i < 40; i++) ours = await ours.writeText('ours.txt', `${i}`);
    await store.branches.set('kept', ours);
    await (await source.branches.get('main')).writeText('theirs.txt', 'theirs');
    const counts: number[] = [];
    await store.restore(url, { onProgress: ({ totalObjects = 0 }) => counts.push(totalObjects) });
    // A commit, its tree and a file.
    expect(Math.max(...counts)).toBe(3);
    const tip = await store.branches.get('main');
    expect([await tip.exists('theirs.txt'), await tip.exists('ours.txt')]).toEqual([true, false]);
    expect(await store.branches.has('kept')).toBe(true);
    expectSound(store.path);
    await store.restore(url, { refs: { v2: 'second', main: 'copy' } });
    expect(Object.keys(refsOf(store.path))).toContain('refs/tags/second');
    await store.close();
    await source.close();
  });

  test('an empty repository, and none', async () => {
    const path = emptyBare();
    const url = await urlOf(path);
    const store = await newStore();
    expect((await store.restore(url)).inSync).toBe(true);
    const gone = store.restore(url.replace('bare.git', 'gone.git'));
    await expect(gone).rejects.toMatchObject({ code: 'EREMOTE' });
    const full = await exampleStore();
    const there = full.backup(url.replace('bare.git', 'gone.git'));
    await expect(there).rejects.toMatchObject({ code: 'EREMOTE' });
    await full.close();
    await store.close();
  });
});

describe('a remote that refuses', () => {
  let store: GitStore;
  beforeAll(async () => {
    store = await exampleStore();
  });

  test('a push by its hook: nothing moves, and it says why', async () => {
    const path = emptyBare();
    git(path, 'config', 'http.receivepack', 'true');
    const { chmodSync, writeFileSync } = await import('node:fs');
    const hook = join(path, 'hooks/update');
    writeFileSync(hook, '#!/bin/sh\necho "hook says no to $1" >&2\n[ "$1" != refs/tags/v1 ]\n');
    chmodSync(hook, 0o755);
    const url = `${await serveHttp(httpBackend(dirname(path)))}/${basename(path)}`;
    const messages: string[] = [];
    const pushed = store.backup(url, { onMessage: (text) => messages.push(text) });
    await expect(pushed).rejects.toThrow(/refused to move refs\/\S+ \(.*\), and 4 more/);
    expect(messages.join('')).toContain('hook says no');
    expect(refsOf(path)).toEqual({});
  });

  test('a deletion and more by its hook: the rest does not move either', async () => {
    const path = emptyBare();
    git(path, 'config', 'http.receivepack', 'true');
    await store.backup(path);
    git(path, 'branch', 'beyond', 'main');
    git(path, 'update-ref', 'refs/heads/main', 'main~2');
    const before = refsOf(path);
    const { chmodSync, writeFileSync } = await import('node:fs');
    const hook = join(path, 'hooks/update');
    writeFileSync(hook, '#!/bin/sh\nexit 1\n');
    chmodSync(hook, 0o755);
    const url = `${await serveHttp(httpBackend(dirname(path)))}/${basename(path)}`;
    await expect(store.backup(url)).rejects.toThrow('refused to move refs/heads/main');
    expect(refsOf(path)).toEqual(before);
  });

  test('pushing at all', async () => {
    const path = emptyBare();
    git(path, 'config', 'http.receivepack', 'false');
    const url = `${await serveHttp(httpBackend(dirname(path)))}/${basename(path)}`;
    await expect(store.backup(url)).rejects.toThrow(/access is denied/);
  });

  test('a shallow clone', async () => {
    const path = emptyBare();
    git(path, 'fetch', '-q', '--depth=2', `file://${store.path}`, 'main:main');
    for (const urlOf of [ways[0]!.urlOf, ways[1]!.urlOf]) {
      const target = await newStore();
      await expect(target.restore(await urlOf(path))).rejects.toThrow(/shallow/);
      expect(refsOf(target.path)).toEqual({});
      await target.close();
    }
  });
});

test('ssh gets host, port and path as they must be quoted', async () => {
  const { program, log } = fakeSsh('exit 1');
  const store = await newStore();
  process.env.GIT_SSH = program;
  const failed = store.restore("ssh://ada@example.com:2222/it's/a path!.git");
  await expect(failed).rejects.toMatchObject({ code: 'EREMOTE' });
  await expect(store.restore('example.com:~ada/x.git')).rejects.toThrow(/exit code 1/);
  expect(readFileSync(log, 'utf8').split('\n')).toEqual([
    '-o',
    'SendEnv=GIT_PROTOCOL',
    '-p',
    '2222',
    'ada@example.com',
    "git-upload-pack '/it'\\''s/a path'\\!'.git'",
    '-o',
    'SendEnv=GIT_PROTOCOL',
    'example.com',
    "git-upload-pack ~ada'/x.git'",
    '',
  ]);
  for (const url of ['ssh://-oProxyCommand=x/y', '-oProxyCommand=x:y', 'host:-x', 'a@-b:c']) {
    await expect(store.restore(url)).rejects.toMatchObject({ code: 'EINVAL' });
  }
  process.env.GIT_SSH = fakeSsh('echo "no route to host" >&2; exit 255').program;
  await expect(store.restore('example.com:x')).rejects.toThrow('no route to host');
  process.env.GIT_SSH = '/nowhere/ssh';
  await expect(store.restore('example.com:x')).rejects.toMatchObject({ code: 'EREMOTE' });
  await store.close();
});

test('core.sshCommand of the store', async () => {
  const source = await exampleStore();
  const store = await newStore();
  git(store.path, 'config', 'core.sshCommand', `'${ssh.program}' -v`);
  await store.restore(`example.com:${source.path}`);
  expect(refsOf(store.path)).toEqual(refsOf(source.path));
  await store.close();
  await source.close();
});
