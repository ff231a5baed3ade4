/** What goes wrong around a store on a real engine: a network that loses and delays, a disk that is full. */
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it, onTestFinished } from 'vitest';
import { type Engine, missing, start } from '../../scripts/engines.mjs';
import { GitStore } from '../../src/store/gitStore.ts';
import { effort, seed, seededRandom, stress } from '../crash/stress.ts';
import { buildProgram, type Program } from '../helpers/build.ts';
import { canMount, mountTmpfs, unmount } from '../helpers/mount.ts';
import { runNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { noise } from './noise.ts';
import { describeEngine, freshPrefix, REAL_ENGINES } from './places.ts';
import { type Cut, type Fate, startProxy } from './proxy.ts';

const loop = join(import.meta.dirname, 'children', 'commit-loop.mjs');
const CUTS: readonly Cut[] = ['request', 'answer', 'body'];

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
}, 180_000);

/** A network that cuts 12 % of the requests, each way as often, and delays all of them. */
function badWeather(random: () => number): () => Fate {
  return () => {
    const dice = random();
    const delay = random() < 0.1 ? 300 * random() : 10 * random();
    // That one costs half a minute each time.
    if (stress && dice < 0.001) return { delay, silent: true };
    return dice < 0.12 ? { delay, cut: CUTS[Math.floor(dice / 0.04)]! } : { delay };
  };
}

async function hashesOf(location: string, folder: string): Promise<string[]> {
  const store = await GitStore.open(location, { create: false, cache: { folder } });
  const hashes: string[] = [];
  for await (const { commitHash } of (await store.fs('main')).log()) hashes.push(commitHash);
  await store.close();
  return hashes;
}

for (const name of REAL_ENGINES) {
  describeEngine(name, (engine) => {
    const seconds = effort(2, 600);
    it('two machines write through a network that loses and delays', {
      timeout: seconds.timeout + seconds.count * 1000,
    }, async () => {
      const prefix = freshPrefix();
      const location = `s3://${engine().bucket}/${prefix}`;
      await (await GitStore.open(location)).close();
      const random = seededRandom(seed);
      const machines = await Promise.all(
        ['first', 'second'].map(async (machine) => {
          const proxy = await startProxy(engine().endpoint);
          proxy.fate = badWeather(random);
          const cache = scratchFolder();
          const env = {
            ...engine().env,
            AWS_ENDPOINT_URL_S3: proxy.endpoint,
            XDG_CACHE_HOME: cache,
          };
          const ends = await Promise.all(
            [1, 2].map((i) =>
              runNode(
                [loop, program.library, location, 'main', `${machine}${i}`, `${seconds.count}s`],
                { env, timeout: seconds.timeout + seconds.count * 1000 },
              ),
            ),
          );
          await proxy.close();
          return { cache, ends, requests: proxy.seen.length };
        }),
      );
      const told = machines.flatMap(({ ends }) =>
        ends.flatMap((end) => {
          expect(end, end.stderr).toMatchObject({ code: 0 });
          return end.stdout.toString().match(/^[0-9a-f]{40}$/gm) ?? [];
        }),
      );
      expect(told.length).toBeGreaterThan(0);
      const [first, second] = await Promise.all(
        machines.map(({ cache }) => hashesOf(location, join(cache, 'gitstore', 'stores'))),
      );
      expect(second).toEqual(first);
      expect(first).toEqual(expect.arrayContaining(told));
      expect(new Set(first).size).toBe(first!.length);
      const store = await GitStore.open(location, { create: false });
      expect(await store.verify()).toMatchObject({ ok: true });
      // Each commit is there once: as many as it has written files.
      const paths = await (await store.fs('main')).ls('', { recursive: true });
      expect(paths.length).toBe(first!.length - 1);
      await store.close();
      const requests = machines.reduce((sum, machine) => sum + machine.requests, 0);
      if (stress)
        console.log(`${told.length} commits told of, ${paths.length} there, ${requests} requests`);
    });
  });
}

const why =
  missing('versitygw') ?? (canMount() ? undefined : 'mounting a tmpfs is not permitted here');

it.skipIf(why !== undefined)(
  'a full disk at the engine loses nothing that was told',
  {
    timeout: 120_000,
  },
  async () => {
    const folder = scratchFolder();
    const data = join(folder, 'data');
    mkdirSync(data);
    expect(mountTmpfs(data, '12m')).toBe(true);
    let engine: Engine | undefined;
    onTestFinished(async () => {
      await engine?.stop();
      unmount(data);
    });
    engine = await start('versitygw', folder);
    Object.assign(process.env, engine.env);
    const location = `s3://${engine.bucket}/${freshPrefix()}`;
    const cache = { folder: scratchFolder() };
    const store = await GitStore.open(location, { cache, deadline: 2000 });
    let last = await store.fs('main');
    const told: string[] = [];
    const ballast = join(data, 'ballast');
    for (let round = 0; round < 3; round++) {
      const { bavail, bsize } = statfsSync(data);
      writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 500_000)));
      let failed: unknown;
      for (let i = 0; failed === undefined && i < 40; i++) {
        try {
          const path = `${round}/${i}`;
          last = await store.update('main', (tip) =>
            tip.write(path, noise(i % 2 ? 100 : 60_000, i)),
          );
          told.push(path);
        } catch (error) {
          failed = error;
        }
      }
      expect(failed).toMatchObject({
        code: expect.stringMatching(/^(EREMOTE|EUNREACHABLE|EUNKNOWN)$/),
      });
      expect((failed as Error).message).toMatch(/^[^\n]+$/);
      // What is there is read all the same.
      expect(await (await store.fs('main')).ls()).toEqual(expect.any(Array));
      rmSync(ballast);
    }
    last = await store.update('main', (tip) => tip.write('after', 'all'));
    await store.close();
    const other = await GitStore.open(location, { cache: { folder: scratchFolder() } });
    expect(await other.verify()).toMatchObject({ ok: true });
    const there = await (await other.fs('main')).ls('', { recursive: true });
    expect(there).toEqual(expect.arrayContaining([...told, 'after']));
    expect(last.commitHash).toBe((await other.fs('main')).commitHash);
    await other.close();
  },
);
