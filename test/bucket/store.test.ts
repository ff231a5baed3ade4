/** A store in a bucket as the library sees it, and what it costs in requests. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { type FS, GitStore } from '../../src/index.ts';
import { createBucketStorage, openBucketStorage } from '../../src/storage/bucket/bucketStorage.ts';
import { destroyBucketStore } from '../../src/storage/bucket/destroy.ts';
import { type Environment, realEnvironment } from '../../src/storage/bucket/engine/environment.ts';
import {
  MemoryBucket,
  type Passage,
  type Verb,
} from '../../src/storage/bucket/engine/memoryBucket.ts';
import { LEASE_TIME } from '../../src/storage/bucket/head/lease.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { effort, seed, seededRandom } from '../crash/stress.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { steadyOptions } from '../store/stores.ts';
import { noise } from './noise.ts';

let bucket: MemoryBucket;
const storages = new WeakMap<GitStore, Storage>();
let requests: { verb: Verb; key: string }[];
/** What becomes of a request; undefined: all goes well. */
let fate: (verb: Verb, key: string) => Passage | undefined;

/** What the machines take to have passed besides. */
let skipped: number;

beforeEach(() => {
  requests = [];
  skipped = 0;
  fate = () => undefined;
  bucket = new MemoryBucket({
    passage: (verb, key) => {
      requests.push({ verb, key });
      return fate(verb, key);
    },
  });
});

/** Another machine: a handle with a cache of its own. */
async function machine(
  folder = scratchFolder(),
  clock = 0,
  environment: Partial<Environment> = {},
): Promise<GitStore> {
  const storage = await createBucketStorage(bucket, {
    cache: { folder },
    sweepInterval: 0,
    environment: {
      ...realEnvironment,
      now: () => Date.now() + clock,
      elapsed: () => realEnvironment.elapsed() + skipped,
      ...environment,
    },
  });
  const store = await GitStore.over(storage, steadyOptions());
  storages.set(store, storage);
  return store;
}

function sizeOf(store: GitStore) {
  return storages.get(store)!.upkeep.size();
}

async function requestsOf(act: () => Promise<unknown>): Promise<string[]> {
  requests = [];
  await act();
  return requests.map(({ verb, key }) => `${verb} ${key.slice(0, 2).replace('he', 'head')}`);
}

const writes = (list: string[]) => list.filter((one) => one.startsWith('put')).length;

describe('requests', () => {
  test('a small commit is one that writes, a large one two', async () => {
    await using store = await machine();
    const fs = await store.fs('main');
    let next: FS = fs;
    const small = await requestsOf(async () => {
      next = await fs.write('a.txt', 'hello');
    });
    expect(writes(small)).toBe(1);
    const large = await requestsOf(() => next.write('b.bin', noise(300_000)));
    expect(writes(large)).toBe(2);
  });

  test('a held snapshot asks nothing, a ref that has not moved one', async () => {
    await using store = await machine();
    const fs = await (await store.fs('main')).write('a.txt', 'hello');
    expect(await requestsOf(() => fs.readText('a.txt'))).toEqual([]);
    expect(await requestsOf(() => store.fs('main'))).toEqual(['get head']);
  });

  test('many commits at once share their requests', async () => {
    await using store = await machine();
    const first = await (await store.fs('main')).write('a.txt', 'hello');
    for (let i = 0; i < 40; i++) await store.branches.set(`b${i}`, first);
    const made = await requestsOf(() =>
      Promise.all(
        Array.from({ length: 40 }, (_, i) => store.update(`b${i}`, (fs) => fs.write('f', `${i}`))),
      ),
    );
    expect(writes(made)).toBeLessThanOrEqual(8);
    for (let i = 0; i < 40; i++) {
      expect(await (await store.fs(`b${i}`)).readText('f')).toBe(`${i}`);
    }
  });

  test('one file of many, on a machine that has nothing, takes few', async () => {
    await using store = await machine();
    const files: Record<string, string | Buffer> = {};
    for (let i = 0; i < 120; i++) files[`d${i % 10}/f${i}`] = noise(3000, i + 1);
    await (await store.fs('main')).apply({ writes: files });
    await store.gc();
    await using other = await machine();
    const cold = await requestsOf(async () => (await other.fs('main')).read('d3/f13'));
    expect(cold.length).toBeLessThanOrEqual(5);
  });

  test('a read of all takes few, also in an order that is not quite that of the pack', async () => {
    await using store = await machine();
    const files: Record<string, Buffer> = {};
    for (let i = 0; i < 100; i++) files[`f${i}`] = noise(100_000, i + 1);
    await (await store.fs('main')).apply({ writes: files });
    await using other = await machine();
    const cold = await requestsOf(async () => {
      const fs = await other.fs('main');
      for (let i = 0; i < 100; i++) await fs.read(`f${Math.min(99, i ^ 5)}`);
    });
    expect(cold.length).toBeLessThanOrEqual(14);
  });
});

describe('upkeep', () => {
  async function filled(store: GitStore, rounds = 30): Promise<FS> {
    let fs = await store.fs('main');
    for (let i = 0; i < rounds; i++) {
      fs = await fs.apply({ writes: { [`d/${i % 7}`]: noise(2000, i + 1), n: `${i}` } });
    }
    return fs;
  }

  test('a collection makes one pack, and all is there', async () => {
    await using store = await machine();
    const fs = await filled(store);
    expect((await sizeOf(store)).packs).toBeGreaterThan(0);
    const { after, pruned } = await store.gc();
    expect(pruned).toBe(0);
    expect(after).toMatchObject({ packs: 1, looseObjects: 0 });
    expect(await store.verify()).toMatchObject({ ok: true, faults: [] });
    expect(await (await fs.back(29)).readText('n')).toBe('0');
    await using other = await machine();
    expect(await (await (await other.fs('main')).back(10)).readText('n')).toBe('19');
    expect(await other.verify()).toMatchObject({ ok: true });
    const again = await requestsOf(() => store.gc());
    expect(again.filter((one) => one === 'put p/')).toEqual([]);
  });

  test('what nothing leads to goes, and its bytes after two sweeps', async () => {
    await using store = await machine();
    const fs = await filled(store);
    await store.branches.set('side', fs);
    const { commitHash } = await (await store.fs('side')).write('large', noise(400_000));
    await store.branches.delete('side');
    const { pruned } = await store.gc({ prune: 'now' });
    expect(pruned).toBeGreaterThan(0);
    expect(await storages.get(store)!.objects.has(commitHash)).toBe(false);
    const bytes = () => bucket.keys.reduce((sum, key) => sum + bucket.peek(key)!.length, 0);
    const before = bytes();
    await store.gc({ prune: 'now' });
    await store.gc({ prune: 'now' });
    expect(bytes()).toBeLessThan(before - 300_000);
    expect(await store.verify()).toMatchObject({ ok: true });
  });

  test('a listed pack that is missing is told as that, in every read', async () => {
    await using store = await machine();
    const fs = await (await store.fs('main')).apply({
      writes: { a: noise(50_000), b: noise(90_000, 2) },
    });
    await bucket.remove(bucket.keys.filter((key) => key.startsWith('p/')));
    await using other = await machine();
    const missing = {
      code: 'ECORRUPT',
      message: expect.stringMatching(/^The pack p\/\S+ is missing from the bucket: /),
    };
    await expect(other.fs(fs.commitHash)).rejects.toMatchObject(missing);
    await expect(other.fs('main')).rejects.toMatchObject(missing);
    await expect(storages.get(other)!.objects.resolve('abcd')).rejects.toMatchObject(missing);
    const { faults } = await other.verify();
    expect(faults[0]!.problem).toMatch(/missing/);
  });

  describe('through a network that loses answers', () => {
    const FAULTS = ['lost', 'unanswered', 'doubled', 'busy'] as const;
    /** What each may be repeated after, and what it then finds done. */
    const UNSURE = ['EUNKNOWN', 'EUNREACHABLE'];

    const works: Record<string, (store: GitStore) => Promise<unknown>> = {
      thin: (store) => store.branches.thin('main', { keepLast: 2 }),
      forget: (store) =>
        store.forget('secret').catch((error: unknown) => {
          if ((error as { code?: string }).code !== 'ENOREF') throw error;
        }),
      gc: (store) => store.gc({ prune: 'now' }),
      pack: (store) => store.pack(),
    };

    async function outcomeOf(work: string, random: (() => number) | undefined): Promise<unknown> {
      bucket = new MemoryBucket({ passage: (verb, key) => fate(verb, key) });
      fate = () => undefined;
      const quick = {
        sleep: async (milliseconds: number) => {
          skipped += milliseconds;
        },
      };
      await using store = await machine(undefined, 0, quick);
      let fs = await store.fs('main');
      for (let i = 0; i < 4; i++) {
        fs = await fs.apply({ writes: { [`f${i}`]: noise(20_000, i + 1), secret: `${i}` } });
      }
      if (random !== undefined) {
        fate = () => {
          if (random() > 0.2) return undefined;
          const fault = FAULTS[Math.floor(random() * FAULTS.length)];
          return { fault, again: Promise.resolve().then(() => {}) };
        };
      }
      await works[work]!(store).catch((error: unknown) => {
        expect(UNSURE).toContain((error as { code?: string }).code);
      });
      fate = () => undefined;
      await works[work]!(store);
      await using other = await machine();
      expect((await other.verify()).faults).toEqual([]);
      const left: string[][] = [];
      for await (const one of (await other.fs('main')).log()) left.push(await one.ls());
      return left;
    }

    test.each(Object.keys(works))('%s ends as without', async (work) => {
      const wanted = await outcomeOf(work, undefined);
      const { count } = effort(2, 100);
      for (let i = 0; i < count; i++) {
        const found = await outcomeOf(work, seededRandom(seed + i));
        expect(found, `seed ${seed + i}`).toEqual(wanted);
      }
    });
  });

  describe('a removal', () => {
    async function filled(): Promise<void> {
      await using store = await machine();
      const fs = await (await store.fs('main')).write('a', noise(50_000));
      await fs.write('b', noise(60_000, 2));
      await store.gc();
      // Another's.
      await bucket.put('letters/a', noise(10));
    }

    test('that ends anywhere can be repeated', async () => {
      for (let at = 1, isThrough = false; !isThrough; at++) {
        await bucket.remove(['letters/a']);
        await filled();
        let left = at;
        fate = () => {
          if (--left > 0) return undefined;
          throw new Error('killed');
        };
        isThrough = await destroyBucketStore(bucket).then(
          () => true,
          () => false,
        );
        fate = () => undefined;
        // What tells that there is something to remove goes last.
        if (!isThrough) expect(bucket.keys).toContain('store');
        await destroyBucketStore(bucket);
        expect(bucket.keys).toEqual(['letters/a']);
      }
    });

    test.each(['lost', 'unanswered', 'busy', 'doubled'] as const)(
      '%s, each request',
      async (fault) => {
        await filled();
        const seen = new Set<string>();
        fate = (verb, key) => {
          if (seen.has(verb + key)) return undefined;
          seen.add(verb + key);
          return { fault, again: Promise.resolve() };
        };
        await destroyBucketStore(bucket);
        expect(bucket.keys).toEqual(['letters/a']);
      },
    );

    test.each([
      ['lost', 'EUNKNOWN'],
      ['unanswered', 'EUNKNOWN'],
      ['busy', 'EUNREACHABLE'],
    ] as const)('%s, all requests: %s', async (fault, code) => {
      await filled();
      fate = (verb) => (verb === 'remove' ? { fault } : undefined);
      await expect(destroyBucketStore(bucket, 50)).rejects.toMatchObject({ code });
    });
  });

  test('one collector works at a time, and one that is gone keeps nobody waiting for long', async () => {
    await using store = await machine();
    await filled(store);
    let begin = () => {};
    const began = new Promise<void>((resolve) => {
      begin = resolve;
    });
    let goOn = () => {};
    const arrival = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    fate = (verb, key) => {
      if (verb !== 'put' || !key.startsWith('p/')) return undefined;
      begin();
      return { arrival };
    };
    const collected = store.gc();
    await began;
    await using other = await machine();
    const refused = expect.objectContaining({
      code: 'ELOCKED',
      message: expect.stringMatching(/^The store is being collected already, by process \d+ on /),
    });
    const tried = await requestsOf(() => expect(other.gc()).rejects.toEqual(refused));
    expect(tried).toEqual(['get head', 'get head']);
    await expect(other.pack()).rejects.toEqual(refused);
    // A write goes on, and so does a machine that finds the lease old, or from a future that cannot be.
    await (await other.fs('main')).write('meanwhile', 'here');
    fate = () => undefined;
    for (const clock of [LEASE_TIME + 60_000, -3 * LEASE_TIME]) {
      await using late = await machine(scratchFolder(), clock);
      await late.pack();
    }
    goOn();
    await collected;
    expect(await store.verify()).toMatchObject({ ok: true });
    await other.gc();
    expect(await (await other.fs('main')).readText('meanwhile')).toBe('here');
  });

  test.each(['gc', 'pack'] as const)('%s keeps its lease while it uploads', async (verb) => {
    let time = Date.now();
    let renew = () => {};
    const environment: Partial<Environment> = {
      now: () => time,
      every: (_, act) => {
        renew = act;
        return () => {};
      },
    };
    await using store = await machine(scratchFolder(), 0, environment);
    let fs = await store.fs('main');
    for (let i = 0; i < 3; i++) fs = await fs.write(`f${i}`, noise(40_000, i + 1));
    let goOn = () => {};
    const arrival = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const puts = () => requests.filter((one) => one.verb === 'put').map(({ key }) => key[0]);
    requests = [];
    fate = (put, key) => (put === 'put' && key.startsWith('p/') ? { arrival } : undefined);
    const done = store[verb]();
    try {
      await vi.waitFor(() => expect(puts()).toEqual(['h', 'p']));
      time += LEASE_TIME - 1;
      renew();
      await vi.waitFor(() => expect(puts()).toEqual(['h', 'p', 'h']));
      time += LEASE_TIME - 1;
      await using other = await machine(scratchFolder(), 0, environment);
      await expect(other.gc()).rejects.toMatchObject({ code: 'ELOCKED' });
    } finally {
      goOn();
      await done;
    }
    expect(await store.verify()).toMatchObject({ ok: true });
  });

  test('a collector whose change may have got in gives its lease up to time', async () => {
    await using store = await machine();
    await filled(store);
    let isUploaded = false;
    fate = (verb, key) => {
      isUploaded ||= verb === 'put' && key.startsWith('p/');
      if (!isUploaded || key !== 'head') return undefined;
      // The deadline is over.
      skipped += 3_600_000;
      return { fault: verb === 'put' ? 'lost' : 'busy' };
    };
    requests = [];
    await expect(store.gc()).rejects.toMatchObject({ code: 'EUNKNOWN' });
    const puts = requests.filter(({ verb, key }) => verb === 'put' && key === 'head');
    expect(puts).toHaveLength(2);
  });

  test('packing joins small packs', async () => {
    await using store = await machine();
    let fs = await store.fs('main');
    for (let i = 0; i < 6; i++) fs = await fs.write(`f${i}`, noise(40_000, i + 1));
    expect((await sizeOf(store)).packs).toBeGreaterThan(4);
    await store.pack();
    expect((await sizeOf(store)).packs).toBe(1);
    expect(await fs.read('f0')).toEqual(new Uint8Array(noise(40_000, 1)));
  });

  test('damage in the bucket is told', async () => {
    await using store = await machine();
    const fs = await (await store.fs('main')).write('large', noise(400_000));
    const key = bucket.keys.find((name) => name.startsWith('p/'))!;
    bucket.peek(key)![1000]! ^= 1;
    const { ok, faults } = await store.verify();
    expect(ok).toBe(false);
    expect(faults.some(({ subject }) => subject.includes(key.slice(2)))).toBe(true);
    expect(fs.commitHash).toHaveLength(40);
  });
});

test('a batch loses nothing when the indexes cannot be fetched for a while', async () => {
  const contents = Array.from({ length: 150 }, (_, i) => noise(200, i + 1));
  await using other = await machine();
  await using store = await machine();
  const batch = (await store.fs('main')).batch();
  const branch = await other.branches.set('side', await other.fs('main'));
  await branch.write('large', noise(400_000));
  // The batch's machine learns of the pack, whose index it does not have.
  await store.fs('main');
  const down = new Set<string>();
  fate = (verb, key) => {
    if (verb !== 'get' || !key.startsWith('p/') || down.has(key)) return undefined;
    down.add(key);
    // The deadline for retries passes meanwhile.
    skipped += 1e6;
    return { fault: 'lost' };
  };
  let failures = 0;
  for (const [i, content] of contents.entries()) {
    const write = () => batch.write(`f${i}`, content);
    await write().catch(() => {
      failures++;
      return write();
    });
  }
  fate = () => undefined;
  await batch.commit();
  expect(failures).toBe(1);
  expect(await other.verify()).toMatchObject({ ok: true });
  const fs = await other.fs('main');
  for (const [i, content] of contents.entries()) {
    expect(Buffer.from(await fs.read(`f${i}`)).equals(content)).toBe(true);
  }
});

describe('the local cache', () => {
  const content = noise(600_000);

  async function prepared(): Promise<void> {
    await using store = await machine();
    await (await store.fs('main')).apply({ writes: { a: content, b: noise(100_000, 7) } });
  }

  function filesOf(folder: string): string[] {
    return (readdirSync(folder, { recursive: true }) as string[])
      .filter((name) => /p-.*\.(pack|idx|map)$/.test(name))
      .map((name) => join(folder, name));
  }

  test('what is there is not asked for again', async () => {
    await prepared();
    const folder = scratchFolder();
    for (const expected of [true, false]) {
      await using store = await machine(folder);
      const made = await requestsOf(async () => {
        expect(Buffer.from(await (await store.fs('main')).read('a')).equals(content)).toBe(true);
      });
      expect(made.some((one) => one === 'get p/')).toBe(expected);
    }
  });

  test.each(['pack', 'idx', 'map'])('a damaged or lost .%s is fetched again', async (ending) => {
    await prepared();
    const folder = scratchFolder();
    const readAll = async () => {
      await using store = await machine(folder);
      const fs = await store.fs('main');
      expect(Buffer.from(await fs.read('a')).equals(content)).toBe(true);
      expect((await fs.read('b')).length).toBe(100_000);
    };
    await readAll();
    const file = filesOf(folder).find((name) => name.endsWith(ending))!;
    const whole = readFileSync(file);
    for (const damage of [
      () =>
        writeFileSync(
          file,
          whole.map((byte, i) => (i % 1000 === 7 ? byte ^ 1 : byte)),
        ),
      () => writeFileSync(file, whole.subarray(0, whole.length / 2)),
      () => writeFileSync(file, ''),
      () => rmSync(file),
    ]) {
      damage();
      await readAll();
    }
  });

  test('a short stream makes no folder', async () => {
    const folder = scratchFolder();
    const made = () =>
      (readdirSync(folder, { recursive: true }) as string[]).some((name) => /\bnew$/.test(name));
    await using store = await machine(folder);
    async function* stream(size: number) {
      yield noise(size);
    }
    const fs = await (await store.fs('main')).write('short', stream(1000));
    expect(made()).toBe(false);
    await fs.write('long', stream(1_200_000));
    expect(made()).toBe(true);
    expect((await (await store.fs('main')).read('short')).length).toBe(1000);
  });

  test('it keeps to its size', async () => {
    await prepared();
    const folder = scratchFolder();
    const storage = await openBucketStorage(bucket, { cache: { folder, size: 200_000 } });
    const store = await GitStore.over(storage, steadyOptions());
    await (await store.fs('main')).read('a');
    expect(filesOf(folder)).not.toEqual([]);
    await store.close();
    expect(filesOf(folder)).toEqual([]);
  });
});
