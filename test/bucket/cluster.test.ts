/**
 * A cluster that runs already, whose nodes are killed, or stopped, and come back, while processes commit
 * through all of its gateways. Only on demand: GITSTORE_CLUSTER is a command for the shell that does $VERB
 * (kill, revive, pause, resume) to $NODE, GITSTORE_CLUSTER_NODES the nodes, GITSTORE_CLUSTER_ENDPOINTS the
 * addresses of the gateways, both with commas; the bucket and the credentials are in S3_BUCKET,
 * S3_ACCESS_KEY and S3_SECRET_KEY. GITSTORE_COUNT is how often a node is taken away.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { GitStore } from '../../src/store/gitStore.ts';
import { effort } from '../crash/stress.ts';
import { buildProgram, type Program } from '../helpers/build.ts';
import { runCommand, runNode, startNode } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';
import { freshPrefix } from './places.ts';

const {
  GITSTORE_CLUSTER: command,
  GITSTORE_CLUSTER_NODES: nodes = '',
  GITSTORE_CLUSTER_ENDPOINTS: endpoints = '',
  S3_BUCKET: bucket = 'store',
  S3_ACCESS_KEY: key,
  S3_SECRET_KEY: secret,
} = process.env;

/** How long a node is away, in milliseconds, and how long all are there after it. */
const AWAY = 8000;
const BACK = 6000;

const loop = join(import.meta.dirname, 'children', 'commit-loop.mjs');
const { count, timeout } = effort(4, 24);

const title = command === undefined ? 'a cluster (GITSTORE_CLUSTER names one)' : 'a cluster';

describe.skipIf(command === undefined)(title, () => {
  let program: Program;
  beforeAll(async () => {
    program = await buildProgram();
  }, 180_000);

  async function tell(verb: string, node: string): Promise<void> {
    const env = { ...process.env, VERB: verb, NODE: node };
    const { code, stderr } = await runCommand('sh', ['-c', command!], { env, timeout: 60_000 });
    expect(code, stderr).toBe(0);
  }

  it('keeps all that was told is there while nodes go and come back', { timeout }, async () => {
    const gateways = endpoints.split(',');
    const common = {
      AWS_ACCESS_KEY_ID: key,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_REGION: 'us-east-1',
    };
    const prefix = freshPrefix();
    const placeAt = (i: number) => {
      const endpoint = encodeURIComponent(gateways[i % gateways.length]!);
      return `s3://${bucket}/${prefix}?endpoint=${endpoint}&path-style`;
    };
    const environment = () => ({ ...common, XDG_CACHE_HOME: scratchFolder() });
    const gitstore = (...args: string[]) =>
      runNode([program.cli, '-r', placeAt(0), ...args], { env: environment(), timeout });
    expect(await gitstore('init')).toMatchObject({ code: 0 });
    let last = performance.now();
    let longest = 0;
    const seconds = Math.ceil((count * (AWAY + BACK)) / 1000) + 5;
    const writers = Array.from({ length: 4 }, (_, i) => {
      const args = [loop, program.library, placeAt(i), 'main', `w${i}`, `${seconds}s`];
      const writer = startNode(args, { env: environment(), timeout });
      writer.process.stdout!.on('data', () => {
        longest = Math.max(longest, performance.now() - last);
        last = performance.now();
      });
      return writer;
    });
    const all = nodes.split(',');
    for (let i = 0; i < count; i++) {
      const node = all[i % all.length]!;
      const [gone, back] =
        Math.floor(i / all.length) % 2 === 0 ? ['kill', 'revive'] : ['pause', 'resume'];
      await sleep(BACK / 2);
      await tell(gone!, node);
      await sleep(AWAY);
      await tell(back!, node);
      await sleep(BACK / 2);
    }
    const told: string[] = [];
    for (const { finished } of writers) {
      const end = await finished;
      expect(end, end.stderr).toMatchObject({ code: 0 });
      told.push(...(end.stdout.toString().match(/^[0-9a-f]{40}$/gm) ?? []));
    }
    Object.assign(process.env, environment());
    const store = await GitStore.open(placeAt(1), { create: false });
    const found: string[] = [];
    for await (const { commitHash } of (await store.fs('main')).log()) found.push(commitHash);
    await store.close();
    console.log(
      `${told.length} commits told, ${found.length - 1} found; longest time without one: ${Math.round(longest)} ms`,
    );
    expect(new Set(found).size).toBe(found.length);
    expect(found).toEqual(expect.arrayContaining(told));
    expect(await gitstore('verify')).toMatchObject({ code: 0 });
  });
});
