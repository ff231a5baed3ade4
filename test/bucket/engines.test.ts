/**
 * Stores on real engines, used as users do: by processes that contend, are killed, and whose engine is
 * killed. Every commit that a process has printed must be there, once.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import type { Engine } from '../../scripts/engines.mjs';
import type { BucketRequest } from '../../src/storage/bucket/engine/bucket.ts';
import { parseS3Address } from '../../src/storage/bucket/s3/s3Address.ts';
import { openS3Bucket } from '../../src/storage/bucket/s3/s3Bucket.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import { effort, seed, seededRandom } from '../crash/stress.ts';
import { buildProgram, type Program } from '../helpers/build.ts';
import { runProgram } from '../helpers/hosts.ts';
import { type RunOptions, runNode, startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { describeEngine, freshPrefix, REAL_ENGINES } from './places.ts';
import { startProxy } from './proxy.ts';

const loop = join(import.meta.dirname, 'children', 'commit-loop.mjs');

let program: Program;
beforeAll(async () => {
  program = await buildProgram();
}, 180_000);

/** A place on the engine, and an environment for processes with a cache of their own. */
function place(engine: Engine): { location: string; env: NodeJS.ProcessEnv } {
  const env = { ...engine.env, XDG_CACHE_HOME: scratchFolder() };
  return { location: `s3://${engine.bucket}/${freshPrefix()}`, env };
}

async function gitstore(args: readonly string[], options: RunOptions = {}) {
  const { code, stdout, stderr } = await runProgram(program.cli, args, {
    timeout: 120_000,
    ...options,
  });
  return { code, stdout: stdout.toString(), stderr };
}

/** Hashes that a process has printed after their commits were acknowledged. */
function hashesIn(stdout: Buffer): string[] {
  return stdout.toString().match(/^[0-9a-f]{40}$/gm) ?? [];
}

async function historyOf(location: string): Promise<string[]> {
  const store = await GitStore.open(location, { create: false });
  const hashes: string[] = [];
  for await (const { commitHash } of (await store.fs('main')).log()) hashes.push(commitHash);
  await store.close();
  return hashes;
}

for (const name of REAL_ENGINES) {
  describeEngine(name, (engine) => {
    const contended = effort(2, 200);
    it('takes commits of eight processes to one branch', {
      timeout: contended.timeout,
    }, async () => {
      const { location, env } = place(engine());
      expect(await gitstore(['-r', location, 'init'], { env })).toMatchObject({ code: 0 });
      const { count, timeout } = contended;
      const ends = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          runNode([loop, program.library, location, 'main', `w${i}`, String(count)], {
            // Every second one is another machine.
            env: { ...env, ...(i % 2 === 1 && { XDG_CACHE_HOME: scratchFolder() }) },
            timeout,
          }),
        ),
      );
      for (const end of ends) expect(end, end.stderr).toMatchObject({ code: 0 });
      const reported = ends.flatMap(({ stdout }) => hashesIn(stdout));
      expect(reported).toHaveLength(8 * count);
      const [initial, ...rest] = (await historyOf(location)).reverse();
      expect(initial).toBeDefined();
      expect(rest.sort()).toEqual(reported.sort());
      expect(await gitstore(['-r', location, 'verify'], { env })).toMatchObject({ code: 0 });
    });

    const kills = effort(2, 300);
    it('keeps what killed writers were told is there', { timeout: kills.timeout }, async () => {
      const { location, env } = place(engine());
      await gitstore(['-r', location, 'init'], { env });
      const random = seededRandom(seed);
      const reported: string[] = [];
      for (let round = 0; round < kills.count; round++) {
        const args = [loop, program.library, location, 'main', `round${round}`, '1000'];
        const { process: child, finished } = startNode(args, { env, timeout: 60_000 });
        child.stdout!.once('data', () => {
          setTimeout(() => child.kill('SIGKILL'), random() * 300);
        });
        reported.push(...hashesIn((await finished).stdout));
      }
      expect(await historyOf(location)).toEqual(expect.arrayContaining(reported));
      const { timeout } = kills;
      expect(await gitstore(['-r', location, 'verify'], { env, timeout })).toMatchObject({
        code: 0,
        stdout: '',
      });
    });

    const crashes = effort(1, 30);
    it('goes on after the engine was killed', { timeout: crashes.timeout }, async () => {
      const { location, env } = place(engine());
      await gitstore(['-r', location, 'init'], { env });
      const args = [loop, program.library, location, 'main', 'w', String(40 * crashes.count)];
      const { process: child, finished } = startNode(args, { env, timeout: crashes.timeout });
      let isEnded = false;
      let told = 0;
      child.once('exit', () => {
        isEnded = true;
      });
      child.stdout!.on('data', () => {
        told++;
      });
      for (let round = 0; round < crashes.count; round++) {
        // An engine that takes long to start is gone for a writer that waits, unless it stays for a while.
        const before = told;
        while (told === before && !isEnded) await sleep(20);
        await sleep(500);
        await engine().kill();
        await engine().restart();
      }
      const end = await finished;
      expect(end, end.stderr).toMatchObject({ code: 0 });
      const reported = hashesIn(end.stdout);
      expect(reported).toHaveLength(40 * crashes.count);
      expect((await historyOf(location)).slice(0, -1).reverse()).toEqual(reported);
    });

    it('answers every command in the words of a user', async () => {
      const { location, env } = place(engine());
      const run = (...args: string[]) => gitstore(['-r', location, ...args], { env });
      const said = async (...args: string[]) => (await run(...args)).stderr;
      expect(await said('ls')).toMatch(/^Error: There is no store in s3:.*: make one with/);
      expect((await run('-v', 'init')).stderr).toMatch(
        /^Created s3:.*\n\d+ requests \(\d+ writing\)/,
      );
      expect(await said('init')).toMatch(/^Error: Repository already exists: s3:/);
      expect(await run('write', ':a/b.txt', '-v')).toMatchObject({
        stderr: expect.stringMatching(/\n\d+ requests \(1 writing\), .* sent, .* received\n$/),
      });
      const source = join(scratchFolder(), 'source');
      mkdirSync(source);
      writeFileSync(join(source, 'file'), 'in both');
      await run('sync', source, ':source');
      expect((await run('-v', 'sync', source, ':source')).stderr).toMatch(
        /\n1 request \(0 writing\)/,
      );
      expect((await run('-v', 'cat', ':source/file')).stderr).toMatch(/^1 request \(0 writing\)/);
      await run('rm', '-R', ':source');
      await run('tag', 'set', 'v1');
      await run('mv', ':a/b.txt', ':c.txt');
      expect((await run('undo')).code).toBe(0);
      expect((await run('ls', ':a')).stdout).toBe('b.txt\n');
      expect((await run('redo')).code).toBe(0);
      expect((await run('ls')).stdout).toBe('c.txt\n');
      expect((await run('gc')).code).toBe(0);
      expect((await run('verify')).code).toBe(0);
      const folder = scratchFolder();
      // In both directions: a bare repository, a bundle, another store.
      const bare = join(folder, 'bare.git');
      const bundle = join(folder, 'all.bundle');
      const other = place(engine()).location;
      for (const there of [bare, bundle, other]) {
        expect(await run('backup', there)).toMatchObject({ code: 0 });
        const back = place(engine()).location;
        const restored = await gitstore(['-r', back, 'restore', there], { env });
        expect(restored).toMatchObject({ code: 0 });
        expect((await gitstore(['-r', back, 'log'], { env })).stdout).toBe(
          (await run('log')).stdout,
        );
      }
      expect(await run('doctor')).toMatchObject({ code: 0, stdout: '' });
      expect(await said('forget', '--all', 'c.txt')).toMatch(
        /object storage holds its bytes until/,
      );
      expect(await said('destroy')).toMatch(/holds the tag 'v1'/);
      expect((await run('destroy', '-f')).code).toBe(0);
      expect(await said('ls')).toMatch(/^Error: There is no store/);
    });

    it('completes a store whose maker has died, and removes the rest of one', async () => {
      const { location, env } = place(engine());
      const run = (...args: string[]) => gitstore(['-r', location, ...args], { env });
      const { endpoint } = engine();
      const bucket = await openS3Bucket(parseS3Address(`${location}?endpoint=${endpoint}`));
      expect((await run('init')).code).toBe(0);
      await bucket.remove(['head']);
      expect(await run('init')).toMatchObject({ code: 0, stderr: '' });
      const big = join(scratchFolder(), 'big');
      writeFileSync(big, randomBytes(100_000));
      expect((await run('cp', big, ':')).code).toBe(0);
      // As after a removal that is killed.
      await bucket.remove(['head']);
      expect((await run('init', '-f')).stderr).toMatch(/gitstore doctor --repair$/m);
      expect((await run('destroy')).stderr).toMatch(/holds keys without a head.*-f destroys/);
      expect(await run('destroy', '-f')).toMatchObject({ code: 0, stderr: '' });
      expect(await bucket.list('')).toMatchObject({ entries: [] });
      await bucket.close();
    });

    it('is refused for a new store when it lets two win', async () => {
      const proxy = await startProxy(engine().endpoint);
      proxy.fate = ({ method }) => (method === 'PUT' ? { without: ['if-match'] } : undefined);
      const { location, env } = place(engine());
      const byProxy = { env: { ...env, AWS_ENDPOINT_URL_S3: proxy.endpoint } };
      const { code, stderr } = await gitstore(['-r', location, 'init'], byProxy);
      const doctor = await gitstore(['doctor', location], byProxy);
      await proxy.close();
      expect(doctor.code).toBe(1);
      expect(doctor.stdout).toMatch(/it swaps by a tag that is out of date/);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^Error: s3:.*is not safe for a store: it swaps by a tag[^\n]*\n$/);
      expect((await gitstore(['-r', location, 'ls'], { env })).stderr).toMatch(/There is no store/);
    });

    it('takes as many requests as docs/object-storage.md says', async () => {
      const { location } = place(engine());
      let requests: BucketRequest[] = [];
      const onRequest = (request: BucketRequest) => requests.push(request);
      const cache = { folder: scratchFolder() };
      const store = await GitStore.open(location, { onRequest, cache });
      const counted = async <T>(work: () => Promise<T>) => {
        requests = [];
        const result = await work();
        const writing = requests.filter(({ verb }) => verb === 'put' || verb === 'remove').length;
        return { result, writing, reading: requests.length - writing };
      };
      const first = await store.fs('main');
      const small = await counted(() => first.write('a', 'small'));
      expect(small).toMatchObject({ writing: 1, reading: 0 });
      const large = await counted(() =>
        small.result.write(
          'b',
          Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) >> 7)),
        ),
      );
      expect(large).toMatchObject({ writing: 2, reading: 0 });
      expect(await counted(() => large.result.read('a'))).toMatchObject({ writing: 0, reading: 0 });
      expect(await counted(() => store.fs('main'))).toMatchObject({ writing: 0, reading: 1 });
      for (let i = 0; i < 200; i++) await store.branches.set(`b${i}`, large.result);
      const all = await counted(() =>
        Promise.all(
          Array.from({ length: 200 }, (_, i) =>
            store.update(`b${i}`, (fs) => fs.write('mine', String(i))),
          ),
        ),
      );
      expect(all.writing).toBeLessThanOrEqual(20);
      await store.close();
    });
  });
}
