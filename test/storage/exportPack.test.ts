/** Packs that a store hands out (`ObjectStore.exportPack`), with real Git as the receiver. */
import { spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { hashObject } from '../../src/git/objectId.ts';
import { IdSet } from '../../src/git/objectSet.ts';
import { PackIndex, serializePackIndex } from '../../src/git/packs/packIndex.ts';
import { PackOrder } from '../../src/git/packs/packOrder.ts';
import { reachable } from '../../src/graph/reachable.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { createMemoryStorage } from '../../src/storage/memory/memoryStorage.ts';
import type { ExportPackOptions, ObjectStore, Storage } from '../../src/storage/storage.ts';
import { addCommits, makeHistory, randomNumbers } from '../graph/histories.ts';
import { git, gitBytes, gitEnvironment } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { someId } from './places.ts';

async function packOf(
  objects: ObjectStore,
  ids: Iterable<string>,
  options?: ExportPackOptions,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of objects.exportPack(new IdSet(ids), options)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** Has Git index a pack in a new repository; the ids it found there, sorted. */
function indexed(pack: Uint8Array, extra: string[] = [], repository = emptyRepository()): string[] {
  const done = spawnSync(
    'git',
    ['--git-dir', repository, 'index-pack', '--strict', '--stdin', ...extra],
    { input: pack, env: gitEnvironment },
  );
  expect(done.stderr.toString()).toBe('');
  expect(done.status).toBe(0);
  const [, name] = done.stdout.toString().trim().split('\t');
  const file = join(repository, 'objects', 'pack', `pack-${name}.idx`);
  const shown = gitBytes(repository, ['show-index'], readFileSync(file)).toString().trim();
  return shown === ''
    ? []
    : shown
        .split('\n')
        .map((line) => line.split(' ')[1] as string)
        .sort();
}

function emptyRepository(): string {
  const repository = join(scratchFolder(), 'receiver.git');
  git(repository, 'init', '-q', '--bare');
  return repository;
}

function allObjects(store: string, ...args: string[]): string[] {
  const text = git(store, 'rev-list', '--objects', ...(args.length > 0 ? args : ['--all']));
  return [...new Set(text.split('\n').map((line) => line.slice(0, 40)))].sort();
}

async function withStore<T>(store: string, use: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = await openBareStorage(store);
  try {
    return await use(storage);
  } finally {
    await storage.close();
  }
}

/** How many entries of a pack are deltas, as Git counts them. */
function deltas(pack: Uint8Array): number {
  const repository = emptyRepository();
  indexed(pack, [], repository);
  const directory = join(repository, 'objects', 'pack');
  const index = readdirSync(directory).find((name) => name.endsWith('.idx')) as string;
  const report = git(repository, 'verify-pack', '-v', join(directory, index));
  return report.split('\n').filter((line) => /^[0-9a-f]{40} .* [0-9a-f]{40}$/.test(line)).length;
}

describe('a packed repository', () => {
  test('all of it is copied with its deltas', async () => {
    const store = makeHistory();
    const ids = allObjects(store);
    await withStore(store, async ({ objects }) => {
      const pack = await packOf(objects, ids);
      expect(indexed(pack)).toEqual(ids);
      const [name] = readdirSync(join(store, 'objects/pack')).filter((n) => n.endsWith('.pack'));
      const theirs = readFileSync(join(store, 'objects/pack', name as string));
      expect(deltas(pack)).toBe(deltas(theirs));
      expect(deltas(pack)).toBeGreaterThan(50);
    });
  });

  test('some of it, in any order', async () => {
    const store = makeHistory();
    const all = allObjects(store);
    await withStore(store, async ({ objects }) => {
      const random = randomNumbers(3);
      for (const share of [2, 3, 40]) {
        const ids = all.filter(() => random(share) === 0);
        const repository = emptyRepository();
        // What is checked is the pack; the links between its objects lead out of it.
        const pack = await packOf(objects, [...ids].reverse());
        const done = spawnSync('git', ['--git-dir', repository, 'index-pack', '--stdin'], {
          input: pack,
        });
        expect(done.stderr.toString()).toBe('');
        expect(pack.readUInt32BE(8)).toBe(ids.length);
      }
    });
  });

  test('without deltas by distance, bases are named by id', async () => {
    const store = makeHistory();
    const ids = allObjects(store);
    await withStore(store, async ({ objects }) => {
      const pack = await packOf(objects, ids, { offsetDeltas: false });
      expect(indexed(pack)).toEqual(ids);
      expect(deltas(pack)).toBeGreaterThan(50);
      // And a pack with such deltas is a source as well.
      const again = emptyRepository();
      indexed(pack, [], again);
      await withStore(again, async (storage) => {
        const copy = await packOf(storage.objects, ids);
        expect(indexed(copy)).toEqual(ids);
        expect(copy.length).toBe(pack.length);
      });
    });
  });

  test('a thin pack leans on what the receiver has', async () => {
    const store = makeHistory();
    const receiver = join(scratchFolder(), 'old.git');
    git(store, 'update-ref', 'refs/heads/old', 'main~9');
    git(store, 'clone', '-q', '--bare', '--branch', 'old', '--single-branch', store, receiver);
    await withStore(store, async ({ objects }) => {
      const { objects: set, known } = await reachable(objects, {
        wants: [git(store, 'rev-parse', 'main')],
        haves: [git(store, 'rev-parse', 'old')],
      });
      const thick = await packOf(objects, set);
      indexed(thick, [], receiver);
      // Older objects are deltas against newer ones: going back, bases are what is known.
      const back = await reachable(objects, {
        wants: [git(store, 'rev-parse', 'old')],
        haves: [],
      });
      const newer = new IdSet(allObjects(store, 'main'));
      const trees = [...back.objects].filter((_, i) => back.objects.typeAt(i) === 'tree');
      const older = trees.slice(-40);
      const rest = new IdSet([...newer].filter((one) => !older.includes(one)));
      const thin = await packOf(objects, older, { known: rest });
      expect(thin.length).toBeLessThan((await packOf(objects, older)).length);
      const full = join(scratchFolder(), 'full.git');
      git(store, 'clone', '-q', '--bare', store, full);
      indexed(thin, ['--fix-thin'], full);
      expect(known.count).toBeGreaterThan(0);
    });
  });
});

describe('loose objects and several packs', () => {
  test('everything arrives, wherever it lies', async () => {
    const store = makeHistory({ commits: 30 });
    addCommits(store, 'main', 10, 1);
    git(store, 'repack', '-d');
    addCommits(store, 'side', 10, 2);
    git(store, 'repack');
    addCommits(store, 'main', 5, 3);
    const ids = allObjects(store);
    await withStore(store, async ({ objects }) => {
      expect(indexed(await packOf(objects, ids))).toEqual(ids);
    });
    // With a multi-pack-index, and the same objects in two packs.
    git(store, 'multi-pack-index', 'write');
    await withStore(store, async ({ objects }) => {
      expect(indexed(await packOf(objects, ids))).toEqual(ids);
    });
  });

  test('what another process packs meanwhile is found', async () => {
    const store = makeHistory({ commits: 20 });
    addCommits(store, 'main', 10);
    const ids = allObjects(store);
    await withStore(store, async ({ objects }) => {
      const chunks: Uint8Array[] = [];
      let packed = false;
      for await (const chunk of objects.exportPack(new IdSet(ids))) {
        chunks.push(chunk);
        if (!packed) git(store, 'gc', '-q', '--prune=now');
        packed = true;
      }
      expect(indexed(Buffer.concat(chunks))).toEqual(ids);
      git(store, 'repack', '-a', '-d', '-f', '-q');
      expect(indexed(await packOf(objects, ids))).toEqual(ids);
    });
  });

  test('alternates', async () => {
    const store = makeHistory({ commits: 15 });
    const borrower = join(scratchFolder(), 'borrower.git');
    git(store, 'clone', '-q', '--bare', '--shared', store, borrower);
    addCommits(borrower, 'main', 3);
    const ids = allObjects(borrower);
    await withStore(borrower, async ({ objects }) => {
      expect(indexed(await packOf(objects, ids))).toEqual(ids);
    });
  });
});

test('large objects are streamed, packed or loose', async () => {
  const random = randomNumbers(9);
  const noise = Buffer.alloc(5 << 20);
  for (let i = 0; i < noise.length; i += 4) noise.writeUInt32LE(random(0x100000000), i);
  const flat = Buffer.alloc(3 << 20, 'abcdefgh');
  const store = emptyRepository();
  const ids = [noise, flat].map((data) =>
    gitBytes(store, ['hash-object', '-w', '--stdin'], data).toString().trim(),
  );
  await withStore(store, async ({ objects }) => {
    expect(indexed(await packOf(objects, ids))).toEqual([...ids].sort());
    git(store, 'update-ref', 'refs/heads/a', commitOf(store, ids));
    git(store, 'repack', '-a', '-d', '-q');
    expect(indexed(await packOf(objects, ids))).toEqual([...ids].sort());
  });
});

function commitOf(store: string, blobs: string[]): string {
  const list = blobs.map((blob, i) => `100644 blob ${blob}\tf${i}\n`).join('');
  const tree = gitBytes(store, ['mktree'], Buffer.from(list)).toString().trim();
  return git(store, 'commit-tree', '-m', 'big', tree);
}

describe('what is broken', () => {
  test('a missing object is an error before the first byte', async () => {
    const store = makeHistory({ commits: 5 });
    await withStore(store, async ({ objects }) => {
      const stream = objects.exportPack(new IdSet([...allObjects(store), someId(77)]));
      const first = stream[Symbol.asyncIterator]().next();
      await expect(first).rejects.toThrow(CorruptObjectError);
    });
    const memory = createMemoryStorage().objects.exportPack(new IdSet([someId(1)]));
    await expect(memory[Symbol.asyncIterator]().next()).rejects.toThrow(CorruptObjectError);
  });

  test('flipped bytes never go out as a good pack', async () => {
    const store = makeHistory({ commits: 20 });
    const ids = allObjects(store);
    const directory = join(store, 'objects', 'pack');
    const name = readdirSync(directory).find((file) => file.endsWith('.pack')) as string;
    const file = join(directory, name);
    const good = readFileSync(file);
    chmodSync(file, 0o644);
    const random = randomNumbers(11);
    for (let round = 0; round < 12; round++) {
      const bad = Buffer.from(good);
      bad[12 + random(bad.length - 32)]! ^= 1 << random(8);
      writeFileSync(file, bad);
      await withStore(store, async ({ objects }) => {
        await expect(packOf(objects, ids)).rejects.toThrow(CorruptObjectError);
      });
    }
    // A good copy elsewhere is used instead.
    const other = join(scratchFolder(), 'other.git');
    writeFileSync(file, good);
    git(store, 'clone', '-q', '--bare', '--no-hardlinks', store, other);
    const bad = Buffer.from(good);
    bad[good.length >> 1]! ^= 4;
    writeFileSync(file, bad);
    writeFileSync(join(store, 'objects', 'info', 'alternates'), `${join(other, 'objects')}\n`);
    await withStore(store, async ({ objects }) => {
      expect(indexed(await packOf(objects, ids))).toEqual(ids);
    });
  });

  test('an abort ends the stream and lets the pack go', async () => {
    const store = makeHistory({ commits: 5 });
    await withStore(store, async ({ objects }) => {
      const abort = new AbortController();
      abort.abort(new Error('enough'));
      const stream = packOf(objects, allObjects(store), { signal: abort.signal });
      await expect(stream).rejects.toThrow('enough');
    });
  });
});

test('a store in memory makes packs too', async () => {
  const { objects } = createMemoryStorage();
  const writer = objects.writer();
  const ids: string[] = [];
  for (let i = 0; i < 50; i++) ids.push(await writer.write('blob', Buffer.from(`blob ${i}`)));
  ids.push(await writer.write('blob', Buffer.alloc(3 << 20, 'x')));
  await writer.finish();
  expect(indexed(await packOf(objects, ids))).toEqual([...ids].sort());
  expect(indexed(await packOf(objects, []))).toEqual([]);
});

test('the order of a pack, also with offsets that one number does not hold', () => {
  const random = randomNumbers(5);
  for (const largest of [1 << 20, 2 ** 45]) {
    const offsets = new Set<number>();
    while (offsets.size < 300) offsets.add(12 + random(largest));
    const entries = [...offsets].map((offset, i) => {
      return { id: hashObject('blob', Buffer.from(`${i}`)), offset, crc: i };
    });
    const index = PackIndex.parse(serializePackIndex(entries, Buffer.alloc(20)));
    const order = new PackOrder(index, 2 ** 46);
    const sorted = [...offsets].sort((a, b) => a - b);
    expect(sorted.map((_, place) => order.offsetAt(place))).toEqual(sorted);
    sorted.forEach((offset, place) => {
      expect(index.offsetAt(order.rowAt(place))).toBe(offset);
      expect(order.placeOf(offset)).toBe(place);
    });
    expect(order.placeOf(11)).toBe(-1);
    expect(order.endAt(299)).toBe(2 ** 46);
  }
});
