/** Undo, redo, appending and squashing, beside Git. */
import { appendFileSync, existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BatchClosedError,
  createMemoryStorage,
  type FS,
  GitStore,
  KeyExistsError,
  KeyNotFoundError,
  StaleSnapshotError,
} from '../../src/index.ts';
import { runs, seed } from '../crash/stress.ts';
import { expectClean, git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { collect } from '../storage/places.ts';
import { currentOf, memoryStore, steadyOptions } from './stores.ts';

/** A branch with commits whose messages are these, one after the other. */
async function withCommits(store: GitStore, ...messages: string[]): Promise<FS> {
  let fs = await currentOf(store);
  for (const message of messages) fs = await fs.writeText('f', message, { message });
  return fs;
}

async function messagesOf(fs: FS): Promise<string[]> {
  const messages: string[] = [];
  for await (const { message } of fs.log()) messages.push(message);
  return messages;
}

describe('undo and redo', () => {
  it('in a row lead back and forth, one by one and by several', async () => {
    const store = await memoryStore();
    let fs = await withCommits(store, 'A', 'B', 'C', 'D');
    const go = async (way: 'undo' | 'redo', steps?: number): Promise<string> => {
      fs = await fs[way](steps);
      expect((await store.branches.get('main')).commitHash).toBe(fs.commitHash);
      return fs.message;
    };
    for (const expected of ['C', 'B', 'A']) expect(await go('undo')).toBe(expected);
    for (const expected of ['B', 'C', 'D']) expect(await go('redo')).toBe(expected);
    expect(await go('undo')).toBe('C');
    expect(await go('undo')).toBe('B');
    expect(await go('redo', 2)).toBe('D');
    // One undo of three steps is one step of the reflog.
    expect(await go('undo', 3)).toBe('A');
    expect(await go('redo')).toBe('D');
    expect(await go('undo')).toBe('C');
    expect(await go('redo')).toBe('D');
    expect(await go('undo', 2)).toBe('B');
    expect(await go('undo')).toBe('A');
    expect(await go('redo')).toBe('B');
    expect(await go('redo')).toBe('D');
  });

  it('where nothing was undone there is nothing to redo, and nothing changes', async () => {
    const store = await memoryStore();
    const refuses = async (fs: FS) => {
      const before = await store.branches.reflog('main');
      await expect(fs.redo()).rejects.toThrow(KeyNotFoundError);
      await expect(fs.redo()).rejects.toThrow(
        "Nothing to redo on branch 'main': its last move was no undo",
      );
      expect(await store.branches.reflog('main')).toEqual(before);
    };
    await refuses(await store.branches.get('main'));
    let fs = await withCommits(store, 'A', 'B', 'C');
    await refuses(fs);
    fs = await fs.undo();
    // New work after it: what was undone stays in the reflog.
    const other = await fs.writeText('f', 'X', { message: 'X' });
    await refuses(other);
    await refuses(await store.branches.set('main', fs));
  });

  it('end at the creation of the branch, and change nothing then', async () => {
    const store = await memoryStore();
    const fs = await withCommits(store, 'A', 'B');
    await expect(fs.undo(3)).rejects.toThrow('its history goes back only 2');
    const back = await fs.undo();
    const before = await store.branches.reflog('main');
    await expect(back.redo(2)).rejects.toThrow(
      "Cannot redo 2 on branch 'main': only 1 can be redone",
    );
    expect(await store.branches.reflog('main')).toEqual(before);
    const dev = await store.branches.set('dev', fs);
    await expect(dev.redo()).rejects.toThrow(KeyNotFoundError);
    await expect(fs.undo(0)).rejects.toThrow('whole number of 1 or more');
    await expect(fs.redo(1.5)).rejects.toThrow('whole number of 1 or more');
    await (await store.branches.get('main')).writeText('f', 'C');
    await expect(back.undo()).rejects.toThrow(StaleSnapshotError);
  });

  it('redo takes back no push, no reset, also not after git gc', async () => {
    const path = join(scratchFolder(), 'moved.git');
    const store = await GitStore.open(path, { durability: 'fast' });
    const main = await withCommits(store, 'A', 'B');
    const clone = join(scratchFolder(), 'clone');
    git(path, 'clone', '-q', path, clone);
    git(join(clone, '.git'), 'commit', '-q', '--allow-empty', '-m', 'pushed');
    git(join(clone, '.git'), 'push', '-q', 'origin', 'main');
    let fs = await store.branches.get('main');
    expect(fs.message).toBe('pushed');
    await expect(fs.redo()).rejects.toThrow('Nothing to redo');
    await store.branches.set('main', main);
    await expect((await store.branches.get('main')).redo()).rejects.toThrow('Nothing to redo');
    fs = await (await store.branches.get('main')).undo();
    expect(fs.message).toBe('A');
    git(path, 'gc', '-q', '--prune=now');
    const fresh = await GitStore.open(path, { create: false });
    fs = await (await fresh.branches.get('main')).redo();
    expect(fs.commitHash).toBe(main.commitHash);
    expectClean(path);
    await fresh.close();
    await store.close();
  });

  it('go on after git has renamed the branch, which is logged but no move', async () => {
    const path = join(scratchFolder(), 'renamed.git');
    const store = await GitStore.open(path, { durability: 'fast' });
    const c = await withCommits(store, 'A', 'B', 'C');
    await c.undo(2);
    git(path, 'branch', '-m', 'main', 'trunk');
    await (await store.branches.get('trunk')).undo();
    git(path, 'branch', '-m', 'trunk', 'main');
    const back = await (await store.branches.get('main')).redo();
    expect(back.message).toBe('A');
    expect((await back.redo()).commitHash).toBe(c.commitHash);
    await store.close();
  });

  it('pass over a move that is in the log alone, as a killed writer leaves one', async () => {
    const path = join(scratchFolder(), 'killed.git');
    const store = await GitStore.open(path, { durability: 'fast' });
    let fs = await withCommits(store, 'A', 'B');
    const b = fs;
    fs = await fs.undo();
    const who = 'Ada <ada@example.org> 1700000000 +0000';
    for (const lost of ['1', '2']) {
      const line = `${fs.commitHash} ${lost.repeat(40)} ${who}\tcommit: lost\n`;
      appendFileSync(join(path, 'logs/refs/heads/main'), line);
    }
    expect((await fs.redo()).commitHash).toBe(b.commitHash);
    await store.close();
  });

  it('go by moves of commits whose messages are long', async () => {
    const path = join(scratchFolder(), 'long.git');
    const store = await GitStore.open(path, { durability: 'fast' });
    const main = await withCommits(store, 'A', 'long '.repeat(500_000));
    expect(await store.branches.reflog('main')).toHaveLength(3);
    expect((await (await main.undo()).redo()).commitHash).toBe(main.commitHash);
    await store.close();
  });

  it('go by moves of an author with a tab in the name, which gc keeps too', async () => {
    const path = join(scratchFolder(), 'tab.git');
    const store = await GitStore.open(path, { durability: 'fast', author: 'Ada\tL.' });
    const main = await withCommits(store, 'A', 'B');
    const before = await main.undo();
    await store.gc({ prune: 'now' });
    expect((await before.redo()).commitHash).toBe(main.commitHash);
    expect(git(path, 'reflog', 'main').split('\n')).toHaveLength(5);
    await store.close();
  });

  it('one by one lead to the same place as all at once', async () => {
    const move = fc.record({
      way: fc.constantFrom('write', 'undo', 'redo', 'reset'),
      steps: fc.integer({ min: 1, max: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(move, { maxLength: 25 }), fc.nat(5), async (moves, further) => {
        const tip = await afterMoves(moves);
        const atOnce = await messageAfter(tip.redo(1 + further));
        // One by one they may lead back to where the branch is.
        if (atOnce === undefined) return;
        const next = await messageAfter((await afterMoves(moves, 1 + further)).redo());
        let fs = await afterMoves(moves);
        for (let i = 0; i <= further; i++) fs = await fs.redo();
        expect(fs.message).toBe(atOnce);
        expect(await messageAfter(fs.redo())).toBe(next);
      }),
      { numRuns: runs(60), seed },
    );
  });
});

interface Move {
  readonly way: string;
  readonly steps: number;
}

/** The branch after these moves on a new store, those that fail left out, and then one redo. */
async function afterMoves(moves: readonly Move[], redo = 0): Promise<FS> {
  const store = await memoryStore();
  for (const [i, { way, steps }] of [...moves, { way: 'redo', steps: redo }].entries()) {
    const fs = await store.branches.get('main');
    try {
      if (way === 'write') await fs.writeText('f', `${i}`, { message: `m${i}` });
      else if (way === 'reset') await store.branches.set('main', await fs.back(steps));
      else if (steps > 0) await fs[way as 'undo' | 'redo'](steps);
    } catch (error) {
      if (!(error instanceof KeyNotFoundError)) throw error;
    }
  }
  return store.branches.get('main');
}

function messageAfter(fs: Promise<FS>): Promise<string | undefined> {
  return fs.then(
    ({ message }) => message,
    () => undefined,
  );
}

describe('append', () => {
  it('puts the commits the branch does not have on its tip, authors and dates kept', async () => {
    const path = join(scratchFolder(), 'append.git');
    const store = await GitStore.open(path, { durability: 'fast', author: 'Ada' });
    let main = await withCommits(store, 'A');
    const dev = await store.branches.set('dev', main);
    const options = { author: 'Bob', email: 'bob@example.org', now: () => 1_600_000_000_000 };
    const bob = await GitStore.open(path, { durability: 'fast', timezoneOffset: -90, ...options });
    let other = await bob.branches.get('dev');
    other = await other.writeText('b', '1', { message: 'B1\n\nbody' });
    other = await other.writeText('b', '2', { message: 'B2' });
    main = await main.writeText('a', 'own', { message: 'own' });
    const made = await store.branches.append('main', await store.branches.get('dev'));
    expect(await messagesOf(made)).toEqual([
      ...['B2', 'B1\n\nbody', 'own', 'A', 'Initialize main'],
    ]);
    expect(made.treeHash).toBe(other.treeHash);
    expect((await made.back(2)).commitHash).toBe(main.commitHash);
    const shape = (ref: string): string =>
      git(path, 'log', '-2', '--format=%T %an %ae %ai %cn %ce %ci %B', ref);
    expect(shape('main')).toBe(shape('dev'));
    // Again: there is nothing to append; and then only what came since.
    const again = await store.branches.append('main', await store.branches.get('dev'));
    expect(again.commitHash).toBe(made.commitHash);
    const third = await other.writeText('b', '3', { message: 'B3' });
    const longer = await store.branches.append('main', await store.branches.get('dev'));
    expect((await messagesOf(longer)).slice(0, 2)).toEqual(['B3', 'B2']);
    expect(longer.treeHash).toBe(third.treeHash);
    expect(dev.commitHash).not.toBe(other.commitHash);
    expectClean(path);
  });

  it('tells a new commit from one before that says the same', async () => {
    // Nothing but their order tells the commits of one second apart.
    const store = await GitStore.over(createMemoryStorage(), { now: () => 1_600_000_000_000 });
    let main = await currentOf(store);
    let dev = await store.branches.set('dev', main);
    main = await main.writeText('own', '1');
    for (const text of ['0', '1', '2']) dev = await dev.writeText('f', text, { message: 'set f' });
    await store.branches.append('main', dev);
    dev = await dev.writeText('f', '1', { message: 'set f' });
    const made = await store.branches.append('main', dev);
    expect(await made.readText('f')).toBe('1');
    expect(made.treeHash).toBe(dev.treeHash);
    expect(await messagesOf(made)).toEqual([
      ...['set f', 'set f', 'set f', 'set f', '+ own', 'Initialize main'],
    ]);
    expect((await store.branches.append('main', dev)).commitHash).toBe(made.commitHash);
  });

  it('leaves commits as they are where nothing is between', async () => {
    const store = await memoryStore();
    const main = await withCommits(store, 'A');
    let dev = await store.branches.set('dev', main);
    dev = await dev.writeText('f', 'B');
    dev = await dev.writeText('f', 'C');
    expect((await store.branches.append('main', dev)).commitHash).toBe(dev.commitHash);
    expect((await store.branches.append('main', main)).commitHash).toBe(dev.commitHash);
  });

  it('with squash: one commit of the files', async () => {
    const store = await memoryStore();
    const main = await withCommits(store, 'A', 'B', 'C');
    const dev = await store.branches.setEmpty('dev');
    const made = await store.branches.append('dev', main, { squash: true });
    expect(await messagesOf(made)).toEqual(['C', 'Initialize dev']);
    expect(made.treeHash).toBe(main.treeHash);
    expect(made.parentHashes).toEqual([dev.commitHash]);
    expect((await store.branches.append('dev', main, { squash: true })).commitHash).toBe(
      made.commitHash,
    );
    const named = await store.branches.append('dev', await main.back(1), {
      squash: true,
      message: 'Back to B',
    });
    expect(named.message).toBe('Back to B');
    await expect(store.branches.append('none', main)).rejects.toThrow('Branch not found: none');
  });

  it('follows first parents, and keeps the others on record', async () => {
    const store = await memoryStore();
    const main = await withCommits(store, 'A');
    const side = await (await store.branches.set('side', main)).writeText('s', '1');
    const merged = await main.writeText('f', 'M', { message: 'M', parents: [side] });
    const made = await store.branches.append(
      (await store.branches.setEmpty('dev')).refName!,
      merged,
    );
    expect(await messagesOf(made)).toEqual(['M', 'A', 'Initialize main', 'Initialize dev']);
    expect(made.parentHashes[1]).toBe(side.commitHash);
  });
});

it('a short hash is told among all objects that begin with it, however many they are', async () => {
  const storage = createMemoryStorage();
  const store = await GitStore.over(storage, steadyOptions());
  const main = await withCommits(store, 'A');
  const others = Array.from({ length: 500 }, (_, i) => i.toString(16).padStart(40, 'abcd0'));
  const first = await main.parent();
  const found = [...others, main.commitHash, first!.commitHash];
  // In a store of some thirty million objects so many share four digits.
  storage.objects.resolve = async (_, limit = 2) => found.slice(0, limit);
  await expect(store.fs('abcd')).rejects.toThrow("Hash 'abcd' is ambiguous: 2 commits");
  found.pop();
  expect((await store.fs('abcd')).commitHash).toBe(main.commitHash);
});

it('branches.set with create takes no name that exists', async () => {
  const store = await memoryStore();
  const main = await withCommits(store, 'A', 'B');
  await store.branches.set('new', main, { create: true });
  const before = await main.back(1);
  await expect(store.branches.set('new', before, { create: true })).rejects.toThrow(KeyExistsError);
  await expect(store.branches.setEmpty('new', { create: true })).rejects.toThrow(KeyExistsError);
  expect((await store.branches.get('new')).commitHash).toBe(main.commitHash);
});

describe('squash', () => {
  it('is a commit of the files with one parent or none, on no branch', async () => {
    const store = await memoryStore();
    const main = await withCommits(store, 'A', 'B');
    const alone = await main.squash();
    expect([alone.message, alone.treeHash, alone.parentHashes]).toEqual(['B', main.treeHash, []]);
    expect(alone.writable).toBe(false);
    const first = await main.back(2);
    const onto = await main.squash({ parent: first, message: 'All' });
    expect([onto.message, onto.parentHashes]).toEqual(['All', [first.commitHash]]);
    expect((await store.branches.get('main')).commitHash).toBe(main.commitHash);
  });
});

describe('a snapshot of another store', () => {
  it('is no parent, and nothing that update may end with', async () => {
    const path = join(scratchFolder(), 'store.git');
    const store = await GitStore.open(path, { durability: 'fast' });
    const main = await withCommits(store, 'A');
    const foreign = await withCommits(await memoryStore(), 'elsewhere');
    const refused = /belongs to another store/;
    const parents = [foreign];
    await expect(main.writeText('f', 'x', { parents })).rejects.toThrow(refused);
    await expect(main.apply({ writes: { f: 'x' }, parents })).rejects.toThrow(refused);
    await expect(
      main.batch({ parents }, async (batch) => {
        await batch.writeText('f', 'x');
      }),
    ).rejects.toThrow(refused);
    await expect(main.squash({ parent: foreign })).rejects.toThrow(refused);
    await expect(store.branches.append('main', foreign)).rejects.toThrow(refused);
    await expect(store.update('main', async () => foreign)).rejects.toThrow(refused);
    expect((await store.branches.get('main')).commitHash).toBe(main.commitHash);
    await store.close();
    expectClean(path);
  });
});

describe('a snapshot of the same store, opened a second time', () => {
  async function onDisk(): Promise<[GitStore, GitStore]> {
    const folder = scratchFolder();
    const path = join(folder, 'store.git');
    const first = await GitStore.open(path, { durability: 'fast', ...steadyOptions() });
    symlinkSync(path, join(folder, 'link'), 'junction');
    return [first, await GitStore.open(join(folder, 'link'), { create: false })];
  }
  async function inMemory(): Promise<[GitStore, GitStore]> {
    const storage = createMemoryStorage();
    return [await GitStore.over(storage, steadyOptions()), await GitStore.over(storage)];
  }

  it.each([
    ['on disk, by another name', onDisk],
    ['in memory', inMemory],
  ])('is one of this store: %s', async (_name, open) => {
    const [store, other] = await open();
    const main = await withCommits(store, 'A');
    const made = await other.branches.setEmpty('elsewhere');
    const theirs = await made.writeText('f', 'theirs');
    const branch = await store.branches.set('taken', theirs);
    expect([branch.commitHash, branch.refName]).toEqual([theirs.commitHash, 'taken']);
    await store.tags.set('v1', theirs);
    await store.notes.commits.set(theirs, 'seen');
    const merged = await main.writeText('g', 'x', { parents: [theirs] });
    expect(merged.parentHashes).toEqual([main.commitHash, theirs.commitHash]);
    const across = await merged.copyFromRef(theirs, 'f');
    expect(await across.readText('f')).toBe('theirs');
    const squashed = await across.squash({ parent: theirs });
    expect(squashed.parentHashes).toEqual([theirs.commitHash]);
    const found = await collect(across.diff(theirs));
    expect(found.map(({ path }) => path)).toContain('g');
    const ended = await store.update('main', (tip) =>
      tip.writeText('h', 'x', { parents: [theirs] }),
    );
    expect(ended.parentHashes).toContain(theirs.commitHash);
    await other.close();
    await expect(store.branches.set('taken', theirs)).rejects.toThrow(BatchClosedError);
    await store.close();
  });
});

it('log takes no date that is none', async () => {
  const main = await withCommits(await memoryStore(), 'A');
  const commits = main.log({ before: new Date('no date') });
  await expect(commits[Symbol.asyncIterator]().next()).rejects.toThrow(/no valid date/);
});

describe('delete', () => {
  it('keeps the commits for the grace time, those in the reflog too, beside git gc', async () => {
    const path = join(scratchFolder(), 'deleted.git');
    const store = await GitStore.open(path, { durability: 'fast' });
    const main = await withCommits(store, 'A', 'B');
    let dev = await store.branches.set('dev', main);
    const undone = await dev.writeText('f', 'only in the log');
    await undone.undo();
    dev = await (await store.branches.get('dev')).writeText('g', 'tip');
    await store.branches.set('dev', dev);
    await store.tags.set('v1', undone);
    expect(await store.branches.delete('dev')).toBe(dev.commitHash);
    expect(await store.tags.delete('v1')).toBe(undone.commitHash);
    // No leftover is in the way of a name below it.
    await (await store.branches.set('dev/x', main)).writeText('h', '1');
    await store.branches.delete('dev/x');
    git(path, 'gc', '-q', '--prune=now');
    await store.gc();
    expectClean(path);
    const deleted = await store.branches.deleted();
    expect(deleted.map(({ name }) => name).sort()).toEqual(['dev', 'dev/x']);
    expect((await store.tags.deleted()).map(({ name }) => name)).toEqual(['v1']);
    expect(await store.branches.list()).toEqual(['main']);
    await store.branches.set('dev', await store.fs(dev.commitHash));
    await store.branches.set('other', await store.fs(undone.commitHash));
    await store.close();
  });

  it('lets them go after it, and the reflog with them', async () => {
    let now = Date.now() - 15 * 24 * 3600 * 1000;
    const path = join(scratchFolder(), 'forgotten.git');
    const store = await GitStore.open(path, { durability: 'fast', now: () => now });
    const dev = await store.branches.set('dev', await withCommits(store, 'A'));
    await dev.writeText('f', 'x');
    await store.branches.delete('dev');
    await store.gc({ prune: new Date(now - 1000) });
    expect(await store.branches.deleted()).toHaveLength(1);
    now = Date.now();
    await store.gc();
    expect(await store.branches.deleted()).toEqual([]);
    expect(git(path, 'for-each-ref', 'refs/gitstore')).toBe('');
    expect(existsSync(join(path, 'logs/refs/gitstore/deleted'))).toBe(false);
    expectClean(path);
    await store.close();
  });

  it('of the current branch needs force', async () => {
    const store = await memoryStore();
    const fs = await withCommits(store, 'A');
    await expect(store.branches.delete('main')).rejects.toMatchObject({ code: 'EPERM' });
    expect(await store.branches.delete('main', { force: true })).toBe(fs.commitHash);
    expect(await store.branches.deleted()).toMatchObject([
      { name: 'main', commitHash: fs.commitHash },
    ]);
    await store.branches.set('main', await store.fs(fs.commitHash));
    await store.close();
  });
});
