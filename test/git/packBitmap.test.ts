/** Bitmaps as real Git writes them (src/git/packs/packBitmap.ts), and what walks make of them. */
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CorruptObjectError } from '../../src/errors.ts';
import { PackBitmap } from '../../src/git/packs/packBitmap.ts';
import { PackIndex } from '../../src/git/packs/packIndex.ts';
import { reachable } from '../../src/graph/reachable.ts';
import { openBareStorage } from '../../src/storage/bare/bareStorage.ts';
import { stress } from '../crash/stress.ts';
import { addCommits, makeHistory, randomNumbers } from '../graph/histories.ts';
import { git } from '../helpers/git.ts';

function fileOf(store: string, ending: string): string {
  const directory = join(store, 'objects', 'pack');
  const name = readdirSync(directory).find((file) => file.endsWith(ending));
  return join(directory, name as string);
}

function reachedFrom(store: string, ...refs: string[]): string[] {
  const lines = git(store, 'rev-list', '--objects', ...refs).split('\n');
  return [...new Set(lines.map((line) => line.slice(0, 40)))].sort();
}

async function found(store: string, ...refs: string[]): Promise<string[]> {
  const storage = await openBareStorage(store);
  try {
    const wants = refs.map((ref) => git(store, 'rev-parse', ref));
    return [...(await reachable(storage.objects, { wants })).objects].sort();
  } finally {
    await storage.close();
  }
}

test('commits with bits, and what they lead to', () => {
  const store = makeHistory({ commits: 300 });
  git(store, 'repack', '-a', '-d', '-q', '--write-bitmap-index');
  const index = PackIndex.parse(readFileSync(fileOf(store, '.idx')));
  const bitmap = new PackBitmap(
    readFileSync(fileOf(store, '.bitmap')),
    index.count,
    index.packChecksum,
  );
  const byOffset = Array.from({ length: index.count }, (_, row) => row);
  byOffset.sort((a, b) => index.offsetAt(a) - index.offsetAt(b));
  let commits = 0;
  for (let row = 0; row < index.count; row++) {
    if (!bitmap.has(row)) continue;
    commits++;
    // To ask Git takes longest.
    if (!stress && commits % 6 !== 0) continue;
    const bits = bitmap.bitsOf(row);
    const ids = byOffset.filter((_, place) => (bits[place >>> 5]! >>> (place & 31)) & 1);
    expect(ids.map((at) => index.idAt(at)).sort()).toEqual(reachedFrom(store, index.idAt(row)));
  }
  expect(commits).toBeGreaterThan(3);
});

test('a walk that comes to such a commit finds the same as Git, also beyond the pack', async () => {
  const store = makeHistory({ commits: 150 });
  addCommits(store, 'main', 6);
  for (const refs of [['main'], ['side', 'main~40'], ['nested', 'side'], ['main~7', 'data']]) {
    expect(await found(store, ...refs)).toEqual(reachedFrom(store, ...refs));
  }
});

test('a damaged bitmap is refused, and the walk does without', async () => {
  const store = makeHistory({ commits: 60 });
  const file = fileOf(store, '.bitmap');
  const index = PackIndex.parse(readFileSync(fileOf(store, '.idx')));
  const good = readFileSync(file);
  chmodSync(file, 0o644);
  const random = randomNumbers(4);
  for (let round = 0; round < 30; round++) {
    const bad = Buffer.from(good);
    bad[random(bad.length)]! ^= 1 << random(8);
    const parts = [bad, good.subarray(0, random(good.length))];
    for (const bytes of parts) {
      expect(() => new PackBitmap(bytes, index.count, index.packChecksum)).toThrow(
        CorruptObjectError,
      );
    }
    writeFileSync(file, bad);
  }
  expect(() => new PackBitmap(good, index.count, Buffer.alloc(20))).toThrow('another pack');
  expect(await found(store, 'main')).toEqual(reachedFrom(store, 'main'));
});
