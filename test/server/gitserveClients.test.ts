/** gitserve with a client that is not Git: isomorphic-git, which speaks version 1 of its own making. */
import * as fs from 'node:fs';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import git from 'isomorphic-git';
import http from 'isomorphic-git/http/node';
import { expect, test } from 'vitest';
import { addCommits, makeHistory } from '../graph/histories.ts';
import { gitBytes, git as realGit } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { expectSound, serveGit } from './gitServer.ts';

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
