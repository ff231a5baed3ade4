import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { hashObject } from '../../src/git/objectId.ts';
import { packHeader } from '../../src/git/packs/pack.ts';
import { createBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { createMemoryStorage } from '../../src/storage/memory/memoryStorage.ts';
import type { ImportOptions, Storage } from '../../src/storage/storage.ts';
import { effort, runs } from '../crash/stress.ts';
import { commitsOf, expectClean, git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type CraftedEntry, craftPack, prepending, repeating } from './craftPack.ts';
import { createBare, places } from './places.ts';

async function* pieces(bytes: Uint8Array, length = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) {
    // A source may use its buffer again: what is wanted later must have been copied.
    const piece = Buffer.from(bytes.subarray(at, at + length));
    yield piece;
    piece.fill(0xee);
  }
}

const take = (storage: Storage, pack: Uint8Array, options?: ImportOptions) =>
  storage.objects.importPack(pieces(pack), options);

function tree(...entries: [mode: string, name: string, id: string][]): Buffer {
  return Buffer.concat(
    entries.flatMap(([mode, name, id]) => [
      Buffer.from(`${mode} ${name}\0`),
      Buffer.from(id, 'hex'),
    ]),
  );
}

function commit(treeId: string, ...parents: string[]): Buffer {
  const who = 'A U Thor <a@example.com> 1700000000 +0000';
  const lines = [`tree ${treeId}`, ...parents.map((id) => `parent ${id}`)];
  return Buffer.from([...lines, `author ${who}`, `committer ${who}`, '', 'message\n'].join('\n'));
}

const HELLO = Buffer.from('hello\n');
const HELLO_ID = hashObject('blob', HELLO);

/** What is left in the folders of packs and loose objects. */
function filesOf(storage: Storage): string[] {
  return readdirSync(join(storage.location, 'objects'), { recursive: true, encoding: 'utf8' })
    .filter((name) => !['info', 'pack'].includes(name))
    .sort();
}

/** A repository by Git with branches, a merge, a tag of each kind and large and small files. */
let source: string;

beforeAll(() => {
  source = join(scratchFolder(), 'source.git');
  gitBytes('.', ['init', '-q', '--bare', source]);
  let stream = '';
  let noise = 1;
  const lines = Array.from({ length: 300 }, (_, i) => `line ${i * i} of the text`);
  for (let i = 0; i < 60; i++) {
    lines[(i * 37) % 300] = `changed in version ${i}`;
    const text = `${lines.join('\n')}\n`;
    // Large, and it does not shrink: it is read piece by piece.
    const large = Array.from({ length: 20_000 }, () => {
      noise = (noise * 48271) % 2147483647;
      return noise.toString(36);
    }).join('');
    stream += `commit refs/heads/main\ncommitter T <t@localhost> ${1700000000 + i} +0000\n`;
    stream += `data 2\nv\nM 100644 inline dir${i % 4}/f${i % 9}.txt\ndata ${text.length}\n${text}\n`;
    if (i % 20 === 0) {
      stream += `M 100755 inline big${i}.bin\ndata ${large.length}\n${large}\n`;
    }
  }
  gitBytes(source, ['fast-import', '--quiet'], Buffer.from(stream));
  git(source, 'tag', '-a', '-m', 'first', 'v1', 'main~3');
  git(source, 'repack', '-adfq', '--depth=50');
});

const ALL = ['main', 'v1'];

function packOf(revisions: readonly string[], ...options: string[]): Buffer {
  const input = Buffer.from(`${revisions.join('\n')}\n`);
  return gitBytes(source, ['pack-objects', '--revs', '--stdout', '-q', ...options], input);
}

const allIds = () =>
  git(source, 'cat-file', '--batch-all-objects', '--batch-check=%(objectname) %(objecttype)')
    .split('\n')
    .map((line) => line.split(' ') as [string, string]);

async function expectAll(storage: Storage): Promise<void> {
  for (const [id, type] of allIds()) {
    const object = await storage.objects.read(id);
    expect(object?.type).toBe(type);
    expect(hashObject(object!.type, object!.body)).toBe(id);
  }
}

describe.each(places)('$name', ({ create }) => {
  test.each([
    ['deltas by distance', ['--delta-base-offset']],
    ['deltas by id', []],
  ])('a whole history, %s', async (_name, options) => {
    const storage = await create();
    const pack = packOf(ALL, ...options);
    for (const length of [70, 64 << 10, pack.length]) {
      const progress: number[] = [];
      const result = await storage.objects.importPack(pieces(pack, length), {
        onProgress: ({ objects }) => progress.push(objects),
        check: async (incoming) => {
          expect([...incoming.outside()]).toEqual([]);
          expect(incoming.holds(allIds()[0]![0])).toBe(true);
        },
      });
      expect(result).toEqual({ count: allIds().length, bytes: pack.length });
      expect(progress.at(-1)).toBe(result.count);
    }
    await expectAll(storage);
    await storage.close();
  });

  test('a thin pack is completed from the store', async () => {
    const storage = await create();
    await take(storage, packOf(['main~20']));
    const rest = packOf([...ALL, '^main~20'], '--thin', '--delta-base-offset');
    await take(storage, rest, {
      check: async (incoming) => {
        const outside = [...incoming.outside()];
        expect(outside.map(({ id }) => id)).toContain(git(source, 'rev-parse', 'main~20'));
        for (const { id, type } of outside) {
          expect(incoming.holds(id)).toBe(false);
          expect((await incoming.objects.header(id))?.type).toBe(type);
        }
        const tip = git(source, 'rev-parse', 'main');
        expect((await incoming.objects.read(tip))?.type).toBe('commit');
        expect(await storage.objects.has(tip)).toBe(false);
      },
    });
    await expectAll(storage);
    const empty = await create();
    await expect(take(empty, rest)).rejects.toThrow(/bases of \d+ deltas are nowhere/);
  });

  test('an empty pack, and one object', async () => {
    const storage = await create();
    expect(await take(storage, craftPack([]))).toEqual({ count: 0, bytes: 32 });
    await take(storage, craftPack([{ type: 'blob', data: HELLO }]));
    expect((await storage.objects.read(HELLO_ID))?.body).toEqual(HELLO);
  });

  test('nothing is visible when the check refuses', async () => {
    const storage = await create();
    const check = async () => {
      throw new Error('not today');
    };
    await expect(take(storage, packOf(ALL), { check })).rejects.toThrow('not today');
    expect(await storage.objects.has(git(source, 'rev-parse', 'main'))).toBe(false);
  });

  test('a delta may lie before its base, and the base be a delta by id itself', async () => {
    const first = Buffer.concat([Buffer.from('1'), HELLO]);
    const firstId = hashObject('blob', first);
    const second = Buffer.concat([Buffer.from('2'), first]);
    const storage = await create();
    await take(
      storage,
      craftPack([
        { base: firstId, data: prepending(first, '2') },
        { base: HELLO_ID, data: prepending(HELLO, '1') },
        { type: 'blob', data: HELLO },
      ]),
    );
    expect((await storage.objects.read(hashObject('blob', second)))?.body).toEqual(second);
  });

  test('what a pack points to and does not hold', async () => {
    const storage = await create();
    const gone = '1'.repeat(40);
    const module = '2'.repeat(40);
    const root = tree(['100644', 'a', HELLO_ID], ['40000', 'b', gone], ['160000', 'c', module]);
    const tip = commit(hashObject('tree', root), '3'.repeat(40));
    const found: unknown[] = [];
    await take(
      storage,
      craftPack([
        { type: 'commit', data: tip },
        { type: 'tree', data: root },
      ]),
      { check: async (incoming) => void found.push(...incoming.outside()) },
    );
    expect(found).toHaveLength(3);
    expect(found).toEqual(
      expect.arrayContaining([
        { id: HELLO_ID, type: 'blob' },
        { id: gone, type: 'tree' },
        { id: '3'.repeat(40), type: 'commit' },
      ]),
    );
  });

  test('of trees that are deltas every new entry counts', async () => {
    // Entries are added, changed and removed at random places, against a plain set of what is named.
    const step = fc.record({
      name: fc.integer({ min: 0, max: 30 }),
      id: fc.integer({ min: 0, max: 40 }),
      gone: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { maxLength: 5 }), { maxLength: 6 }),
        async (runs) => {
          const names = new Map<string, string>();
          const linked = new Set<string>();
          const entries: CraftedEntry[] = [];
          const seen = new Set<string>();
          let before: Buffer | undefined;
          for (const run of [[{ name: 1, id: 1, gone: false }], ...runs]) {
            for (const { name, id, gone } of run) {
              const key = `n${String(name).padStart(2, '0')}`;
              if (gone) names.delete(key);
              else names.set(key, id.toString(16).padStart(40, '0'));
            }
            const data = tree(
              ...[...names].sort().map(([n, id]) => ['100644', n, id] as [string, string, string]),
            );
            const treeId = hashObject('tree', data);
            if (seen.has(treeId) || data.length === 0) continue;
            seen.add(treeId);
            for (const id of names.values()) linked.add(id);
            if (before === undefined) entries.push({ type: 'tree', data });
            else entries.push({ back: 1, data: replacing(before, data) });
            before = data;
          }
          const outside: string[] = [];
          const storage = createMemoryStorage();
          await take(storage, craftPack(entries), {
            check: async (incoming) => {
              for (const { id } of incoming.outside()) outside.push(id);
            },
          });
          expect(outside.sort()).toEqual([...linked].sort());
        },
      ),
      { numRuns: runs(60) },
    );
  });

  test('a connection on which nothing follows is not read beyond the pack', async () => {
    const storage = await create();
    const pack = packOf(['main~50']);
    async function* connection(): AsyncGenerator<Uint8Array> {
      yield* pieces(pack, 999);
      throw new Error('asked for more');
    }
    await storage.objects.importPack(connection(), { toEnd: false });
    expect(await storage.objects.has(git(source, 'rev-parse', 'main~50'))).toBe(true);
  });

  test('an abort stops it', async () => {
    const storage = await create();
    const abort = new AbortController();
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield* pieces(packOf(ALL).subarray(0, 4000));
      abort.abort(new Error('enough'));
      yield Buffer.alloc(1);
    }
    const result = storage.objects.importPack(slow(), { signal: abort.signal });
    await expect(result).rejects.toThrow('enough');
  });
});

/** A delta that takes the beginning and end that both have from the base, and inserts the rest. */
function replacing(base: Buffer, result: Buffer): Buffer {
  let start = 0;
  while (start < base.length && start < result.length && base[start] === result[start]) start++;
  let end = 0;
  const most = Math.min(base.length, result.length) - start;
  while (end < most && base.at(-1 - end) === result.at(-1 - end)) end++;
  const size = (n: number) => (n < 128 ? [n] : [(n % 128) | 0x80, n >> 7]);
  const copy = (from: number, length: number) =>
    length === 0 ? [] : [0xb3, from & 255, from >> 8, length & 255, length >> 8];
  const inserts: number[] = [];
  const middle = result.subarray(start, result.length - end);
  for (let at = 0; at < middle.length; at += 127) {
    const part = middle.subarray(at, at + 127);
    inserts.push(part.length, ...part);
  }
  return Buffer.from([
    ...size(base.length),
    ...size(result.length),
    ...copy(0, start),
    ...inserts,
    ...copy(base.length - end, end),
  ]);
}

describe('in a bare repository', () => {
  test('Git finds a kept pack in order, also one that was thin', async () => {
    const storage = await createBare('full');
    await take(storage, packOf(['main~50']));
    await take(storage, packOf([...ALL, '^main~50'], '--thin'));
    git(storage.location, 'update-ref', 'refs/heads/main', git(source, 'rev-parse', 'main'));
    expectClean(storage.location);
    expect(commitsOf(storage.location)).toEqual(commitsOf(source));
    const packs = readdirSync(join(storage.location, 'objects/pack'));
    expect(packs.filter((name) => name.endsWith('.pack'))).toHaveLength(1);
    expect(packs.filter((name) => name.startsWith('tmp_'))).toEqual([]);
    for (const name of packs.filter((each) => each.endsWith('.idx'))) {
      git(storage.location, 'verify-pack', join(storage.location, 'objects/pack', name));
    }
    await storage.close();
  });

  test('few objects become loose ones', async () => {
    const storage = await createBare('fast');
    await take(storage, packOf(ALL));
    const before = filesOf(storage);
    await take(storage, craftPack([{ type: 'blob', data: HELLO }]));
    const added = filesOf(storage).filter((name) => !before.includes(name));
    expect(added).toEqual([HELLO_ID.slice(0, 2), join(HELLO_ID.slice(0, 2), HELLO_ID.slice(2))]);
  });
});

describe('packs that are not sound', () => {
  const blob = (text: string): CraftedEntry => ({ type: 'blob', data: Buffer.from(text) });
  const good = [blob('a'), blob('b')];
  const sound = craftPack(good);

  const cases: [string, Buffer, RegExp][] = [
    ['nothing at all', Buffer.alloc(0), /cut off/],
    ['no pack', Buffer.from('HTTP/1.1 404 Not Found'), /signature/],
    ['an unknown version', Buffer.concat([Buffer.from('PACK\0\0\0\x09\0\0\0\0')]), /version 9/],
    ['cut within the data', sound.subarray(0, -25), /cut off/],
    ['cut within the checksum', sound.subarray(0, -1), /cut off/],
    ['fewer objects than it says', craftPack(good, { count: 3 }), /not sound/],
    ['more objects than it says', craftPack(good, { count: 1 }), /checksum/],
    ['four billion objects', packHeader(0xffffffff), /cut off/],
    ['another checksum', craftPack(good, { trailer: Buffer.alloc(20) }), /checksum/],
    ['something behind the end', Buffer.concat([sound, Buffer.from('x')]), /follows/],
    ['an object twice', craftPack([blob('a'), blob('a')]), /twice/],
    ['less data than it says', craftPack([{ ...blob('abc'), size: 4 }]), /does not hold/],
    ['more data than it says', craftPack([{ ...blob('abc'), size: 2 }]), /does not hold/],
    ['much more data', craftPack([{ ...blob('a'.repeat(1 << 20)), size: 9 }]), /does not hold/],
    [
      'a large blob that is larger',
      craftPack([{ ...blob('a'.repeat(3 << 20)), size: 2 << 20 }]),
      /does not hold/,
    ],
    [
      'a large blob that is smaller',
      craftPack([{ ...blob('a'.repeat(2 << 20)), size: 3 << 20 }]),
      /does not hold/,
    ],
    ['an absurd size', craftPack([{ ...blob('abc'), size: 2 ** 52 }]), /./],
    ['no zlib stream', craftPack([blob('a')], { deflate: (d) => d }), /./],
    [
      'a broken zlib stream',
      craftPack([blob('abc')], {
        deflate: (data) => {
          const stream = deflateSync(data);
          stream[stream.length - 1]! ^= 1;
          return stream;
        },
      }),
      /inflate/,
    ],
    [
      'a base before the pack',
      craftPack([blob('a'), { back: 1, data: prepending(Buffer.from('a'), 'x') }]).fill(
        0x7f,
        23,
        24,
      ),
      /no entry begins/,
    ],
    ['a missing base', craftPack([{ base: HELLO_ID, data: prepending(HELLO, '1') }]), /nowhere/],
    [
      'a delta on itself',
      craftPack([
        {
          base: hashObject('blob', Buffer.from('1hello\n')),
          data: prepending(Buffer.from('1hello\n'), ''),
        },
      ]),
      /nowhere/,
    ],
    [
      'two deltas on each other',
      craftPack([
        { base: '1'.repeat(40), data: prepending(HELLO, '1') },
        { base: '2'.repeat(40), data: prepending(HELLO, '2') },
      ]),
      /nowhere/,
    ],
    [
      'a delta that lies about its base',
      craftPack([blob('abc'), { back: 1, data: prepending(Buffer.from('ab'), 'x') }]),
      /another size/,
    ],
    [
      'a delta that lies about its result',
      craftPack([blob('abc'), { back: 1, data: Buffer.from([3, 200, 1, 0x90, 3]) }]),
      /another size/,
    ],
    [
      'a copy from outside',
      craftPack([blob('abc'), { back: 1, data: Buffer.from([3, 5, 0x91, 1, 5]) }]),
      /outside/,
    ],
    [
      'a delta bomb',
      craftPack([blob('a'.repeat(0x10000)), { back: 1, data: repeating(0x10000, 9000) }]),
      /more than the \d+ that are taken/,
    ],
    ['a tree that is none', craftPack([{ type: 'tree', data: Buffer.from('100644 a') }]), /tree/],
    ['a commit that is none', craftPack([{ type: 'commit', data: HELLO }]), /commit/],
    ['a tag that is none', craftPack([{ type: 'tag', data: HELLO }]), /tag/],
    [
      'a chain of deltas without end',
      craftPack([
        blob(''),
        ...Array.from({ length: 4200 }, (_, i) => ({
          back: 1,
          data: prepending(Buffer.alloc(i, 'x'), 'x'),
        })),
      ]),
      /chain/,
    ],
  ];

  test.each(cases)('%s', async (_name, pack, message) => {
    for (const storage of [await createBare('fast'), createMemoryStorage()]) {
      const error = await take(storage, pack).then(
        () => undefined,
        (reason: Error & { code?: string }) => reason,
      );
      expect(error?.message).toMatch(message);
      expect(['ECORRUPT', 'EFBIG']).toContain(error?.code);
      expect(await storage.objects.has(hashObject('blob', Buffer.from('a')))).toBe(false);
      if (storage.location.endsWith('.git')) expect(filesOf(storage)).toEqual([]);
      await storage.close();
    }
  });

  test('a commit where others say a blob', async () => {
    const tip = commit('4b825dc642cb6eb9a060e54bf8d69288fbee4904');
    const root = tree(['100644', 'a', hashObject('commit', tip)]);
    const pack = craftPack([
      { type: 'commit', data: tip },
      { type: 'tree', data: root },
    ]);
    const check: ImportOptions['check'] = async (incoming) => void [...incoming.outside()];
    await expect(take(createMemoryStorage(), pack, { check })).rejects.toThrow(CorruptObjectError);
  });

  test('limits', async () => {
    const storage = createMemoryStorage();
    const limited = (limits: ImportOptions['limits']) => take(storage, sound, { limits });
    await expect(limited({ objects: 1 })).rejects.toMatchObject({ code: 'EFBIG' });
    await expect(limited({ packBytes: sound.length - 1 })).rejects.toMatchObject({ code: 'EFBIG' });
    await limited({ objects: 2, packBytes: sound.length });
  });

  test('any damage is found', async () => {
    const pack = packOf(['main~40']);
    const place = fc.record({ at: fc.nat(pack.length - 1), bit: fc.nat(7) });
    await fc.assert(
      fc.asyncProperty(place, async ({ at, bit }) => {
        const damaged = Buffer.from(pack);
        damaged[at]! ^= 1 << bit;
        const error = await take(createMemoryStorage(), damaged).then(
          () => undefined,
          (reason: { code?: string }) => reason,
        );
        expect(['ECORRUPT', 'EFBIG']).toContain(error?.code);
      }),
      { numRuns: runs(150) },
    );
  });

  const { count, timeout } = effort(20_000, 100_000);
  test(`${count} tiny objects`, { timeout }, async () => {
    const entries = Array.from({ length: count }, (_, i) => blob(String(i)));
    const storage = await createBareStorage(join(scratchFolder(), 'many.git'), {
      durability: 'fast',
    });
    const result = await storage.objects.importPack(pieces(craftPack(entries), 1 << 16));
    expect(result.count).toBe(count);
    expect(
      (await storage.objects.read(hashObject('blob', Buffer.from(`${count - 1}`))))?.body.length,
    ).toBe(5);
    await storage.close();
  });
});
