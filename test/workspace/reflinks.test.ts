/** A fork on a disk that shares blocks among files. */
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { GitStore, Workspace } from '../../src/index.ts';
import { scratchFolder } from '../helpers/scratch.ts';

const hasTools =
  process.platform === 'linux' &&
  process.getuid?.() === 0 &&
  spawnSync('mkfs.xfs', ['-V']).status === 0;

test.skipIf(!hasTools)(
  'a fork shares the blocks of the folder (root and mkfs.xfs)',
  async (context) => {
    const folder = scratchFolder();
    const [image, disk] = [join(folder, 'image'), join(folder, 'disk')];
    mkdirSync(disk);
    execFileSync('truncate', ['-s', '400M', image]);
    execFileSync('mkfs.xfs', ['-q', '-m', 'reflink=1', image]);
    if (spawnSync('mount', ['-o', 'loop', image, disk]).status !== 0) {
      context.skip('nothing can be mounted here');
    }
    try {
      const work = join(disk, 'work');
      mkdirSync(join(work, 'a'), { recursive: true });
      for (const name of ['a/big', 'large'])
        writeFileSync(join(work, name), Buffer.alloc(30e6, name));
      writeFileSync(join(work, 'run'), '#!/bin/sh\n', { mode: 0o755 });
      const store = await GitStore.open(join(folder, 's.git'), { durability: 'fast' });
      const first = await Workspace.open(work, { store });
      await first.checkpoint();
      execFileSync('sync', ['-f', disk]);
      const free = (): number => statfsSync(disk).bfree * statfsSync(disk).bsize;
      const before = free();
      const fork = await first.fork(join(disk, 'fork'));
      execFileSync('sync', ['-f', disk]);
      expect(before - free()).toBeLessThan(5e6);
      expect((await fork.changes()).entries).toEqual([]);
      appendFileSync(join(disk, 'fork', 'large'), 'more');
      expect(readFileSync(join(work, 'large')).length).toBe(30e6);
      expect((await first.changes()).entries).toEqual([]);
      await fork.close();
      await first.close();
      await store.close();
    } finally {
      spawnSync('umount', [disk]);
    }
  },
);
