/**
 * A workspace that watches its folder: a checkpoint looks only at what was touched, and must hold what the
 * folder holds all the same, however soon it comes after a change.
 */
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { GitStore, Workspace } from '../../src/index.ts';
import { effort, seed, seededRandom } from '../crash/stress.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const NAMES = ['a', 'b', 'd/a', 'd/b', 'd/e/f', 'd/e/g', 'n/e/w', 'x', 'x.log'];
const { count, timeout } = effort(30, 3000);

test('checkpoints hold what the folder holds at once', { timeout }, async () => {
  const random = seededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
  const base = scratchFolder();
  const folder = join(base, 'work');
  mkdirSync(folder);
  const store = await GitStore.open(join(base, 'data.git'), { durability: 'fast' });
  const work = await Workspace.open(folder, { store, watch: true });
  for (let step = 0; step < count; step++) {
    for (let burst = Math.floor(random() * 4); burst >= 0; burst--) {
      const at = join(folder, pick(NAMES));
      const kind = random();
      if (kind < 0.55) {
        if (existsSync(`${at}/.`)) rmSync(at, { recursive: true });
        mkdirSync(dirname(at), { recursive: true });
        rmSync(at, { force: true });
        writeFileSync(at, `${step}.${burst}`);
      } else if (kind < 0.65) {
        rmSync(dirname(at) === folder ? at : dirname(at), { recursive: true, force: true });
      } else if (kind < 0.75 && existsSync(at)) {
        const to = join(folder, pick(['moved', 'd/moved', 'x']));
        mkdirSync(dirname(to), { recursive: true });
        rmSync(to, { recursive: true, force: true });
        renameSync(at, to);
      } else if (kind < 0.8) {
        rmSync(at, { recursive: true, force: true });
        mkdirSync(dirname(at), { recursive: true });
        symlinkSync(`${step}`, at);
      } else if (kind < 0.85) {
        writeFileSync(join(folder, '.gitignore'), pick(['*.log\n', 'x\n', '']));
      } else if (kind < 0.9) await sleep(pick([1, 60, 150]));
    }
    const fs = await work.checkpoint();
    // `changes` looks at the whole.
    expect({ step, entries: (await work.changes(fs)).entries }).toEqual({ step, entries: [] });
    if (random() < 0.05) await work.rewind({ back: 2 }).catch(() => {});
    if (random() < 0.05) await (await work.head()).writeText('by-another', `${step}`);
  }
  await work.close();
  await store.close();
});

test('a checkpoint that comes beside another one holds what was there when it was asked for', async () => {
  const base = scratchFolder();
  const folder = join(base, 'work');
  mkdirSync(folder);
  const store = await GitStore.open(join(base, 'data.git'), { durability: 'fast' });
  const work = await Workspace.open(folder, { store, watch: true });
  await work.checkpoint();
  for (let step = 0; step < 5; step++) {
    writeFileSync(join(folder, 'a'), `${step}`);
    const both = await Promise.all([work.checkpoint(), work.checkpoint()]);
    for (const fs of both) expect(await fs.readText('a')).toBe(`${step}`);
  }
  await work.close();
  await store.close();
});
