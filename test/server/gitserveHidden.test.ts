/** Refs that `git upload-pack` hides are hidden here too; broken objects are told by name. */
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { runGit, type Served, serveGit, tryGit } from './gitServer.ts';

let repository: string;
let served: Served | undefined;

beforeEach(async () => {
  repository = join(scratchFolder(), 'data.git');
  await runGit(scratchFolder(), 'init', '-q', '--bare', '-b', 'main', repository);
  const tree = git(repository, 'hash-object', '-t', 'tree', '-w', '/dev/null');
  const commit = (...args: string[]) => git(repository, 'commit-tree', tree, ...args);
  const first = commit('-m', 'first');
  const second = commit('-m', 'second', '-p', first);
  git(repository, 'update-ref', 'refs/heads/main', second);
  git(repository, 'update-ref', 'refs/heads/secret/a', commit('-m', 'a'));
  git(repository, 'update-ref', 'refs/heads/secret/b', commit('-m', 'b'));
  git(repository, 'update-ref', 'refs/heads/secretary', second);
  git(repository, 'update-ref', 'refs/pull/1', commit('-m', 'pull'));
  git(repository, 'tag', '-a', '-m', 'tag', 'v1', first);
});

afterEach(async () => {
  await served?.stop();
  served = undefined;
});

describe.each(['0', '2'])('version %s', (version) => {
  const protocol = ['-c', `protocol.version=${version}`];

  test.each<[name: string, patterns: [key: string, value: string][]]>([
    ['a folder', [['transfer.hideRefs', 'refs/heads/secret/']]],
    ['of uploadpack', [['uploadpack.hideRefs', 'refs/pull']]],
    ['not of receive', [['receive.hideRefs', 'refs/pull']]],
    [
      'one shown again',
      [
        ['transfer.hideRefs', 'refs/heads/secret'],
        ['uploadpack.hideRefs', '!refs/heads/secret/b'],
      ],
    ],
    [
      'the last rule decides, whatever its key',
      [
        ['uploadpack.hideRefs', '!refs/heads/secret/b'],
        ['transfer.hideRefs', 'refs/heads/secret'],
      ],
    ],
    ['full names', [['transfer.hideRefs', '^refs/tags']]],
    [
      'full names shown again',
      [
        ['transfer.hideRefs', 'refs'],
        ['transfer.hideRefs', '!^refs/tags'],
      ],
    ],
    ['the branch of HEAD', [['transfer.hideRefs', 'refs/heads/main']]],
    ['HEAD', [['transfer.hideRefs', 'HEAD']]],
  ])('%s', async (_, patterns) => {
    for (const [key, value] of patterns) git(repository, 'config', '--add', key, value);
    served = await serveGit(repository);
    const list = (url: string) =>
      runGit(scratchFolder(), ...protocol, 'ls-remote', '--symref', url);
    // Git's client shows no value of a HEAD whose branch was not told in version 0 over HTTP.
    const known = (text: string) => text.replace(/^[0-9a-f]{40}\tHEAD$/m, 'HEAD');
    const ours = known(await list(served.url));
    expect(ours).toBe(known(await list(repository)));
    expect(ours.length).toBeGreaterThan(0);
  });

  test('what only hidden refs lead to cannot be fetched', async () => {
    git(repository, 'config', 'transfer.hideRefs', 'refs/heads/secret');
    served = await serveGit(repository);
    const clone = scratchFolder();
    await runGit(clone, 'init', '-q');
    const id = git(repository, 'rev-parse', 'secret/a');
    const { code, stderr } = await tryGit([...protocol, 'fetch', served.url, id], clone);
    expect(code).not.toBe(0);
    expect(stderr).toContain(`not our ref ${id}`);
  });

  test.each([
    ['missing', (path: string) => rmSync(path)],
    [
      'broken',
      (path: string) => {
        chmodSync(path, 0o644);
        writeFileSync(path, 'no object');
      },
    ],
  ])('an object that is %s before the pack is told by its id', async (_, damage) => {
    const id = git(repository, 'rev-parse', 'main~1');
    git(repository, 'tag', '-d', 'v1');
    damage(join(repository, 'objects', id.slice(0, 2), id.slice(2)));
    served = await serveGit(repository);
    for (const depth of [['--depth=5'], []]) {
      const args = [...protocol, 'clone', '-q', ...depth, served.url, 'clone'];
      const { code, stderr } = await tryGit(args);
      expect(code).toBe(128);
      expect(stderr).toMatch(new RegExp(`(remote error|error: remote|remote): .*${id}`));
      expect(stderr).not.toContain(repository);
    }
    expect(served.errors).toHaveLength(2);
  });
});
