/** What figures of stores on object storage share: an engine, machines with caches of their own, counts. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { install, missing, start } from '../../scripts/engines.mjs';
import { children, cli } from './build.mjs';
import { environment, runProcess } from './measure.mjs';

const execFileAsync = promisify(execFile);

/** @param use gets an engine on loopback; it is not called where there is none. @returns why, then */
export async function withEngine(scratch, use) {
  try {
    await install('versitygw');
  } catch (error) {
    return error.message.split('\n')[0];
  }
  const why = missing('versitygw');
  if (why !== undefined) return why;
  const engine = await start('versitygw', join(scratch, 'engine'));
  try {
    await use(engine);
  } finally {
    await engine.stop();
  }
  return undefined;
}

/** A machine: an environment for processes with a cache of its own, empty at first. */
export function newMachine(engine, scratch, name) {
  const cache = join(scratch, `cache-${name}`);
  rmSync(cache, { recursive: true, force: true });
  return { ...engine.env, XDG_CACHE_HOME: cache };
}

/**
 * Runs gitstore.
 * @returns its requests, how many, how many of them write, bytes of bodies; wall and CPU time in ms
 */
export async function countGitstore(args, scratch, { env = {}, stdout } = {}) {
  const report = join(scratch, 'requests');
  rmSync(report, { force: true });
  const hook = join(children, 'report-requests.mjs');
  const { ms } = await runProcess(process.execPath, ['--import', hook, cli, ...args], {
    stdout,
    env: { ...env, BENCH_REQUESTS: report },
  });
  const { requests, cpu } = JSON.parse(readFileSync(report, 'utf8'));
  const sum = (field) => requests.reduce((total, one) => total + one[field], 0);
  const writing = requests.filter(({ verb }) => verb === 'put' || verb === 'remove').length;
  const count = { all: requests.length, writing, sent: sum('sent'), received: sum('received') };
  return { requests, ...count, ms, cpu };
}

/**
 * Starts `gitstore gitserve`, which must be asked through `use`, and ends it.
 * @returns CPU time of the server in ms
 */
export async function cpuOfGitserve(store, scratch, env, use) {
  const report = join(scratch, 'requests');
  rmSync(report, { force: true });
  const hook = join(children, 'report-requests.mjs');
  const args = ['--import', hook, cli, '-r', store, 'gitserve', '-p', '0'];
  const child = spawn(process.execPath, args, {
    env: { ...environment, ...env, BENCH_REQUESTS: report },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'close');
  let isAsked = false;
  try {
    for await (const line of createInterface(child.stderr)) {
      const url = /http:\S+$/.exec(line)?.[0];
      if (url === undefined) throw new Error(`gitserve: ${line}`);
      isAsked = true;
      await use(url);
      break;
    }
  } finally {
    child.kill('SIGINT');
    await ended;
  }
  if (!isAsked) throw new Error('gitserve ended before it named its address');
  return JSON.parse(readFileSync(report, 'utf8')).cpu;
}

/** Runs any program. @returns its CPU time and the wall time, in ms */
export async function cpuOf(command, args, env) {
  const script = '"$@"; code=$?; times >&2; exit $code';
  const { ms, errors } = await runProcess('bash', ['-c', script, 'bash', command, ...args], {
    env,
  });
  // The last line is about the children of the shell.
  const times = errors
    .trimEnd()
    .split('\n')
    .at(-1)
    .matchAll(/(\d+)m([\d.]+)s/g);
  let cpu = 0;
  for (const [, minutes, seconds] of times)
    cpu += Number(minutes) * 60_000 + Number(seconds) * 1000;
  return { cpu, ms };
}

/** Runs a child program of bench/children/ on a machine and parses the JSON it prints. */
export async function runOn(env, script, args) {
  const options = { env: { ...environment, ...env } };
  const { stdout } = await execFileAsync(
    process.execPath,
    [join(children, script), ...args],
    options,
  );
  return JSON.parse(stdout);
}
