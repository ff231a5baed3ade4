/**
 * Damaged files of a store, cut short and changed at random: `verify` returns a report that names a
 * fault, and every other verb ends well or with an error of our own.
 */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { GitStoreError } from '../../src/errors.ts';
import { GitStore } from '../../src/index.ts';
import { effort, seed, seededRandom } from '../crash/stress.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const { count, timeout } = effort(1, 60);
const source = join(scratchFolder(), 'store.git');
let files: string[];

/** Files whose every byte is covered by a checksum. */
const SEALED = /^objects\/(?!info\/packs$)/;

beforeAll(async () => {
  const store = await GitStore.open(source);
  let fs = await store.branches.get('main');
  const grow = async (round: number): Promise<void> => {
    for (let i = 0; i < 4; i++) {
      fs = await fs.apply({
        writes: { [`d${i}/f`]: `${'some text\n'.repeat(40)}${round} ${i}`, one: `${round}${i}` },
      });
    }
  };
  await grow(0);
  git(source, 'repack', '-d', '-q');
  await grow(1);
  git(source, 'repack', '-d', '-q', '--write-midx');
  git(source, 'commit-graph', 'write', '--reachable', '--changed-paths');
  git(source, 'pack-refs', '--all');
  git(source, 'tag', '-a', '-m', 'a tag', 'v1', 'main');
  await grow(2);
  await store.close();
  files = (readdirSync(source, { recursive: true, encoding: 'utf8' }) as string[])
    .filter((name) => statSync(join(source, name)).isFile() && !/description$|hooks/.test(name))
    .sort();
  // Loose objects are all of one kind.
  const loose = files.filter((name) => /^objects\/..\//.test(name));
  files = files.filter((name) => !loose.includes(name) || loose.indexOf(name) < 3);
});

interface Damage {
  readonly name: string;
  readonly what: string;
}

function damage(store: string, name: string, random: () => number, round: number): Damage {
  const path = join(store, name);
  const before = readFileSync(path);
  const at = Math.floor(random() * before.length);
  const kinds: Record<string, () => Buffer> = {
    emptied: () => Buffer.alloc(0),
    'cut to a few bytes': () => before.subarray(0, Math.floor(random() * 40)),
    'cut in the middle': () => before.subarray(0, at),
    'changed in one byte': () => {
      const after = Buffer.from(before);
      after[at]! ^= 1 + Math.floor(random() * 255);
      return after;
    },
    'changed in its head': () => {
      const after = Buffer.from(before);
      after[Math.floor(random() * Math.min(64, after.length))]! ^= 0xff;
      return after;
    },
    zeroed: () => Buffer.alloc(before.length),
  };
  const names = Object.keys(kinds);
  const what = names[Math.floor(round / files.length + random() * 2) % names.length]!;
  let after = kinds[what]!();
  if (after.equals(before)) after = before.subarray(0, before.length - 1);
  rmSync(path);
  writeFileSync(path, after);
  return { name, what };
}

/** Runs it, and takes an error of our own for an answer. */
async function tolerant<T>(what: unknown, action: () => Promise<T>): Promise<T | undefined> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof GitStoreError) return undefined;
    throw new Error(`${JSON.stringify(what)}: ${error instanceof Error ? error.stack : error}`);
  }
}

test.each([0, 1, 11, 19, 20, 31, 32, 33])('a pack cut to %d bytes', async (length) => {
  const store = join(scratchFolder(), 'store.git');
  cpSync(source, store, { recursive: true });
  for (const name of files.filter((file) => file.endsWith('.pack'))) {
    const content = readFileSync(join(store, name));
    rmSync(join(store, name));
    writeFileSync(join(store, name), content.subarray(0, length));
  }
  const opened = await GitStore.open(store, { create: false });
  const { ok, faults } = await opened.verify();
  expect(ok).toBe(false);
  expect(faults.map(({ subject }) => subject)).toContainEqual(expect.stringMatching(/\.pack$/));
  await opened.close();
});

test('each file in turn', { timeout }, async () => {
  const random = seededRandom(seed);
  for (let round = 0; round < count * files.length; round++) {
    const store = join(scratchFolder(), 'store.git');
    cpSync(source, store, { recursive: true });
    const done = damage(store, files[round % files.length]!, random, round);
    const what = { seed, round, ...done };
    const opened = await tolerant(what, () =>
      GitStore.open(store, { create: false, durability: 'fast' }),
    );
    if (opened !== undefined) {
      const isSealed = SEALED.test(done.name);
      try {
        const report = await opened.verify();
        if (isSealed) expect({ what, ok: report.ok }).toEqual({ what, ok: false });
      } catch (error) {
        throw new Error(`verify ${JSON.stringify(what)}: ${(error as Error).stack}`);
      }
      await tolerant(what, async () => {
        const fs = await opened.branches.get('main');
        for await (const commit of fs.log()) void commit.message;
      });
      await tolerant(what, async () => {
        const fs = await opened.branches.get('main');
        for (const name of await fs.ls('', { recursive: true })) {
          await tolerant(what, () => fs.read(name));
        }
      });
      await tolerant(what, () => opened.gc());
      await tolerant(what, () => opened.close());
    }
    rmSync(store, { recursive: true });
  }
});
