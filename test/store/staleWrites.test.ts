/** Writes from snapshots that are not the newest any more. */
import { describe, expect, it } from 'vitest';
import {
  createMemoryStorage,
  type FS,
  GitStore,
  StaleSnapshotError,
  type Storage,
} from '../../src/index.ts';
import { currentOf, filesOf, memoryStore, steadyOptions } from './stores.ts';

const merge = { staleWrites: 'merge' } as const;

/** A snapshot with some files, and the branch one write of someone else further. */
async function heldAndMoved(writes: Record<string, string>, removes: string[] = []): Promise<FS> {
  const store = await memoryStore();
  const files = { a: 'a', 'd/e': 'e', 'd/f': 'f', 'x/y/z': 'z' };
  const held = await (await currentOf(store)).apply({ writes: files });
  await held.apply({ writes, removes });
  return held;
}

async function pathsOf(writing: Promise<FS>): Promise<readonly string[]> {
  const error = await writing.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof StaleSnapshotError)) throw error ?? new Error('It was written');
  return error.paths;
}

describe('a write on a snapshot that the branch has left', () => {
  it('is refused, unless the caller wants it to be merged', async () => {
    const held = await heldAndMoved({ b: 'other' });
    expect(await pathsOf(held.writeText('a', 'mine'))).toEqual([]);
    const written = await held.writeText('a', 'mine', merge);
    expect(await filesOf(written)).toMatchObject({ a: 'mine', b: 'other' });
    expect(written.parentHashes.length).toBe(1);
    expect((await written.parent())?.parentHashes).toEqual([held.commitHash]);
    expect(written.changes?.actions()).toEqual([{ action: 'update', path: 'a', type: 'blob' }]);
  });

  it('is put on the tip whatever kind of write it is', async () => {
    const store = await GitStore.over(createMemoryStorage(), { ...steadyOptions(), ...merge });
    const files = { a: 'a', 'd/e': 'e', 'd/f': 'f', g: 'g' };
    const held = await (await currentOf(store)).apply({ writes: files });
    await held.writeText('other', 'o');
    await held.remove('d', { recursive: true });
    await held.move('g', 'moved');
    await held.batch({}, async (batch) => {
      await batch.writeText('new/one', '1');
      await batch.remove('a');
    });
    const last = await held.writeText('tagged', 't', { tag: 'v1' });
    expect(await filesOf(last)).toEqual({ moved: 'g', 'new/one': '1', other: 'o', tagged: 't' });
    expect((await store.tags.get('v1')).commitHash).toBe(last.commitHash);
    expect(await pathsOf(held.writeText('x', 'x', { staleWrites: 'refuse' }))).toEqual([]);
  });

  it('is refused where one of its paths has changed, and says which', async () => {
    const changed = { writes: { a: 'A', n: 'n' }, removes: 'd/e' };
    expect(
      await pathsOf(
        (await heldAndMoved({ n: 'N', 'd/e': 'E', free: 'x' })).apply({ ...changed, ...merge }),
      ),
    ).toEqual(['d/e', 'n']);
    // A directory counts with all that it holds.
    const removed = (await heldAndMoved({ 'd/new': 'n' })).remove('d', {
      recursive: true,
      ...merge,
    });
    expect(await pathsOf(removed)).toEqual(['d']);
    const again = (await heldAndMoved({ a: 'A' })).writeText('a', 'mine', merge);
    await expect(again).rejects.toThrow(
      /^Branch 'main' has moved on from [0-9a-f]{7}, with another change of a$/,
    );
  });

  it('is refused where a file came to stand in the way of a directory, or the reverse', async () => {
    const write = async (path: string, writes: Record<string, string>, removes: string[] = []) =>
      pathsOf((await heldAndMoved(writes, removes)).writeText(path, 'mine', merge));
    expect(await write('new/file', { new: 'file' })).toEqual(['new/file']);
    expect(await write('x/y/new', { 'x/y': 'file' }, ['x/y/z'])).toEqual(['x/y/new']);
    expect(await write('new', { 'new/file': 'f' })).toEqual(['new']);
    expect(await write('x/y/z', { x: 'file' }, ['x/'])).toEqual(['x/y/z']);
  });

  it('makes no commit where it changes nothing, and gives the newest snapshot', async () => {
    const held = await heldAndMoved({ b: 'other' });
    const same = await held.writeText('a', 'a', merge);
    expect(await filesOf(same)).toMatchObject({ b: 'other' });
    expect(same.parentHashes).toEqual([held.commitHash]);
  });

  it('merges, picks and reverts on the newest snapshot', async () => {
    const store = await memoryStore();
    const root = await (await currentOf(store)).writeText('a', 'a\n');
    const dev = await (await store.branches.set('dev', root)).writeText('b', 'b');
    await root.writeText('c', 'c');
    const merged = await root.merge(dev, merge);
    expect(Object.keys(await filesOf(merged))).toEqual(['a', 'b', 'c']);
    expect(Object.keys(await filesOf(await root.revert(dev, merge)))).toEqual(['a', 'c']);
  });

  it('writes its blobs once', async () => {
    const storage = createMemoryStorage();
    const { counts, counting } = countingWrites(storage);
    const store = await GitStore.over(counting, { ...steadyOptions(), ...merge });
    const held = await currentOf(store);
    await held.writeText('first', '1');
    counts.clear();
    await held.batch({}, async (batch) => {
      await batch.writeText('d/one', 'one');
      await batch.writeText('d/two', 'two');
      await (await currentOf(store)).writeText('between', 'b');
    });
    expect(Object.fromEntries(counts)).toEqual({ blob: 3, tree: 3, commit: 2 });
  });

  it('refuses a word that it does not know', async () => {
    const held = await heldAndMoved({});
    const wrong = { staleWrites: 'rebase' as 'merge' };
    await expect(held.writeText('a', 'b', wrong)).rejects.toThrow(
      "staleWrites is 'refuse' or 'merge'",
    );
  });
});

/** The storage, and how many objects of each type were handed to it. */
function countingWrites(storage: Storage): { counts: Map<string, number>; counting: Storage } {
  const counts = new Map<string, number>();
  const objects = new Proxy(storage.objects, {
    get(target, name) {
      const value = Reflect.get(target, name);
      if (name !== 'writer') return typeof value === 'function' ? value.bind(target) : value;
      return () => {
        const writer = target.writer();
        return {
          write: (type: 'blob', body: Uint8Array) => {
            counts.set(type, (counts.get(type) ?? 0) + 1);
            return writer.write(type, body);
          },
          writeStream: writer.writeStream.bind(writer),
          finish: () => writer.finish(),
          abort: () => writer.abort(),
        };
      };
    },
  });
  const counting = new Proxy(storage, {
    get(target, name) {
      if (name === 'objects') return objects;
      const value = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { counts, counting };
}
