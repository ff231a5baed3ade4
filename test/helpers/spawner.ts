/**
 * Runs programs to their end while the caller waits. Node forks, and to fork a process of 600 MB takes 35
 * ms of CPU, several times what a Git command takes: once a test process has grown, a small process runs
 * the programs for it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SPAWNER = join(import.meta.dirname, 'spawner.cjs');

/** From this size on, in bytes, a process has others run its programs. */
const LARGE = 200 * 2 ** 20;

const LONGEST = 2 ** 28;

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

/** The pipes to the other process. Null where there are no named pipes. */
let pipes: { readonly requests: number; readonly answers: number } | null | undefined;

/** @throws an error when the program cannot be started */
export function runSync(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input: Uint8Array = Buffer.alloc(0),
): Ended {
  if (pipes === undefined && process.memoryUsage.rss() >= LARGE) pipes = startSpawner();
  if (pipes) {
    return ask(pipes, { command, args, env, cwd: process.cwd() }, input);
  }
  const result = spawnSync(command, args, { input, env, maxBuffer: LONGEST });
  if (result.error) throw result.error;
  return result;
}

function startSpawner(): typeof pipes {
  const folder = mkdtempSync(join(tmpdir(), 'gitstore-spawner-'));
  const [requests, answers] = [join(folder, 'requests'), join(folder, 'answers')];
  try {
    if (spawnSync('mkfifo', [requests, answers]).status !== 0) return null;
    spawn(process.execPath, [SPAWNER, requests, answers], {
      stdio: ['ignore', 'ignore', 'inherit'],
    }).unref();
    // Each waits until the other side has opened the pipe as well.
    return { requests: openSync(requests, 'w'), answers: openSync(answers, 'r') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function ask(
  { requests, answers }: NonNullable<typeof pipes>,
  request: object,
  input: Uint8Array,
): Ended {
  const text = Buffer.from(JSON.stringify(request));
  const head = Buffer.alloc(8);
  head.writeUInt32LE(text.length, 0);
  head.writeUInt32LE(input.length, 4);
  for (const bytes of [head, text, input]) {
    for (let at = 0; at < bytes.length; ) at += writeSync(requests, bytes, at);
  }
  const answer = JSON.parse(receive(answers, receive(answers, 4).readUInt32LE()).toString());
  const [stdout, stderr] = answer.sizes.map((size: number) => receive(answers, size));
  if (answer.error !== undefined) throw new Error(answer.error);
  return { status: answer.status, signal: answer.signal, stdout, stderr };
}

function receive(fd: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const count = readSync(fd, bytes, at, length - at, null);
    if (count === 0) {
      closeSync(fd);
      throw new Error('the process that runs programs for the tests has ended');
    }
    at += count;
  }
  return bytes;
}
