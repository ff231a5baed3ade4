/** Making and opening repositories: what is there afterwards, and what is refused. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, relative } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  FileNotFoundError,
  GitStoreError,
  InvalidRefNameError,
  NotADirectoryError,
} from '../../src/errors.ts';
import { createBareStorage, openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { createRepository } from '../../src/storage/bare/create.ts';
import { expectClean, git, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { someId } from './places.ts';

let folder: string;
let store: string;

beforeEach(() => {
  folder = scratchFolder();
  store = join(folder, 'store.git');
});

function runGit(...args: string[]): void {
  const { status, stderr } = spawnSync('git', args, { env: gitEnvironment, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
}

describe('a new repository', () => {
  test('is what git init --bare makes, set up to keep every snapshot', async () => {
    expect(await createRepository(store)).toBe(true);
    expect(git(store, 'rev-parse', '--is-bare-repository')).toBe('true');
    expect(git(store, 'symbolic-ref', 'HEAD')).toBe('refs/heads/main');
    expect(git(store, 'config', '--get', 'core.logAllRefUpdates')).toBe('always');
    expect(git(store, 'config', '--get', 'gc.reflogExpire')).toBe('never');
    expect(git(store, 'config', '--get', 'gc.reflogExpireUnreachable')).toBe('never');
    expect(git(store, 'config', '--list', '--local')).not.toContain('compression');
    const byGit = join(folder, 'git.git');
    runGit('init', '-q', '--bare', '--template=', byGit);
    const entries = (root: string) =>
      readdirSync(root, { recursive: true, encoding: 'utf8' })
        .filter((name) => name !== 'gitstore')
        .sort();
    expect(entries(store)).toEqual(entries(byGit));
  });

  test('keeps the choices of its creator', async () => {
    const choices = { branch: 'trunk/one', compression: 3, bigFileThreshold: 5_000_000 };
    expect(await createRepository(store, choices)).toBe(true);
    expect(git(store, 'symbolic-ref', 'HEAD')).toBe('refs/heads/trunk/one');
    expect(git(store, 'config', '--get', 'core.compression')).toBe('3');
    expect(git(store, 'config', '--get', 'core.bigFileThreshold')).toBe('5000000');
  });

  test('gets its parent directories, and may take an empty one', async () => {
    const deep = join(folder, 'a/b/c.git');
    expect(await createRepository(deep)).toBe(true);
    mkdirSync(store);
    expect(await createRepository(store)).toBe(true);
    expect(git(deep, 'symbolic-ref', 'HEAD')).toBe(git(store, 'symbolic-ref', 'HEAD'));
  });

  test('is not made where one is', async () => {
    await createRepository(store, { branch: 'first' });
    appendFileSync(join(store, 'config'), '[my]\n\tvalue = 1\n');
    expect(await createRepository(store, { branch: 'second', compression: 1 })).toBe(false);
    expect(git(store, 'symbolic-ref', 'HEAD')).toBe('refs/heads/first');
    expect(git(store, 'config', '--get', 'my.value')).toBe('1');
  });

  test('is not made over other files', async () => {
    mkdirSync(store);
    writeFileSync(join(store, 'letter'), 'dear\n');
    await expect(createRepository(store)).rejects.toThrow(GitStoreError);
    expect(readdirSync(store)).toEqual(['letter']);
    await expect(createRepository(join(store, 'letter'))).rejects.toThrow(NotADirectoryError);
    await expect(createRepository(join(folder, 'x'), { branch: 'a b' })).rejects.toThrow(
      InvalidRefNameError,
    );
    expect(existsSync(join(folder, 'x'))).toBe(false);
  });

  test('completes one whose creator died, which was no store before', async () => {
    await createRepository(store, { branch: 'dead' });
    rmSync(join(store, 'HEAD'));
    await expect(openBareStorage(store)).rejects.toThrow(FileNotFoundError);
    for (const part of ['refs', 'config', 'objects/pack']) {
      rmSync(join(store, part), { recursive: true });
      await createRepository(store, { branch: 'alive' });
      expect(git(store, 'symbolic-ref', 'HEAD')).toBe('refs/heads/alive');
      rmSync(join(store, 'HEAD'));
    }
  });

  test('has one maker when many try', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => createRepository(store)));
    expect(made.filter(Boolean)).toHaveLength(1);
    expect(readdirSync(join(store, 'gitstore'))).toEqual([]);
    expect(git(store, 'rev-parse', '--is-bare-repository')).toBe('true');
  });
});

describe('opening', () => {
  test('what is not there', async () => {
    await expect(openBareStorage(store)).rejects.toMatchObject({ code: 'ENOENT', path: store });
    mkdirSync(store);
    await expect(openBareStorage(store)).rejects.toThrow(FileNotFoundError);
    writeFileSync(join(folder, 'file'), '');
    await expect(openBareStorage(join(folder, 'file'))).rejects.toThrow(NotADirectoryError);
    await expect(openBareStorage(join(folder, 'file', 'below'))).rejects.toThrow(
      NotADirectoryError,
    );
  });

  test('a folder of other things', async () => {
    writeFileSync(join(folder, 'file'), '');
    await expect(openBareStorage(folder)).rejects.toThrow('Not a Git repository');
  });

  test('a working tree is refused with a word of what to name; its .git is taken', async () => {
    const tree = join(folder, 'tree');
    runGit('init', '-q', '-b', 'main', tree);
    runGit('-C', tree, 'commit', '-q', '--allow-empty', '-m', 'first');
    await expect(openBareStorage(tree)).rejects.toThrow(join(tree, '.git'));
    const storage = await openBareStorage(join(tree, '.git'));
    expect(await storage.refs.get('refs/heads/main')).toBe(
      git(join(tree, '.git'), 'rev-parse', 'HEAD'),
    );
    await storage.close();
  });

  test('a .git file leads to the repository: linked working tree, submodule, separate git dir', async () => {
    const tree = join(folder, 'tree');
    runGit('init', '-q', '-b', 'main', tree);
    runGit('-C', tree, 'commit', '-q', '--allow-empty', '-m', 'first');
    const linked = join(folder, 'linked');
    runGit('-C', tree, 'worktree', 'add', '-q', '-b', 'side', linked);
    const apart = join(folder, 'apart');
    runGit('init', '-q', '-b', 'main', `--separate-git-dir=${apart}`, join(folder, 'working'));
    runGit('-C', tree, '-c', 'protocol.file.allow=always', 'submodule', '-q', 'add', tree, 'sub');
    const places: [given: string, location: string][] = [
      [join(linked, '.git'), join(tree, '.git')],
      [join(tree, '.git', 'worktrees', 'linked'), join(tree, '.git')],
      [join(folder, 'working', '.git'), apart],
      [join(tree, 'sub', '.git'), join(tree, '.git', 'modules', 'sub')],
    ];
    for (const [given, location] of places) {
      for (const open of [openBareStorage, createBareStorage]) {
        const storage = await open(given);
        expect(realpathSync(storage.location)).toBe(realpathSync(location));
        // HEAD is the repository's, not the one of the linked working tree.
        expect(await storage.refs.head()).toEqual({ ref: 'refs/heads/main' });
        await storage.close();
      }
    }
    await expect(openBareStorage(linked)).rejects.toThrow(join(linked, '.git'));
  });

  test('a .git file that leads to no repository says where it leads', async () => {
    const file = join(folder, '.git');
    writeFileSync(file, 'gitdir: gone\n');
    for (const open of [openBareStorage, createBareStorage]) {
      await expect(open(file)).rejects.toThrow(`leads to ${join(folder, 'gone')}`);
      await expect(open(file)).rejects.toThrow(GitStoreError);
    }
  });

  test('a relative path stands for the same store after a change of directory', async () => {
    await createRepository(store);
    const storage = await openBareStorage(relative(process.cwd(), store));
    expect(storage.location).toBe(store);
    await storage.close();
  });

  test.skipIf(process.platform === 'win32')(
    'HEAD may be a link to a branch not yet born',
    async () => {
      await createRepository(store);
      rmSync(join(store, 'HEAD'));
      symlinkSync('refs/heads/unborn', join(store, 'HEAD'));
      const storage = await openBareStorage(store);
      expect(await storage.refs.head()).toEqual({ ref: 'refs/heads/unborn' });
      await storage.close();
    },
  );

  test.each([['object format sha256', ['init', '-q', '--bare', '--object-format=sha256']]])(
    '%s is refused',
    async (what, args) => {
      runGit(...args, store);
      await expect(openBareStorage(store)).rejects.toThrow(what);
    },
  );

  test.each([
    ['repository format version 2', '[core]\nrepositoryformatversion = 2\n'],
    [
      'ref storage reftable',
      '[core]\nrepositoryformatversion = 1\n[extensions]\nrefStorage = reftable\n',
    ],
    [
      'extension somethingnew',
      '[core]\nrepositoryformatversion = 1\n[extensions]\nsomethingNew = 1\n',
    ],
  ])('%s is refused', async (what, config) => {
    await createRepository(store);
    writeFileSync(join(store, 'config'), config);
    await expect(openBareStorage(store)).rejects.toThrow(what);
  });

  test('extensions that do not matter, and no config at all, are fine', async () => {
    await createRepository(store);
    const config =
      '[core]\nrepositoryformatversion = 1\n[extensions]\nworktreeConfig = true\nobjectFormat = sha1\n';
    writeFileSync(join(store, 'config'), config);
    await (await openBareStorage(store)).close();
    rmSync(join(store, 'config'));
    await (await openBareStorage(store)).close();
  });

  test('leaves no trace until something is written', async () => {
    runGit('init', '-q', '--bare', store);
    const before = readdirSync(store, { recursive: true }).sort();
    const storage = await openBareStorage(store);
    await storage.refs.list('');
    await storage.refs.head();
    expect(readdirSync(store, { recursive: true }).sort()).toEqual(before);
    const tree = git(store, 'mktree');
    const commit = git(store, 'commit-tree', tree, '-m', 'first');
    const { ref } = (await storage.refs.head()) as { ref: string };
    await storage.refs.update([{ ref, old: null, new: commit }]);
    await storage.close();
    expect(git(store, 'rev-parse', 'HEAD')).toBe(commit);
    expectClean(store);
  });

  test('with create: there or not, it is there then', async () => {
    for (const expected of [null, someId(1)]) {
      const storage = await createBareStorage(store, { branch: 'trunk' });
      expect((await storage.refs.get('refs/heads/trunk')) ?? null).toBe(expected);
      await storage.refs.update([{ ref: 'refs/heads/trunk', new: someId(1) }]);
      await storage.close();
    }
    expect(readFileSync(join(store, 'HEAD'), 'utf8')).toBe('ref: refs/heads/trunk\n');
  });
});
