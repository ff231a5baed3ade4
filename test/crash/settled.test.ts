/** What of a store is synced again, and what not, before a ref moves to a commit. */
// First, as it says.
import './disk/recorder.ts';

import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { GitStore } from '../../src/index.ts';
import { git } from '../helpers/git.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { record } from './disk/recorder.ts';

const who = { author: 'Test', email: 'test@localhost' };

let path: string;
let record_: string;
let number = 0;

beforeEach(async () => {
  path = join(scratchFolder(), 'store.git');
  record_ = join(path, 'gitstore/settled');
  await commit(path, 'a');
});

/** One commit by a process of its own, as far as the store can tell. */
async function commit(
  store: string,
  name: string,
  durability: 'fast' | 'full' = 'full',
  text = `${name}\n`,
) {
  const opened = await GitStore.open(store, { ...who, durability });
  await opened.update('main', (tip) => tip.writeText(name, text));
  await opened.close();
}

/**
 * How many files that were there before a commit of another process syncs.
 * @param text of the file that it writes
 */
async function syncedAgain(store: string, text?: string): Promise<number> {
  const recorder = record(store);
  await commit(store, `next${number++}`, 'full', text);
  const { base, events } = recorder.stop();
  const files = new Set<number>();
  for (const event of events) {
    if (event.op !== 'sync') continue;
    const node = base.get(event.node);
    // Loose objects and packs alone: logs and the lock's record are synced whenever they change.
    if (node?.kind === 'file' && /^[xP]/.test(node.data.toString('latin1', 0, 1))) {
      files.add(event.node);
    }
  }
  return files.size;
}

test('nothing on a commit that was made with full, whoever made it', async () => {
  expect(await syncedAgain(path)).toBe(0);
});

test('nothing that a commit relies on, as long as nobody else has touched it', async () => {
  const later = () => new Promise((resolve) => setTimeout(resolve, 150));
  const newest = (): string => {
    const [pack] = readdirSync(join(path, 'objects/pack')).filter((name) => /pack$/.test(name));
    return join(path, 'objects/pack', pack!);
  };
  // Packed, by another program.
  git(path, 'gc', '-q', '--prune=now');
  expect(await syncedAgain(path, 'a\n')).toBe(1);
  expect(await syncedAgain(path, 'a\n')).toBe(0);
  const { mtimeMs } = statSync(newest());
  await later();
  expect(await syncedAgain(path, 'a\n')).toBe(0);
  expect(statSync(newest()).mtimeMs).toBeGreaterThan(mtimeMs);
  utimesSync(newest(), 1e9, 1e9);
  expect(await syncedAgain(path, 'a\n')).toBe(1);
  expect(await syncedAgain(path, 'a\n')).toBe(0);
  // Loose, in a directory that has not changed since all of it was synced.
  await commit(path, 'loose');
  await later();
  await commit(path, 'b', 'fast');
  await commit(path, 'c');
  await later();
  expect(await syncedAgain(path, 'loose\n')).toBe(0);
});

test('all, once, on a commit that was made with fast', async () => {
  await commit(path, 'b', 'fast');
  expect(await syncedAgain(path)).toBeGreaterThanOrEqual(3);
  expect(await syncedAgain(path)).toBe(0);
});

test('all where the record is missing, torn, or came with a copy of the store', async () => {
  const copy = `${path}.copy`;
  cpSync(path, copy, { recursive: true });
  expect(existsSync(join(copy, 'gitstore/settled'))).toBe(true);
  expect(await syncedAgain(copy)).toBeGreaterThanOrEqual(3);
  writeFileSync(record_, readFileSync(record_, 'utf8').slice(0, -1));
  expect(await syncedAgain(path)).toBeGreaterThanOrEqual(3);
});

test('all after another program has packed, also where the record names the commit', async () => {
  git(path, 'gc', '-q', '--prune=now');
  await commit(path, 'b');
  expect(await syncedAgain(path)).toBe(0);
  const tip = git(path, 'rev-parse', 'main');
  git(path, 'repack', '-a', '-d', '-q', '-f');
  appendFileSync(record_, `c ${tip}\n`);
  expect(await syncedAgain(path)).toBe(1);
  expect(await syncedAgain(path)).toBe(0);
  expect(readFileSync(record_, 'utf8').match(/^p /gm)).toHaveLength(1);
});
