/**
 * Real object storage on this machine, for tests and examples: got with the ordinary package clients,
 * started on loopback, ended by who started it. What is built lies in the user's cache folder.
 *
 *     node scripts/engines.mjs install [NAME…]     versitygw, ceph (as root, from Debian's packages)
 *     node scripts/engines.mjs run NAME FOLDER     prints what a client needs, until Ctrl-C
 */
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import aws4 from 'aws4';

const run = promisify(execFile);
const VERSITYGW = 'v1.8.0';
const CEPH = ['ceph-mon', 'ceph-osd', 'radosgw'];

export const CREDENTIALS = { accessKeyId: 'engine-access', secretAccessKey: 'engine-secret-key' };
export const REGION = 'us-east-1';

function binaries() {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(cache, 'gitstore-engines', `versitygw-${VERSITYGW}`);
}

function has(program) {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, program)));
}

/** Why an engine cannot be started here; undefined when it can. */
export function missing(name) {
  if (name === 'versitygw') {
    return existsSync(join(binaries(), 'versitygw'))
      ? undefined
      : 'versitygw is not installed: node scripts/engines.mjs install versitygw';
  }
  if (!CEPH.every(has)) return 'Ceph is not installed: node scripts/engines.mjs install ceph';
  return process.getuid?.() === 0 ? undefined : 'Ceph is started by root only';
}

/** @throws Error with the reason when it cannot be had */
export async function install(name) {
  if (missing(name) === undefined) return;
  if (name === 'versitygw') {
    if (!has('go')) throw new Error('Go is not installed');
    mkdirSync(binaries(), { recursive: true });
    const env = { ...process.env, GOBIN: binaries(), GOFLAGS: '-trimpath' };
    const from = `github.com/versity/versitygw/cmd/versitygw@${VERSITYGW}`;
    await run('go', ['install', '-ldflags=-s -w', from], { env });
    return;
  }
  if (process.getuid?.() !== 0 || !has('apt-get')) throw new Error('it takes root and apt-get');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args) =>
    run('apt-get', ['-o', 'DPkg::Lock::Timeout=300', '-qq', ...args], { env });
  const get = () => apt('install', '-y', '--no-install-recommends', ...CEPH);
  await get().catch(async () => {
    await apt('update');
    await get();
  });
}

/**
 * @param folder where it keeps its data; empty, or from an earlier run
 * @returns the address to reach it, and how to kill, restart and end it
 */
export async function start(name, folder) {
  const why = missing(name);
  if (why !== undefined) throw new Error(why);
  mkdirSync(folder, { recursive: true });
  return name === 'versitygw' ? startVersitygw(folder) : startCeph(folder);
}

async function startVersitygw(folder) {
  const [port] = await freePorts(1);
  const data = join(folder, 'data');
  mkdirSync(data, { recursive: true });
  const launch = () =>
    launched(
      join(binaries(), 'versitygw'),
      // Without --keep-alive each request costs a connection.
      ['--quiet', '--keep-alive', '--region', REGION, '--port', `127.0.0.1:${port}`, 'posix', data],
      {
        ROOT_ACCESS_KEY: CREDENTIALS.accessKeyId,
        ROOT_SECRET_KEY: CREDENTIALS.secretAccessKey,
      },
    );
  return engine('versitygw', `http://127.0.0.1:${port}`, [launch]);
}

async function startCeph(folder) {
  const [gateway, monitor, low] = await freePorts(3);
  const conf = join(folder, 'ceph.conf');
  const id = randomUUID();
  writeFileSync(conf, cephConfiguration(folder, id, monitor, low));
  mkdirSync(join(folder, 'run'), { recursive: true });
  const ceph = (program, ...args) => run(program, ['-c', conf, ...args], { timeout: 120_000 });
  const map = join(folder, 'monmap');
  const address = `[v2:127.0.0.1:${monitor}]`;
  await run('monmaptool', ['--create', '--fsid', id, '--addv', '0', address, map]);
  await ceph('ceph-mon', '--mkfs', '-i', '0', '--monmap', map);
  const mon = () => launched('ceph-mon', ['-c', conf, '-f', '-i', '0']);
  const first = mon();
  try {
    await ceph('ceph', 'mon', 'stat');
    const osdId = randomUUID();
    mkdirSync(join(folder, 'osd0'));
    await ceph('ceph', 'osd', 'new', osdId, '0');
    await ceph('ceph-osd', '--mkfs', '-i', '0', '--osd-uuid', osdId);
  } catch (error) {
    first.kill('SIGKILL');
    throw error;
  }
  const osd = () => launched('ceph-osd', ['-c', conf, '-f', '-i', '0']);
  const rgw = () =>
    launched('radosgw', [
      ...['-c', conf, '-f', '-n', 'client.rgw0'],
      `--rgw-frontends=beast endpoint=127.0.0.1:${gateway} tcp_nodelay=1`,
    ]);
  const user = async () => {
    await ceph(
      'radosgw-admin',
      ...['-n', 'client.rgw0', 'user', 'create', '--uid=engine', '--display-name=engine'],
      `--access-key=${CREDENTIALS.accessKeyId}`,
      `--secret-key=${CREDENTIALS.secretAccessKey}`,
    );
  };
  return engine(
    'ceph',
    `http://127.0.0.1:${gateway}`,
    [() => first, osd, user, rgw],
    [mon, osd, rgw],
  );
}

function cephConfiguration(folder, id, monitor, low) {
  return `[global]
fsid = ${id}
mon host = [v2:127.0.0.1:${monitor}]
auth cluster required = none
auth service required = none
auth client required = none
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind msgr1 = false
ms bind port min = ${low}
ms bind port max = ${low + 40}
run dir = ${folder}/run
admin socket =
crash dir = ${folder}/run
log to file = false
mon cluster log to file = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 8
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail warn = 1
mon data avail crit = 0
[mon]
mon data = ${folder}/mon$id
paxos propose interval = 0.1
paxos min wait = 0.02
[osd]
osd data = ${folder}/osd$id
osd objectstore = bluestore
osd memory target = 939524096
bluestore block size = 21474836480
bluestore cache autotune = false
bluestore cache size = 134217728
osd scrub begin hour = 0
osd max scrubs = 0
[client]
ms mon client mode = crc
rgw data = ${folder}/run
rgw enable apis = s3, admin
rgw thread pool size = 64
rgw dynamic resharding = false
`;
}

/** @param steps start a process, or do something that must be done before the next */
async function engine(name, endpoint, steps, again = steps) {
  let processes = [];
  const up = async (list) => {
    for (const step of list) {
      const child = await step();
      if (child !== undefined) processes.push(child);
    }
    await ready(endpoint, processes);
  };
  const signal = (name) => {
    for (const child of processes) child.kill(name);
  };
  const down = async (signal) => {
    const ended = processes.map(
      (child) =>
        child.exitCode !== null ||
        child.signalCode !== null ||
        new Promise((resolve) => child.once('exit', resolve)),
    );
    for (const child of [...processes].reverse()) child.kill(signal);
    await Promise.all(ended);
    processes = [];
  };
  try {
    await up(steps);
    await makeBucket(endpoint, 'store');
  } catch (error) {
    await down('SIGKILL');
    throw error;
  }
  return {
    name,
    endpoint,
    bucket: 'store',
    /** For a process that uses it. */
    env: {
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_REGION: REGION,
      AWS_ENDPOINT_URL_S3: endpoint,
    },
    makeBucket: (bucket) => makeBucket(endpoint, bucket),
    pause: () => signal('SIGSTOP'),
    resume: () => signal('SIGCONT'),
    kill: () => down('SIGKILL'),
    restart: () => up(again),
    stop: () => down('SIGTERM'),
  };
}

function launched(program, args, env = {}) {
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  child.words = '';
  child.stderr.on('data', (chunk) => {
    child.words = (child.words + chunk).slice(-2000);
  });
  child.on('error', (error) => {
    child.words = error.message;
  });
  return child;
}

async function ready(endpoint, processes) {
  for (let tries = 0; tries < 1200; tries++) {
    const ended = processes.find(({ exitCode, signalCode }) => exitCode ?? signalCode);
    if (ended) throw new Error(`${ended.spawnfile} ended: ${ended.words}`);
    try {
      const { status } = await request(endpoint, 'GET', '/');
      if (status === 200) return;
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${endpoint} did not become ready`);
}

async function makeBucket(endpoint, bucket) {
  for (let tries = 0; ; tries++) {
    const { status, text } = await request(endpoint, 'PUT', `/${bucket}`);
    if (status === 200 || status === 409) return;
    if (tries === 100) throw new Error(`cannot make the bucket ${bucket}: ${status} ${text}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A signed request without a body. */
function request(endpoint, method, path) {
  const url = new URL(path, endpoint);
  const { headers } = aws4.sign(
    {
      service: 's3',
      region: REGION,
      method,
      host: url.host,
      path,
      headers: { 'Content-Length': 0 },
    },
    CREDENTIALS,
  );
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, { method, headers, timeout: 5000 }, (incoming) => {
      let text = '';
      incoming.on('data', (chunk) => {
        text += chunk;
      });
      incoming.on('end', () => resolve({ status: incoming.statusCode, text }));
      incoming.on('error', reject);
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('no answer')));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function freePorts(count) {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** @throws Error when it does not start here */
async function tryOut(name) {
  const folder = mkdtempSync(join(tmpdir(), 'engine-'));
  try {
    const { stop } = await start(name, join(folder, name));
    await stop();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) {
  const [verb, ...names] = process.argv.slice(2);
  if (verb === 'install') {
    for (const name of names.length > 0 ? names : ['versitygw', 'ceph']) {
      const began = Date.now();
      try {
        await install(name);
        await tryOut(name);
        console.log(`${name}: ready (${Math.round((Date.now() - began) / 1000)} s)`);
      } catch (error) {
        console.log(`cannot run ${name} here: ${error.message.split('\n')[0]}`);
      }
    }
  } else if (verb === 'run' && names.length === 2) {
    const { env, bucket, stop } = await start(names[0], names[1]);
    for (const [key, value] of Object.entries(env)) console.log(`export ${key}=${value}`);
    console.log(`export GITSTORE_REPO=s3://${bucket}/example`);
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop());
  } else {
    console.error('usage: node scripts/engines.mjs install [NAME…] | run NAME FOLDER');
    process.exitCode = 2;
  }
}
