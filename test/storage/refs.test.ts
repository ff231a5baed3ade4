/** What every RefStore promises (src/storage/storage.ts), wherever it keeps its refs. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InvalidRefNameError, StaleSnapshotError } from '../../src/errors.ts';
import type { RefStore, RefUpdate, Storage } from '../../src/storage/storage.ts';
import { runs } from '../crash/stress.ts';
import { collect, places, saying, someId } from './places.ts';

const MAIN = 'refs/heads/main';
const A = someId(0xa);
const B = someId(0xb);
const C = someId(0xc);

describe.each(places)('refs in $name', ({ create }) => {
  let storage: Storage;
  let refs: RefStore;

  beforeEach(async () => {
    storage = await create();
    refs = storage.refs;
  });

  afterEach(() => storage.close());

  test('a new store has no refs, and HEAD names a branch that is not there', async () => {
    expect((await refs.list('')).refs).toEqual([]);
    expect(await refs.head()).toEqual({ ref: MAIN });
    expect(await refs.get(MAIN)).toBeUndefined();
    expect(await refs.get('HEAD')).toBeUndefined();
    expect(await collect(refs.reflog(MAIN))).toEqual([]);
    expect(await collect(refs.reflog('HEAD'))).toEqual([]);
  });

  test('a ref is created, moved and deleted', async () => {
    await refs.update([{ ref: MAIN, old: null, new: A }]);
    expect(await refs.get(MAIN)).toBe(A);
    expect(await refs.get('HEAD')).toBe(A);
    await refs.update([{ ref: MAIN, old: A, new: B }]);
    expect(await refs.get(MAIN)).toBe(B);
    await refs.update([{ ref: MAIN, old: B, new: null }]);
    expect(await refs.get(MAIN)).toBeUndefined();
    expect((await refs.list('')).refs).toEqual([]);
  });

  test('the old value is compared', async () => {
    await expect(refs.update([{ ref: MAIN, old: A, new: B }])).rejects.toThrow(StaleSnapshotError);
    await refs.update([{ ref: MAIN, new: A }]);
    for (const old of [null, B]) {
      for (const next of [C, null]) {
        const update = refs.update([{ ref: MAIN, old, new: next }]);
        await expect(update).rejects.toMatchObject({ code: 'ESTALE', ref: MAIN });
      }
    }
    expect(await refs.get(MAIN)).toBe(A);
    expect(await collect(refs.reflog(MAIN))).toHaveLength(1);
  });

  test('several refs move together or not at all', async () => {
    await refs.update([
      { ref: MAIN, old: null, new: A },
      { ref: 'refs/tags/v1', old: null, new: B },
    ]);
    const half = refs.update([
      { ref: MAIN, old: A, new: C },
      { ref: 'refs/heads/new', old: null, new: C },
      { ref: 'refs/tags/v1', old: C, new: null },
    ]);
    await expect(half).rejects.toMatchObject({ code: 'ESTALE', ref: 'refs/tags/v1' });
    expect((await refs.list('')).refs).toEqual([
      { ref: MAIN, id: A },
      { ref: 'refs/tags/v1', id: B },
    ]);
    await refs.update([
      { ref: MAIN, old: A, new: C },
      { ref: 'refs/heads/new', old: null, new: C },
      { ref: 'refs/tags/v1', old: B, new: null },
    ]);
    expect((await refs.list('refs/')).refs).toEqual([
      { ref: MAIN, id: C },
      { ref: 'refs/heads/new', id: C },
    ]);
  });

  test('deleting what is not there is no change', async () => {
    await refs.update([{ ref: MAIN, old: null, new: null }]);
    await refs.update([{ ref: 'refs/heads/deep/er', new: null }]);
    await refs.update([{ ref: MAIN, new: A }]);
    await refs.update([{ ref: `${MAIN}/below`, new: null }]);
    expect((await refs.list('')).refs).toEqual([{ ref: MAIN, id: A }]);
    await refs.update([
      { ref: 'refs/heads/a/b', new: null },
      { ref: 'refs/heads/a', new: B },
    ]);
    expect(await refs.get('refs/heads/a')).toBe(B);
  });

  test('the list is sorted by bytes and cut by prefix', async () => {
    const names = [
      'refs/heads/b',
      'refs/heads/a-x',
      'refs/heads/a/x',
      'refs/heads/ä',
      'refs/tags/a',
    ];
    for (const ref of names) await refs.update([{ ref, new: A }]);
    const listed = async (prefix: string) => (await refs.list(prefix)).refs.map(({ ref }) => ref);
    expect(await listed('refs/')).toEqual([
      'refs/heads/a-x',
      'refs/heads/a/x',
      'refs/heads/b',
      'refs/heads/ä',
      'refs/tags/a',
    ]);
    expect(await listed('refs/heads/a')).toEqual(['refs/heads/a-x', 'refs/heads/a/x']);
    expect(await listed('refs/heads/a/')).toEqual(['refs/heads/a/x']);
    expect(await listed('refs/heads/a/x')).toEqual(['refs/heads/a/x']);
    expect(await listed('refs/heads/a/xy')).toEqual([]);
    expect(await listed('refs/none/')).toEqual([]);
  });

  test('names that are not valid UTF-8 are kept', async () => {
    const ref = 'refs/heads/caf\udce9/\ud83d\ude00';
    await refs.update([{ ref, old: null, new: A, reflog: saying('one') }]);
    await refs.update([{ ref, old: A, new: B, reflog: saying('two') }]);
    expect((await refs.list('refs/heads/')).refs).toEqual([{ ref, id: B }]);
    expect((await collect(refs.reflog(ref))).map((entry) => entry.message)).toEqual(['two', 'one']);
    await refs.update([{ ref, old: B, new: null }]);
    expect((await refs.list('')).refs).toEqual([]);
  });

  test.each([
    'main',
    'HEAD',
    'refs/heads/',
    'refs/heads/a..b',
    'refs/heads/x.lock',
    'refs/../config',
  ])('the name %j is refused', async (ref) => {
    await expect(refs.update([{ ref, new: A }])).rejects.toThrow(InvalidRefNameError);
    await expect(refs.setHead(ref)).rejects.toThrow(InvalidRefNameError);
  });

  test('a ref named twice, and an id that is none, are refused', async () => {
    const twice = refs.update([
      { ref: MAIN, new: A },
      { ref: MAIN, new: B },
    ]);
    await expect(twice).rejects.toThrow(InvalidRefNameError);
    await expect(refs.update([{ ref: MAIN, new: 'abc' }])).rejects.toThrow(TypeError);
    expect((await refs.list('')).refs).toEqual([]);
  });

  describe('a name cannot be a directory of names too', () => {
    test.each([
      ['refs/heads/a', 'refs/heads/a/b'],
      ['refs/heads/a/b/c', 'refs/heads/a'],
    ])('%s, then %s', async (first, second) => {
      await refs.update([{ ref: first, new: A }]);
      await expect(refs.update([{ ref: second, old: null, new: B }])).rejects.toMatchObject({
        name: 'InvalidRefNameError',
        ref: second,
      });
      const both = refs.update([
        { ref: MAIN, new: C },
        { ref: second, new: B },
      ]);
      await expect(both).rejects.toThrow(InvalidRefNameError);
      expect((await refs.list('')).refs).toEqual([{ ref: first, id: A }]);
    });

    test('both at once', async () => {
      const both = refs.update([
        { ref: 'refs/heads/a/b', new: A },
        { ref: 'refs/heads/a', new: A },
      ]);
      await expect(both).rejects.toThrow(InvalidRefNameError);
      expect((await refs.list('')).refs).toEqual([]);
    });

    test('one after the other was deleted', async () => {
      for (const ref of ['refs/heads/a', 'refs/heads/a/b/c', 'refs/heads/a/b', 'refs/heads/a']) {
        await refs.update([{ ref, old: null, new: A }]);
        expect((await refs.list('')).refs).toEqual([{ ref, id: A }]);
        await refs.update([{ ref, old: A, new: null }]);
      }
    });
  });

  describe('reflog', () => {
    test('tells every move, newest first, and is HEAD’s too when HEAD names the ref', async () => {
      await refs.update([{ ref: MAIN, new: A, reflog: saying('first', 1) }]);
      await refs.update([{ ref: MAIN, new: B, reflog: saying('second', 2) }]);
      await refs.update([{ ref: 'refs/heads/side', new: C, reflog: saying('aside', 3) }]);
      const main = [
        { old: A, new: B, ...saying('second', 2) },
        { old: null, new: A, ...saying('first', 1) },
      ];
      expect(await collect(refs.reflog(MAIN))).toEqual(main);
      expect(await collect(refs.reflog('HEAD'))).toEqual(main);
      expect(await collect(refs.reflog('refs/heads/side'))).toEqual([
        { old: null, new: C, ...saying('aside', 3) },
      ]);
    });

    test('goes with its ref; HEAD’s tells of the deletion', async () => {
      await refs.update([{ ref: MAIN, new: A, reflog: saying('made') }]);
      await refs.update([{ ref: MAIN, new: null, reflog: saying('deleted') }]);
      expect(await collect(refs.reflog(MAIN))).toEqual([]);
      expect(await collect(refs.reflog('HEAD'))).toEqual([
        { old: A, new: null, ...saying('deleted') },
        { old: null, new: A, ...saying('made') },
      ]);
      await refs.update([{ ref: MAIN, new: B, reflog: saying('again') }]);
      expect(await collect(refs.reflog(MAIN))).toEqual([{ old: null, new: B, ...saying('again') }]);
    });

    test('a move to the same value is none', async () => {
      await refs.update([{ ref: MAIN, new: A }]);
      await refs.update([{ ref: MAIN, old: A, new: A }]);
      expect(await collect(refs.reflog(MAIN))).toHaveLength(1);
    });

    test('a move without a message is told too', async () => {
      await refs.update([{ ref: MAIN, new: A }]);
      const [entry] = await collect(refs.reflog(MAIN));
      expect(entry).toMatchObject({ old: null, new: A, who: { name: 'gitstore' }, message: '' });
    });

    test('a message of several lines becomes one line', async () => {
      await refs.update([{ ref: MAIN, new: A, reflog: saying('one\n\ttwo\n') }]);
      await refs.update([{ ref: MAIN, new: B, reflog: saying('three') }]);
      const messages = (await collect(refs.reflog(MAIN))).map((entry) => entry.message);
      expect(messages).toEqual(['three', 'one two']);
    });

    test('a long one comes back whole', async () => {
      for (let i = 1; i <= 600; i++) {
        await refs.update([
          { ref: MAIN, new: someId(i), reflog: saying(`move ${i} ${'é'.repeat(i % 90)}`) },
        ]);
      }
      const entries = await collect(refs.reflog(MAIN));
      expect(entries.map((entry) => entry.new)).toEqual(
        Array.from({ length: 600 }, (_, i) => someId(600 - i)),
      );
      expect(entries[0]?.message).toBe(`move 600 ${'é'.repeat(60)}`);
      for await (const entry of refs.reflog(MAIN)) {
        expect(entry.new).toBe(someId(600));
        break;
      }
    });
  });

  test('HEAD can be pointed to any branch', async () => {
    await refs.update([{ ref: 'refs/heads/other', new: B }]);
    await refs.setHead('refs/heads/other');
    expect(await refs.head()).toEqual({ ref: 'refs/heads/other' });
    expect(await refs.get('HEAD')).toBe(B);
    await refs.setHead('refs/heads/not/there');
    expect(await refs.head()).toEqual({ ref: 'refs/heads/not/there' });
    expect(await refs.get('HEAD')).toBeUndefined();
  });

  test('of many at once, one wins each round', async () => {
    await refs.update([{ ref: MAIN, new: someId(1) }]);
    for (let round = 1; round <= 5; round++) {
      const tries = Array.from({ length: 20 }, () =>
        refs.update([{ ref: MAIN, old: someId(round), new: someId(round + 1) }]),
      );
      const results = await Promise.allSettled(tries);
      expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
    }
    expect(await refs.get(MAIN)).toBe(someId(6));
    expect(await collect(refs.reflog(MAIN))).toHaveLength(6);
  });

  test('turns come one after the other, and a late one does not wait for ever', async () => {
    const order: string[] = [];
    const first = await refs.turn(MAIN, 1000);
    const second = refs.turn(MAIN, 1000).then((giveBack) => {
      order.push('second');
      return giveBack;
    });
    await new Promise((resolve) => setTimeout(resolve, 30));
    order.push('first done');
    first();
    first();
    const holdsOn = await second;
    expect(order).toEqual(['first done', 'second']);
    const start = performance.now();
    const late = await refs.turn(MAIN, 50);
    expect(performance.now() - start).toBeGreaterThan(40);
    late();
    holdsOn();
    const free = await refs.turn(MAIN, 1000);
    free();
  });

  test('behaves as a plain map does', { timeout: 60_000 }, async () => {
    const names = ['a', 'a/b', 'a/b/c', 'b', 'b/c', 'main'].map((name) => `refs/heads/${name}`);
    const update = fc.record({
      ref: fc.constantFrom(...names),
      old: fc.constantFrom(undefined, null, A, B),
      new: fc.constantFrom(null, A, B, C),
    });
    const script = fc.array(fc.array(update, { minLength: 1, maxLength: 3 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(script, async (steps) => {
        const storage = await create();
        const model = new Map<string, string>();
        for (const step of steps) {
          const expected = applyToModel(model, step);
          const done = await storage.refs.update(step).then(
            () => true,
            () => false,
          );
          expect(done).toBe(expected);
          const listed = (await storage.refs.list('')).refs.map(({ ref, id }) => [ref, id]);
          expect(listed).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)));
        }
        await storage.close();
      }),
      { numRuns: runs(40) },
    );
  });
});

/** What the update does to a map; false, and nothing done, where it must be refused. */
function applyToModel(model: Map<string, string>, updates: readonly RefUpdate[]): boolean {
  const names = updates.map(({ ref }) => ref);
  if (new Set(names).size < names.length) return false;
  const created = updates.filter((update) => update.new !== null).map(({ ref }) => ref);
  for (const { ref, old, new: next } of updates) {
    const now = model.get(ref) ?? null;
    if (old !== undefined && old !== now) return false;
    if (next === null) continue;
    const others = now === null ? [...model.keys(), ...created] : created;
    if (others.some((other) => ref.startsWith(`${other}/`) || other.startsWith(`${ref}/`)))
      return false;
  }
  for (const { ref, new: next } of updates) {
    if (next === null) model.delete(ref);
    else model.set(ref, next);
  }
  return true;
}
