/** Turns among writers of a ref. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { Turns } from '../../src/storage/bare/locks/turns.ts';
import { scratchFolder } from '../helpers/scratch.ts';

test('a burst gives its turn back before others take its holder for dead', async () => {
  const store = scratchFolder();
  mkdirSync(join(store, 'gitstore'));
  const turns = new Turns(store);
  let now = 0n;
  const clock = vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => now);
  try {
    const kept: boolean[] = [];
    for (let i = 0; i < 40; i++) {
      const giveBack = await turns.take('refs/heads/main', 1000);
      // A commit takes a tenth of a second.
      now += 100_000_000n;
      giveBack();
      kept.push(readdirSync(join(store, 'gitstore')).some((name) => name.endsWith('.holder')));
    }
    // After the first commit, as it is not a burst yet, and every two and a half seconds.
    expect(kept.flatMap((isKept, i) => (isKept ? [] : [i]))).toEqual([0, 25]);
  } finally {
    clock.mockRestore();
    turns.close();
  }
});
