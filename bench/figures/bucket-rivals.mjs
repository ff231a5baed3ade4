/**
 * A tree of files into object storage (versitygw on loopback) and out again on another machine: gitstore,
 * restic, rclone, all through one proxy that counts requests and bytes. CPU time of the processes.
 */

import { mkdirSync, rmSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { cpuOf, newMachine, withEngine } from '../lib/bucket.mjs';
import { cli } from '../lib/build.mjs';
import { checkSameFolders } from '../lib/check.mjs';
import { realTree } from '../lib/input.mjs';
import { output, withScratch } from '../lib/measure.mjs';
import { ratioRow, skippedRow } from '../lib/table.mjs';

export const order = 42;
export const name = 'bucket-rivals';
export const title = 'a tree into object storage and out again / restic, rclone';

export async function run(_options, emit) {
  await withScratch(async (scratch) => {
    const why = await withEngine(scratch, async (engine) => {
      const proxy = await countingProxy(engine.endpoint);
      try {
        await race({ engine, scratch, proxy, emit, ...realTree() });
      } finally {
        await proxy.close();
      }
    });
    if (why !== undefined) emit(skippedRow('rivals on object storage', why));
  });
}

async function race({ engine, scratch, proxy, emit, tree, files, bytes }) {
  const env = { ...engine.env, AWS_ENDPOINT_URL_S3: proxy.endpoint };
  const what = `${files} files, ${Math.round(bytes / 1e6)} MB`;
  const out = join(scratch, 'out');
  const measured = async (command, args, more) => {
    proxy.reset();
    const { cpu, ms } = await cpuOf(command, args, { ...env, ...more });
    const { requests, sent, received } = proxy;
    const mega = (n) => `${(n / 1e6).toFixed(1)} MB`;
    const note = `${requests} requests, ${mega(sent)} up, ${mega(received)} down, ${(ms / 1000).toFixed(1)} s`;
    return { cpu, note };
  };
  const gitstore = (machine, ...args) => measured(process.execPath, [cli, ...args], machine);
  const store = ['-r', `s3://${engine.bucket}/ours`];
  const writer = newMachine(engine, scratch, 'writer');
  writer.AWS_ENDPOINT_URL_S3 = proxy.endpoint;
  await gitstore(writer, ...store, 'init');
  const ours = { in: await gitstore(writer, ...store, 'cp', tree, ':') };
  const reader = newMachine(engine, scratch, 'reader');
  reader.AWS_ENDPOINT_URL_S3 = proxy.endpoint;
  ours.out = await gitstore(reader, ...store, 'cp', ':', out);
  checkSameFolders(out, tree);
  rmSync(out, { recursive: true });

  const row = (work, rival, mine, theirs) => {
    const sides = { ours: mine.cpu, rival: theirs.cpu, ratio: mine.cpu / theirs.cpu };
    const note = `ours: ${mine.note}; ${rival}: ${theirs.note}`;
    emit(ratioRow(`${work}, CPU time / ${rival}`, sides, 'ms', 1, note));
  };

  if (!has('restic')) emit(skippedRow('restic', 'it is not installed'));
  else {
    const cache = join(scratch, 'restic-cache');
    const restic = (...args) =>
      measured('restic', ['-q', '-r', `s3:${proxy.endpoint}/${engine.bucket}/restic`, ...args], {
        RESTIC_PASSWORD: 'bench',
        RESTIC_CACHE_DIR: cache,
      });
    await restic('init');
    const backup = await restic('backup', tree);
    // Another machine.
    rmSync(cache, { recursive: true });
    const restore = await restic('restore', 'latest', '--target', out);
    checkSameFolders(join(out, tree), tree);
    rmSync(out, { recursive: true });
    row(`${what}, in`, 'restic backup', ours.in, backup);
    row('out on another machine', 'restic restore', ours.out, restore);
  }

  if (!has('rclone')) emit(skippedRow('rclone', 'it is not installed'));
  else {
    mkdirSync(out);
    const remote = `:s3,provider=Other,env_auth=true,region=us-east-1,endpoint='${proxy.endpoint}':${engine.bucket}/rclone`;
    const rclone = (...args) =>
      measured('rclone', ['-q', '--links', '--s3-no-check-bucket', 'copy', ...args], {
        RCLONE_CONFIG: join(scratch, 'rclone.conf'),
      });
    const up = await rclone(tree, remote);
    const down = await rclone(remote, out);
    checkSameFolders(out, tree);
    row(`${what}, in`, 'rclone copy', ours.in, up);
    row('out on another machine', 'rclone copy', ours.out, down);
  }
}

function has(program) {
  try {
    output(program, ['version']);
    return true;
  } catch {
    return false;
  }
}

async function countingProxy(target) {
  const { hostname, port } = new URL(target);
  const agent = new http.Agent({ keepAlive: true });
  const server = http.createServer((request, response) => {
    proxy.requests++;
    const { method, url: path, rawHeaders: headers } = request;
    const outgoing = http.request({ agent, hostname, port, method, path, headers }, (incoming) => {
      response.writeHead(incoming.statusCode, incoming.rawHeaders);
      incoming.on('data', (chunk) => {
        proxy.received += chunk.length;
      });
      incoming.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    request.on('data', (chunk) => {
      proxy.sent += chunk.length;
    });
    request.pipe(outgoing);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy = {
    endpoint: `http://127.0.0.1:${server.address().port}`,
    reset() {
      proxy.requests = 0;
      proxy.sent = 0;
      proxy.received = 0;
    },
    async close() {
      agent.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  proxy.reset();
  return proxy;
}
