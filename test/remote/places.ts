/** Stores and repositories for tests of backup and restore. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { git, gitBytes, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

/** A clock that goes on a second each time it is looked at. */
function clock(start: number): () => number {
  let now = start;
  return () => {
    now += 1000;
    return now;
  };
}

/** A store on disk with two branches, a lightweight and an annotated tag, and a note. */
export async function exampleStore(): Promise<GitStore> {
  const store = await GitStore.open(join(scratchFolder(), 'store.git'), {
    durability: 'fast',
    now: clock(Date.UTC(2024, 0, 1)),
  });
  let fs = await store.branches.get('main');
  for (let i = 0; i < 12; i++) {
    fs = await fs.apply({
      writes: { [`dir${i % 3}/file${i % 4}.txt`]: `line ${i}\n`.repeat(40), 'README.md': `v${i}` },
    });
  }
  const other = await store.branches.set('topic/one', await fs.back(3));
  await other.writeText('topic.txt', 'other');
  await store.tags.set('v1', await fs.back(5));
  git(store.path, 'tag', '-a', '-m', 'second', 'v2', 'main~2');
  git(store.path, 'notes', 'add', '-m', 'a note', 'main');
  return store;
}

/** All refs of a repository and what they point to, as Git lists them, but the store's own. */
export function refsOf(repository: string, ...patterns: string[]): Record<string, string> {
  const format = '--format=%(refname) %(objectname)';
  const lines = git(repository, 'for-each-ref', format, ...patterns);
  return Object.fromEntries(
    lines
      .split('\n')
      .map((line) => line.split(' '))
      .filter(([ref, id]) => id && !ref!.startsWith('refs/gitstore/')),
  );
}

export function emptyBare(): string {
  const repository = join(scratchFolder(), 'bare.git');
  gitBytes('.', ['init', '-q', '--bare', '-b', 'main', repository]);
  return repository;
}

/** Runs `git ARGS…`, which must succeed, in a folder. */
export function gitIn(folder: string, ...args: string[]): string {
  const { stdout, stderr, status } = spawnSync('git', args, {
    cwd: folder,
    encoding: 'utf8',
    env: gitEnvironment,
  });
  expect({ args, stderr, status }).toMatchObject({ status: 0 });
  return stdout.trim();
}

/** As `expectClean`, for a repository whose HEAD may name a branch that is not there. */
export function expectSound(repository: string): void {
  const args = ['--git-dir', repository, 'fsck', '--strict', '--no-dangling'];
  const { stdout, stderr, status } = spawnSync('git', args, {
    encoding: 'utf8',
    env: gitEnvironment,
  });
  const report = (stdout + stderr).split('\n').filter((line) => !/^(notice: .*)?$/.test(line));
  expect({ report, status }).toEqual({ report: [], status: 0 });
}

export async function newStore(): Promise<GitStore> {
  const path = join(scratchFolder(), 'new.git');
  const now = clock(Date.UTC(2024, 0, 2));
  return GitStore.open(path, { branch: null, durability: 'fast', now });
}
