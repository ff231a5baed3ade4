/**
 * Another process packs all objects anew, or unpacks them, at any moment of a call: between two system
 * calls that look at the objects. The call answers as if they had not moved.
 */
import { cpSync, linkSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { ObjectSet } from '../../src/git/objectSet.ts';
import { commitRange } from '../../src/graph/commitRange.ts';
import { reachable } from '../../src/graph/reachable.ts';
import { type FS, GitStore } from '../../src/index.ts';
import { Pace } from '../../src/storage/pace.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { Moment } from '../helpers/systemCalls.ts';

const moving = new Moment([
  'openSync',
  'readFileSync',
  'readdirSync',
  'statSync',
  'lstatSync',
  'existsSync',
  'utimesSync',
  'renameSync',
  'linkSync',
]);
/** The files of one state of the objects below `objects/`, and when they were written. */
type State = ReadonlyMap<string, string>;

const states: Record<string, State> = {};
let template: string;
let tip: string;
let old: string;
let blob: string;
const isFull = process.env.GITSTORE_STRESS === '1';

beforeAll(async () => {
  const folder = scratchFolder();
  template = join(folder, 'template.git');
  const store = await GitStore.open(template, { durability: 'fast' });
  let fs: FS = await store.branches.get('main');
  for (let i = 0; i < 12; i++) {
    fs = await fs.batch(async (batch) => {
      for (let file = 0; file < (i === 0 ? 130 : 6); file++) {
        await batch.writeText(`d${file % 3}/f${file}`, `${file}\n`.repeat(40) + i);
      }
    });
  }
  const side = await store.branches.set('side', await store.fs('main', { back: 5 }));
  await side.writeText('side', 'side');
  await store.close();
  git(template, 'tag', '-a', '-m', 'first', 'v1', 'main~3');
  tip = git(template, 'rev-parse', 'main');
  old = git(template, 'rev-parse', 'main~4');
  blob = git(template, 'rev-parse', 'main~6:d0/f0');
  const keep = (name: string): State => {
    const at = join(folder, name);
    cpSync(join(template, 'objects'), at, { recursive: true });
    states[name] = filesOf(at);
    return states[name];
  };
  keep('loose');
  git(template, 'repack', '-adq', '--write-bitmap-index');
  git(template, 'commit-graph', 'write', '--reachable', '--changed-paths');
  keep('packed');
  // Another order and other deltas make another pack of the same objects.
  git(template, 'repack', '-adfq', '--depth=2', '--window=1', '--write-bitmap-index');
  keep('packed anew');
  git(template, 'repack', '-adfq', '--depth=0', '--no-write-bitmap-index');
  git(template, 'multi-pack-index', 'write');
  keep('under a multi-pack-index');
  states['in two packs'] = new Map([...(states.packed as State), ...keep('whole objects')]);
  rmSync(join(template, 'objects'), { recursive: true });
});

function filesOf(folder: string): State {
  const found = new Map<string, string>();
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const file = join(folder, name);
    if (statSync(file).isFile()) found.set(name, file);
  }
  return found;
}

/** New files come before old ones go, as in Git: an index after its pack. */
function move(objects: string, from: State, to: State): void {
  const isLast = (name: string): boolean => name.endsWith('.idx') || name.includes('multi-pack');
  const names = [...to.keys()].sort((a, b) => Number(isLast(a)) - Number(isLast(b)));
  for (const name of names) {
    const file = join(objects, name);
    mkdirSync(dirname(file), { recursive: true });
    rmSync(file, { force: true });
    linkSync(to.get(name) as string, file);
  }
  for (const name of from.keys()) if (!to.has(name)) rmSync(join(objects, name), { force: true });
}

const main = (store: GitStore): Promise<FS> => store.branches.get('main');
const treeOf = ({ treeHash }: FS): string => treeHash;

async function all<T, U>(items: AsyncIterable<T>, as: (item: T) => U): Promise<U[]> {
  const found: U[] = [];
  for await (const item of items) found.push(as(item));
  return found;
}

const reads: Record<string, (store: GitStore) => Promise<unknown>> = {
  'the text of a file': async (store) => (await main(store)).readText('d1/f4'),
  'the header of an object': (store) => store.storage.objects.header(blob),
  'a tag': async (store) => (await store.fs('v1')).readText('d1/f1'),
  'an old version': async (store) => (await store.fs('main', { back: 6 })).readText('d0/f0'),
  'a walk': async (store) => all((await main(store)).walk(), ({ files }) => files.length),
  'the log of a path': async (store) =>
    all((await main(store)).log({ path: 'd1/f4' }), ({ commitHash }) => commitHash),
  'a diff': async (store) =>
    all((await main(store)).diff(await store.fs('v1')), ({ path }) => path),
  'a search': async (store) => all((await main(store)).grep('^7'), ({ path }) => path),
  'who wrote it': async (store) => (await (await main(store)).blame('d0/f0')).length,
  'a copy to the disk': async (store) => {
    const folder = scratchFolder();
    await (await main(store)).copyOut('', folder);
    return readdirSync(folder, { recursive: true }).length;
  },
  'a bundle': async (store) => {
    const file = join(scratchFolder(), 'all.bundle');
    await store.bundleExport(file);
    return git('.', 'bundle', 'list-heads', file);
  },
  'all that refs lead to': async ({ storage }) => {
    const { objects } = await reachable(storage.objects, { wants: [tip] });
    return [...objects].sort();
  },
  'what is new': async (store) => {
    const asked = { wants: [tip], haves: [old] };
    const { objects } = await reachable(store.storage.objects, asked);
    const range = await commitRange(store.storage.objects, asked);
    return [[...objects].sort(), range.fresh.length];
  },
};

const writes: Record<string, (store: GitStore) => Promise<unknown>> = {
  'a write': async (store) => treeOf(await (await main(store)).writeText('d1/new', 'new')),
  'a write of what is there': async (store) =>
    treeOf(await (await main(store)).write('d1/copy', await (await main(store)).read('d1/f4'))),
  'a move': async (store) => treeOf(await (await main(store)).move('d1/f1', 'e1')),
  'an undo': async (store) => treeOf(await (await main(store)).undo()),
  'a merge': async (store) => treeOf(await (await main(store)).merge('side')),
};

/** Others open threads, and take much longer. */
const long: Record<string, (store: GitStore) => Promise<unknown>> = {
  'a check': async (store) => (await store.verify()).faults,
  'a collection': async (store) => {
    await store.gc();
    return git(store.path, 'fsck', '--strict', '--no-dangling');
  },
};

interface Opened {
  readonly store: GitStore;
  /** Its directory of objects. */
  readonly objects: string;
  move(): void;
}

async function openMoving(from: string, to: string): Promise<Opened> {
  const path = join(scratchFolder(), 'data.git');
  cpSync(template, path, { recursive: true });
  const objects = join(path, 'objects');
  mkdirSync(objects);
  move(objects, new Map(), states[from] as State);
  const store = await GitStore.open(path, { create: false, durability: 'fast' });
  return { store, objects, move: () => move(objects, states[from] as State, states[to] as State) };
}

/** Moves the objects before one of the calls, and then before a later one, until there is none left. */
async function expectSame(
  from: string,
  to: string,
  work: (store: GitStore) => Promise<unknown>,
  step = 1,
): Promise<void> {
  const answer = await run(0);
  let at = 1;
  for (; moving.isOver; at += isFull ? step : 2 * at) {
    expect(await run(at), `moved at call ${at}`).toEqual(answer);
  }
  expect(at).toBeGreaterThan(1);

  async function run(at: number): Promise<unknown> {
    const { store, objects, move } = await openMoving(from, to);
    moving.set(at, objects, move);
    try {
      return await work(store);
    } finally {
      moving.end();
      await store.close();
    }
  }
}

const pairs = [
  ['packed', 'packed anew'],
  ['packed', 'loose'],
  ['loose', 'packed'],
  ['in two packs', 'packed anew'],
  ['packed anew', 'under a multi-pack-index'],
  ['under a multi-pack-index', 'packed'],
] as const;

describe.each(pairs.map((pair, at) => [...pair, at] as const))('%s, then %s', (from, to, at) => {
  // By default each call meets a third of the pairs.
  const works = Object.entries({ ...reads, ...writes });
  const some = works.filter((_, i) => isFull || i % 3 === at % 3);
  test.each(some)('%s', (_, work) => expectSame(from, to, work));
  // Git unpacks objects only where it has the collector's lock.
  const isLong = to !== 'loose' && (isFull || at === 4);
  test.runIf(isLong).each(Object.entries(long))('%s', { timeout: 600_000 }, (_, work) =>
    expectSame(from, to, work, 9),
  );
});

test('what a commit leads to, asked before the objects move', async () => {
  const { store, move } = await openMoving('packed', 'packed anew');
  const record = store.storage.objects.history?.reachOf(tip);
  move();
  const objects = new ObjectSet();
  await record?.addTo(objects, { trees: true, blobs: true }, new Pace());
  expect([...objects].sort()).toEqual(
    git(store.path, 'rev-list', '--objects', '--no-object-names', tip).split('\n').sort(),
  );
  await store.close();
});

test('objects that are being read ahead when their pack goes', async () => {
  const { store, move } = await openMoving('under a multi-pack-index', 'packed');
  const { objects } = store.storage;
  const ids = git(store.path, 'rev-list', '--objects', '--no-object-names', tip).split('\n');
  async function* groups(): AsyncGenerator<string[]> {
    yield ids.slice(0, 200);
    move();
    // Looks for packs, and lets go of those that are gone.
    await objects.resolve('0000');
    yield ids.slice(200);
  }
  const found: unknown[] = [];
  for await (const group of objects.readMany(groups())) found.push(...group);
  expect(found).toHaveLength(ids.length);
  expect(found).not.toContain(undefined);
  await store.close();
});
