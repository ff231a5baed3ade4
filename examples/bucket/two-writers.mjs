/**
 * One store in a bucket, two machines: starts a real object storage on loopback (versitygw, built with Go
 * when it is not there yet), makes a store, lets two processes with caches of their own write into it,
 * kills one in the middle, collects, and checks that nothing acknowledged is missing.
 *
 *     npm ci && node examples/bucket/two-writers.mjs
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { install, start } from '../../scripts/engines.mjs';

const program = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs');
const folder = mkdtempSync(join(tmpdir(), 'gitstore-example-'));
const say = (text) => console.log(`\n== ${text}`);

say('an object storage on this machine');
await install('versitygw');
const engine = await start('versitygw', join(folder, 'engine'));
console.log(engine.endpoint);

/** @param machine has a cache of its own */
const environment = (machine) => ({
  ...process.env,
  ...engine.env,
  XDG_CACHE_HOME: join(folder, machine),
  GITSTORE_REPO: `s3://${engine.bucket}/example`,
});

function run(...args) {
  const options = { env: environment('first'), encoding: 'utf8' };
  return spawnSync(process.execPath, [program, ...args], options);
}

function gitstore(...args) {
  console.log(`$ gitstore ${args.join(' ')}`);
  return shown(args, run(...args));
}

function shown(args, { status, stdout, stderr }) {
  if (args[0] !== 'ls') process.stdout.write(stdout + stderr);
  if (status !== 0) throw new Error(`gitstore ${args[0]} failed`);
  return stdout;
}

/** Waits for the collections that many commits start by themselves. */
async function collect() {
  console.log('$ gitstore gc -v');
  for (let seconds = 0; ; seconds++) {
    const outcome = run('gc', '-v');
    const isLocked = outcome.status !== 0 && outcome.stderr.includes('being collected');
    if (!isLocked || seconds === 120) return shown(['gc'], outcome);
    await sleep(1000);
  }
}

/** A program of somebody's, on a machine: commits until it is done or killed. */
function writer(machine, count) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, 'writer.mjs'), machine, String(count)],
    { env: environment(machine), stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const acknowledged = [];
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    acknowledged.push(...lines);
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  return { child, acknowledged, ended };
}

try {
  say('a store');
  gitstore('-v', 'init');

  say('two machines write, one is killed');
  const first = writer('first', 40);
  const second = writer('second', 1000);
  await first.ended;
  second.child.kill('SIGKILL');
  await second.ended;
  const { length: ours } = first.acknowledged;
  const { length: theirs } = second.acknowledged;
  console.log(`first: ${ours} commits; second: ${theirs} commits, killed`);

  say('collect and check');
  await collect();
  gitstore('-v', 'verify');
  const there = new Set(gitstore('ls', '-R').split('\n'));
  const lost = [...first.acknowledged, ...second.acknowledged].filter((path) => !there.has(path));
  if (lost.length > 0 || ours !== 40 || theirs === 0) throw new Error(`lost: ${lost}`);
  gitstore('-v', 'doctor');
  console.log(`\nAll ${ours + theirs} acknowledged commits are there.`);
} finally {
  await engine.stop();
  rmSync(folder, { recursive: true, force: true });
}
