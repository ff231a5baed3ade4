/** Turns among writers of a ref. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, type MockInstance, test, vi } from 'vitest';
import { Turns } from '../../src/storage/bare/locks/turns.ts';
import { scratchFolder } from '../helpers/scratch.ts';

let now: bigint;
let clock: MockInstance<() => bigint>;
let store: string;

beforeEach(() => {
  store = scratchFolder();
  mkdirSync(join(store, 'gitstore'));
  now = 0n;
  clock = vi.spyOn(process.hrtime, 'bigint').mockImplementation(() => now);
});

afterEach(() => {
  clock.mockRestore();
});

test('a burst gives its turn back before others take its holder for dead', async () => {
  const turns = new Turns(store);
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
    turns.close();
  }
});

test('a process that has waited long for a turn does not stay away long from the next', async () => {
  const [slow, quick] = [new Turns(store), new Turns(store)];
  const take = (turns: Turns) => turns.take('refs/heads/main', 1e9);
  const wait = async (turns: Turns) => {
    const taken = take(turns);
    // It has looked at the holder, and left word that it waits.
    while (!readdirSync(join(store, 'gitstore')).some((name) => name.endsWith('.wanted'))) {
      await sleep(1);
    }
    return { taken };
  };
  const giveBackSlow = await take(slow);
  const { taken } = await wait(quick);
  const next = take(quick);
  // The holder's commit takes ten minutes.
  now += 600_000_000_000n;
  giveBackSlow();
  (await taken)();
  const giveBackQuick = await next;
  const { taken: takenBySlow } = await wait(slow);
  now += 200_000_000n;
  giveBackQuick();
  (await takenBySlow)();
  // The turn is free.
  (await take(quick))();
  slow.close();
  quick.close();
});
