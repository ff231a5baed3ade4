/** The contract of the five verbs, on the bucket in memory and on real engines. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Bucket } from '../../src/storage/bucket/engine/bucket.ts';
import { MemoryBucket } from '../../src/storage/bucket/engine/memoryBucket.ts';
import { probe, requireSound } from '../../src/storage/bucket/engine/probe.ts';
import { parseS3Address } from '../../src/storage/bucket/s3/s3Address.ts';
import { openS3Bucket, type S3Options } from '../../src/storage/bucket/s3/s3Bucket.ts';
import { effort, seed, seededRandom } from '../crash/stress.ts';
import { describeEngine, freshPrefix, REAL_ENGINES } from './places.ts';
import { type Cut, startProxy } from './proxy.ts';

const bytes = (text: string) => Buffer.from(text);
const text = (answer: object) => Buffer.from((answer as { body: Uint8Array }).body).toString();
const tagOf = (answer: object) => (answer as { tag: string }).tag;

/** A bucket at a prefix of its own. */
function openAt(endpoint: string, options?: S3Options, bucket = 'store') {
  return openS3Bucket(
    parseS3Address(`s3://${bucket}/${freshPrefix()}?endpoint=${endpoint}`),
    options,
  );
}

function contract(open: () => Promise<Bucket>) {
  const withBucket = (test: (bucket: Bucket) => Promise<void>) => async () => {
    const bucket = await open();
    try {
      await test(bucket);
    } finally {
      await bucket.close();
    }
  };

  it(
    'reads what was written',
    withBucket(async (bucket) => {
      expect(await bucket.get('a')).toEqual({ kind: 'absent' });
      expect(await bucket.head('a')).toEqual({ kind: 'absent' });
      const put = await bucket.put('a', bytes('hello'));
      expect(put).toEqual({ kind: 'ok', tag: expect.stringMatching(/^[^"]+$/) });
      const got = await bucket.get('a');
      expect(got).toMatchObject({ kind: 'ok', tag: tagOf(put), size: 5 });
      expect(text(got)).toBe('hello');
      expect(await bucket.get('a', { ifNoneMatch: tagOf(put) })).toEqual({ kind: 'unchanged' });
      expect(await bucket.get('a', { ifNoneMatch: 'another' })).toMatchObject({ kind: 'ok' });
      const described = await bucket.head('a');
      expect(described).toMatchObject({ kind: 'ok', tag: tagOf(put), size: 5 });
      expect(Math.abs((described as { modified: number }).modified - Date.now())).toBeLessThan(3e5);
      const pieces = { size: 3, read: async (a: number, b: number) => bytes('abc').subarray(a, b) };
      await bucket.put('a', pieces);
      expect(text(await bucket.get('a'))).toBe('abc');
      await bucket.put('empty', bytes(''));
      expect(await bucket.get('empty')).toMatchObject({ kind: 'ok', size: 0 });
    }),
  );

  it(
    'cuts ranges at the end',
    withBucket(async (bucket) => {
      await bucket.put('a', bytes('hello'));
      const range = async (start: number, end: number) => {
        const got = await bucket.get('a', { range: { start, end } });
        expect(got).toMatchObject({ kind: 'ok', size: 5 });
        return text(got);
      };
      expect(await range(0, 1)).toBe('h');
      expect(await range(1, 4)).toBe('ell');
      expect(await range(3, 100)).toBe('lo');
      expect(await range(5, 6)).toBe('');
      expect(await range(90, 100)).toBe('');
    }),
  );

  it(
    'writes only where a condition holds',
    withBucket(async (bucket) => {
      const first = await bucket.put('a', bytes('first'), { ifAbsent: true });
      expect(first.kind).toBe('ok');
      expect(await bucket.put('a', bytes('other'), { ifAbsent: true })).toEqual({
        kind: 'conflict',
      });
      const second = await bucket.put('a', bytes('second'), { ifMatch: tagOf(first) });
      expect(second.kind).toBe('ok');
      const stale = await bucket.put('a', bytes('third'), { ifMatch: tagOf(first) });
      expect(stale).toEqual({ kind: 'conflict' });
      expect(await bucket.put('b', bytes('x'), { ifMatch: tagOf(first) })).toEqual({
        kind: 'conflict',
      });
      expect(text(await bucket.get('a'))).toBe('second');
      expect(await bucket.get('b')).toEqual({ kind: 'absent' });
    }),
  );

  it(
    'lists page by page, sorted, and removes any number',
    withBucket(async (bucket) => {
      const keys = Array.from({ length: 33 }, (_, i) => `p/${i}`);
      await Promise.all([...keys, 'q', 'p-1'].map((key) => bucket.put(key, bytes(key))));
      const all = async (prefix: string) => {
        const found: string[] = [];
        let from: string | undefined;
        do {
          const page = await bucket.list(prefix, from);
          if (page.kind !== 'ok') throw new Error(page.kind);
          for (const { key, size } of page.entries) {
            expect(size).toBe(key.length);
            found.push(key);
          }
          from = page.next;
        } while (from !== undefined);
        return found;
      };
      expect(await all('p/')).toEqual([...keys].sort());
      expect(await all('')).toHaveLength(35);
      expect(await bucket.remove([...keys, 'never'])).toEqual({ kind: 'ok' });
      expect(await all('')).toEqual(['p-1', 'q']);
      expect(await bucket.remove(['q', 'p-1'])).toEqual({ kind: 'ok' });
      expect(await bucket.remove(['q'])).toEqual({ kind: 'ok' });
      expect(await bucket.remove([])).toEqual({ kind: 'ok' });
      expect(await all('')).toEqual([]);
    }),
  );

  it(
    'passes the probe, which leaves nothing',
    withBucket(async (bucket) => {
      const findings = await probe(bucket);
      expect(findings.filter(({ fault }) => fault !== undefined)).toEqual([]);
      expect(findings).toHaveLength(6);
      expect(() => requireSound(bucket, findings)).not.toThrow();
      expect(await bucket.list('')).toMatchObject({ entries: [] });
    }),
  );
}

describe('in memory', () => contract(async () => new MemoryBucket({ pageSize: 10 })));

describe('a probe through a network that loses answers', () => {
  const FAULTS = ['lost', 'unanswered', 'doubled'] as const;

  it('finds no fault in an engine that has none', async () => {
    const one = async (seedOfOne: number) => {
      const random = seededRandom(seedOfOne);
      const bucket = new MemoryBucket({
        passage: (verb) => {
          if (verb !== 'put' || random() > 0.15) return undefined;
          const fault = FAULTS[Math.floor(random() * FAULTS.length)];
          return { fault, again: sleep(20 * random()) };
        },
      });
      const faulty = (await probe(bucket)).filter(({ fault }) => fault !== undefined);
      expect(faulty, `seed ${seedOfOne}`).toEqual([]);
    };
    const { count } = effort(30, 300);
    await Promise.all(Array.from({ length: count }, (_, i) => one(seed + i)));
  });
});

for (const name of REAL_ENGINES) {
  describeEngine(name, (engine) => {
    contract(() => openAt(engine().endpoint, { pageSize: 10 }));

    it('takes large bodies in parts', async () => {
      const bucket = await openAt(engine().endpoint, { partSize: 5 << 20 });
      const body = Buffer.alloc((12 << 20) + 7, 'parts');
      const progress: number[] = [];
      const put = await bucket.put('p/1', body, { onProgress: (n) => progress.push(n) });
      expect(progress.at(-1)).toBe(body.length);
      expect(await bucket.head('p/1')).toMatchObject({ tag: tagOf(put), size: body.length });
      const got = await bucket.get('p/1', { range: { start: (5 << 20) - 2, end: (5 << 20) + 8 } });
      expect(text(got)).toBe(body.subarray((5 << 20) - 2, (5 << 20) + 8).toString());
      await bucket.close();
    });

    it('gets the same outcome from a large conditional body', async () => {
      const bucket = await openAt(engine().endpoint);
      const body = Buffer.alloc(3 << 20, 'x');
      expect(await bucket.put('a', body, { ifAbsent: true })).toMatchObject({ kind: 'ok' });
      const lost = await Promise.all(
        Array.from({ length: 4 }, () => bucket.put('a', body, { ifAbsent: true })),
      );
      expect(lost.map(({ kind }) => kind)).toEqual(Array(4).fill('conflict'));
      await bucket.close();
    });

    it.each<Cut>(['request', 'answer', 'body'])('survives a cut of the %s', async (cut) => {
      const proxy = await startProxy(engine().endpoint);
      const bucket = await openAt(proxy.endpoint, { partSize: 5 << 20 });
      const direct = await openS3Bucket(
        parseS3Address(bucket.location.replace(proxy.endpoint, engine().endpoint)),
      );
      const first = tagOf(await direct.put('a', bytes('first')));
      let left = 0;
      const broken = async <T>(work: () => Promise<T>, count = 1): Promise<T> => {
        left = count;
        proxy.fate = ({ method }) => (method !== 'HEAD' && left-- > 0 ? { cut } : undefined);
        return await work();
      };
      const kind = { kind: 'unknown' };
      // The first whole answer tells what the engine is.
      await bucket.get('a');
      expect(await broken(() => bucket.get('a'))).toMatchObject(kind);
      expect(await broken(() => bucket.list(''))).toMatchObject(kind);
      // What was not told has come about where the engine had the request. A connection that was cut
      // before may break the next request too, which never came to the proxy then.
      const cameAbout = (method: string) => cut !== 'request' && proxy.seen.includes(method);
      const put = await broken(() => bucket.put('a', bytes('second'), { ifMatch: first }));
      expect(put.kind).toMatch(cut === 'body' ? /ok|unknown/ : /unknown/);
      expect(text(await direct.get('a'))).toBe(cameAbout('PUT') ? 'second' : 'first');
      expect((await broken(() => bucket.remove(['a']))).kind).toMatch(/ok|unknown/);
      expect((await direct.get('a')).kind).toBe(cameAbout('DELETE') ? 'absent' : 'ok');
      // Parts repeat themselves, whatever is cut.
      const body = Buffer.alloc(11 << 20, 'parts');
      expect(await broken(() => bucket.put('p/1', body), 3)).toMatchObject({ kind: 'ok' });
      expect(await direct.head('p/1')).toMatchObject({ size: body.length });
      await Promise.all([bucket.close(), direct.close(), proxy.close()]);
    });

    it('is refused by the probe when it ignores conditions', async () => {
      const proxy = await startProxy(engine().endpoint);
      const bucket = await openAt(proxy.endpoint);
      for (const [header, fault] of [
        ['if-none-match', 'it overwrites a key that may only be created'],
        ['if-match', 'it swaps by a tag that is out of date'],
      ] as const) {
        proxy.fate = ({ method }) => (method === 'PUT' ? { without: [header] } : undefined);
        const findings = await probe(bucket);
        expect(() => requireSound(bucket, findings)).toThrow(fault);
        expect(() => requireSound(bucket, findings)).toThrow(
          expect.objectContaining({ code: 'EENGINE' }),
        );
      }
      await Promise.all([bucket.close(), proxy.close()]);
    });

    it('says what is wrong with keys and buckets', async () => {
      const missingBucket = await openAt(engine().endpoint, {}, 'nobody-made-it');
      const said = async (work: Promise<object>) => {
        const error = await work.then(
          () => undefined,
          (error: Error & { code: string }) => error,
        );
        expect(error?.code).toBe('EREMOTE');
        return error!.message;
      };
      for (const work of [
        () => missingBucket.get('a'),
        () => missingBucket.head('a'),
        () => missingBucket.put('a', bytes('a'), { ifAbsent: true }),
        () => missingBucket.list(''),
        () => missingBucket.remove(['a', 'b']),
      ]) {
        expect(await said(work())).toContain('there is no bucket nobody-made-it;');
      }
      const good = { accessKeyId: 'engine-access', secretAccessKey: 'engine-secret-key' };
      for (const [credentials, message] of [
        [{ ...good, accessKeyId: 'nobody' }, 'the access key is not known there'],
        [{ ...good, secretAccessKey: 'geheim' }, 'the secret key does not fit'],
      ] as const) {
        const bucket = await openAt(engine().endpoint, { credentials: async () => credentials });
        expect(await said(bucket.get('a'))).toContain(message);
        expect(await said(bucket.head('a'))).toContain(message);
        const put = await said(bucket.put('a', bytes('a'), { ifMatch: 'x' }));
        expect(put).toContain(message);
        expect(put).not.toMatch(/geheim|nobody/);
        await bucket.close();
      }
      await missingBucket.close();
    });
  });
}
