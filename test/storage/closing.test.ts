/** A store that is closed while it is at work: what is under way ends, and leaves nothing open. */
import { cpSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { BatchClosedError, type FS, GitStore } from '../../src/index.ts';
import { seededRandom } from '../crash/stress.ts';
import { scratchFolder } from '../helpers/scratch.ts';

/** Files in a folder that this process has open. */
function openBelow(folder: string): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(folder) ? [path] : [];
    } catch {
      // The one by which they were listed.
      return [];
    }
  });
}

type Work = (store: GitStore, fs: FS, out: string) => Promise<unknown>;

const random = seededRandom(1);
const noise = (size: number) => Uint8Array.from({ length: size }, () => random() * 256);

const works: Record<string, Work> = {
  gc: (store) => store.gc({ prune: 'now' }),
  verify: (store) => store.verify(),
  'copy out': (_, fs, out) => fs.copyOut('', out),
  backup: (store, _, out) => store.backup(`${out}.git`),
  bundle: (store, _, out) => store.backup(`${out}.bundle`),
  archive: (_, fs, out) => fs.archiveOut({ file: `${out}.zip` }),
  'a stream that is read': async (_, fs) => {
    for await (const _ of fs.readStream('big0')) await setImmediate();
  },
  'a stream that is left': async (_, fs) => {
    await fs.readStream('big0').getReader().read();
  },
  'a batch that is left': async (_, fs) => {
    const batch = fs.batch();
    for (let i = 0; i < 120; i++) await batch.write(`new/${i}`, `${i} new`);
  },
  'commits in a loop': async (_, fs) => {
    let next = fs;
    for (let i = 0; i < 8; i++) next = await next.write('loop', `${i}`);
  },
};

describe.skipIf(process.platform !== 'linux')('closed in the middle', () => {
  const folder = scratchFolder();
  const model = join(folder, 'model.git');

  beforeAll(async () => {
    const source = join(folder, 'src');
    mkdirSync(source);
    for (let i = 0; i < 150; i++) writeFileSync(join(source, `f${i}`), `${i} `.repeat(i));
    for (let i = 0; i < 2; i++) writeFileSync(join(source, `big${i}`), noise(1.5e6));
    const store = await GitStore.open(model, { durability: 'fast' });
    await (await store.fs('main')).syncIn(source, '');
    await store.close();
  });

  for (const [name, work] of Object.entries(works)) {
    test(name, async () => {
      for (const turns of [1, 12]) {
        const own = join(folder, `${name} ${turns}`);
        const repo = join(own, 's.git');
        cpSync(model, repo, { recursive: true });
        const store = await GitStore.open(repo, { durability: 'fast' });
        const fs = await store.fs('main');
        const settled = work(store, fs, join(own, 'out')).catch((error: unknown) => {
          expect(error).toBeInstanceOf(BatchClosedError);
        });
        for (let i = 0; i < turns; i++) await setImmediate();
        await store.close();
        await settled;
        await expect.poll(() => openBelow(own), { timeout: 20_000 }).toEqual([]);
      }
    });
  }
});
