/**
 * Another process packs all refs, or moves them back into files, at any moment of a call: between two
 * system calls that look at them. The call answers as if they had not moved.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type FS, GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { isBelow, Moment } from '../helpers/systemCalls.ts';

/** As `isBelow`, for what holds refs. */
const isOfRefs = (path: unknown, place: string): boolean =>
  isBelow(path, place) && /[\\/](?:packed-refs|HEAD|refs)(?:[\\/.]|$)/.test(String(path));

const moving = new Moment(
  [
    'openSync',
    'readFileSync',
    'readdirSync',
    'statSync',
    'lstatSync',
    'existsSync',
    'renameSync',
    'linkSync',
    'unlinkSync',
    'mkdirSync',
    'rmdirSync',
    'readlinkSync',
  ],
  isOfRefs,
);
const isFull = process.env.GITSTORE_STRESS === '1';
let loose: string;
let packed: string;

beforeAll(async () => {
  loose = join(scratchFolder(), 'loose.git');
  const store = await GitStore.open(loose, { durability: 'fast' });
  let fs: FS = await store.branches.get('main');
  for (const name of ['one', 'two', 'three']) {
    fs = await fs.writeText(name, name);
    await store.branches.set(`topic/${name}`, fs);
  }
  await store.tags.set('v1', fs);
  await store.notes.commits.set(fs, 'a note');
  await store.close();
  git(loose, 'tag', '-a', '-m', 'second', 'v2', 'main');
  packed = join(scratchFolder(), 'packed.git');
  cpSync(loose, packed, { recursive: true });
  git(packed, 'pack-refs', '--all', '--prune');
});

function refFiles(store: string): string[] {
  return readdirSync(join(store, 'refs'), { recursive: true, encoding: 'utf8' })
    .map((name) => `refs/${name.replaceAll('\\', '/')}`)
    .filter((name) => statSync(join(store, name)).isFile() && !name.endsWith('.lock'));
}

/** As git-pack-refs(1), which leaves alone what another process has locked. */
function pack(store: string): void {
  const file = join(store, 'packed-refs');
  if (existsSync(`${file}.lock`)) return;
  const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const values = new Map<string, string>();
  for (const [, id, ref] of text.matchAll(/^([0-9a-f]{40}) (.*)$/gm)) values.set(ref!, id!);
  const files = refFiles(store);
  for (const ref of files) values.set(ref, readFileSync(join(store, ref), 'utf8').trim());
  const peeled = (ref: string): string =>
    ref === 'refs/tags/v2' ? `^${values.get('refs/tags/v1')}\n` : '';
  const lines = [...values]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([ref, id]) => `${id} ${ref}\n${peeled(ref)}`);
  writeFileSync(`${file}.lock`, `# pack-refs with: peeled fully-peeled sorted \n${lines.join('')}`);
  renameSync(`${file}.lock`, file);
  for (const ref of files) if (!existsSync(join(store, `${ref}.lock`))) rmSync(join(store, ref));
}

/** As updates by other processes would, one ref after the other. */
function unpack(store: string): void {
  const text = existsSync(join(store, 'packed-refs'))
    ? readFileSync(join(store, 'packed-refs'), 'utf8')
    : '';
  for (const [, id, ref] of text.matchAll(/^([0-9a-f]{40}) (.*)$/gm)) {
    const file = join(store, ref!);
    if (existsSync(`${file}.lock`) || existsSync(file)) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.new`, `${id}\n`);
    renameSync(`${file}.new`, file);
  }
}

/** All refs; of one for what was deleted, not when that was. */
const refsOf = (store: GitStore): string =>
  git(store.path, 'for-each-ref', '--format=%(refname) %(tree) %(*tree) %(objecttype)').replace(
    /(?<=gitstore\/deleted\/)\S+/g,
    '',
  );

const calls: Record<string, (store: GitStore) => Promise<unknown>> = {
  'the branches': async (store) =>
    (await Promise.all([store.branches.list(), store.tags.list()])).flat(),
  'all refs': async (store) => (await store.listRefs('refs/')).map(({ ref, id }) => `${ref} ${id}`),
  'a branch': async (store) => (await store.branches.get('topic/two')).ls(),
  'a tag': async (store) => (await store.fs('v2')).ls(),
  'a note': async (store) => store.notes.commits.get(await store.fs('v1')),
  'a write': async (store) => {
    await (await store.branches.get('main')).writeText('new', 'new');
    return refsOf(store);
  },
  'a new branch': async (store) => {
    await store.branches.set('topic/four', await store.fs('v1'));
    return refsOf(store);
  },
  'a deleted branch': async (store) => {
    await store.branches.delete('topic/two');
    return refsOf(store);
  },
  'a deleted tag': async (store) => {
    await store.tags.delete('v2');
    return refsOf(store);
  },
  'an undo': async (store) => {
    await (await store.branches.get('main')).undo();
    return refsOf(store);
  },
  'a backup': async (store) => {
    const to = join(scratchFolder(), 'copy.git');
    await store.backup(to);
    return git(to, 'for-each-ref');
  },
  'a collection': async (store) => {
    await store.gc({ prune: 'now' });
    git(store.path, 'fsck', '--strict');
    return refsOf(store);
  },
};

describe.each([
  ['packed', () => loose, pack],
  ['moved into files', () => packed, unpack],
] as const)('%s', (_, template, move) => {
  test.each(Object.entries(calls))('%s', { timeout: 600_000 }, async (call, work) => {
    const answer = await run(0);
    const step = call === 'a collection' ? 5 : 1;
    let at = 1;
    for (; moving.isOver; at += isFull ? step : 2 * at) {
      expect(await run(at), `moved at call ${at}`).toEqual(answer);
    }
    expect(at).toBeGreaterThan(1);

    async function run(at: number): Promise<unknown> {
      const path = join(scratchFolder(), 'data.git');
      cpSync(template(), path, { recursive: true });
      const store = await GitStore.open(path, { create: false, durability: 'fast' });
      moving.set(at, path, () => move(path));
      try {
        return await work(store);
      } finally {
        moving.end();
        await store.close();
      }
    }
  });
});
