/** Thinning a branch and forgetting paths: what stays, what moves along, and that Git finds it sound. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FS, GitStore, type ThinPolicy } from '../../src/index.ts';
import { keptByPolicy } from '../../src/store/thinning/retention.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let store: GitStore;
let clock: number;

beforeEach(async () => {
  clock = Date.UTC(2026, 0, 1);
  store = await GitStore.open(join(scratchFolder(), 'data.git'), {
    durability: 'fast',
    now: () => clock,
    timezoneOffset: 0,
  });
});

afterEach(() => store.close());

/** One commit an hour. */
async function commits(count: number, message = (n: number) => `n${n}`): Promise<FS[]> {
  const all: FS[] = [];
  let fs = await store.branches.get('main');
  for (let n = 0; n < count; n++) {
    clock += 3_600_000;
    fs = await fs.writeText('n', `${n}`, { message: message(n) });
    all.push(fs);
  }
  return all;
}

async function messages(branch = 'main'): Promise<string[]> {
  const found: string[] = [];
  for await (const fs of (await store.branches.get(branch)).log()) found.push(fs.message);
  return found;
}

test('kept snapshots keep tree, message, author and dates, in a line', async () => {
  const all = await commits(10);
  const { fs, snapshots } = await store.branches.thin('main', { keepLast: 3 });
  expect(await messages()).toEqual(['n9', 'n8', 'n7']);
  expect(snapshots).toHaveLength(11);
  expect(snapshots[0]).toMatchObject({ old: all[9]!.commitHash, new: fs.commitHash });
  expect(fs.treeHash).toBe(all[9]!.treeHash);
  expect(fs.time).toEqual(all[9]!.time);
  expect((await fs.back(2)).parentHashes).toEqual([]);
  expect(git(store.path, 'fsck', '--strict', '--no-dangling')).toBe('');
  // The branch goes on, and nothing more is to be thinned.
  const next = await fs.writeText('n', 'x');
  expect((await store.branches.thin('main', { keepLast: 4 })).fs.commitHash).toBe(next.commitHash);
});

test('what is folded away is in the reflog until gc frees it', async () => {
  const all = await commits(5);
  await store.branches.thin('main', { keepLast: 1 });
  const logged = (await store.branches.reflog('main')).map((entry) => entry.new);
  expect(logged.slice(1)).toEqual(
    all
      .map((fs) => fs.commitHash)
      .reverse()
      .concat(logged.at(-1)!),
  );
  expect(await (await store.fs(all[2]!.commitHash)).readText('n')).toBe('2');
  expect(await store.branches.deleted()).toEqual([]);
  await store.gc({ prune: 'now' });
  expect((await store.branches.reflog('main')).map(({ message }) => message)).toEqual(['thin']);
  const again = await GitStore.open(store.path);
  await expect(again.fs(all[2]!.commitHash)).rejects.toMatchObject({ code: 'ENOREF' });
  await again.close();
  expect((await store.verify()).faults).toEqual([]);
  expect(git(store.path, 'fsck', '--strict')).toBe('');
  expect(git(store.path, 'reflog', 'show', 'main').trim().split('\n')).toHaveLength(1);
});

test('a kept history without gaps keeps its ids from the oldest on', async () => {
  const all = await commits(6, (n) => (n === 4 ? 'skip' : 'keep\n\nkeep: yes'));
  await store.branches.thin('main', { keepLabels: ['keep'], keepLast: 1 });
  const line = await messages();
  expect(line).toHaveLength(5);
  const first = await store.branches.thin('main', { keepLast: 100 });
  expect(first.snapshots.every((one) => one.old === one.new)).toBe(true);
  expect(all).toHaveLength(6);
});

test('tags and notes move with their snapshots', async () => {
  const all = await commits(6);
  await store.tags.set('light', all[1]!);
  git(store.path, 'tag', '-a', '-m', 'annotated', 'heavy', all[2]!.commitHash);
  await store.notes.commits.set(all[1]!, 'on one');
  await store.notes.commits.set(all[5]!, 'on five');
  await store.notes.commits.set(all[3]!, 'on a dropped one');
  const { fs } = await store.branches.thin('main', { keepLast: 1 });
  expect(await messages()).toEqual(['n5', 'n2', 'n1']);
  const light = await store.tags.get('light');
  expect(light.commitHash).toBe((await fs.back(2)).commitHash);
  expect((await store.tags.get('heavy')).commitHash).toBe((await fs.back(1)).commitHash);
  expect(git(store.path, 'cat-file', '-p', 'refs/tags/heavy')).toMatch(/\n\nannotated$/m);
  expect(await store.notes.commits.get('light')).toBe('on one');
  expect(await store.notes.commits.get(fs)).toBe('on five');
  expect(git(store.path, 'notes', 'show', 'main').trim()).toBe('on five');
  expect(git(store.path, 'fsck', '--strict', '--no-dangling')).toBe('');
});

test('a dry run changes nothing and says why each is kept', async () => {
  await commits(4);
  const before = (await store.branches.get('main')).commitHash;
  const { fs, snapshots } = await store.branches.thin(
    'main',
    { keepLast: 1, keepDaily: 2 },
    { dryRun: true },
  );
  expect(fs.commitHash).toBe(before);
  expect(snapshots.map(({ reasons }) => reasons.join())).toEqual([
    'last,daily',
    '',
    '',
    '',
    'daily',
  ]);
});

test.each([{}, { keepLast: -1 }, { keepWithin: 'soon' }, { keepWithin: '' }, { keepDaily: 1.5 }])(
  'a policy that makes no sense is refused: %j',
  async (policy: ThinPolicy) => {
    await commits(2);
    await expect(store.branches.thin('main', policy)).rejects.toMatchObject({ code: 'EINVAL' });
    expect(await messages()).toHaveLength(3);
  },
);

test('a branch that others write to is thinned at its newest snapshot', async () => {
  const [fs] = (await commits(3)).slice(-1);
  const [, written] = await Promise.all([
    store.branches.thin('main', { keepLast: 2 }),
    store.update('main', (tip) => tip.writeText('other', 'x')),
  ]);
  expect(fs).toBeDefined();
  const tip = await store.branches.get('main');
  expect(await tip.readText('other')).toBe('x');
  expect(written.treeHash).toBe(tip.treeHash);
});

/** The rules of restic's `ApplyPolicy`, written down once more for times without a zone. */
test('the rules are restic’s', () => {
  const buckets = {
    keepHourly: (t: Date) => t.toISOString().slice(0, 13),
    keepDaily: (t: Date) => t.toISOString().slice(0, 10),
    keepMonthly: (t: Date) => t.toISOString().slice(0, 7),
    keepYearly: (t: Date) => t.toISOString().slice(0, 4),
  };
  const rule = fc.constantFrom(...(Object.keys(buckets) as (keyof typeof buckets)[]));
  const steps = fc.array(fc.integer({ min: 1, max: 2_000_000 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(steps, rule, fc.integer({ min: 1, max: 12 }), (gaps, name, count) => {
      let time = Date.UTC(2026, 5, 1) / 1000;
      const line = gaps.map((gap, index) => {
        time -= gap;
        const committer = { name: '', email: '', time, offset: 0 };
        return { id: `${index}`, commit: { committer, message: '' } };
      });
      const expected = new Set<string>();
      const seen = new Set<string>();
      for (const { id, commit } of line) {
        const bucket = buckets[name](new Date(commit.committer.time * 1000));
        if (seen.has(bucket) || seen.size === count) continue;
        seen.add(bucket);
        expected.add(id);
      }
      if (seen.size < count) expected.add(line.at(-1)!.id);
      expect(new Set(keptByPolicy(line, { [name]: count }).keys())).toEqual(expected);
    }),
  );
});

test('weeks are those of ISO 8601, and a span is counted from the newest snapshot', () => {
  const at = (text: string) => ({
    id: text,
    commit: {
      committer: { name: '', email: '', time: Date.parse(`${text}T12:00:00Z`) / 1000, offset: 0 },
      message: '',
    },
  });
  const line = ['2026-01-05', '2026-01-04', '2025-12-29', '2025-12-28'].map(at);
  expect([...keptByPolicy(line, { keepWeekly: 2 }).keys()]).toEqual(['2026-01-05', '2026-01-04']);
  expect([...keptByPolicy(line, { keepWithin: '7d' }).keys()]).toEqual([
    '2026-01-05',
    '2026-01-04',
  ]);
  expect([...keptByPolicy(line, { keepWithin: '1m' }).keys()]).toHaveLength(4);
});

test('a path that is forgotten is nowhere in the store', async () => {
  let fs = await store.branches.get('main');
  fs = await fs.writeText('keep', '1');
  fs = await fs.writeText('dir/secret', 'a very secret text');
  await store.tags.set('v1', fs);
  fs = await fs.writeText('keep', '2');
  const dev = await store.branches.set('dev', fs);
  await dev.writeText('dir/other', 'x');
  fs = await fs.remove('dir/secret');
  await store.notes.commits.set(fs, 'a note');
  await expect(store.forget('nowhere')).rejects.toMatchObject({ code: 'ENOREF' });
  await expect(store.forget('')).rejects.toMatchObject({ code: 'EINVAL' });
  const dry = await store.forget('dir/secret', { dryRun: true });
  expect(await (await store.tags.get('v1')).exists('dir/secret')).toBe(true);
  const { moved, refs } = await store.forget('dir/secret');
  expect(moved.size).toBe(dry.moved.size);
  expect(refs).toEqual(['refs/heads/dev', 'refs/heads/main', 'refs/tags/v1', 'refs/notes/commits']);
  await store.gc({ prune: 'now' });
  const objects = git(store.path, 'cat-file', '--batch-all-objects', '--batch-check')
    .trim()
    .split('\n');
  for (const line of objects) {
    const [id, type] = line.split(' ');
    if (type === 'blob') {
      expect(git(store.path, 'cat-file', 'blob', id!)).not.toContain('a very secret text');
    }
  }
  expect(await (await store.tags.get('v1')).ls('', { recursive: true })).toEqual(['keep']);
  expect(await (await store.branches.get('dev')).readText('dir/other')).toBe('x');
  expect(await store.notes.commits.get(await store.branches.get('main'))).toBe('a note');
  expect(git(store.path, 'fsck', '--strict')).toBe('');
  expect((await store.verify()).faults).toEqual([]);
});

test('what only a tag, a log or a thinned branch names is forgotten too', async () => {
  let fs = await store.branches.get('main');
  fs = await fs.writeText('keep', '1');
  const tagged = await fs.writeText('secret', 'a very secret text');
  await store.tags.set('v1', tagged);
  fs = await tagged.undo();
  fs = await fs.writeText('secret', 'a very secret text, thinned');
  fs = await fs.remove('secret');
  await store.branches.thin('main', { keepLast: 1 });
  await store.forget('secret');
  await store.gc({ prune: 'now' });
  const objects = git(store.path, 'cat-file', '--batch-all-objects', '--batch-check').split('\n');
  for (const line of objects) {
    const [id, type] = line.split(' ');
    if (type === 'blob') expect(git(store.path, 'cat-file', 'blob', id!)).not.toContain('secret');
  }
  expect(await (await store.tags.get('v1')).ls('')).toEqual(['keep']);
  expect(git(store.path, 'fsck', '--strict')).toBe('');
  expect((await store.verify()).faults).toEqual([]);
});

test('a branch whose log alone names a path forgets it', async () => {
  let fs = await store.branches.get('main');
  fs = await fs.writeText('keep', '1');
  await (await fs.writeText('secret', 'a very secret text')).undo();
  await store.forget('secret', { branches: ['main'] });
  expect((await store.branches.get('main')).commitHash).toBe(fs.commitHash);
  await store.gc({ prune: 'now' });
  expect(git(store.path, 'cat-file', '--batch-all-objects', '--batch-check')).not.toContain(' 18');
  expect((await store.verify()).faults).toEqual([]);
});

// Bytes that do not compress, so that sizes are known.
function incompressible(n: number): Buffer {
  const block = Buffer.alloc(10_000);
  for (let i = 0; i < block.length; i += 32) {
    createHash('sha256').update(`${n} ${i}`).digest().copy(block, i);
  }
  return block;
}

test('a size counts what annotated tags do not keep, and what a branch at the tip does', async () => {
  let fs = await store.branches.get('main');
  for (let n = 0; n < 20; n++) fs = await fs.write('big', incompressible(n), { message: `n${n}` });
  git(
    store.path!,
    '-c',
    'user.name=A',
    '-c',
    'user.email=a@x',
    'tag',
    '-a',
    '-m',
    't',
    'v1',
    'main',
  );
  const dry = () => store.branches.thin('main', { maxSize: 100_000 }, { dryRun: true });
  const kept = async () => (await dry()).snapshots.filter(({ new: id }) => id !== null).length;
  expect(await kept()).toBeGreaterThan(5);
  // This one keeps the whole line: to drop snapshots would free nothing.
  await store.branches.set('copy', fs);
  await expect(dry()).rejects.toThrow(/^Other branches, tags and notes need \d+ bytes, more than/);
});

test('a size drops the oldest until the store fits, never what a tag or another branch needs', async () => {
  let fs = await store.branches.get('main');
  for (let n = 0; n < 40; n++) {
    fs = await fs.write('big', incompressible(n), { message: `n${n}` });
    if (n === 1) await store.branches.set('side', fs);
    if (n === 3) await store.tags.set('v1', fs);
  }
  const sizes = { maxSize: 150_000 };
  const dry = await store.branches.thin('main', sizes, { dryRun: true });
  const { snapshots } = await store.branches.thin('main', sizes);
  expect(snapshots.map(({ reasons }) => reasons)).toEqual(dry.snapshots.map((one) => one.reasons));
  const left = await messages();
  expect(left.at(-1)).toBe('n3');
  expect(left.slice(0, -1)).toEqual(
    Array.from({ length: left.length - 1 }, (_, i) => `n${39 - i}`),
  );
  expect(left.length).toBeGreaterThan(10);
  expect((await store.tags.get('v1')).message).toBe('n3');
  expect(await messages('side')).toEqual(['n1', 'n0', expect.anything()]);
  const { bytes: size } = (await store.gc({ prune: 'now' })).after;
  expect(size).toBeLessThanOrEqual(150_000);
  expect(size).toBeGreaterThan(120_000);

  await expect(store.branches.thin('main', { keepLast: 5, maxSize: 1 })).rejects.toThrow(
    'thin or delete those first',
  );
  // The newest and those with tags stay all the same.
  await store.branches.delete('side');
  await store.branches.thin('main', { keepLast: 5, maxSize: 1 });
  expect(await messages()).toEqual(['n39', 'n3']);
  for (const maxSize of [0, -1, 1.5, Number.NaN]) {
    await expect(store.branches.thin('main', { maxSize })).rejects.toMatchObject({
      code: 'EINVAL',
    });
  }
  const wrong = { keepLsat: 3 } as ThinPolicy;
  await expect(store.branches.thin('main', wrong)).rejects.toThrow("No rule 'keepLsat'");
});
