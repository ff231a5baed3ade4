import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { EMPTY_TREE_ID } from '../../src/git/objectId.ts';
import type { FS } from '../../src/store/fs.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import type * as readLocal from '../../src/transfer/disk/readLocal.ts';
import { StatRecord } from '../../src/transfer/record/statRecord.ts';
import { ExcludeFilter } from '../../src/transfer/rules/excludeFilter.ts';
import { TreeReader } from '../../src/tree/reader.ts';
import { effort, seed } from '../crash/stress.ts';
import { expectClean } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { type Files, filesOnDisk, lines, makeFiles } from './trees.ts';

/** The local files that were read. */
const read: string[] = [];

vi.mock('../../src/transfer/disk/readLocal.ts', async (importOriginal) => {
  const actual = await importOriginal<typeof readLocal>();
  const noting =
    <A extends [string | Buffer, ...never[]], R>(reads: (...args: A) => R) =>
    (...args: A): R => {
      // Files may be reached through the descriptors of their directories.
      const path = String(args[0]);
      read.push(join(realpathSync(dirname(path)), basename(path)));
      return reads(...args);
    };
  return {
    ...actual,
    readWhole: noting(actual.readWhole),
    readChunks: noting(actual.readChunks),
    hashLocalFile: noting(actual.hashLocalFile),
    readTarget: noting(actual.readTarget),
  };
});

/** Longer than a tick of any clock that file times come from, for what must count as settled. */
const TICK = 150;

async function openStore(folder: string): Promise<GitStore> {
  return GitStore.open(join(folder, 'store.git'), { durability: 'fast' });
}

function records(folder: string): string[] {
  const directory = join(folder, 'store.git/gitstore');
  return readdirSync(directory)
    .filter((name) => name.startsWith('memo-stat-'))
    .map((name) => join(directory, name));
}

async function contents(fs: FS, path = ''): Promise<Files> {
  const files: Files = {};
  for (const name of await fs.ls(path, { recursive: true })) {
    const type = await fs.fileType(name);
    if (type === 'link') files[name] = { link: await fs.readlink(name) };
    else
      files[name] =
        type === 'executable' ? { run: await fs.readText(name) } : await fs.readText(name);
  }
  return files;
}

describe('what the stat record saves', () => {
  test('an unchanged file is not read, in either direction', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), { a: 'a', 'd/b': 'b', l: { link: 'a' } });
    await sleep(TICK);
    const store = await openStore(folder);
    let fs = await store.branches.get('main');
    const readsOf = async (act: () => Promise<FS>): Promise<string[]> => {
      read.length = 0;
      fs = await act();
      return read.map((path) => path.slice(work.length + 1)).sort();
    };
    expect(await readsOf(() => fs.syncIn(work, ''))).toEqual(['a', 'd/b', 'l']);
    expect(records(folder)).toHaveLength(1);
    expect(await readsOf(() => fs.syncIn(work, ''))).toEqual([]);
    expect(await readsOf(() => fs.syncOut('', work))).toEqual([]);
    expect(await readsOf(() => fs.copyIn(join(work, 'd'), ''))).toEqual([]);
    expect(await readsOf(() => fs.syncIn(work, '', { checksum: true }))).toEqual(['a', 'd/b', 'l']);
    writeFileSync(join(work, 'd/b'), 'c');
    await sleep(TICK);
    expect(await readsOf(() => fs.syncIn(work, ''))).toEqual(['d/b']);
    expect(fs.changes?.update).toHaveLength(1);
    // Back in time: what is on disk is still known, and so are the blobs in the store.
    await fs.remove(['a', 'd'], { recursive: true });
    fs = await store.branches.get('main');
    expect(await readsOf(() => fs.syncIn(work, ''))).toEqual([]);
    expect(await contents(fs)).toEqual(filesOnDisk(work));
    await store.close();
  });

  test('a file that has just been changed is read again next time: its times may not move', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), { a: 'a', b: 'b' });
    const { ctimeMs } = lstatSync(join(work, 'b'));
    const store = await openStore(folder);
    let fs = await store.branches.get('main');
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      for (const [later, reads] of [
        [0, 2],
        [50, 2],
        // The states that were found 50 ms after the change proved nothing. These do.
        [10_000, 2],
        [10_000, 0],
      ] as const) {
        vi.setSystemTime(ctimeMs + later);
        read.length = 0;
        fs = await fs.syncIn(work, '');
        expect({ later, reads: read.length }).toEqual({ later, reads });
      }
    } finally {
      vi.useRealTimers();
    }
    await store.close();
  });

  test('of what a copy has written only the last is read again: the clock has not ticked since', async () => {
    const folder = scratchFolder();
    const out = join(folder, 'out');
    const store = await openStore(folder);
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      const now = Date.now();
      vi.setSystemTime(now - 60_000);
      let fs = await store.branches.get('main');
      fs = await fs.apply({
        writes: Object.fromEntries(
          Array.from({ length: 200 }, (_, i) => [`d${i % 9}/${i}`, `${i}`]),
        ),
      });
      vi.setSystemTime(now);
      await fs.syncOut('', out);
      const files = Object.keys(filesOnDisk(out)).map((path) => join(out, path));
      const times = new Map(files.map((path) => [path, lstatSync(path).ctimeMs]));
      const last = Math.max(...times.values());
      vi.setSystemTime(now + 60_000);
      read.length = 0;
      await fs.syncOut('', out);
      expect(read.sort()).toEqual(files.filter((path) => times.get(path) === last).sort());
    } finally {
      vi.useRealTimers();
    }
    await store.close();
  });

  test('what counts is how long before its reading a file was changed, not before the copy', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), { a: 'a', l: { link: 'a' } });
    const { ctimeMs } = lstatSync(join(work, 'l'));
    const store = await openStore(folder);
    let fs = await store.branches.get('main');
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      vi.setSystemTime(ctimeMs);
      fs = await fs.syncIn(work, '', {
        onProgress: ({ phase }) => {
          if (phase === 'copy') vi.setSystemTime(ctimeMs + TICK);
        },
      });
      vi.setSystemTime(ctimeMs + 10_000);
      read.length = 0;
      fs = await fs.syncIn(work, '');
      expect(read).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
    await store.close();
  });

  test('what came out of a snapshot is known when it goes in again, and the reverse', async () => {
    const folder = scratchFolder();
    const work = join(folder, 'work');
    const store = await openStore(folder);
    const main = await store.branches.get('main');
    const one = await main.apply({ writes: { a: '1', 'd/b': '1', 'd/c': '1' } });
    const two = await one.apply({ writes: { 'd/b': '2', 'e/f': '2' }, removes: 'a' });
    await one.syncOut('', work);
    await sleep(TICK);
    await one.syncOut('', work);
    expect(
      lines((await two.syncOut('', work)).changes!).map((line) => line.replace(`${work}/`, '')),
    ).toEqual(['- a', '~ d/b', '+ e/f']);
    expect(filesOnDisk(work)).toEqual({ 'd/b': '2', 'd/c': '1', 'e/f': '2' });
    const back = await two.syncIn(work, '');
    expect([back.commitHash, back.changes?.total]).toEqual([two.commitHash, 0]);
    await store.close();
  });

  test('files that a copy to disk leaves alone stay known', async () => {
    const folder = scratchFolder();
    const work = join(folder, 'work');
    const store = await openStore(folder);
    const main = await store.branches.get('main');
    const fs = await main.apply({ writes: { a: '1', b: '1', 'd/c': '1', 'd/e': '1' } });
    const readsOfSync = async (): Promise<string[]> => {
      await sleep(TICK);
      read.length = 0;
      await fs.syncOut('', work);
      return read.map((path) => path.slice(work.length + 1)).sort();
    };
    await fs.syncOut('', work);
    // The states of those written last proved nothing.
    expect(await readsOfSync()).toContain('d/e');
    expect(await readsOfSync()).toEqual([]);
    writeFileSync(join(work, 'd/c'), '2');
    expect(await readsOfSync()).toEqual(['d/c']);
    // It was written just before its state was looked at, which proves nothing.
    expect(await readsOfSync()).toEqual(['d/c']);
    expect(await readsOfSync()).toEqual([]);
    await store.close();
  });

  test('the tree of a changed directory is known, also where the one before is not at hand', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), {
      a: 'a',
      b: { run: 'b' },
      l: { link: 'a' },
      'd/c': 'c',
      'd.x': 'x',
      'no/e': 'e',
    });
    mkdirSync(join(work, 'empty'));
    await sleep(TICK);
    const store = await openStore(folder);
    let fs = await store.branches.get('main');
    const exclude = new ExcludeFilter(['no']);
    fs = await fs.syncIn(work, 't', { exclude });
    makeFiles(work, { a: 'A', 'd/new': 'n' });
    rmSync(join(work, 'b'));
    await sleep(TICK);
    // As with trees that are too large to be kept.
    const cached = TreeReader.prototype.cached;
    const spy = vi.spyOn(TreeReader.prototype, 'cached').mockImplementation(function (
      this: TreeReader,
      id: string,
    ) {
      return id === EMPTY_TREE_ID ? cached.call(this, id) : undefined;
    });
    fs = await fs.syncIn(work, 't', { exclude });
    spy.mockRestore();
    const [record] = records(folder).map((path) => StatRecord.parse(readFileSync(path)));
    expect(record?.treeId(0)).toBe(await fs.objectHash('t'));
    expect(Object.keys(await contents(fs)).sort()).toEqual(
      ['t/a', 't/d.x', 't/d/c', 't/d/new', 't/l'].sort(),
    );
    await store.close();
  });

  test('it may be damaged, of another machine, or gone, and a copy is right all the same', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), { a: 'a', 'd/b': 'b' });
    await sleep(TICK);
    const store = await openStore(folder);
    let fs = await (await store.branches.get('main')).syncIn(work, '');
    const [record] = records(folder);
    const whole = readFileSync(record!);
    const harms: [string, (bytes: Buffer) => Buffer | undefined][] = [
      ['gone', () => undefined],
      ['empty', () => Buffer.alloc(0)],
      ['cut off', (bytes) => bytes.subarray(0, bytes.length - 7)],
      ['zeros', (bytes) => Buffer.alloc(bytes.length)],
      [
        'another byte order',
        (bytes) =>
          Buffer.concat([
            bytes.subarray(0, 8),
            bytes.subarray(8, 16).reverse(),
            bytes.subarray(16),
          ]),
      ],
      ['one bit', (bytes) => bytes.map((byte, i) => (i === 200 ? byte ^ 1 : byte)) as Buffer],
    ];
    for (const [what, harm] of harms) {
      const bytes = harm(Buffer.from(whole));
      if (bytes === undefined) rmSync(record!);
      else writeFileSync(record!, bytes);
      writeFileSync(join(work, 'a'), what);
      fs = await fs.syncIn(work, '');
      expect(await contents(fs)).toEqual({ a: what, 'd/b': 'b' });
    }
    await store.close();
  });

  const { count: runs, timeout: runsTimeout } = effort(40, 3000);
  test('it may have any numbers under a right checksum', { timeout: runsTimeout }, async () => {
    const folder = scratchFolder();
    const files: Files = {
      a: 'a',
      'b/c': 'c',
      'b/d/e': { run: 'e' },
      'b/f': { link: 'c' },
      'g/h': '',
    };
    const work = makeFiles(join(folder, 'work'), files);
    await sleep(TICK);
    const store = await openStore(folder);
    const first = await (await store.branches.get('main')).syncIn(work, '');
    const [record] = records(folder);
    const whole = readFileSync(record!);
    expect(StatRecord.parse(whole)).toBeDefined();
    const [entries, directories] = [whole.readUInt32LE(16), whole.readUInt32LE(20)];
    const numbers = 40 * entries;
    const odd = [0, 1, 2, 3, 5, 7, 0xffffffff, 0o040000, 0o100644, 0o100755, 0o120000, 0o160000];
    const oddDoubles = [...odd, -1, 0.5, 1e300, NaN, Infinity, 1 << 20, (1 << 20) | 0o040000];
    const mutation = fc.oneof(
      fc.record({
        at: fc.nat(4 * directories - 1).map((i) => 64 + numbers + 4 * i),
        value: fc.constantFrom(...odd),
        bytes: fc.constant(4),
      }),
      fc.record({
        at: fc.nat(5 * entries - 1).map((i) => 64 + 8 * i),
        value: fc.constantFrom(...oddDoubles),
        bytes: fc.constant(8),
      }),
    );
    let fs = first;
    let count = 0;
    const property = fc.asyncProperty(
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      async (mutations) => {
        const bytes = Buffer.from(whole);
        for (const { at, value, bytes: width } of mutations) {
          if (width === 4) bytes.writeUInt32LE(value, at);
          else bytes.writeDoubleLE(value, at);
        }
        createHash('sha1')
          .update(bytes.subarray(0, -20))
          .digest()
          .copy(bytes, bytes.length - 20);
        writeFileSync(record!, bytes);
        files['b/c'] = `c${count++}`;
        writeFileSync(join(work, 'b/c'), files['b/c'] as string);
        fs = await fs.syncIn(work, '');
        expect(await contents(fs)).toEqual(files);
      },
    );
    await fc.assert(property, { numRuns: runs, seed });
    await store.close();
  });

  test('there are never more than a hundred', async () => {
    const folder = scratchFolder();
    const store = await openStore(folder);
    let fs = await store.branches.get('main');
    const work = makeFiles(join(folder, 'work'), { 'd/f': 'f' });
    for (let i = 0; i < 105; i++) fs = await fs.copyIn(join(work, 'd'), `to${i}`);
    expect(records(folder)).toHaveLength(100);
    await store.close();
  });

  test('an exclude filter, another mode, links followed: each has its own idea of a tree', async () => {
    const folder = scratchFolder();
    const work = makeFiles(join(folder, 'work'), {
      a: 'a',
      'd/x.log': 'x',
      'd/b': 'b',
      l: { link: 'a' },
    });
    await sleep(TICK);
    const store = await openStore(folder);
    let fs = await store.branches.get('main');
    const exclude = new ExcludeFilter(['*.log']);
    const plain = filesOnDisk(work);
    const { 'd/x.log': _, ...filtered } = plain;
    for (let round = 0; round < 2; round++) {
      for (let again = 0; again < 2; again++) {
        fs = await fs.syncIn(work, '');
        expect(await contents(fs)).toEqual(plain);
      }
      fs = await fs.syncIn(work, '', { followSymlinks: true });
      expect(await contents(fs)).toEqual({ ...plain, l: 'a' });
      for (let again = 0; again < 2; again++) {
        fs = await fs.syncIn(work, '', { mode: 'executable' });
        expect(await fs.fileType('d/b')).toBe('executable');
      }
      fs = await (await fs.remove('d', { recursive: true })).syncIn(work, '', { exclude });
      expect(await contents(fs)).toEqual(filtered);
      fs = await fs.syncIn(work, '', { exclude });
      expect(fs.changes?.total).toBe(0);
    }
    await store.close();
  });
});

/** One change of a file, or of the directory it is in; most of them meant to look like none. */
type Trick = (path: string, directory: string) => void;

const tricks: Record<string, Trick> = {
  'rewritten with the same size and the old mtime': (path) => {
    const { atimeMs, mtimeMs } = statSync(path);
    const text = readFileSync(path, 'latin1');
    writeFileSync(
      path,
      text.replace(/./g, (c) => (c === '1' ? '2' : '1')),
    );
    utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
  },
  'replaced by a file of the same size and mtime': (path) => {
    const { mtimeMs } = statSync(path);
    const text = readFileSync(path, 'latin1');
    writeFileSync(
      `${path}.new`,
      text.replace(/./g, (c) => (c === '1' ? '2' : '1')),
    );
    utimesSync(`${path}.new`, mtimeMs / 1000, mtimeMs / 1000);
    renameSync(`${path}.new`, path);
  },
  'written over in place': (path) => writeFileSync(path, `${Math.random()}`),
  'made executable': (path) => chmodSync(path, 0o755),
  'made plain': (path) => chmodSync(path, 0o644),
  'become a link': (path) => {
    rmSync(path);
    symlinkSync('1', path);
  },
  'become a directory': (path) => {
    rmSync(path);
    mkdirSync(path);
    writeFileSync(join(path, 'f1'), '1');
  },
  removed: (path) => rmSync(path),
  'swapped with its neighbour': (path) => {
    const other = path.replace(/.$/, (c) => (c === '1' ? '2' : '1'));
    renameSync(path, `${path}.swap`);
    renameSync(other, path);
    renameSync(`${path}.swap`, other);
  },
  'made a hard link of its neighbour': (path) => {
    rmSync(path);
    linkSync(
      path.replace(/.$/, (c) => (c === '1' ? '2' : '1')),
      path,
    );
  },
  'given a new neighbour': (path) => writeFileSync(`${path}${Math.floor(Math.random() * 3)}`, '3'),
  'in a directory that was renamed': (_path, directory) => renameSync(directory, `${directory}0`),
  'in a directory that was made again': (path, directory) => {
    const names = readdirSync(directory);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    for (const name of names) writeFileSync(join(directory, name), '3');
    renameSync(join(directory, names[0]!), path);
  },
  'in a directory that became a link to what it was': (_path, directory) => {
    renameSync(directory, `${directory}9`);
    symlinkSync(`${basename(directory)}9`, directory);
  },
  'in a directory that became a file': (path, directory) => {
    const text = readFileSync(path);
    rmSync(directory, { recursive: true });
    writeFileSync(directory, text);
  },
  'in a directory that was removed': (_path, directory) => rmSync(directory, { recursive: true }),
};

describe('no change is missed', () => {
  const step = fc.record({
    trick: fc.constantFrom(...Object.keys(tricks)),
    path: fc.constantFrom('f1', 'f2', 'd/f1', 'd/f2', 'd/e/f1', 'd/e/f2'),
    /** Whether the clock gets on before the next step. */
    waits: fc.constantFrom(false, false, false, true),
    out: fc.constantFrom(false, false, true),
  });

  /** A link before a directory becomes a directory: what is numbered has another order then. */
  const directoryAmongOthers = [
    'in a directory that became a link to what it was',
    'in a directory that was made again',
    'written over in place',
  ].map((trick) => ({ trick, path: 'd/f1', waits: false, out: false }));

  const { count, timeout } = effort(10, 1000);

  test('whatever is done to the files', { timeout }, async () => {
    const folder = scratchFolder();
    const store = await openStore(folder);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
        const name = `w${round++}`;
        const original: Files = {
          f1: '1',
          f2: '2',
          'd/f1': '11',
          'd/f2': '22',
          'd/e/f1': '1',
          'd/e/f2': '2',
          // An empty folder would be nothing in the store.
          kept: '',
        };
        const work = makeFiles(join(folder, name), original);
        let fs = await (await store.branches.get('main')).syncIn(work, name);
        for (const { trick, path, waits, out } of steps) {
          try {
            // The folder itself stays.
            tricks[trick]!(join(work, path), join(work, path.includes('/') ? dirname(path) : 'd'));
          } catch {
            // There is no such file any more.
          }
          if (out) {
            await fs.syncOut(name, work);
            const wanted = await contents(fs, name);
            const onDisk = Object.entries(filesOnDisk(work)).map(([path, text]) => [
              `${name}/${path}`,
              text,
            ]);
            expect(Object.fromEntries(onDisk)).toEqual(wanted);
          } else {
            fs = await fs.syncIn(work, name);
            const inStore = Object.entries(await contents(fs, name));
            expect(
              Object.fromEntries(
                inStore.map(([path, text]) => [path.slice(name.length + 1), text]),
              ),
            ).toEqual(filesOnDisk(work));
          }
          if (waits) await sleep(TICK);
        }
      }),
      { numRuns: count, seed, examples: [[directoryAmongOthers]] },
    );
    await store.close();
    expectClean(join(folder, 'store.git'));
  });
});
