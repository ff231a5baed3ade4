/** Notes, read and written side by side with `git notes`. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  BatchClosedError,
  type FS,
  GitStore,
  GitStoreError,
  KeyNotFoundError,
  type NotesBatch,
} from '../../src/index.ts';
import { expectClean, git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { imported } from './importedHistory.ts';
import { currentOf, memoryStore } from './stores.ts';

async function newStore(): Promise<{ path: string; store: GitStore; main: FS }> {
  const path = join(scratchFolder(), 'notes.git');
  const store = await GitStore.open(path, { durability: 'fast' });
  return { path, store, main: await store.branches.get('main') };
}

/** So many objects in a new repository that notes can be about. */
function objects(count: number): { path: string; ids: string[] } {
  const blobs = Array.from({ length: count }, (_, i) => `blob\ndata ${String(i).length}\n${i}\n`);
  const path = imported(
    `${blobs.join('')}commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 0\n`,
  );
  const listed = git(path, 'cat-file', '--batch-all-objects', '--batch-check=%(objectname)');
  return { path, ids: listed.split('\n').slice(0, count) };
}

/** Puts the same note on many objects with one run of Git. */
function setWithGit(path: string, ids: readonly string[]): void {
  git(path, 'notes', 'add', '-m', 'same', ids[0]!);
  const lines = ids.slice(1).map((id) => `${ids[0]} ${id}\n`);
  gitBytes(path, ['notes', 'copy', '--stdin'], Buffer.from(lines.join('')));
}

describe('one note', () => {
  it('is set, found by every kind of key, replaced and deleted', async () => {
    const store = await memoryStore();
    const notes = store.notes.commits;
    const main = await (await currentOf(store)).writeText('a', '1');
    await store.tags.set('v1', main);
    await notes.set(main, 'first');
    await notes.set('v1', 'checked\nby Ada');
    for (const key of [
      main,
      main.commitHash,
      main.commitHash.toUpperCase(),
      'main',
      'v1',
      main.commitHash.slice(0, 8),
    ]) {
      expect(await notes.get(key)).toBe('checked\nby Ada');
      expect(await notes.has(key)).toBe(true);
    }
    expect(await notes.getForCurrentBranch()).toBe('checked\nby Ada');
    await notes.setForCurrentBranch('');
    expect(await notes.get(main)).toBe('');
    await notes.delete('main');
    expect(await notes.has(main)).toBe(false);
    expect(await notes.find(main)).toBeUndefined();
    await expect(notes.get(main)).rejects.toThrow(KeyNotFoundError);
    await expect(notes.delete(main)).rejects.toThrow(`No note on ${main.commitHash}`);
    await expect(notes.get('nothing')).rejects.toThrow(KeyNotFoundError);
  });

  it('comes back as it was set, whatever it is', async () => {
    const store = await memoryStore();
    for (const text of ['', '\n', 'a\n', '\n\na', 'caf\u00e9 \udce9', ' x ', '# no comment']) {
      await store.notes.commits.set('main', text);
      expect(await store.notes.commits.get('main')).toBe(text);
    }
  });

  it('stays in its namespace', async () => {
    const store = await memoryStore();
    await store.notes.namespace('reviews/ada').set('main', 'LGTM');
    expect(await store.notes.commits.find('main')).toBeUndefined();
    expect(await store.notes.namespace('reviews/ada').get('main')).toBe('LGTM');
    expect(await store.notes.list()).toEqual(['reviews/ada']);
    expect(() => store.notes.namespace('a..b')).toThrow('Invalid name');
  });

  it('is refused for another store, and where the current branch has no commit', async () => {
    const store = await memoryStore();
    const other = await currentOf(await memoryStore());
    await expect(store.notes.commits.set(other, 'x')).rejects.toThrow('another store');
    await expect(store.notes.commits.set('main', 1 as unknown as string)).rejects.toThrow(
      GitStoreError,
    );
    await store.branches.set('dev', await currentOf(store));
    await store.branches.delete('main', { force: true });
    await expect(store.notes.commits.getForCurrentBranch()).rejects.toThrow('has no commit');
  });
});

describe('a batch', () => {
  it('is one commit, or none at all', async () => {
    const { path, store, main } = await newStore();
    const next = await main.writeText('a', '1');
    const notes = store.notes.commits;
    await notes.batch(async (batch) => {
      await batch.set(main, 'one');
      await batch.set(next, 'two');
      await batch.set(next, 'three');
      await batch.set('f'.repeat(40), 'gone again');
      await batch.delete('f'.repeat(40));
    });
    expect(git(path, 'rev-list', '--count', 'refs/notes/commits')).toBe('1');
    expect(await notes.get(next)).toBe('three');
    const failing = notes.batch(async (batch) => {
      await batch.set(main, 'lost');
      throw new Error('stop');
    });
    await expect(failing).rejects.toThrow('stop');
    await expect(notes.batch((batch) => batch.delete('e'.repeat(40)))).rejects.toThrow(
      KeyNotFoundError,
    );
    await notes.batch(async () => {});
    await notes.set(next, 'three');
    expect(await notes.get(main)).toBe('one');
    expect(git(path, 'rev-list', '--count', 'refs/notes/commits')).toBe('1');
    let kept: NotesBatch | undefined;
    await notes.batch((batch) => {
      kept = batch;
    });
    await expect(kept!.set(main, 'late')).rejects.toThrow(BatchClosedError);
    expectClean(path);
  });
});

describe('with Git', () => {
  it('each reads what the other wrote, and keeps it', async () => {
    const { path, store, main } = await newStore();
    const next = await main.writeText('a', '1');
    git(path, 'notes', 'add', '-m', 'from git', main.commitHash);
    expect(await store.notes.commits.get(main)).toBe('from git');
    await store.notes.commits.set(next, 'from us');
    expect(git(path, 'notes', 'show', next.commitHash)).toBe('from us');
    git(path, 'notes', 'append', '-m', 'more', next.commitHash);
    expect(await store.notes.commits.get(next)).toBe('from us\n\nmore');
    git(path, 'notes', '--ref=other', 'add', '-m', 'there', next.commitHash);
    expect(await store.notes.namespace('other').get(next)).toBe('there');
    await store.notes.commits.delete(main);
    expect(git(path, 'notes', 'list')).toMatch(new RegExp(` ${next.commitHash}$`));
    expectClean(path);
  });

  // One note, a flat tree, about where the fan-out begins, well beyond, and where it has two levels.
  it.each([1, 20, 60, 100, 150, 400, 9000])(
    'the same tree as Git makes of %d notes',
    async (count) => {
      const { path, ids } = objects(count);
      setWithGit(path, ids);
      const store = await GitStore.open(path, { create: false, durability: 'fast' });
      const ours = store.notes.namespace('ours');
      await ours.batch(async (batch) => {
        for (const id of ids) await batch.set(id, 'same');
      });
      const tree = (ref: string): string => git(path, 'rev-parse', `${ref}^{tree}`);
      expect(tree('refs/notes/ours')).toBe(tree('refs/notes/commits'));
      const listed: string[] = [];
      for await (const [id, text] of store.notes.commits) {
        expect(text).toBe('same');
        listed.push(id);
      }
      expect(listed).toEqual([...ids].sort());
      // Most of them go, and the fan-out with them.
      const few = ids.filter((_, i) => i % 10 === 0);
      const gone = ids.filter((_, i) => i % 10 !== 0);
      await ours.batch(async (batch) => {
        for (const id of gone) await batch.delete(id);
      });
      const lines = gone.map((id) => `${id}\n`);
      if (gone.length > 0)
        gitBytes(path, ['notes', 'remove', '--stdin'], Buffer.from(lines.join('')));
      const left: string[] = [];
      for await (const id of ours.keys()) left.push(id);
      expect(left).toEqual([...few].sort());
      expect(git(path, 'notes', '--ref=ours', 'list').split('\n')).toHaveLength(few.length);
      await ours.set(ids[0]!, 'changed');
      expect(git(path, 'notes', '--ref=ours', 'show', ids[0]!)).toBe('changed');
      await store.close();
      expectClean(path);
    },
  );

  it('trees that no Git would make: several levels at once, other files, a note twice', async () => {
    const { path, ids } = objects(3);
    const [a, b, c] = ids as [string, string, string];
    const at = (id: string, ...cuts: number[]): string => {
      let name = '';
      let from = 0;
      for (const cut of cuts) {
        name += `${id.slice(from, cut)}/`;
        from = cut;
      }
      return name + id.slice(from);
    };
    const files: Record<string, string> = {
      [at(a, 2, 4, 6)]: 'deep\n',
      [at(b)]: 'flat\n',
      [at(b, 2)]: 'and below\n',
      [at(c, 2, 4)]: 'kept\n',
      'README.md': 'not a note\n',
      [`${c.slice(0, 2)}/also not`]: 'x\n',
      [`${c.slice(0, 2)}/${c.slice(2, 4)}/${'0'.repeat(37)}`]: 'one digit too many\n',
      abcd: 'no level\n',
    };
    const stream = ['commit refs/notes/commits\ncommitter A <a@b> 1 +0000\ndata 0\n'];
    for (const [name, text] of Object.entries(files)) {
      stream.push(`M 100644 inline ${name}\ndata ${text.length}\n${text}`);
    }
    gitBytes(path, ['fast-import', '--quiet', '--force'], Buffer.from(stream.join('')));
    const store = await GitStore.open(path, { create: false });
    const notes = store.notes.commits;
    for (const id of ids)
      expect(`${await notes.get(id)}\n`).toBe(gitBytes(path, ['notes', 'show', id]).toString());
    expect(await notes.get(b)).toBe('and below\n\nflat');
    const all: Record<string, string> = {};
    for await (const [id, text] of notes) all[id] = text;
    expect(all).toEqual({ [a]: 'deep', [b]: 'and below\n\nflat', [c]: 'kept' });

    // What takes itself back is no change.
    await notes.batch(async (batch) => {
      await batch.set('0'.repeat(40), 'new');
      await batch.delete('0'.repeat(40));
    });
    expect(git(path, 'rev-list', '--count', 'refs/notes/commits')).toBe('1');
    // A change of one note brings the others to where Git looks for them, and loses nothing.
    await notes.set(a, 'new');
    for (const [id, text] of Object.entries({ ...all, [a]: 'new' })) {
      expect(git(path, 'notes', 'show', id)).toBe(text);
      expect(await notes.get(id)).toBe(text);
    }
    const names = git(path, 'ls-tree', '-r', '--name-only', 'refs/notes/commits').split('\n');
    expect(names).toEqual(
      expect.arrayContaining(['README.md', 'abcd', `${c.slice(0, 2)}/also not`]),
    );
    expect(names).toHaveLength(7);
    await notes.delete(b);
    expect(await notes.has(b)).toBe(false);
    expectClean(path);
  });

  it('a note that Git has set meanwhile is kept', async () => {
    const { path, ids } = objects(2);
    const store = await GitStore.open(path, { create: false, durability: 'fast' });
    await store.notes.commits.batch(async (batch) => {
      await batch.set(ids[0]!, 'ours');
      git(path, 'notes', 'add', '-m', 'theirs', ids[1]!);
    });
    expect(await store.notes.commits.get(ids[0]!)).toBe('ours');
    expect(await store.notes.commits.get(ids[1]!)).toBe('theirs');
  });
});

// `git notes` itself does not look whether the notes have changed since it read them, so it is not
// among these writers.
it('writers side by side lose nothing', async () => {
  const { path, ids } = objects(60);
  const stores = await Promise.all(
    [1, 2, 3].map(() => GitStore.open(path, { create: false, durability: 'fast' })),
  );
  const writers = stores.map(async (store, i) => {
    for (let at = i; at < ids.length; at += stores.length) {
      await store.notes.commits.set(ids[at]!, `${at}`);
    }
  });
  await Promise.all(writers);
  for (const [at, id] of ids.entries()) {
    expect(await stores[0]!.notes.commits.get(id)).toBe(`${at}`);
  }
  expectClean(path);
});
