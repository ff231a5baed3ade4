/** The log and its filters, with Git as referee, however the history is stored. */
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { CorruptObjectError, createMemoryStorage, type FS, GitStore } from '../../src/index.ts';
import { effort } from '../crash/stress.ts';
import { git, gitBytes } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { imported, PATHS, randomHistory } from './importedHistory.ts';
import { currentOf, memoryStore, START } from './stores.ts';

async function hashesOf(commits: AsyncIterable<FS>): Promise<string[]> {
  const hashes: string[] = [];
  for await (const fs of commits) hashes.push(fs.commitHash);
  return hashes;
}

/** What Git says: first parents, each compared with its first parent. */
const byGitBefore = new Map<string, string[]>();

function byGit(store: string, path: string): string[] {
  const key = `${store} ${path}`;
  const known = byGitBefore.get(key);
  if (known !== undefined) return known;
  const out = git(store, 'log', '--first-parent', '--format=%H', 'main', '--', path);
  const hashes = out === '' ? [] : out.split('\n');
  byGitBefore.set(key, hashes);
  return hashes;
}

const WAYS: readonly (readonly [string, (store: string) => void])[] = [
  ['loose objects', unpack],
  ['packs as they were imported', () => {}],
  ['one pack with deltas', (store) => git(store, 'repack', '-adfq', '--depth=50')],
  [
    'a pack whose deltas name their bases',
    (store) => {
      git(store, '-c', 'repack.useDeltaBaseOffset=false', 'repack', '-adfq');
    },
  ],
  [
    'a commit-graph',
    (store) => {
      git(store, 'repack', '-adq');
      git(store, 'commit-graph', 'write', '--reachable');
    },
  ],
  [
    'a commit-graph with filters',
    (store) => {
      git(store, 'commit-graph', 'write', '--reachable', '--changed-paths');
    },
  ],
  ['a chain of commit-graphs, and commits beyond it', chain],
  [
    'a commit-graph that is damaged',
    (store) => {
      git(store, 'commit-graph', 'write', '--reachable', '--changed-paths');
      const file = join(store, 'objects/info/commit-graph');
      rmSync(file);
      writeFileSync(file, 'CGPH\x01\x01');
    },
  ],
];

function unpack(store: string): void {
  git(store, 'repack', '-adq');
  const packs = join(store, 'objects/pack');
  const pack = readdirSync(packs).find((file) => file.endsWith('.pack'))!;
  const bytes = readFileSync(join(packs, pack));
  for (const file of readdirSync(packs)) rmSync(join(packs, file));
  gitBytes(store, ['unpack-objects', '-q'], bytes);
}

/** Graph files for the first third, the second third, and none for the rest. */
function chain(store: string): void {
  const tip = git(store, 'rev-parse', 'main');
  const length = Number(git(store, 'rev-list', '--count', '--first-parent', 'main'));
  for (const back of [Math.floor((2 * length) / 3), Math.floor(length / 3)]) {
    git(store, 'update-ref', 'refs/heads/part', `main~${back}`);
    git(store, 'update-ref', '-d', 'refs/heads/main');
    git(store, 'commit-graph', 'write', '--reachable', '--changed-paths', '--split=no-merge');
    git(store, 'update-ref', 'refs/heads/main', tip);
  }
  expect(readdirSync(join(store, 'objects/info/commit-graphs')).length).toBe(3);
}

/** The store of each way, which its tests only read. */
const made = new Map<string, string>();

function makeStore(name: string, prepare: (store: string) => void): string {
  const path = imported(randomHistory(effort(60, 250).count, name.length));
  for (const side of ['side0', 'side1', 'side2']) {
    git(path, 'update-ref', '-d', `refs/heads/${side}`);
  }
  prepare(path);
  made.set(name, path);
  return path;
}

/** Much of the work is done in WebAssembly where there is any. */
const SETTINGS = WAYS.flatMap(([name, prepare]) =>
  ['', ', without WebAssembly'].map((without) => ({ name, prepare, without })),
);

describe.each(SETTINGS)('over $name$without', ({ name, prepare, without }) => {
  let path = '';
  let store: GitStore;
  let main: FS;

  afterAll(() => {
    vi.unstubAllGlobals();
  });

  beforeAll(async () => {
    if (without !== '') vi.stubGlobal('WebAssembly', undefined);
    path = made.get(name) ?? makeStore(name, prepare);
    store = await GitStore.open(path, { create: false });
    main = await store.branches.get('main');
  });

  it('every commit along first parents', async () => {
    const expected = git(path, 'log', '--first-parent', '--format=%H', 'main').split('\n');
    expect(await hashesOf(main.log())).toEqual(expected);
  });

  it.each([...PATHS, 'a/b/c/none', 'none', 'd', ''])('those that changed %j', async (at) => {
    expect(await hashesOf(main.log({ path: at }))).toEqual(byGit(path, at === '' ? '.' : at));
  });

  it('those of several paths by turns', async () => {
    const found = new Map(PATHS.map((at) => [at, [] as string[]]));
    const logs = new Map(PATHS.map((at) => [at, main.log({ path: at })[Symbol.asyncIterator]()]));
    while (logs.size > 0) {
      for (const [at, log] of logs) {
        const next = await log.next();
        if (next.done) logs.delete(at);
        else found.get(at)!.push(next.value.commitHash);
      }
    }
    for (const [at, hashes] of found) expect(hashes).toEqual(byGit(path, at));
  });

  it('ancestors at every distance', async () => {
    const all = git(path, 'rev-list', '--first-parent', 'main').split('\n');
    for (const back of [1, 2, 3, all.length >> 2, all.length >> 1, all.length - 1]) {
      expect((await main.back(back)).commitHash).toBe(all[back]);
    }
    await expect(main.back(all.length)).rejects.toThrow(
      `its history goes back only ${all.length - 1}`,
    );
  });

  it('filters together', async () => {
    const before = new Date(1_500_000_000_000 + 120 * 3_600_000);
    const expected: string[] = [];
    for (const line of git(
      path,
      'log',
      '--first-parent',
      '--format=%H %ct %s',
      'main',
      '--',
      'a',
    ).split('\n')) {
      const [hash, time, ...subject] = line.split(' ');
      if (Number(time) * 1000 <= before.getTime() && subject[0] === 'fix') expected.push(hash!);
    }
    expect(await hashesOf(main.log({ path: 'a', match: 'fix*', before }))).toEqual(expected);
  });
});

it('a shallow clone ends where Git says', async () => {
  const path = join(scratchFolder(), 'shallow.git');
  const whole = imported(randomHistory(60, 9));
  git(path, 'clone', '-q', '--bare', '--depth=12', `file://${whole}`, path);
  const store = await GitStore.open(path, { create: false });
  const main = await store.branches.get('main');
  const expected = git(path, 'log', '--first-parent', '--format=%H', 'main').split('\n');
  expect(expected).toHaveLength(12);
  expect(await hashesOf(main.log())).toEqual(expected);
  for (const at of PATHS) expect(await hashesOf(main.log({ path: at }))).toEqual(byGit(path, at));
  expect(await (await main.back(11)).parent()).toBeNull();
  await expect(main.back(12)).rejects.toThrow('its history goes back only 11');
  // What is appended begins with the commit at the end.
  await store.branches.setEmpty('other');
  const other = await store.branches.append('other', main);
  expect(other.treeHash).toBe(main.treeHash);
  expect(await hashesOf(other.log())).toHaveLength(13);
  await store.close();
});

it('a commit-graph that says something else of a commit is not believed', async () => {
  const path = imported(randomHistory(40, 3));
  git(path, 'repack', '-adq');
  git(path, 'commit-graph', 'write', '--reachable');
  const other = imported(randomHistory(40, 4));
  git(other, 'commit-graph', 'write', '--reachable');
  const file = join(path, 'objects/info/commit-graph');
  rmSync(file);
  copyFileSync(join(other, 'objects/info/commit-graph'), file);
  const store = await GitStore.open(path, { create: false });
  const main = await store.branches.get('main');
  expect(await hashesOf(main.log({ path: 'a' }))).toEqual(byGit(path, 'a'));
});

describe.each(['', ', without WebAssembly'])('a damaged commit-graph%s', (without) => {
  afterAll(() => {
    vi.unstubAllGlobals();
  });

  /** A store whose commit-graph gives the commit five back from main another parent. */
  async function withParent(parent: number | 'main'): Promise<FS> {
    if (without !== '') vi.stubGlobal('WebAssembly', undefined);
    const path = imported(randomHistory(40, 3));
    git(path, 'commit-graph', 'write', '--reachable', '--changed-paths');
    const file = join(path, 'objects/info/commit-graph');
    const bytes = readFileSync(file);
    const chunk = (name: string): number => bytes.readUInt32BE(bytes.indexOf(name) + 8);
    const rowOf = (commit: string): number => {
      const id = Buffer.from(git(path, 'rev-parse', commit), 'hex');
      return (bytes.indexOf(id, chunk('OIDL')) - chunk('OIDL')) / 20;
    };
    const position = parent === 'main' ? rowOf('main') : parent;
    bytes.writeUInt32BE(position, chunk('CDAT') + rowOf('main~5') * 36 + 20);
    replaceWithSum(file, bytes);
    const store = await GitStore.open(path, { create: false });
    return store.branches.get('main');
  }

  it('that leads in circles is an error, not a loop', async () => {
    const main = await withParent('main');
    expect((await main.back(4)).commitHash).toHaveLength(40);
    await expect(main.back(100_000)).rejects.toThrow('lead in circles');
    for (const path of [...PATHS, 'none', '']) {
      await expect(hashesOf(main.log({ path }))).rejects.toThrow('lead in circles');
    }
  });

  it('that names a commit it does not have is an error', async () => {
    for (const position of [1000, 0x6fffffff, 0xffffffff]) {
      const main = await withParent(position);
      await expect(main.back(7)).rejects.toThrow('it has no commit');
      await expect(hashesOf(main.log({ path: 'a' }))).rejects.toThrow('it has no commit');
      // Also beside commits that the graph does not have.
      for (const fs of [main, await main.write('new', '1')]) {
        const found = async () => {
          for await (const _ of fs.find('**', { history: true }));
        };
        await expect(found()).rejects.toThrow('it has no commit');
      }
    }
  });
});

it('a tree that names itself as its delta base is an error, not a loop', async () => {
  const path = imported(randomHistory(60, 5));
  git(path, '-c', 'repack.useDeltaBaseOffset=false', 'repack', '-adfq');
  const packs = join(path, 'objects/pack');
  const name = readdirSync(packs)
    .find((file) => file.endsWith('.pack'))!
    .slice(0, -5);
  const [packFile, indexFile] = [join(packs, `${name}.pack`), join(packs, `${name}.idx`)];
  const roots = new Set(git(path, 'log', '--first-parent', '--format=%T').split('\n'));
  const pack = readFileSync(packFile);
  const REF_DELTA = 7;
  let broken = 0;
  for (const line of gitBytes(path, ['show-index'], readFileSync(indexFile))
    .toString()
    .split('\n')) {
    const [offset, id] = line.split(' ') as [string, string];
    const at = Number(offset);
    if (!roots.has(id) || ((pack[at]! >> 4) & 7) !== REF_DELTA) continue;
    let base = at;
    while (pack[base++]! & 0x80);
    pack.write(id, base, 'hex');
    broken++;
  }
  expect(broken).toBeGreaterThan(0);
  replaceWithSum(packFile, pack);
  const index = readFileSync(indexFile);
  pack.copy(index, index.length - 40, pack.length - 20);
  replaceWithSum(indexFile, index);
  const store = await GitStore.open(path, { create: false });
  const main = await store.branches.get('main');
  await expect(hashesOf(main.log({ path: 'd.txt' }))).rejects.toThrow(CorruptObjectError);
});

/** Writes a file that ends in the SHA-1 of what lies before. */
function replaceWithSum(file: string, bytes: Buffer): void {
  createHash('sha1')
    .update(bytes.subarray(0, -20))
    .digest()
    .copy(bytes, bytes.length - 20);
  rmSync(file);
  writeFileSync(file, bytes);
}

describe('in memory', () => {
  it('a file through changes, deletion, return, and a change of its mode alone', async () => {
    let fs = await currentOf(await memoryStore());
    const kept: string[] = [];
    const keep = (next: FS, isKept: boolean): FS => {
      if (isKept) kept.unshift(next.commitHash);
      return next;
    };
    fs = keep(await fs.writeText('dir/f', '1'), true);
    fs = keep(await fs.writeText('dir/g', '1'), false);
    fs = keep(await fs.writeText('dir/f', '2'), true);
    fs = keep(await fs.remove('dir/f'), true);
    fs = keep(await fs.writeText('other', '1'), false);
    fs = keep(await fs.writeText('dir/f', '2'), true);
    fs = keep(await fs.write('dir/f', '2', { mode: 'executable' }), true);
    expect(await hashesOf(fs.log({ path: 'dir/f' }))).toEqual(kept);
    expect(await hashesOf(fs.log({ path: '/dir//f' }))).toEqual(kept);
    expect(await hashesOf(fs.log({ path: 'dir/f/x' }))).toEqual([]);
  });

  it('match takes the whole message; only * and ? mean more than themselves', async () => {
    let fs = await currentOf(await memoryStore());
    fs = await fs.writeText('a', '1', { message: 'deploy [1]\n\nlong\ntext' });
    fs = await fs.writeText('a', '2', { message: 'Deploy 2' });
    const messages = async (match: string): Promise<string[]> => {
      const found: string[] = [];
      for await (const { message } of fs.log({ match })) found.push(message);
      return found;
    };
    expect(await messages('deploy [1]*')).toEqual(['deploy [1]\n\nlong\ntext']);
    expect(await messages('deploy')).toEqual([]);
    expect(await messages('?eploy ?')).toEqual(['Deploy 2']);
    expect(await messages('*text')).toHaveLength(1);
    expect(await messages('*')).toHaveLength(3);
  });

  it('before lets the very second through', async () => {
    let fs = await currentOf(await memoryStore());
    fs = await fs.writeText('a', '1');
    fs = await fs.writeText('a', '2');
    const hashes = await hashesOf(fs.log());
    const at = (await fs.parent())!.time;
    expect(at.getTime()).toBeGreaterThanOrEqual(START * 1000);
    expect(await hashesOf(fs.log({ before: at }))).toEqual(hashes.slice(1));
    expect(await hashesOf(fs.log({ before: new Date(at.getTime() - 1) }))).toEqual(hashes.slice(2));
  });

  it('a signal gets its turn also where much is done with each commit', async () => {
    let fs = await currentOf(await memoryStore());
    for (let i = 0; i < 40; i++) fs = await fs.writeText('a', String(i));
    const control = new AbortController();
    setTimeout(() => control.abort(new Error('enough')), 0);
    const walk = async () => {
      for await (const _ of fs.log({ path: 'a', signal: control.signal })) {
        const until = performance.now() + 10;
        while (performance.now() < until);
      }
    };
    await expect(walk()).rejects.toThrow('enough');
  });

  it('ends in the middle when its signal is given', async () => {
    const store = await GitStore.over(createMemoryStorage());
    const control = new AbortController();
    const commits = (await currentOf(store)).log({ path: 'x', signal: control.signal });
    control.abort(new Error('enough'));
    await expect(commits.next()).rejects.toThrow('enough');
  });
});

describe('a history that is so long that another thread reads ahead', () => {
  let path = '';

  beforeAll(() => {
    // Changes of a few paths, so that a log by path has something to do with each commit.
    path = imported(randomHistory(8000, 21));
    for (const side of ['side0', 'side1', 'side2']) {
      git(path, 'update-ref', '-d', `refs/heads/${side}`);
    }
    // Commits that tags point to lie apart from the others.
    for (const back of [10, 1500, 2500, 4000]) git(path, 'tag', `t${back}`, `main~${back}`);
    // Commits as alike as these would become deltas, which are read as other objects are.
    git(path, 'repack', '-adfq', '--window=0');
  }, 60_000);

  it.each([
    ['one pack', () => {}],
    [
      'two packs',
      () => {
        const packs = join(path, 'objects/pack');
        const before = readdirSync(packs);
        const part = git(path, 'rev-parse', 'main~2000');
        for (const revisions of [[part], ['--all', `^${part}`]]) {
          const objects = gitBytes(path, ['rev-list', '--objects', ...revisions]);
          gitBytes(path, ['pack-objects', '-q', '--window=0', `${packs}/pack`], objects);
        }
        for (const file of before) rmSync(join(packs, file));
      },
    ],
  ])('%s', async (_, prepare) => {
    prepare();
    const expected = git(path, 'log', '--first-parent', '--format=%H %T %s', 'main').split('\n');
    const store = await GitStore.open(path, { create: false });
    const main = await store.branches.get('main');
    for (let round = 0; round < 2; round++) {
      const found: string[] = [];
      for await (const fs of main.log()) {
        found.push(`${fs.commitHash} ${fs.treeHash} ${fs.message.split('\n')[0]}`);
      }
      expect(found).toEqual(expected);
    }
    for (const at of ['a/b/c', 'd.txt']) {
      expect(await hashesOf(main.log({ path: at }))).toEqual(byGit(path, at));
    }
    // Two walks that come by turns.
    const walks = [main.log(), (await main.back(1700)).log()];
    const turns: string[][] = [[], []];
    for (let i = 0; i < expected.length; i++) {
      for (const [k, walk] of walks.entries()) {
        const next = await walk.next();
        if (!next.done) turns[k]!.push(next.value.commitHash);
      }
    }
    const hashes = expected.map((line) => line.slice(0, 40));
    expect(turns).toEqual([hashes, hashes.slice(1700)]);
    await store.close();
  });

  it('ends early, at any point, and closes', async () => {
    for (const length of [990, 1010, 1100, 2000, 4000]) {
      const store = await GitStore.open(path, { create: false });
      let walked = 0;
      for await (const _ of (await store.branches.get('main')).log())
        if (++walked === length) break;
      expect(walked).toBe(length);
      await store.close();
    }
  });

  it('a damaged commit in the middle is an error, not other data', async () => {
    const damagedId = git(path, 'rev-parse', 'main~3000');
    const packs = join(path, 'objects/pack');
    for (const file of readdirSync(packs).filter((name) => name.endsWith('.idx'))) {
      for (const line of gitBytes(path, ['show-index'], readFileSync(join(packs, file)))
        .toString()
        .split('\n')) {
        const [offset, id] = line.split(' ');
        if (id !== damagedId) continue;
        const pack = join(packs, file.replace('.idx', '.pack'));
        const bytes = readFileSync(pack);
        bytes[Number(offset) + 40]! ^= 0x10;
        rmSync(pack);
        writeFileSync(pack, bytes);
      }
    }
    const store = await GitStore.open(path, { create: false });
    let walked = 0;
    const walk = async () => {
      for await (const _ of (await store.branches.get('main')).log()) walked++;
    };
    await expect(walk()).rejects.toThrow(CorruptObjectError);
    expect(walked).toBe(3000);
    await store.close();
  });
});
