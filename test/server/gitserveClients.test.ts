/**
 * gitserve with clients that are not Git: isomorphic-git, which speaks version 1 of its own making, and
 * libgit2, which takes no line feed behind the ends of a shallow history.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import git from 'isomorphic-git';
import http from 'isomorphic-git/http/node';
import { expect, test } from 'vitest';
import { addCommits, makeHistory } from '../graph/histories.ts';
import { gitBytes, gitEnvironment, git as realGit } from '../helpers/git.ts';
import { runCommand } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { expectSound, serveGit } from './gitServer.ts';

/** `PYTHON` names one with another libgit2. */
const PYTHON = process.env.PYTHON ?? '/usr/bin/python3';

test('isomorphic-git clones, fetches, lists refs, and is told that it may not push', async () => {
  const store = makeHistory({ commits: 40 });
  const server = await serveGit(store);
  try {
    const dir = join(scratchFolder(), 'whole');
    await git.clone({ fs, http, dir, url: server.url });
    expect(readFileSync(join(dir, 'top.txt'), 'utf8')).toBe(
      gitBytes(store, ['cat-file', 'blob', 'main:top.txt']).toString(),
    );
    await expectSound(dir);

    addCommits(store, 'main', 5);
    const { fetchHead } = await git.fetch({ fs, http, dir, url: server.url, ref: 'main' });
    expect(fetchHead).toBe(realGit(store, 'rev-parse', 'main'));

    const shallow = join(scratchFolder(), 'shallow');
    await git.clone({ fs, http, dir: shallow, url: server.url, depth: 2, singleBranch: true });
    expect(await git.log({ fs, dir: shallow })).toHaveLength(2);

    for (const protocolVersion of [1, 2] as const) {
      const refs = await git.listServerRefs({ http, url: server.url, protocolVersion });
      expect(refs.find(({ ref }) => ref === 'refs/heads/side')?.oid).toBe(
        realGit(store, 'rev-parse', 'side'),
      );
    }
    const push = git.push({ fs, http, dir, url: server.url, ref: 'main' });
    await expect(push).rejects.toThrow('403');
  } finally {
    await server.stop();
  }
});

test('libgit2 clones, whole and shallow, and deepens', async ({ skip }) => {
  const asked = 'import pygit2; print(pygit2.LIBGIT2_VERSION)';
  const version = /^1\.(\d+)\./.exec(spawnSync(PYTHON, ['-c', asked]).stdout?.toString() ?? '');
  if (version === null) skip('python3-pygit2 is missing');
  if (Number(version![1]) < 7) skip('this libgit2 knows no shallow clones');
  const store = makeHistory({ commits: 40 });
  const server = await serveGit(store);
  try {
    const script = `
import pygit2, sys
url, folder = sys.argv[1:]
def count(repo):
    return sum(1 for _ in repo.walk(repo.head.target))
whole = pygit2.clone_repository(url, folder + '/whole', bare=True)
shallow = pygit2.clone_repository(url, folder + '/shallow', bare=True, depth=2)
before = count(shallow)
shallow.remotes['origin'].fetch(depth=1000)
print(count(whole), before < count(whole), count(shallow))
`;
    const args = ['-c', script, server.url, scratchFolder()];
    const { stdout, stderr } = await runCommand(PYTHON, args, { env: gitEnvironment });
    const all = Number(realGit(store, 'rev-list', '--count', 'main'));
    expect(stdout.toString(), stderr).toBe(`${all} True ${all}\n`);
    expect(server.errors).toEqual([]);
  } finally {
    await server.stop();
  }
});
