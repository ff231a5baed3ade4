/** What `doctor` finds wrong with a store in a bucket, and what it mends. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createBucketStorage, openBucketStorage } from '../../src/storage/bucket/bucketStorage.ts';
import { examine } from '../../src/storage/bucket/doctor/doctor.ts';
import { MemoryBucket } from '../../src/storage/bucket/engine/memoryBucket.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const quick = { rounds: 1 };

function storageOptions() {
  return { cache: { folder: scratchFolder() } };
}

/** Bytes that no compression makes small enough to ride in `head`. */
function large(seed: number): Uint8Array {
  let x = seed;
  return Uint8Array.from({ length: 200_000 }, () => {
    x = (Math.imul(x, 1103515245) + 12345) & 0x7fffffff;
    return x >> 16;
  });
}

/** A store with a pack for each commit. */
async function madeStore(bucket: MemoryBucket, commits: number): Promise<string[]> {
  const store = await GitStore.over(await createBucketStorage(bucket, storageOptions()));
  const hashes: string[] = [];
  let fs = await store.fs('main');
  for (let i = 0; i < commits; i++) {
    fs = await fs.write(`file${i}`, large(i + 1));
    hashes.push(fs.commitHash);
  }
  await store.close();
  return hashes;
}

async function reopened(bucket: MemoryBucket): Promise<GitStore> {
  return GitStore.over(await openBucketStorage(bucket, storageOptions()), { branch: null });
}

async function namesOf(store: GitStore): Promise<string[]> {
  const names: string[] = [];
  for await (const name of store.branches.keys()) names.push(name);
  return names;
}

describe('doctor', () => {
  it('says that there is no store, and how the engine is', async () => {
    const report = await examine(new MemoryBucket(), quick);
    expect(report).toMatchObject({ hasStore: false, faults: [] });
    expect(report.engine.every(({ fault }) => fault === undefined)).toBe(true);
  });

  it('finds nothing wrong with a sound store', async () => {
    const bucket = new MemoryBucket();
    await madeStore(bucket, 3);
    const report = await examine(bucket, quick);
    expect(report).toMatchObject({ hasStore: true, faults: [], unlisted: 0 });
    expect(report.packs).toBeGreaterThan(2);
    expect(report.plan).toBeUndefined();
  });

  it.each(['missing', 'cut', 'damaged pack', 'damaged index'])('finds a pack: %s', async (how) => {
    const bucket = new MemoryBucket();
    await madeStore(bucket, 3);
    const key = bucket.keys.find((name) => name.startsWith('p/'))!;
    const body = Buffer.from(bucket.peek(key)!);
    if (how === 'missing') await bucket.remove([key]);
    else if (how === 'cut') await bucket.put(key, body.subarray(0, -1));
    else {
      body[how === 'damaged pack' ? 1000 : body.length - 100]! ^= 1;
      await bucket.put(key, body);
    }
    const { faults } = await examine(bucket, quick);
    expect(faults).toEqual([{ subject: key, problem: expect.any(String) }]);
    expect(faults[0]!.problem).toMatch(
      { missing: /lost/, cut: /bytes/, 'damaged pack': /checksum/, 'damaged index': /index/ }[how]!,
    );
  });

  it.each(['missing', 'damaged'])('mends a head that is %s from packs alone', async (how) => {
    const bucket = new MemoryBucket();
    const hashes = await madeStore(bucket, 3);
    if (how === 'missing') await bucket.remove(['head']);
    else await bucket.put('head', bucket.peek('head')!.subarray(0, -3));
    await expect(reopened(bucket)).rejects.toMatchObject({
      code: 'ECORRUPT',
      message: expect.stringContaining('gitstore doctor --repair'),
    });
    const before = bucket.keys;
    const seen = await examine(bucket, quick);
    expect(seen.faults).toEqual([{ subject: 'head', problem: expect.stringContaining(how) }]);
    expect(seen.plan).toMatchObject({ copy: undefined, damaged: [] });
    expect(bucket.keys).toEqual(before);

    const mended = await examine(bucket, { ...quick, repair: true });
    expect(mended.faults).toEqual([]);
    const store = await reopened(bucket);
    // No ref is guessed: what the packs hold is on branches of their own.
    const names: string[] = [];
    for await (const name of store.branches.keys()) names.push(name);
    expect(names).toEqual(mended.recovered);
    expect(names).toEqual([expect.stringMatching(/^recovered-\d{4}-\d\d-\d\d-1$/)]);
    const fs = await store.fs(names[0]!);
    // The first commit rode in the head that is lost: the history begins with the next one.
    expect(fs.commitHash).not.toBe(hashes.at(-1));
    const messages: string[] = [];
    for await (const one of fs.log()) messages.push(one.message);
    expect(messages).toEqual(['+ file2', '+ file1', '+ file0']);
    expect(Buffer.compare(await fs.read('file0'), large(1))).toBe(0);
    expect(Buffer.compare(await fs.read('file2'), large(3))).toBe(0);
    expect((await store.verify()).faults).toEqual([]);
    await store.close();
    expect((await examine(bucket, quick)).faults).toEqual([]);
  });

  it('takes the refs of the newest copy, and packs after it beside them', async () => {
    const bucket = new MemoryBucket();
    await madeStore(bucket, 1);
    const first = await reopened(bucket);
    await first.tags.set('kept', await first.fs('main'));
    await first.gc();
    const copied = (await first.fs('main')).commitHash;
    const later = await (await first.fs('main')).write('later', large(9));
    await first.close();
    expect(bucket.keys.some((key) => key.startsWith('h/'))).toBe(true);
    await bucket.remove(['head']);

    const { plan, recovered, faults } = await examine(bucket, { ...quick, repair: true });
    expect(faults).toEqual([]);
    expect(plan!.copy).toMatch(/^h\//);
    const store = await reopened(bucket);
    expect((await store.fs('main')).commitHash).toBe(copied);
    expect((await store.fs('kept')).commitHash).toBe(copied);
    expect(recovered).toHaveLength(1);
    expect((await store.fs(recovered![0]!)).commitHash).toBe(later.commitHash);
    // It is a store like any other.
    await (await store.fs('main')).write('after', 'repair');
    expect((await store.verify()).faults).toEqual([]);
    await store.close();
  });

  it('mends the head although a pack that its copy names is lost', async () => {
    const bucket = new MemoryBucket();
    await madeStore(bucket, 2);
    const first = await reopened(bucket);
    await first.gc();
    const before = bucket.keys;
    await (await first.fs('main')).write('later', large(9));
    await first.close();
    const lost = before.filter((key) => key.startsWith('p/'));
    await bucket.remove(['head', ...lost]);
    const { faults, recovered } = await examine(bucket, { ...quick, repair: true });
    expect(faults).toEqual([
      { subject: expect.stringMatching(/^p\//), problem: expect.stringContaining('lost') },
    ]);
    expect(lost).toContain(faults[0]!.subject);
    // The tree of the later commit names what is lost.
    expect(recovered).toEqual([]);
    const store = await reopened(bucket);
    // The ref is there, and what it leads to is told to be lost.
    await expect(store.fs('main')).rejects.toMatchObject({
      code: 'ECORRUPT',
      message: expect.stringContaining('is missing from the bucket'),
    });
    await store.close();
  });

  describe('a repair that is repeated', () => {
    let made: MemoryBucket;
    beforeAll(async () => {
      made = new MemoryBucket();
      await madeStore(made, 2);
      await made.remove(['head']);
    });

    /** A store without its head, with commits that no copy knows. */
    async function headless(): Promise<MemoryBucket> {
      const bucket = new MemoryBucket();
      for (const key of made.keys) await bucket.put(key, made.peek(key)!);
      return bucket;
    }

    const branchesOf = async (bucket: MemoryBucket): Promise<Record<string, string>> => {
      const store = await reopened(bucket);
      const found: Record<string, string> = {};
      for await (const [name, fs] of store.branches.entries()) found[name] = fs.commitHash;
      await store.close();
      return found;
    };

    it('ends like one that was not interrupted, wherever that was', async () => {
      const whole = await headless();
      await examine(whole, { ...quick, repair: true });
      const wanted = await branchesOf(whole);
      expect(Object.keys(wanted)).toHaveLength(1);
      for (let at = 1, isThrough = false; !isThrough; at++) {
        const bucket = await headless();
        let left = at;
        const dying = bucket.through((verb, key) => {
          if (verb !== 'put' || key.startsWith('probe/')) return undefined;
          left--;
          if (left > 0) return undefined;
          throw new Error('killed');
        });
        const ended = examine(dying, { ...quick, repair: true });
        isThrough = await ended.then(() => true).catch(() => false);
        await examine(bucket, { ...quick, repair: true });
        expect(await branchesOf(bucket), `killed at write ${at}`).toEqual(wanted);
      }
    });

    it.each(['lost', 'unanswered', 'doubled', 'busy'] as const)(
      'knows a PUT that was %s',
      async (fault) => {
        const bucket = await headless();
        let left = 1;
        const faulty = bucket.through((verb, key) =>
          verb === 'put' && key === 'head' && left-- > 0
            ? { fault, again: Promise.resolve() }
            : undefined,
        );
        const { recovered } = await examine(faulty, { ...quick, repair: true });
        expect(recovered).toHaveLength(1);
        expect(Object.keys(await branchesOf(bucket))).toEqual(recovered);
      },
    );

    it('knows its head under the commit of another', async () => {
      const bucket = await headless();
      let isDone = false;
      const faulty = bucket.through((verb, key) => {
        if (verb !== 'put' || key !== 'head' || isDone) return undefined;
        isDone = true;
        const answer = async () => {
          const other = await reopened(bucket);
          await other.branches.set('other', await other.fs((await namesOf(other))[0]!));
          await other.close();
        };
        return { fault: 'unanswered', answer };
      });
      const { recovered } = await examine(faulty, { ...quick, repair: true });
      expect(Object.keys(await branchesOf(bucket)).sort()).toEqual(['other', ...recovered!]);
    });

    it.each(['lost', 'unanswered'] as const)(
      'tells that it does not know, all answers %s',
      async (fault) => {
        const bucket = await headless();
        const faulty = bucket.through((verb, key) => {
          if (key !== 'head') return undefined;
          if (verb === 'put') return { fault };
          return isAsked() ? { fault: 'lost' } : undefined;
        });
        let asked = 0;
        // The first read looks for the head that is to be mended.
        const isAsked = () => ++asked > 1;
        await expect(
          examine(faulty, { ...quick, repair: true, deadline: 200 }),
        ).rejects.toMatchObject({ code: 'EUNKNOWN' });
      },
    );
  });

  it('lets no writer go on with the head that was lost', async () => {
    const bucket = new MemoryBucket();
    await madeStore(bucket, 2);
    const writer = await reopened(bucket);
    const fs = await writer.fs('main');
    await bucket.remove(['head']);
    await examine(bucket, { ...quick, repair: true });
    // It cannot tell what became of commits that it does not know.
    await expect(fs.write('x', 'y')).rejects.toMatchObject({ code: 'EUNKNOWN' });
    await writer.close();
  });
});
