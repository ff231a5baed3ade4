/** Pairs of measurements, processes with a stopwatch, and what is done with the numbers. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, createReadStream, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cli } from './build.mjs';
import { cacheFolder } from './input.mjs';

/**
 * Runs both sides by turns, each first in every second pair, after one pair that is not counted
 * (it warms the caches). Each side is a function that gives back a number, smaller is better.
 */
export async function pair(runs, ours, rival) {
  const a = [];
  const b = [];
  for (let run = -1; run < runs; run++) {
    const sides = run % 2 === 0 ? [ours, rival] : [rival, ours];
    const first = await settledRun(sides[0]);
    const second = await settledRun(sides[1]);
    if (run < 0) continue;
    a.push(run % 2 === 0 ? first : second);
    b.push(run % 2 === 0 ? second : first);
  }
  return {
    ours: median(a),
    rival: median(b),
    ratio: median(a.map((value, i) => value / b[i])),
    runs: { ours: a, rival: b },
  };
}

/** What the run before has left to be written back is not charged to this one. */
async function settledRun(side) {
  spawnSync('sync');
  return await side();
}

export function median(values) {
  const sorted = [...values].sort((x, y) => x - y);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Without the user's and the machine's Git configuration, so that the rival is Git as it comes. */
export const environment = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'bench',
  GIT_AUTHOR_EMAIL: 'bench@localhost',
  GIT_COMMITTER_NAME: 'bench',
  GIT_COMMITTER_EMAIL: 'bench@localhost',
};
delete environment.GITSTORE_REPO;
delete environment.VOST_REPO;
// With it every start of Node reads a file of certificates first, here 40 ms: not what is measured.
delete environment.NODE_EXTRA_CA_CERTS;

/**
 * Runs a program to its end.
 * @param options stdin, stdout: paths of files to take the place of the streams; piped: path of a
 *   file that comes through a pipe; env: more variables
 * @returns wall time in ms from just before the start to the exit, and the end of stderr
 * @throws when it fails
 */
export function runProcess(command, args, { stdin, stdout, piped, env } = {}) {
  const input = piped ? 'pipe' : stdin === undefined ? 'ignore' : openSync(stdin, 'r');
  const output = stdout === undefined ? 'ignore' : openSync(stdout, 'w');
  return new Promise((resolve, reject) => {
    const start = process.hrtime.bigint();
    const child = spawn(command, args, {
      stdio: [input, output, 'pipe'],
      env: { ...environment, ...env },
    });
    let errors = '';
    child.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(-4000);
    });
    child.on('error', reject);
    if (piped) createReadStream(piped, { highWaterMark: 1 << 20 }).pipe(child.stdin);
    let ms = 0;
    child.on('exit', () => {
      ms = Number(process.hrtime.bigint() - start) / 1e6;
    });
    child.on('close', (code, signal) => {
      if (typeof input === 'number') closeSync(input);
      if (typeof output === 'number') closeSync(output);
      if (code === 0) resolve({ ms, errors });
      else
        reject(new Error(`${command} ${args.join(' ')}: ${signal ?? `exit ${code}`}\n${errors}`));
    });
  });
}

/** Wall time in ms of `gitstore ARGS…` as a process of its own. */
export async function timeGitstore(args, options) {
  return (await runProcess(process.execPath, [cli, ...args], options)).ms;
}

/** Wall time in ms of `git ARGS…` as a process of its own. */
export async function timeGit(args, options) {
  return (await runProcess('git', args, options)).ms;
}

/**
 * Peak resident memory in MB of `gitstore ARGS…`, asked from inside the process as it exits, and
 * its wall time.
 */
export async function memoryOfGitstore(args, options = {}) {
  return await withScratch(async (scratch) => {
    const report = join(scratch, 'memory');
    const hook = join(import.meta.dirname, '..', 'children', 'report-memory.mjs');
    const { ms } = await runProcess(process.execPath, ['--import', hook, cli, ...args], {
      ...options,
      env: { ...options.env, BENCH_MEMORY_REPORT: report },
    });
    return { ms, megabytes: Number(readFileSync(report, 'utf8')) / 1e6 };
  });
}

/** What a program prints, as text. */
export function output(command, args, options = {}) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    env: environment,
    ...options,
  });
  if (result.error) throw result.error;
  if (result.status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: exit ${result.status}\n${result.stderr}`);
  }
  return result.stdout;
}

/** Runs a child program of bench/children/ with Node and parses the JSON it prints. */
export function runChild(script, args) {
  return JSON.parse(output(process.execPath, [script, ...args.map(String)]));
}

/**
 * A folder for the time of one call, on the same disk as the input.
 *
 * Folders directly in it are spread over the disk where the file system knows how (chattr(1), `T`).
 * On ext4 without a journal each new file costs a look at everything that was deleted nearby within
 * the last minutes: up to 2 ms a file, charged to both sides, which then look alike.
 */
export async function withScratch(use) {
  const folder = mkdtempSync(join(cacheFolder(), 'run-'));
  if (process.platform === 'linux') spawnSync('chattr', ['+T', folder]);
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function assertEqual(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: ${actual}, expected ${expected}`);
}
