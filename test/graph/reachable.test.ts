/** What is reachable (src/graph/reachable.ts), compared with what `git rev-list --objects` says. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError, GitStoreError } from '../../src/errors.ts';
import { IdSet, type ObjectSet } from '../../src/git/objectSet.ts';
import { nameHash } from '../../src/git/packs/nameHash.ts';
import { parseObjectFilter } from '../../src/graph/filter.ts';
import type { ReachableOptions } from '../../src/graph/newObjects.ts';
import { reachable } from '../../src/graph/reachable.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { someId } from '../storage/places.ts';
import { addCommits, makeHistory } from './histories.ts';

let store: string;
let storage: Storage;

beforeAll(async () => {
  store = makeHistory({ commits: 80 });
  addCommits(store, 'main', 12);
  storage = await openBareStorage(store);
});

afterAll(() => storage?.close());

const id = (name: string): string => git(store, 'rev-parse', name);

async function found(options: Omit<ReachableOptions, 'wants'> & { wants: string[] }) {
  const result = await reachable(storage.objects, {
    ...options,
    wants: options.wants.map(id),
    haves: [...(options.haves ?? [])].map(id),
  });
  return { objects: [...result.objects].sort(), known: result.known, set: result.objects };
}

function listed(...args: string[]): string[] {
  const text = git(store, 'rev-list', '--objects', ...args);
  const ids = text.split('\n').map((line) => line.slice(0, 40));
  return [...new Set(ids)].filter((line) => line !== '').sort();
}

/** What the first lead to and the others do not, exactly. */
function difference(wants: readonly string[], haves: readonly string[]): string[] {
  const theirs = new Set(listed(...haves));
  return listed(...wants).filter((one) => !theirs.has(one));
}

function expectTypes(set: ObjectSet): void {
  const ids = [...set];
  if (ids.length === 0) return;
  const types = gitBytes(
    store,
    ['cat-file', '--batch-check=%(objecttype)'],
    Buffer.from(`${ids.join('\n')}\n`),
  );
  expect(ids.map((_, i) => set.typeAt(i)).join('\n')).toBe(types.toString().trimEnd());
}

describe('everything', () => {
  test.each([[['main']], [['side']], [['main', 'side', 'v1', 'nested', 'data', 'light']]])(
    'that %s lead to',
    async (wants) => {
      const { objects, set } = await found({ wants });
      expect(objects).toEqual(listed(...wants));
      expectTypes(set);
    },
  );

  test('a tree or a blob may be wanted itself', async () => {
    const wants = ['main:d1', 'main~5:top.txt'];
    expect((await found({ wants })).objects).toEqual(listed(...wants));
  });

  test('the same in memory', async () => {
    const { objects } = await found({ wants: ['main'] });
    const pack = storage.objects.exportPack(new IdSet(objects));
    let bytes = 0;
    for await (const chunk of pack) bytes += chunk.length;
    expect(bytes).toBeGreaterThan(0);
  });

  test('a want that is missing is an error', async () => {
    await expect(reachable(storage.objects, { wants: [someId(1)] })).rejects.toThrow(
      CorruptObjectError,
    );
  });

  test('an abort ends the walk', async () => {
    const signal = AbortSignal.abort(new Error('enough'));
    const walk = reachable(storage.objects, { wants: [id('main')], signal });
    await expect(walk).rejects.toThrow('enough');
  });
});

describe('with haves', () => {
  test.each([
    [['main'], ['main~1']],
    [['main'], ['main~30']],
    [['main'], ['side']],
    [
      ['main', 'side'],
      ['main~12', 'light'],
    ],
    [['side'], ['main']],
    [['main'], ['main']],
    [['nested'], ['v1']],
    [
      ['main', 'data'],
      ['main~4', 'nested'],
    ],
  ])('%s less %s: all that is new, and nothing that is not reachable', async (wants, haves) => {
    const { objects, known, set } = await found({ wants, haves });
    const exact = difference(wants, haves);
    const all = new Set(listed(...wants));
    expect(objects.filter((one) => exact.includes(one))).toEqual(exact);
    expect(objects.every((one) => all.has(one))).toBe(true);
    // No more than Git finds, but for what is wanted by its id.
    const gits = listed(...wants, '--not', ...haves);
    expect(objects.length).toBeLessThanOrEqual(gits.length + wants.length);
    const theirs = new Set(listed(...haves));
    expect([...known].every((one) => theirs.has(one))).toBe(true);
    expectTypes(set);
  });

  test('haves that do not exist are passed over', async () => {
    const result = await reachable(storage.objects, {
      wants: [id('main')],
      haves: [someId(5), id('main~2')],
    });
    expect([...result.objects].sort()).toEqual(listed('main', '--not', 'main~2'));
  });

  test('any two commits', async () => {
    const commits = git(store, 'rev-list', '--all').split('\n');
    const some = fc.subarray(commits, { minLength: 1, maxLength: 3 });
    await fc.assert(
      fc.asyncProperty(some, some, async (wants, haves) => {
        const result = await reachable(storage.objects, { wants, haves });
        const exact = difference(wants, haves);
        const objects = new Set(result.objects);
        expect(exact.filter((one) => !objects.has(one))).toEqual([]);
      }),
      { numRuns: 12 },
    );
  });
});

describe('filters', () => {
  test.each([
    ['blob:none'],
    ['blob:limit=0'],
    ['blob:limit=400'],
    ['blob:limit=1k'],
    ['tree:0'],
    ['tree:1'],
    ['tree:2'],
    ['tree:3'],
    ['combine:tree:2+blob:limit=350'],
  ])('%s', async (text) => {
    const filter = parseObjectFilter(text);
    for (const wants of [
      ['main', 'v1'],
      ['main:d1', 'side~1', 'data'],
    ]) {
      const { objects } = await found({ wants, filter });
      const expected = listed(`--filter=${text}`, ...wants);
      expect(objects).toEqual(expected);
      const part = await found({ wants, filter, haves: ['main~8'] });
      const theirs = new Set(listed('main~8'));
      const exact = expected.filter((one) => !theirs.has(one));
      expect(exact.filter((one) => !part.objects.includes(one))).toEqual([]);
      expect(part.objects.filter((one) => !expected.includes(one))).toEqual([]);
    }
  });

  test.each([
    ['sparse:oid=main:x'],
    ['blob:limit=x'],
    ['tree:-1'],
    [''],
    ['combine:combine:tree:1'],
  ])('%s is not known', (text) => {
    expect(() => parseObjectFilter(text)).toThrow(GitStoreError);
  });
});

describe('shallow', () => {
  test('the past of a shallow commit is left out on both sides', async () => {
    const shallow = new IdSet([id('main~4')]);
    const { objects } = await found({ wants: ['main'], shallow });
    const commits = git(store, 'rev-list', '--first-parent', '-n', '5', 'main').split('\n');
    const trees = listed('--no-walk', ...commits);
    expect(objects).toEqual(trees);

    // The receiver has main~4, but not what came before: that is sent when it is wanted.
    const deeper = await found({ wants: ['main', 'main~5'], haves: ['main~4'], shallow });
    const before = git(store, 'rev-list', 'main~5').split('\n');
    expect(before.filter((one) => !deeper.objects.includes(one))).toEqual([]);
  });
});

test('the hash of a path is that of Git', () => {
  // From Git's definition, in numbers of 32 bits without a sign.
  const expected = (path: string): number => {
    let hash = 0n;
    for (const byte of Buffer.from(path)) {
      if (' \t\n\r'.includes(String.fromCharCode(byte))) continue;
      hash = ((hash >> 2n) + (BigInt(byte) << 24n)) & 0xffffffffn;
    }
    return Number(hash);
  };
  const names = fc.array(fc.string({ minLength: 1, unit: 'grapheme' }), { minLength: 1 });
  fc.assert(
    fc.property(names, (path) => {
      let hash = 0;
      for (const name of path) {
        const bytes = Buffer.from(name);
        hash = nameHash(hash, bytes, 0, bytes.length);
      }
      // A directory of nothing but white space counts as none.
      if (path.slice(0, -1).some((name) => name.trim() === '')) return;
      expect(hash).toBe(expected(path.join('/')));
    }),
  );
});
