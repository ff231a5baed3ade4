/** What cannot be read is not absent: refs of every kind that cannot be read, and all that lists refs. */
import {
  chmodSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { GitStore, type GitStoreError, type StoreWarning } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { asPlainUser } from '../helpers/users.ts';

const DEV = 'refs/heads/dev';
const OLD = new Date(Date.now() - 20 * 24 * 3600 * 1000);
const isWindows = process.platform === 'win32';

/** A repository as Git makes it, without reflogs: `main`, and `dev` and `team/x` with a commit each. */
let template: string;
let dev: string;
let team: string;

beforeAll(() => {
  template = join(scratchFolder(), 'template.git');
  git('.', 'init', '-q', '--bare', '-b', 'main', template);
  const tree = git(template, 'mktree');
  const commit = (message: string) => git(template, 'commit-tree', '-m', message, tree);
  git(template, 'update-ref', 'refs/heads/main', commit('main'));
  dev = commit('dev');
  team = commit('team');
  git(template, 'update-ref', DEV, dev);
  git(template, 'update-ref', 'refs/heads/team/x', team);
});

function copyOfTemplate(): { folder: string; path: string } {
  const folder = scratchFolder();
  const path = join(folder, 'data.git');
  cpSync(template, path, { recursive: true });
  for (const name of readdirSync(join(path, 'objects'), { recursive: true, encoding: 'utf8' })) {
    utimesSync(join(path, 'objects', name), OLD, OLD);
  }
  return { folder, path };
}

interface Kind {
  /** What it does to `dev`, or to `team`. */
  readonly spoil: (path: string, ref: string) => void;
  /** The ref that is spoiled; default `dev`. */
  readonly ref?: string;
  /** Whether the value of the ref is still told. */
  readonly isRead?: boolean;
  /** Whether a collection goes on, and keeps the commit. */
  readonly collects?: boolean;
}

const kinds: Record<string, Kind> = {
  'an empty file': { spoil: (_, ref) => writeFileSync(ref, '') },
  'a file that names nothing': { spoil: (_, ref) => writeFileSync(ref, 'garbage\n') },
  'half an id': { spoil: (_, ref) => writeFileSync(ref, readFileSync(ref).subarray(0, 20)) },
  'an id and garbage': { spoil: (_, ref) => writeFileSync(ref, `${dev}garbage\n`) },
  'a link to nothing': { spoil: (_, ref) => relink(ref, '../../nowhere') },
  'a link to itself': { spoil: (_, ref) => relink(ref, 'dev') },
  'a link that leads above itself': { spoil: (_, ref) => relink(ref, '..') },
  'a device behind a link': { spoil: (_, ref) => relink(ref, '/dev/null') },
  'a file without read permission': { spoil: (_, ref) => chmodSync(ref, 0) },
  'a folder without read permission': {
    ref: 'refs/heads/team/x',
    spoil: (path) => chmodSync(join(path, 'refs/heads/team'), 0o300),
  },
  'a folder that cannot be entered': {
    ref: 'refs/heads/team/x',
    spoil: (path) => chmodSync(join(path, 'refs/heads/team'), 0o600),
  },
  'a symbolic ref to a broken one': {
    spoil: (path, ref) => {
      writeFileSync(ref, 'ref: refs/heads/other\n');
      writeFileSync(join(path, 'refs/heads/other'), '');
    },
  },
  'symbolic refs in a circle': { spoil: (_, ref) => writeFileSync(ref, `ref: ${DEV}\n`) },
  'a copy that a sync service made': {
    spoil: (path, ref) => renameSync(ref, join(path, 'refs/heads/dev (conflicted copy)')),
    collects: true,
  },
  'a folder behind a link': {
    ref: 'refs/heads/team/x',
    spoil: (path) => {
      renameSync(join(path, 'refs/heads/team'), join(path, '../shared'));
      symlinkSync('../../../shared', join(path, 'refs/heads/team'));
    },
    isRead: true,
  },
  'a file behind a link': {
    spoil: (path, ref) => {
      renameSync(ref, join(path, '../moved'));
      symlinkSync('../../../moved', ref);
    },
    isRead: true,
  },
  'a link of the old kind of symbolic refs': {
    ref: 'refs/heads/team/x',
    spoil: (path) => relink(join(path, DEV), 'refs/heads/team/x'),
    isRead: true,
  },
};

function relink(ref: string, target: string): void {
  rmSync(ref);
  symlinkSync(target, ref);
}

/** The error, which must name the ref or the folder that it lies in. */
async function refusal(work: Promise<unknown>): Promise<GitStoreError> {
  const error = (await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )) as GitStoreError | undefined;
  expect(error?.code).toBe('EUNREADABLE');
  expect(error?.message).toMatch(/refs\/heads\/(?:dev|team|other)/);
  return error!;
}

describe.skipIf(isWindows).each(Object.entries(kinds))('%s', (what, kind) => {
  const { ref = DEV, spoil, isRead = false, collects = isRead } = kind;

  test('no command takes it for a ref that is gone', async () => {
    const { folder, path } = copyOfTemplate();
    const mirror = join(folder, 'mirror.git');
    const bundle = join(folder, 'all.bundle');
    const before = await GitStore.open(path, { create: false });
    for (const url of [mirror, bundle]) await before.backup(url);
    await before.close();
    const id = ref === DEV ? dev : team;
    await asPlainUser(folder, async () => {
      spoil(path, join(path, ref));
      const warnings: StoreWarning[] = [];
      const store = await GitStore.open(path, {
        create: false,
        onWarning: (warning) => warnings.push(warning),
      });
      // A name that no ref can have is no ref: then the branch is gone, and its commit is kept.
      const isGone = what.startsWith('a copy');
      const refuses = !isRead && !isGone;

      const listed = await store.branches.list();
      expect(listed.includes(ref.slice('refs/heads/'.length))).toBe(isRead);
      expect(warnings.length > 0).toBe(!isRead);

      if (collects) await store.gc({ prune: 'now' });
      else await refusal(store.gc({ prune: 'now' }));
      expect(await store.context.objects.has(id)).toBe(true);

      if (refuses) {
        await refusal(store.backup(mirror));
        await refusal(store.backup(bundle));
        await refusal(store.backup(mirror, { refs: [ref] }));
      } else if (isRead) {
        expect((await store.backup(mirror)).delete).toEqual([]);
        await store.backup(bundle);
      }
      expect(git(mirror, 'rev-parse', ref)).toBe(id);
      expect(git('.', 'bundle', 'list-heads', bundle)).toContain(`${id} ${ref}`);

      const copy = await GitStore.open(join(folder, 'copy.git'), { branch: null });
      const diff = await copy.restore(path);
      expect(diff.warnings.length > 0).toBe(!isRead);
      expect(diff.add.some((change) => change.ref === ref)).toBe(isRead);
      await copy.close();

      const { ok, faults } = await store.verify();
      expect(ok).toBe(isRead);
      if (!isRead) expect(faults.map(({ subject }) => subject).join()).toMatch(/heads\/(dev|team)/);
      await store.close();
      // So that it can be removed.
      const shown = join(path, 'refs/heads/team');
      const isFolder = lstatSync(shown, { throwIfNoEntry: false })?.isDirectory();
      if (isFolder) chmodSync(shown, 0o755);
    });
  });
});

test('a symbolic ref to one that is not there hides nothing, and deletes nothing elsewhere', async () => {
  const { folder, path } = copyOfTemplate();
  const mirror = join(folder, 'mirror.git');
  const store = await GitStore.open(path, { create: false, onWarning: () => {} });
  await store.backup(mirror);
  writeFileSync(join(path, 'refs/heads/alias'), 'ref: refs/heads/none\n');
  await store.gc();
  expect((await store.backup(mirror)).inSync).toBe(true);
  writeFileSync(join(path, DEV), 'ref: refs/heads/none\n');
  await refusal(store.backup(mirror));
  expect(git(mirror, 'rev-parse', DEV)).toBe(dev);
  await store.close();
});

describe.skipIf(isWindows)('mended with our own commands', () => {
  test.each(['', 'garbage', 'without permission'])('%j', async (content) => {
    const { folder, path } = copyOfTemplate();
    await asPlainUser(folder, async () => {
      const store = await GitStore.open(path, { create: false });
      await store.branches.set('dev', await store.fs('team/x'));
      if (content === 'without permission') chmodSync(join(path, DEV), 0);
      else writeFileSync(join(path, DEV), content);
      const [entry] = await store.branches.reflog('dev');
      expect(entry).toMatchObject({ old: dev, new: team });
      await store.branches.set('dev', await store.fs(entry!.new!));
      expect((await store.branches.get('dev')).commitHash).toBe(team);
      await store.gc({ prune: 'now' });
      expect(await store.context.objects.has(dev)).toBe(true);
      await store.close();
    });
  });

  test('a restore brings back what is broken here', async () => {
    const { folder, path } = copyOfTemplate();
    const store = await GitStore.open(path, { create: false });
    await store.backup(join(folder, 'mirror.git'));
    writeFileSync(join(path, DEV), '');
    await store.restore(join(folder, 'mirror.git'));
    expect(git(path, 'rev-parse', DEV)).toBe(dev);
    // And a backup what is broken there.
    writeFileSync(join(folder, 'mirror.git', DEV), '');
    await store.backup(join(folder, 'mirror.git'));
    expect(git(join(folder, 'mirror.git'), 'rev-parse', DEV)).toBe(dev);
    await store.close();
  });
});

describe.skipIf(isWindows)('packed-refs as a link', () => {
  test('is followed when it is read and when it is written', async () => {
    const { folder, path } = copyOfTemplate();
    const shared = join(folder, 'shared');
    mkdirSync(shared);
    symlinkSync('../shared/packed-refs', join(path, 'packed-refs'));
    const store = await GitStore.open(path, { create: false });
    await store.gc();
    expect(readFileSync(join(shared, 'packed-refs'), 'utf8')).toContain(DEV);
    expect(await store.branches.list()).toEqual(['dev', 'main', 'team/x']);
    await store.branches.delete('dev');
    await store.close();
    expect(readFileSync(join(shared, 'packed-refs'), 'utf8')).not.toContain(DEV);
    expect(git(path, 'for-each-ref', '--format=%(refname:short)', 'refs/heads')).toBe(
      'main\nteam/x',
    );
    expect(readdirSync(shared)).toEqual(['packed-refs']);
  });

  test('of which the other repository holds the lock is left alone', async () => {
    const { folder, path } = copyOfTemplate();
    symlinkSync('../packed-refs', join(path, 'packed-refs'));
    git(path, 'pack-refs', '--all');
    writeFileSync(join(folder, 'packed-refs.lock'), '');
    const { createBareStorage } = await import('../../src/storage/bare/bareStorage.ts');
    const storage = await createBareStorage(path, { lockTimeout: 50 });
    const update = storage.refs.update([{ ref: DEV, old: dev, new: null }]);
    await expect(update).rejects.toMatchObject({
      code: 'ELOCKED',
      path: join(folder, 'packed-refs.lock'),
    });
    rmSync(join(folder, 'packed-refs.lock'));
    await storage.refs.update([{ ref: DEV, old: dev, new: null }]);
    expect((await storage.refs.list('refs/')).refs).toHaveLength(2);
    await storage.close();
  });
});
