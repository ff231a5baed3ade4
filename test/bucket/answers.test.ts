/** What the store makes of each answer that an engine may give, one at a time. */
import { beforeEach, describe, expect, test } from 'vitest';
import {
  OutcomeUnknownError,
  RemoteError,
  StaleSnapshotError,
  UnreachableError,
} from '../../src/errors.ts';
import { createBucketStorage, openBucketStorage } from '../../src/storage/bucket/bucketStorage.ts';
import { RIDING_LIMIT } from '../../src/storage/bucket/commit/riding.ts';
import type { Environment } from '../../src/storage/bucket/engine/environment.ts';
import { realEnvironment } from '../../src/storage/bucket/engine/environment.ts';
import {
  MemoryBucket,
  type Passage,
  type Verb,
} from '../../src/storage/bucket/engine/memoryBucket.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { collect, saying, someId } from '../storage/places.ts';
import { noise } from './noise.ts';

const MAIN = 'refs/heads/main';
const [A, B, C] = [someId(1), someId(2), someId(3)];

let bucket: MemoryBucket;
/** For the requests to come, by verb and key; what is not named goes well. */
let plan: { verb: Verb; key: string; passage: Passage }[];
let time: number;

/** Waiting takes no time, but the clock goes on. */
const environment: Environment = {
  ...realEnvironment,
  elapsed: () => time,
  sleep: async (milliseconds) => {
    time += milliseconds;
  },
};

beforeEach(() => {
  plan = [];
  time = 0;
  bucket = new MemoryBucket({
    passage: (verb, key) => {
      const i = plan.findIndex((one) => one.verb === verb && key.startsWith(one.key));
      return i === -1 ? undefined : plan.splice(i, 1)[0]!.passage;
    },
  });
});

function next(verb: Verb, key: string, fault: Passage['fault'], times = 1): void {
  for (let i = 0; i < times; i++) plan.push({ verb, key, passage: { fault } });
}

function machine(): Promise<Storage> {
  return createBucketStorage(bucket, { cache: { folder: scratchFolder() }, environment });
}

describe('a PUT of head', () => {
  let one: Storage;
  let other: Storage;

  beforeEach(async () => {
    one = await machine();
    other = await machine();
    await one.refs.update([{ ref: MAIN, old: null, new: A }]);
  });

  const move = (storage: Storage, old: string | null | undefined, to: string) =>
    storage.refs.update([{ ref: MAIN, old, new: to, reflog: saying(to.slice(-1)) }]);

  const log = async () => (await collect(other.refs.reflog(MAIN))).map(({ message }) => message);

  test.each(['busy', 'lost', 'unanswered', 'doubled'] as const)(
    '%s: it is made once',
    async (fault) => {
      next('put', 'head', fault);
      await move(one, A, B);
      expect(await other.refs.get(MAIN)).toBe(B);
      expect(await log()).toEqual(['2', '']);
      await move(one, B, C);
      expect(await log()).toEqual(['3', '2', '']);
    },
  );

  test('on top of what another has committed', async () => {
    await other.refs.update([{ ref: 'refs/heads/side', old: null, new: C }]);
    await move(one, A, B);
    expect(await log()).toEqual(['2', '']);
    await expect(move(other, A, C)).rejects.toThrow(StaleSnapshotError);
  });

  test('unanswered, and another comes before it is looked for', async () => {
    let overtake = async () => {};
    const passage: Passage = {
      fault: 'unanswered',
      answer: () => overtake(),
    };
    overtake = () => other.refs.update([{ ref: MAIN, old: B, new: C }]);
    plan.push({ verb: 'put', key: 'head', passage });
    await move(one, A, B);
    expect(await one.refs.get(MAIN)).toBe(C);
    expect(await log()).toEqual(['', '2', '']);
  });

  test('lost, and another comes: the old value is compared with what is there now', async () => {
    const passage: Passage = { fault: 'lost', answer: () => move(other, A, C) };
    plan.push({ verb: 'put', key: 'head', passage });
    await expect(move(one, A, B)).rejects.toThrow(StaleSnapshotError);
    expect(await log()).toEqual(['3', '']);
  });

  test('unknown until the deadline is no failure and no guess', async () => {
    next('put', 'head', 'unanswered');
    next('get', 'head', 'lost', 1000);
    await expect(move(one, A, B)).rejects.toThrow(OutcomeUnknownError);
    plan = [];
    expect(await one.refs.get(MAIN)).toBe(B);
    expect(await log()).toEqual(['2', '']);
  });

  test('unknown, and then refused, is no failure either', async () => {
    next('put', 'head', 'lost');
    plan.push({
      verb: 'put',
      key: 'head',
      passage: { arrival: Promise.reject(new RemoteError('the key is no longer valid')) },
    });
    await expect(move(one, A, B)).rejects.toThrow(OutcomeUnknownError);
    plan.push({
      verb: 'put',
      key: 'head',
      passage: { arrival: Promise.reject(new RemoteError('the key is no longer valid')) },
    });
    await expect(move(one, A, B)).rejects.toThrow(RemoteError);
  });

  test('busy until the deadline: nothing is made', async () => {
    next('put', 'head', 'busy', 1000);
    const refused = move(one, A, B);
    await expect(refused).rejects.toThrow(UnreachableError);
    await expect(refused).rejects.toMatchObject({ code: 'EUNREACHABLE' });
    plan = [];
    expect(await log()).toEqual(['']);
  });

  test('what one of several changes is refused does not keep the others back', async () => {
    const changes = [
      move(one, B, C),
      one.refs.update([{ ref: 'refs/heads/side', old: null, new: C }]),
      one.refs.update([{ ref: 'refs/heads/third', old: C, new: A }]),
    ];
    const outcomes = await Promise.allSettled(changes);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected']);
    expect(await other.refs.get('refs/heads/side')).toBe(C);
  });

  test('a head that is known and old refuses nothing', async () => {
    await move(other, A, B);
    await move(one, B, C);
    expect(await log()).toEqual(['3', '2', '']);
  });
});

describe('objects', () => {
  test('are seen by others with the change of refs, small and large', async () => {
    const one = await machine();
    const other = await machine();
    for (const size of [10, RIDING_LIMIT * 4]) {
      const body = noise(size);
      const writer = one.objects.writer();
      const id = await writer.write('blob', body);
      await writer.finish();
      expect(await one.objects.has(id)).toBe(true);
      expect(await other.objects.has(id)).toBe(false);
      await one.refs.update([{ ref: `refs/tags/t${size}`, old: null, new: id }]);
      expect(body.equals((await other.objects.read(id))!.body)).toBe(true);
    }
    expect((await one.upkeep.size()).packs).toBe(1);
  });

  test.each(['busy', 'lost', 'unanswered', 'doubled'] as const)('an upload %s', async (fault) => {
    const one = await machine();
    const body = noise(90_000);
    next('put', 'p/', fault, 2);
    const writer = one.objects.writer();
    const id = await writer.write('blob', body);
    await writer.finish();
    await one.refs.update([{ ref: 'refs/tags/t', old: null, new: id }]);
    const other = await machine();
    next('get', 'p/', fault);
    expect(body.equals((await other.objects.read(id))!.body)).toBe(true);
  });
});

describe('a store', () => {
  test('is made once, by whoever comes', async () => {
    const made: number[] = [];
    const options = (i: number) => ({
      cache: { folder: scratchFolder() },
      onCreate: () => made.push(i),
    });
    const all = await Promise.all([1, 2, 3].map((i) => createBucketStorage(bucket, options(i))));
    expect(made).toHaveLength(1);
    expect(new Set(all.map(({ identity }) => identity)).size).toBe(1);
  });

  test.each(['store', 'head'])('made by a PUT of %s that nobody answers', async (key) => {
    next('put', key, 'unanswered');
    let made = 0;
    const options = { cache: { folder: scratchFolder() }, environment, onCreate: () => made++ };
    await (await createBucketStorage(bucket, options)).close();
    expect(made).toBe(1);
  });

  test('made by a PUT that nobody answers, and changed before it is looked for', async () => {
    const passage: Passage = {
      fault: 'unanswered',
      answer: async () => (await machine()).refs.update([{ ref: MAIN, old: null, new: A }]),
    };
    plan.push({ verb: 'put', key: 'head', passage });
    let made = 0;
    const options = { cache: { folder: scratchFolder() }, environment, onCreate: () => made++ };
    const storage = await createBucketStorage(bucket, options);
    expect(made).toBe(1);
    expect(await storage.refs.get(MAIN)).toBe(A);
  });

  test.each([
    ['unanswered', 'EUNKNOWN'],
    ['lost', 'EUNKNOWN'],
    ['busy', 'EUNREACHABLE'],
  ] as const)('all PUTs %s until the deadline', async (fault, code) => {
    next('put', 'head', fault, 1000);
    // The first two reads find no store.
    plan.push({ verb: 'get', key: 'head', passage: {} });
    if (fault === 'unanswered') next('get', 'head', 'lost', 1000);
    await expect(machine()).rejects.toMatchObject({ code });
  });

  test('that another machine makes between two steps of the making is taken', async () => {
    const options = () => ({ cache: { folder: scratchFolder() } });
    for (let at = 1, isThrough = false; !isThrough; at++) {
      let left = at;
      const own: MemoryBucket = new MemoryBucket({
        passage: () => {
          if (--left !== 0) return undefined;
          return {
            arrival: createBucketStorage(own, options()).then((storage) => storage.close()),
          };
        },
      });
      const storage = await createBucketStorage(own, options());
      await storage.close();
      isThrough = left > 0;
    }
  });

  test('that is not there, is of a newer format, or lies beside something else', async () => {
    await expect(openBucketStorage(bucket)).rejects.toMatchObject({ code: 'ENOENT' });
    await bucket.put('letters/a', Buffer.from('dear'));
    await expect(createBucketStorage(bucket)).rejects.toMatchObject({ code: 'EEXIST' });
    await bucket.put('store', Buffer.from('{"format":2,"id":"abcdefgh","hash":"sha1"}'));
    await expect(openBucketStorage(bucket)).rejects.toMatchObject({ code: 'EFORMAT' });
    await bucket.put('store', Buffer.from('hello'));
    await expect(openBucketStorage(bucket)).rejects.toMatchObject({ code: 'ECORRUPT' });
  });

  test('whose head is damaged, newer, or gone', async () => {
    await machine();
    const head = Buffer.from(bucket.peek('head')!);
    const damaged = Buffer.from(head);
    damaged[head.length - 3]! ^= 1;
    for (const [bytes, code] of [
      [damaged, 'ECORRUPT'],
      [head.subarray(0, 20), 'ECORRUPT'],
      [Buffer.alloc(0), 'ECORRUPT'],
      [Buffer.from(head.toString('latin1').replace('head 1 ', 'head 2 '), 'latin1'), 'EFORMAT'],
    ] as const) {
      await bucket.put('head', bytes);
      await expect(openBucketStorage(bucket)).rejects.toMatchObject({ code });
    }
    await bucket.remove(['head']);
    await expect(openBucketStorage(bucket)).rejects.toMatchObject({ code: 'ECORRUPT' });
    await bucket.put('p/1-abc', Buffer.from('x'));
    await expect(createBucketStorage(bucket)).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
