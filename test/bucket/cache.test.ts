/** What reads of a store in a bucket do with the packs that are on this machine. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { IdSet } from '../../src/git/objectSet.ts';
import { GitStore } from '../../src/index.ts';
import { createBucketStorage } from '../../src/storage/bucket/bucketStorage.ts';
import { MemoryBucket } from '../../src/storage/bucket/engine/memoryBucket.ts';
import { PackEntries } from '../../src/storage/packs/reading/packEntries.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { collect } from '../storage/places.ts';
import { steadyOptions } from '../store/stores.ts';
import { noise } from './noise.ts';

let bucket: MemoryBucket;
let folder: string;
const opened: GitStore[] = [];

beforeEach(() => {
  bucket = new MemoryBucket();
  folder = scratchFolder();
});

afterEach(async () => {
  vi.restoreAllMocks();
  for (const store of opened.splice(0)) await store.close();
});

async function open(
  cache = folder,
): Promise<{ readonly store: GitStore; readonly storage: Storage }> {
  const storage = await createBucketStorage(bucket, { cache: { folder: cache }, sweepInterval: 0 });
  const store = await GitStore.over(storage, steadyOptions());
  opened.push(store);
  return { store, storage };
}

/** Files of packs below a folder. */
function packFiles(ending: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((name) => /\bp-[^/]*$/.test(name) && name.endsWith(ending))
    .map((name) => join(folder, name));
}

test('versions that are read one after the other inflate each delta once', async () => {
  const { store } = await open();
  const lines = Array.from({ length: 200 }, (_, i) => noise(30, i + 1).toString('hex'));
  let fs = await store.fs('main');
  const ids: string[] = [];
  for (let i = 0; i < 30; i++) {
    lines[i * 5] = `version ${i}`;
    fs = await fs.write('text', lines.join('\n'));
    ids.push((await fs.stat('text')).hash);
  }
  await store.gc();
  const { storage } = await open();
  // Brings the pack here.
  await storage.objects.read(ids[0]!);
  await collect(await storage.objects.readMany(groupOf(ids)));
  const { storage: warm } = await open();
  await warm.objects.read(fs.commitHash!);
  const inflate = vi.spyOn(PackEntries.prototype, 'inflate');
  for (const id of ids) {
    expect(warm.objects.tryRead(id, { keep: true })?.body.length).toBeGreaterThan(1000);
  }
  expect(inflate.mock.calls.length).toBeLessThanOrEqual(ids.length);
});

test('an export of few objects looks at no others', async () => {
  const { store } = await open();
  const files = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [`f${i}`, noise(100_000, i + 1)]),
  );
  const fs = await (await store.fs('main')).apply({ writes: files });
  const wanted = [(await fs.stat('f3')).hash];
  await store.close();
  const [pack] = packFiles('.pack');
  const bytes = readFileSync(pack!);
  const at = bytes.indexOf((files.f9 as Buffer).subarray(1000, 1100));
  expect(at).toBeGreaterThan(0);
  bytes[at]! ^= 1;
  writeFileSync(pack!, bytes);
  const [map] = packFiles('.map');
  const before = readFileSync(map!);

  const { store: again, storage } = await open();
  const exported = await collect(storage.objects.exportPack(new IdSet(wanted)));
  expect(Buffer.concat(exported).length).toBeGreaterThan(100_000);
  // A block that is found damaged is struck off there.
  expect(readFileSync(map!).equals(before)).toBe(true);
  await again.close();
});

test('a copy out to a machine that has nothing takes few requests', async () => {
  const { store } = await open();
  // Written in another order than they are read.
  const names = Array.from({ length: 120 }, (_, i) => `${(i * 77) % 120}/file`);
  const files = Object.fromEntries(names.map((name, i) => [name, noise(30_000, i + 1)]));
  await (await store.fs('main')).apply({ writes: files });
  const { store: cold } = await open(scratchFolder());
  const get = vi.spyOn(bucket, 'get');
  const out = join(scratchFolder(), 'out');
  await (await cold.fs('main')).copyOut('', out);
  for (const name of names) expect(readFileSync(join(out, name)).equals(files[name]!)).toBe(true);
  // The index with the last blocks of the pack, and the rest of it in one part.
  expect(get.mock.calls.filter(([key]) => key.startsWith('p/')).length).toBeLessThanOrEqual(2);
});

test('what is only told ahead fails for nothing', async () => {
  const { store } = await open();
  const files = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`${i}`, noise(99, i + 1)]),
  );
  const fs = await (await store.fs('main')).apply({ writes: files });
  const ids = await Promise.all(Object.keys(files).map(async (path) => (await fs.stat(path)).hash));
  const { storage } = await open(scratchFolder());
  const get = vi.spyOn(bucket, 'get').mockRejectedValue(new Error('the network is gone'));
  const end = await storage.objects.expect!(ids);
  end();
  await expect(storage.objects.read(ids[0]!)).rejects.toThrow('the network is gone');
  get.mockRestore();
  expect((await storage.objects.read(ids[0]!))!.body).toEqual(files[0]);
});

test.runIf(process.platform === 'linux')('packs that are no more keep no files open', async () => {
  const { store } = await open();
  const cold = scratchFolder();
  const { store: other } = await open(cold);
  let fs = await store.fs('main');
  for (let i = 0; i < 3; i++) fs = await fs.write(`f${i}`, noise(1_500_000, i + 1));
  await other.gc();
  const here = process.pid;
  const files = readdirSync(`/proc/${here}/fd`).flatMap((fd) => {
    try {
      return readlinkSync(`/proc/${here}/fd/${fd}`);
    } catch {
      return [];
    }
  });
  const packs = files.filter((file) => file.startsWith(cold) && /\.(pack|map)/.test(file));
  expect(new Set(packs.map((file) => file.replace(/\.\w+$/, ''))).size).toBeLessThanOrEqual(1);
});

async function* groupOf<T>(items: readonly T[]): AsyncGenerator<readonly T[]> {
  yield items;
}
