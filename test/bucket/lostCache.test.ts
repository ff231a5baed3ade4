/** The local copies of a bucket are removed at any moment of a call, which answers as if they were there. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { createBucketStorage } from '../../src/storage/bucket/bucketStorage.ts';
import { MemoryBucket } from '../../src/storage/bucket/engine/memoryBucket.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { Moment } from '../helpers/systemCalls.ts';
import { steadyOptions } from '../store/stores.ts';
import { noise } from './noise.ts';

const losing = new Moment([
  'openSync',
  'readFileSync',
  'writeFileSync',
  'readdirSync',
  'statSync',
  'existsSync',
  'utimesSync',
  'renameSync',
  'unlinkSync',
]);
const FILES = 130;
const LARGE = 1_500_000;
const isFull = process.env.GITSTORE_STRESS === '1';
let bucket: MemoryBucket;

beforeAll(async () => {
  bucket = new MemoryBucket();
  const store = await openOver(scratchFolder());
  const first = await (await store.fs('main')).batch(async (batch) => {
    for (let i = 0; i < FILES; i++) await batch.writeText(`d${i % 3}/f${i}`, `${i}\n`.repeat(40));
    await batch.write('large', noise(LARGE, 1));
  });
  await (await first.writeText('d1/f1', 'new')).writeText('d2/f2', 'newer');
  await store.gc();
  await (await store.fs('main')).writeText('d0/f0', 'newest');
  await store.close();
});

async function openOver(cache: string): Promise<GitStore> {
  const storage = await createBucketStorage(bucket, { cache: { folder: cache }, sweepInterval: 0 });
  return GitStore.over(storage, steadyOptions());
}

const reads: Record<string, (store: GitStore) => Promise<unknown>> = {
  'the text of a file': async (store) => (await store.fs('main')).readText('d1/f4'),
  'an old version': async (store) => (await store.fs('main', { back: 3 })).readText('d1/f1'),
  'a large file': async (store) => (await (await store.fs('main')).read('large')).length,
  'a copy to the disk': async (store) => {
    const out = scratchFolder();
    await (await store.fs('main')).copyOut('', out);
    return readdirSync(out, { recursive: true }).length;
  },
  'a bundle': async (store) => store.bundleExport(join(scratchFolder(), 'all.bundle')),
};

const writes: typeof reads = {
  'a write': async (store) => (await (await store.fs('main')).writeText('new', 'new')).treeHash,
  'a large write': async (store) =>
    (await (await store.fs('main')).write('new', noise(LARGE, 2))).treeHash,
  'a check': async (store) => (await store.verify()).faults,
  'a collection': async (store) => {
    await store.gc();
    return (await store.verify()).faults;
  },
};

interface Loss {
  lose(cache: string): void;
  /** Whether work in progress is lost too, so that a call may end with an error. */
  readonly isWhole: boolean;
}

const losses: Record<string, Loss> = {
  'old copies, by another process that needs room': {
    lose(cache) {
      for (const name of readdirSync(cache, { recursive: true, encoding: 'utf8' })) {
        if (/^[^/\\]+.p-[^/\\]*\.(map|idx|pack)$/.test(name)) rmSync(join(cache, name));
      }
    },
    isWhole: false,
  },
  'the whole folder': {
    lose: (cache) => rmSync(cache, { recursive: true }),
    isWhole: true,
  },
};

/** By default reads begin with no copies and lose the whole folder, writes the reverse. */
const cases = Object.entries(losses).flatMap(([lost, loss]) =>
  [false, true].flatMap((isWarm) =>
    Object.entries({ ...reads, ...writes })
      .filter(([call]) => isFull || call in (loss.isWhole ? reads : writes))
      .filter(() => isFull || loss.isWhole !== isWarm)
      .map(([call, work]) => ({ lost, loss, isWarm, call, work })),
  ),
);

test.each(cases)(
  '$call, losing $lost (warm: $isWarm)',
  { timeout: 600_000 },
  async ({ loss: { lose, isWhole }, isWarm, call, work }) => {
    const content = bucket;
    // These look at hundreds of files.
    const step = call in writes ? 7 : 1;
    const answer = await run(0);
    let at = 1;
    for (; losing.isOver; at += isFull ? step : 2 * at) {
      expect(await run(at), `lost at call ${at}`).toEqual(answer);
    }
    expect(at).toBeGreaterThan(1);
    bucket = content;

    async function run(at: number): Promise<unknown> {
      bucket = await copyOf(content);
      const cache = scratchFolder();
      if (isWarm) {
        const store = await openOver(cache);
        await (await store.fs('main')).read('large');
        await store.close();
      }
      const store = await openOver(cache);
      losing.set(at, cache, () => lose(cache));
      try {
        return await work(store);
      } catch (error) {
        if (!isWhole) throw error;
        // Reads are done without the folder, and the next call makes it again.
        const message = expect.stringMatching(/run it again$/);
        expect(error).toMatchObject({ code: 'ENOENT', message });
        expect(Object.keys(reads)).not.toContain(call);
        return await work(store);
      } finally {
        losing.end();
        await store.close();
      }
    }
  },
);

async function copyOf(other: MemoryBucket): Promise<MemoryBucket> {
  const copy = new MemoryBucket();
  for (const key of other.keys) await copy.put(key, other.peek(key) as Buffer);
  return copy;
}
