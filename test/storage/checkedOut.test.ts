/** Branches that a working tree has checked out: they move only where the owner allows it. */
import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { CheckedOutError } from '../../src/errors.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import type { OpenOptions } from '../../src/store/openOptions.ts';
import type { StoreWarning } from '../../src/warnings.ts';
import { gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let folder: string;
/** A working copy with `main` checked out, and a branch `other`. */
let tree: string;

beforeEach(() => {
  folder = scratchFolder();
  tree = join(folder, 'tree');
  mkdirSync(tree);
  git(tree, 'init', '-q', '-b', 'main');
  git(tree, 'commit', '-q', '--allow-empty', '-m', 'first');
  git(tree, 'branch', 'other');
});

/** Runs Git inside a folder, as in a working copy. */
function git(place: string, ...args: string[]): string {
  const options = { cwd: place, env: gitEnvironment, encoding: 'utf8' } as const;
  return execFileSync('git', args, options).trimEnd();
}

/** Writes one file to a branch. */
async function write(repository: string, branch: string, options: OpenOptions = {}): Promise<void> {
  await using store = await GitStore.open(repository, { create: false, ...options });
  await (await store.branches.get(branch)).writeText('file', String(Math.random()));
}

function setRule(value: string): void {
  git(tree, 'config', 'receive.denyCurrentBranch', value);
}

describe('the working copy whose .git was given', () => {
  test('its branch does not move, others do', async () => {
    const before = git(tree, 'rev-parse', 'main');
    const refused = write(join(tree, '.git'), 'main');
    await expect(refused).rejects.toThrow(CheckedOutError);
    await expect(refused).rejects.toMatchObject({ code: 'ECHECKEDOUT', ref: 'refs/heads/main' });
    await expect(refused).rejects.toThrow(
      `git -C ${join(tree, '.git')} config receive.denyCurrentBranch ignore`,
    );
    expect(git(tree, 'rev-parse', 'main')).toBe(before);
    await write(join(tree, '.git'), 'other');
  });

  test('HEAD does not change under its files', async () => {
    const setCurrent = async () => {
      await using store = await GitStore.open(join(tree, '.git'), { create: false });
      await store.branches.setCurrent('other');
    };
    await expect(setCurrent()).rejects.toMatchObject({ code: 'ECHECKEDOUT' });
    await expect(setCurrent()).rejects.toThrow(`git -C ${tree} checkout other`);
    expect(git(tree, 'symbolic-ref', 'HEAD')).toBe('refs/heads/main');
    setRule('ignore');
    await setCurrent();
    expect(git(tree, 'symbolic-ref', 'HEAD')).toBe('refs/heads/other');
  });

  test.each(['refuse', 'true', 'updateInstead', 'nonsense'])('%s refuses', async (value) => {
    setRule(value);
    await expect(write(join(tree, '.git'), 'main')).rejects.toThrow(CheckedOutError);
  });

  test.each(['ignore', 'false'])('%s lets it move', async (value) => {
    setRule(value);
    const warnings: StoreWarning[] = [];
    await write(join(tree, '.git'), 'main', { onWarning: (warning) => warnings.push(warning) });
    expect(warnings).toEqual([]);
  });

  test('warn lets it move and tells, once for each branch', async () => {
    setRule('warn');
    const warnings: StoreWarning[] = [];
    const onWarning = (warning: StoreWarning) => warnings.push(warning);
    await using store = await GitStore.open(join(tree, '.git'), { create: false, onWarning });
    const next = await (await store.branches.get('main')).writeText('a', 'a');
    await next.writeText('b', 'b');
    expect(warnings).toMatchObject([{ code: 'CHECKED_OUT', ref: 'refs/heads/main', path: tree }]);
  });

  test('moveCheckedOut moves it whatever the configuration says', async () => {
    setRule('refuse');
    await write(join(tree, '.git'), 'main', { moveCheckedOut: true });
    expect(git(tree, 'ls-tree', '--name-only', 'main')).toBe('file');
  });

  test('deleting it has a rule of its own, as in Git', async () => {
    setRule('ignore');
    await using store = await GitStore.open(join(tree, '.git'), { create: false });
    const deleted = () => store.branches.delete('main', { force: true });
    await expect(deleted()).rejects.toThrow('receive.denyDeleteCurrent ignore');
    git(tree, 'config', 'receive.denyDeleteCurrent', 'ignore');
    await deleted();
    expect(await store.branches.has('main')).toBe(false);
  });

  test('a bare repository named .git has none', async () => {
    git(tree, 'config', 'core.bare', 'true');
    await write(join(tree, '.git'), 'main');
  });
});

describe('a linked working tree', () => {
  let bare: string;
  beforeEach(() => {
    bare = join(folder, 'bare.git');
    git(folder, 'clone', '-q', '--bare', tree, bare);
    git(bare, 'worktree', 'add', '-q', join(folder, 'linked'), 'other');
  });

  test('its branch does not move, the current one of the bare repository does', async () => {
    for (const given of [bare, join(folder, 'linked', '.git')]) {
      await expect(write(given, 'other')).rejects.toThrow(
        `checked out in ${join(folder, 'linked')}`,
      );
      await write(given, 'main');
    }
    git(bare, 'worktree', 'remove', join(folder, 'linked'));
    await write(bare, 'other');
  });

  test('core.bare in config.worktree counts', async () => {
    git(bare, 'config', 'core.repositoryFormatVersion', '1');
    git(bare, 'config', 'extensions.worktreeConfig', 'true');
    git(bare, 'config', '--unset', 'core.bare');
    git(bare, 'config', '-f', join(bare, 'config.worktree'), 'core.bare', 'true');
    await write(bare, 'main');
    git(bare, 'config', '-f', join(bare, 'config.worktree'), 'core.bare', 'false');
    await expect(write(bare, 'main')).rejects.toThrow(CheckedOutError);
  });
});
