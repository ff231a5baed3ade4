/**
 * A tree of files into object storage (versitygw on loopback) and out again on another machine: gitstore,
 * restic, rclone, all through one proxy that counts requests and bytes.
 */

import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cpuOf, newMachine, withEngine } from '../lib/bucket.mjs';
import { cli } from '../lib/build.mjs';
import { checkSameFolders } from '../lib/check.mjs';
import { countingProxy } from '../lib/countingProxy.mjs';
import { realTree } from '../lib/input.mjs';
import { median, output, withScratch } from '../lib/measure.mjs';
import { ratioRow, skippedRow } from '../lib/table.mjs';

export const order = 42;
export const name = 'bucket-rivals';
export const title = 'a tree into object storage and out again / restic, rclone';

export async function run({ runs = 3 }, emit) {
  await withScratch(async (scratch) => {
    const why = await withEngine(scratch, async (engine) => {
      const proxy = await countingProxy(engine.endpoint);
      try {
        await race({ engine, scratch, proxy, emit, runs, ...realTree() });
      } finally {
        await proxy.close();
      }
    });
    if (why !== undefined) emit(skippedRow('rivals on object storage', why));
  });
}

async function race({ engine, scratch, proxy, emit, runs, tree, files, bytes }) {
  const env = { ...engine.env, AWS_ENDPOINT_URL_S3: proxy.endpoint };
  const out = join(scratch, 'out');
  const measured = async (command, args, more) => {
    proxy.reset();
    const { cpu, ms } = await cpuOf(command, args, { ...env, ...more });
    const { requests, sent, received } = proxy;
    return { cpu, ms, requests, sent, received };
  };
  const contestants = { gitstore };
  if (has('restic')) contestants.restic = restic;
  else emit(skippedRow('restic', 'it is not installed'));
  if (has('rclone')) contestants.rclone = rclone;
  else emit(skippedRow('rclone', 'it is not installed'));
  const results = {};
  for (let run = 0; run < runs; run++) {
    for (const [name, contestant] of Object.entries(contestants)) {
      // It sends a request for each file, which takes minutes.
      if (name === 'rclone' && run > 0) continue;
      spawnSync('sync');
      results[name] ??= [];
      results[name].push(await contestant(run));
      rmSync(out, { recursive: true });
    }
  }
  const what = `${files} files, ${Math.round(bytes / 1e6)} MB`;
  for (const [name, theirs] of Object.entries(results)) {
    if (name === 'gitstore') continue;
    for (const [way, work] of [
      ['in', `${what}, in`],
      ['out', 'out on another machine'],
    ]) {
      const [mine, other] = [results.gitstore, theirs].map((all) => all.map((one) => one[way]));
      for (const [time, field] of [
        ['CPU time', 'cpu'],
        ['wall time', 'ms'],
      ]) {
        const sides = {
          ours: median(mine.map((one) => one[field])),
          rival: median(other.map((one) => one[field])),
        };
        const note = `ours: ${traffic(mine.at(-1))}; ${name}: ${traffic(other.at(-1))}`;
        const ratio = sides.ours / sides.rival;
        emit(ratioRow(`${work}, ${time} / ${name}`, { ...sides, ratio }, 'ms', 1, note));
      }
    }
  }

  async function gitstore(run) {
    const command = async (machine, ...args) => {
      const more = { ...newMachine(engine, scratch, machine), AWS_ENDPOINT_URL_S3: proxy.endpoint };
      const store = ['-r', `s3://${engine.bucket}/ours${run}`];
      return await measured(process.execPath, [cli, ...store, ...args], more);
    };
    await command('first', 'init');
    const inward = await command('writer', 'cp', `${tree}/`, ':');
    const outward = await command('reader', 'cp', ':', out);
    checkSameFolders(out, tree);
    return { in: inward, out: outward };
  }

  async function restic(run) {
    const cache = join(scratch, 'restic-cache');
    const command = async (...args) => {
      // Another machine each time.
      rmSync(cache, { recursive: true, force: true });
      const repository = `s3:${proxy.endpoint}/${engine.bucket}/restic${run}`;
      return await measured('restic', ['-q', '-r', repository, ...args], {
        RESTIC_PASSWORD: 'bench',
        RESTIC_CACHE_DIR: cache,
      });
    };
    await command('init');
    const inward = await command('backup', tree);
    const outward = await command('restore', 'latest', '--target', out);
    checkSameFolders(join(out, tree), tree);
    return { in: inward, out: outward };
  }

  async function rclone() {
    mkdirSync(out);
    const remote = `:s3,provider=Other,env_auth=true,region=us-east-1,endpoint='${proxy.endpoint}':${engine.bucket}/rclone`;
    const command = (...args) =>
      measured('rclone', ['-q', '--links', '--s3-no-check-bucket', 'copy', ...args], {
        RCLONE_CONFIG: join(scratch, 'rclone.conf'),
        // It takes none for its own connections.
        AWS_CA_BUNDLE: '',
      });
    const inward = await command(tree, remote);
    const outward = await command(remote, out);
    // It keeps no executable bits.
    checkSameFolders(out, tree, { modes: false });
    return { in: inward, out: outward };
  }
}

function traffic({ requests, sent, received }) {
  const mega = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;
  return `${requests} requests, ${mega(sent)} up, ${mega(received)} down`;
}

function has(program) {
  try {
    output(program, ['version']);
    return true;
  } catch {
    return false;
  }
}
