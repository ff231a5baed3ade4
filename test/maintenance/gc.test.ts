import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CorruptObjectError, GitStore, LockTimeoutError } from '../../src/index.ts';
import { expectClean, git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import {
  allObjects,
  DAY,
  hasObject,
  looseBlob,
  looseCount,
  looseStore,
  packsOf,
  setAge,
} from './stores.ts';

describe('pack', () => {
  test('puts loose objects into one pack with deltas', async () => {
    const { path, store } = await looseStore();
    const before = allObjects(path);
    const result = await store.pack();
    expect(result.before.looseObjects).toBeGreaterThan(30);
    expect(result.after).toMatchObject({
      looseObjects: 0,
      packs: 1,
      objects: result.before.objects,
    });
    expect(result.after.bytes).toBeLessThan(result.before.bytes);
    expect(allObjects(path)).toBe(before);
    expect(readdirSync(join(path, 'objects')).sort()).toEqual(['info', 'pack']);
    const [pack] = packsOf(path);
    const listing = git(path, 'verify-pack', '-v', join(path, 'objects/pack', pack!));
    expect(listing).toMatch(/^chain length = [1-9]/m);
    expectClean(path);
    expect(await (await store.fs('main')).readText('other/1.txt')).toBe('11\n');
    await store.close();
  });

  test('gathers many small packs, leaves a large one, and keeps what is kept', async () => {
    const { path, store } = await looseStore(40);
    await store.pack();
    const [large] = packsOf(path);
    for (let i = 0; i < 4; i++) {
      await (await store.fs('main')).writeText('other/new.txt', `${i}\n`);
      git(path, 'repack', '-q', '-d');
    }
    const kept = packsOf(path).find((name) => name !== large)!;
    writeFileSync(join(path, 'objects/pack', kept.replace('.pack', '.keep')), '');
    expect(packsOf(path)).toHaveLength(5);
    const before = allObjects(path);
    await store.pack();
    expect(packsOf(path)).toHaveLength(3);
    expect(packsOf(path)).toContain(large);
    expect(packsOf(path)).toContain(kept);
    expect(allObjects(path)).toBe(before);
    expectClean(path);
    await store.close();
  });

  test('nothing to pack is no work', async () => {
    const { path, store } = await looseStore(3);
    await store.pack();
    const packs = packsOf(path);
    await store.pack();
    expect(packsOf(path)).toEqual(packs);
    await store.close();
  });
});

describe('gc', () => {
  test('one good pack, everything in it reads the same', async () => {
    const { path, store } = await looseStore(30);
    git(path, 'tag', '-a', '-m', 'annotated', 'v1', 'main~3');
    const before = allObjects(path);
    const result = await store.gc();
    expect(result).toMatchObject({ pruned: 0, after: { looseObjects: 0, packs: 1 } });
    expect(allObjects(path)).toBe(before);
    expectClean(path);
    expect(existsSync(join(path, 'gc.pid'))).toBe(false);
    const fs = await store.fs('main');
    expect((await fs.ls('', { recursive: true })).length).toBe(6);
    await store.close();
  });

  test('makes deltas of the whole objects that our writers have packed', async () => {
    const path = join(scratchFolder(), 'data.git');
    const store = await GitStore.open(path, { durability: 'fast' });
    let fs = await store.fs('main');
    const writes: Record<string, string> = {};
    for (let i = 0; i < 150; i++) writes[`f${i}.txt`] = `${'the same again\n'.repeat(40)}${i}\n`;
    fs = await fs.apply({ writes });
    for (const path of Object.keys(writes)) writes[path] += 'more\n';
    await fs.apply({ writes });
    expect(packsOf(path)).toHaveLength(2);
    await store.gc();
    const [pack] = packsOf(path);
    const listing = git(path, 'verify-pack', '-v', join(path, 'objects/pack', pack!));
    expect(listing).toMatch(/^chain length = [1-9]/m);
    expectClean(path);
    await store.close();
  });

  test('what is unreachable goes when it is old enough, and not before', async () => {
    const { path, store } = await looseStore(2);
    const old = looseBlob(path, 'old', 15 * DAY);
    const young = looseBlob(path, 'young', 13 * DAY);
    expect(await store.gc()).toMatchObject({ pruned: 1 });
    expect([hasObject(path, old), hasObject(path, young)]).toEqual([false, true]);
    expect(await store.gc({ prune: new Date(Date.now() - 14 * DAY) })).toMatchObject({ pruned: 0 });
    expect(await store.gc({ prune: 'never' })).toMatchObject({ pruned: 0 });
    expect(await store.gc({ prune: '1.week.ago' })).toMatchObject({ pruned: 1 });
    expect(hasObject(path, young)).toBe(false);
    expectClean(path);
    await store.close();
  });

  test('young broken objects stay, and so does all that others of their age refer to', async () => {
    const { path, store } = await looseStore(2);
    const write = (type: string, body: string | Buffer): string => {
      const args = ['hash-object', '-w', '--literally', '-t', type, '--stdin'];
      return gitBytes(path, args, Buffer.from(body)).toString().trim();
    };
    const fileOf = (id: string) => join(path, 'objects', id.slice(0, 2), id.slice(2));
    const damage = (id: string) => {
      chmodSync(fileOf(id), 0o644);
      writeFileSync(fileOf(id), 'no zlib stream');
      return id;
    };
    const old = looseBlob(path, 'old', 15 * DAY);
    const lonely = looseBlob(path, 'old and lonely', 15 * DAY);
    const entry = (name: string, id: string) =>
      Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(id, 'hex')]);
    const cut = write('tree', entry('cut', old).subarray(0, 20));
    const blob = damage(looseBlob(path, 'young', DAY));
    const who = 'A <a> 1700000000 +0000';
    const commit = (tree: string) =>
      write('commit', `tree ${tree}\nauthor ${who}\ncommitter ${who}\n\nyoung\n`);
    const broken = [
      blob,
      cut,
      commit(cut),
      commit(damage(write('tree', entry('damaged', old)))),
      write('commit', 'no commit\n'),
      write('tag', 'no tag\n'),
      write('tree', Buffer.concat([entry('file', blob), entry('gone', '12'.repeat(20))])),
    ];
    const whole = [old, write('tree', entry('file', old))];
    expect(await store.gc()).toMatchObject({ pruned: 1 });
    for (const id of [...broken, ...whole]) expect(existsSync(fileOf(id)), id).toBe(true);
    expect(existsSync(fileOf(lonely))).toBe(false);

    expect(await store.gc({ prune: 'now' })).toMatchObject({ pruned: broken.length + 3 });
    expect(looseCount(path)).toBe(0);
    expectClean(path);
    await store.close();
  });

  test('packs refs, unless told not to', async () => {
    const { path, store } = await looseStore(2);
    git(path, 'tag', '-a', '-m', 'annotated', 'v1', 'main');
    git(path, 'symbolic-ref', 'refs/heads/alias', 'refs/heads/main');
    const refs = git(path, 'for-each-ref');
    const isLoose = (ref: string): boolean => existsSync(join(path, ref));
    git(path, 'config', 'gc.packRefs', 'notbare');
    await store.gc();
    git(path, 'config', 'gc.packRefs', 'false');
    await store.gc();
    expect(isLoose('refs/heads/main')).toBe(true);
    git(path, 'config', '--unset', 'gc.packRefs');
    // A lock that somebody has forgotten keeps nothing from being collected.
    const lock = join(path, 'refs/heads/main.lock');
    writeFileSync(lock, '');
    await store.gc();
    expect([isLoose('refs/heads/main'), isLoose('refs/tags/v1')]).toEqual([true, false]);
    rmSync(lock);
    await store.gc();
    expect(isLoose('refs/heads/main')).toBe(false);
    expect(git(path, 'for-each-ref')).toBe(refs);
    expect(await store.tags.list()).toEqual(['v1']);
    const fs = await store.update('main', (tip) => tip.writeText('more', '1'));
    expect(git(path, 'rev-parse', 'main')).toBe(fs.commitHash);
    await store.tags.delete('v1');
    expect(git(path, 'for-each-ref', 'refs/tags')).toBe('');
    await store.close();
    expectClean(path);
  });

  test('gc.pruneExpire counts when nothing else is said', async () => {
    const { path, store } = await looseStore(1);
    const id = looseBlob(path, 'a day old', DAY);
    git(path, 'config', 'gc.pruneExpire', 'never');
    await store.gc();
    expect(hasObject(path, id)).toBe(true);
    git(path, 'config', 'gc.pruneExpire', '2.hours.ago');
    await store.gc();
    expect(hasObject(path, id)).toBe(false);
    await store.close();
  });

  test('young unreachable objects of packs move to a cruft pack, with their age', async () => {
    const { path, store } = await looseStore(3);
    const id = looseBlob(path, 'nobody needs this', 0);
    await store.pack();
    const [first] = packsOf(path);
    setAge(join(path, 'objects/pack', first!), 10 * DAY);
    await store.gc();
    expect(packsOf(path)).toHaveLength(2);
    const files = readdirSync(join(path, 'objects/pack'));
    expect(files.filter((name) => name.endsWith('.mtimes'))).toHaveLength(1);
    expect(hasObject(path, id)).toBe(true);
    expectClean(path);
    // Again: nothing moves.
    await store.gc();
    expect(readdirSync(join(path, 'objects/pack')).sort()).toEqual(files.sort());
    // A writer that needs the object writes it, as the cruft pack ages on.
    await (await store.fs('main')).writeText('needed.txt', 'nobody needs this');
    expect(looseCount(path)).toBeGreaterThan(0);
    await store.gc({ prune: '9.days.ago' });
    expect(hasObject(path, id)).toBe(true);
    expect(packsOf(path)).toHaveLength(1);
    expectClean(path);
    await store.close();
  });

  test('deltas whose bases stay in use move to a cruft pack', async () => {
    const { path, store } = await looseStore(40);
    // Some of what goes then is a delta against what stays.
    git(path, 'repack', '-adfq', '--depth=50');
    const before = allObjects(path);
    const middle = git(path, 'rev-parse', 'main~15').trim();
    git(path, 'update-ref', 'refs/heads/main', middle);
    rmSync(join(path, 'logs'), { recursive: true, force: true });
    await store.gc();
    expect(readdirSync(join(path, 'objects/pack')).join()).toMatch(/\.mtimes/);
    expect(allObjects(path)).toBe(before);
    expectClean(path);
    await store.close();
  });

  test('a cruft pack lasts as long as its youngest object, under git gc too', async () => {
    const { path, store } = await looseStore(3);
    const id = looseBlob(path, 'nobody needs this', 0);
    await store.pack();
    await store.gc();
    git(path, 'gc', '-q');
    expect(hasObject(path, id)).toBe(true);
    expectClean(path);
    await store.gc({ prune: 'now' });
    expect(hasObject(path, id)).toBe(false);
    expectClean(path);
    await store.close();
  });

  test('what something young refers to stays, however old', async () => {
    const { path, store } = await looseStore(1);
    const blob = looseBlob(path, 'in an old tree', 100 * DAY);
    const tree = gitBytes(path, ['mktree'], Buffer.from(`100644 blob ${blob}\tf\n`))
      .toString()
      .trim();
    await store.gc();
    expect([hasObject(path, blob), hasObject(path, tree)]).toEqual([true, true]);
    await store.close();
  });

  test('reflogs, notes, heads, index files and other working trees keep what they name', async () => {
    const { path, store } = await looseStore(5);
    const kept: string[] = [];
    const commitOf = (text: string): string => {
      const blob = looseBlob(path, text, 100 * DAY);
      const tree = gitBytes(path, ['mktree'], Buffer.from(`100644 blob ${blob}\tf\n`))
        .toString()
        .trim();
      const commit = git(path, 'commit-tree', '-m', text, tree);
      for (const id of [tree, commit]) {
        setAge(join(path, 'objects', id.slice(0, 2), id.slice(2)), 100 * DAY);
      }
      kept.push(blob, tree, commit);
      return commit;
    };
    // In the reflog only.
    await (await store.fs('main')).undo(2);
    kept.push(git(path, 'rev-parse', 'main@{1}'));
    git(path, 'update-ref', 'refs/notes/commits', commitOf('a note'));
    writeFileSync(join(path, 'ORIG_HEAD'), `${commitOf('orig')}\n`);
    writeFileSync(join(path, 'FETCH_HEAD'), `${commitOf('fetched')}\t\tbranch 'x' of y\n`);
    const worktree = join(path, 'worktrees', 'one');
    mkdirSync(join(worktree, 'logs'), { recursive: true });
    writeFileSync(join(worktree, 'HEAD'), `${commitOf('elsewhere')}\n`);
    writeFileSync(
      join(worktree, 'logs', 'HEAD'),
      `${'0'.repeat(40)} ${commitOf('was there')} A <a@b> 1 +0000\tx\n`,
    );
    const staged = looseBlob(path, 'staged', 100 * DAY);
    for (const [version, index] of [
      [2, join(path, 'index')],
      [4, join(worktree, 'index')],
    ] as const) {
      const blob = looseBlob(path, `staged ${version}`, 100 * DAY);
      kept.push(blob);
      const env = { ...process.env, GIT_INDEX_FILE: index };
      const { execFileSync } = await import('node:child_process');
      const run = (...args: string[]) => execFileSync('git', ['--git-dir', path, ...args], { env });
      run(
        'update-index',
        '--add',
        '--index-version',
        String(version),
        '--cacheinfo',
        `100644,${blob},dir/f`,
      );
      run('update-index', '--add', '--cacheinfo', `100755,${staged},dir/a-longer-name.sh`);
    }
    kept.push(staged);
    const lost = commitOf('nobody');
    kept.splice(-3);
    await store.gc();
    expect(kept.filter((id) => !hasObject(path, id))).toEqual([]);
    expect(hasObject(path, lost)).toBe(false);
    await store.close();
  });

  test('packs with a .keep file stay as they are', async () => {
    const { path, store } = await looseStore(4);
    await store.pack();
    const [kept] = packsOf(path);
    writeFileSync(join(path, 'objects/pack', kept!.replace('.pack', '.keep')), 'mine');
    await (await store.fs('main')).writeText('more.txt', 'more');
    await store.gc({ prune: 'now' });
    expect(packsOf(path)).toContain(kept);
    expect(packsOf(path)).toHaveLength(2);
    expectClean(path);
    await store.close();
  });

  test('objects of an alternate are borrowed and not copied; the alternate is not touched', async () => {
    const lender = await looseStore(4);
    await lender.store.pack();
    const path = join(scratchFolder(), 'borrower.git');
    git(lender.path, 'clone', '-q', '--bare', '--shared', lender.path, path);
    const before = allObjects(lender.path);
    const store = await GitStore.open(path, { create: false, durability: 'fast' });
    await (await store.fs('main')).writeText('mine.txt', 'mine');
    const result = await store.gc({ prune: 'now' });
    expect(result.after.objects).toBe(3);
    expect(allObjects(lender.path)).toBe(before);
    expectClean(path);
    await store.close();
    await lender.store.close();
  });

  test('a shallow clone stays one', async () => {
    const origin = await looseStore(6);
    const path = join(scratchFolder(), 'shallow.git');
    git(origin.path, 'clone', '-q', '--bare', '--depth=2', `file://${origin.path}`, path);
    const store = await GitStore.open(path, { create: false, durability: 'fast' });
    await (await store.fs('main')).writeText('mine.txt', 'mine');
    await store.gc();
    expectClean(path);
    await store.close();
    await origin.store.close();
  });

  test('a store that misses something it needs is left as it is', async () => {
    const { path, store } = await looseStore(3);
    looseBlob(path, 'old', 15 * DAY);
    const tree = git(path, 'rev-parse', 'main:a/b');
    rmSync(join(path, 'objects', tree.slice(0, 2), tree.slice(2)));
    const before = looseCount(path);
    await expect(store.gc({ prune: 'now' })).rejects.toThrow(CorruptObjectError);
    expect(looseCount(path)).toBe(before);
    expect(packsOf(path)).toEqual([]);
    await store.close();
  });

  test('a damaged pack is not copied on', async () => {
    const { path, store } = await looseStore(20);
    await store.pack();
    const file = join(path, 'objects/pack', packsOf(path)[0]!);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 4;
    rmSync(file);
    writeFileSync(file, bytes);
    await (await store.fs('main')).writeText('more.txt', 'more').catch(() => {});
    git(path, 'pack-refs', '--all');
    await expect(store.gc()).rejects.toThrow(CorruptObjectError);
    expect(readFileSync(file).equals(bytes)).toBe(true);
    await store.close();
  });

  test('one collection at a time, a git gc included; a dead one does not count', async () => {
    const { hostname } = await import('node:os');
    const { path, store } = await looseStore(1);
    writeFileSync(join(path, 'gc.pid'), `${process.pid} ${hostname()}`);
    await expect(store.gc()).rejects.toThrow(LockTimeoutError);
    await expect(store.pack()).rejects.toThrow(/collected already, by process/);
    writeFileSync(join(path, 'gc.pid'), `4194303 ${hostname()}`);
    await store.gc();
    expect(existsSync(join(path, 'gc.pid'))).toBe(false);
    await store.close();
  });

  test('files that killed processes left are removed when they are old', async () => {
    const { path, store } = await looseStore(1);
    const stale = ['pack/tmp_pack_x', 'pack/.tmp-1-pack-y.pack', 'tmp_obj_z'].map((name) =>
      join(path, 'objects', name),
    );
    mkdirSync(join(path, 'gitstore'), { recursive: true });
    stale.push(join(path, 'gitstore/memo-stat-x.0123456789ab.tmp'));
    stale.push(join(path, 'gitstore/new-0123456789ab'));
    const orphan = join(path, 'objects/pack', `pack-${'a'.repeat(40)}.rev`);
    for (const file of [...stale, orphan]) {
      writeFileSync(file, 'x');
      setAge(file, 2 * DAY);
    }
    const young = join(path, 'objects/pack/tmp_pack_young');
    writeFileSync(young, 'x');
    expect(await store.gc()).toMatchObject({ temporaryFiles: 6 });
    expect([...stale, orphan].filter((file) => existsSync(file))).toEqual([]);
    expect(existsSync(young)).toBe(true);
    await store.close();
  });

  test('a signal stops it and leaves nothing behind', async () => {
    const { path, store } = await looseStore(20);
    const abort = new AbortController();
    const stopped = store.gc({ signal: abort.signal, onProgress: () => abort.abort() });
    abort.abort();
    await expect(stopped).rejects.toThrow(/abort/i);
    expect(readdirSync(join(path, 'objects/pack'))).toEqual([]);
    expect(existsSync(join(path, 'gc.pid'))).toBe(false);
    await store.close();
  });

  test('a moment that is none is refused', async () => {
    const { store } = await looseStore(1);
    await expect(store.gc({ prune: 'soon' })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(store.gc({ prune: new Date(Number.NaN) })).rejects.toMatchObject({
      code: 'EINVAL',
    });
    await store.close();
  });

  test('preciousObjects: nothing is removed for good', async () => {
    const { path, store } = await looseStore(1);
    git(path, 'config', 'core.repositoryFormatVersion', '1');
    git(path, 'config', 'extensions.preciousObjects', 'true');
    const id = looseBlob(path, 'precious', 100 * DAY);
    await store.gc({ prune: 'now' });
    expect(hasObject(path, id)).toBe(true);
    await store.close();
  });
});

describe('gc, again', () => {
  test('nothing new is no work, and new commits come to the old pack', async () => {
    const { path, store } = await looseStore(12);
    await store.gc();
    const packs = packsOf(path);
    expect(existsSync(join(path, 'gitstore/collected'))).toBe(true);
    await store.gc({ prune: 'now' });
    expect(packsOf(path)).toEqual(packs);

    let fs = await store.fs('main');
    const text = await fs.readText('a/b/file.txt');
    fs = await fs.writeText('a/b/file.txt', text.replace('line 50 ', 'line 50 is another '));
    await fs.writeText('new.txt', 'new');
    const before = allObjects(path);
    await store.gc({ prune: 'now' });
    expect(packsOf(path)).toHaveLength(1);
    expect(packsOf(path)).not.toEqual(packs);
    expect(allObjects(path)).toBe(before);
    // The new version is a delta, though the walk did not go where the old ones are.
    const blob = git(path, 'rev-parse', 'main:a/b/file.txt');
    const listing = git(path, 'verify-pack', '-v', join(path, 'objects/pack', packsOf(path)[0]!));
    const chain = listing.split('\n').filter((line) => line.startsWith(blob.slice(0, 40)));
    expect(chain).toHaveLength(1);
    expect(listing).toContain(blob);
    expectClean(path);
    await store.close();
  });

  test('what a lost root reached goes, though an earlier collection has seen it', async () => {
    const { path, store } = await looseStore(3);
    const blob = looseBlob(path, 'once needed', 0);
    git(path, 'tag', 'needed', blob);
    await store.gc();
    expect(hasObject(path, blob)).toBe(true);
    git(path, 'tag', '-d', 'needed');
    rmSync(join(path, 'logs/refs/tags'), { recursive: true, force: true });
    await store.gc({ prune: 'now' });
    expect(hasObject(path, blob)).toBe(false);
    expectClean(path);
    await store.close();
  });

  test('a memory that is damaged, or of another pack, is none', async () => {
    const { path, store } = await looseStore(6);
    await store.gc();
    const file = join(path, 'gitstore/collected');
    const bytes = readFileSync(file);
    for (const at of [5, 20, 60, bytes.length - 30, bytes.length - 1]) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1;
      writeFileSync(file, damaged);
      await store.gc({ prune: 'now' });
      expectClean(path);
    }
    writeFileSync(file, '');
    const old = await (await store.fs('main')).writeText('x', 'y');
    await store.gc({ prune: 'now' });
    expect(await old.readText('x')).toBe('y');
    expectClean(path);
    await store.close();
  });
});

describe('what makes reading quicker', () => {
  test('a commit-graph with changed-path filters, the same as from Git', async () => {
    const { path, store } = await looseStore(12);
    let fs = await store.fs('main');
    fs = await fs.remove('other', { recursive: true });
    fs = await fs.apply({ writes: { 'ünï/cödé.txt': 'x', 'a/b/c/d/e.txt': 'y', link: 'z' } });
    await fs.writeSymlink('link', 'a');
    const many: Record<string, string> = {};
    for (let i = 0; i < 600; i++) many[`many/${i}`] = `${i}`;
    await (await store.fs('main')).apply({ writes: many });
    git(path, 'update-ref', 'refs/heads/side', 'main~5');
    await (await store.fs('side')).writeText('side.txt', 'side', {
      parents: [await store.fs('main'), await store.fs('main', { back: 2 })],
    });
    await store.gc();
    git(path, 'commit-graph', 'verify');
    const file = join(path, 'objects/info/commit-graph');
    const ours = readFileSync(file);
    const log = (...paths: string[]): string =>
      git(path, 'log', '--format=%H', '--all', '--', ...paths);
    const withGraph = [log('a/b/file.txt'), log('other'), log('ünï'), log('many/599'), log('link')];
    rmSync(file);
    expect([log('a/b/file.txt'), log('other'), log('ünï'), log('many/599'), log('link')]).toEqual(
      withGraph,
    );
    git(path, 'commit-graph', 'write', '--reachable', '--changed-paths');
    const theirs = readFileSync(file);
    for (const name of ['OIDL', 'CDAT', 'EDGE']) {
      expect(chunkOf(ours, name)).toEqual(chunkOf(theirs, name));
    }
    expect(chunkOf(ours, 'EDGE').length).toBeGreaterThan(0);
    // Once more: filters are taken from the graph there is.
    await (await store.fs('main')).writeText('more.txt', 'more');
    await store.gc();
    git(path, 'commit-graph', 'verify');
    expect(git(path, 'log', '--format=%H', '--', 'more.txt').split('\n')).toHaveLength(1);
    expectClean(path);
    await store.close();
  });

  test('none in a shallow clone, none with gc.writeCommitGraph=false', async () => {
    const { path, store } = await looseStore(3);
    git(path, 'config', 'gc.writeCommitGraph', 'false');
    await store.gc();
    expect(existsSync(join(path, 'objects/info/commit-graph'))).toBe(false);
    await store.close();
  });

  test('a multi-pack-index where packs stay apart, and none where one is left', async () => {
    const { path, store } = await looseStore(4);
    for (let i = 0; i < 3; i++) {
      await store.pack();
      const [pack] = packsOf(path).filter(
        (name) => !existsSync(join(path, 'objects/pack', name.replace('.pack', '.keep'))),
      );
      writeFileSync(join(path, 'objects/pack', pack!.replace('.pack', '.keep')), '');
      await (await store.fs('main')).writeText(`f${i}`, `${i}`);
    }
    await store.gc();
    expect(packsOf(path)).toHaveLength(4);
    git(path, 'multi-pack-index', 'verify');
    expectClean(path);
    expect(await (await store.fs('main')).readText('f1')).toBe('1');
    for (const name of readdirSync(join(path, 'objects/pack'))) {
      if (name.endsWith('.keep')) rmSync(join(path, 'objects/pack', name));
    }
    await store.gc();
    expect(packsOf(path)).toHaveLength(1);
    expect(existsSync(join(path, 'objects/pack/multi-pack-index'))).toBe(false);
    expectClean(path);
    await store.close();
  });
});

function chunkOf(file: Buffer, name: string): Buffer {
  for (let row = 8; row < 8 + file[6]! * 12; row += 12) {
    if (file.toString('latin1', row, row + 4) !== name) continue;
    const end = Number(file.readBigUInt64BE(row + 16));
    return file.subarray(Number(file.readBigUInt64BE(row + 4)), end);
  }
  return Buffer.alloc(0);
}
