/** Runs of the built program in processes that are used again (`programHost.cjs`). */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gitEnvironment } from './git.ts';
import { type Finished, type RunOptions, runNode } from './run.ts';

const HOST = join(import.meta.dirname, 'programHost.cjs');
/** After so many runs a process has grown, and a new one is quicker. */
const LONGEST_LIFE = 300;

interface Host {
  readonly process: ChildProcess;
  readonly folder: string;
  runs: number;
}

interface Answer {
  readonly code: number;
  readonly isClean: boolean;
}

/** Hosts without work, by program. */
const idle = new Map<string, Host[]>();

/**
 * Runs the program to its end. `GITSTORE_PROCESSES=1` gives each run a process of its own, as users do.
 */
export async function runProgram(
  cli: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Finished> {
  if (needsProcess(options)) return runNode([cli, ...args], options);
  const host = readyHost(cli);
  const { folder } = host;
  const { GITSTORE_REPO: _, VOST_REPO: __, ...inherited } = gitEnvironment;
  writeFileSync(join(folder, 'in'), options.input ?? '');
  for (const name of ['out', 'err']) writeFileSync(join(folder, name), '');
  const answer = await ask(host, options.timeout ?? 30_000, {
    args,
    cwd: options.cwd ?? process.cwd(),
    // What V8 compiled for one run it has for the next.
    env: { ...inherited, NODE_DISABLE_COMPILE_CACHE: '1', ...options.env },
  });
  const stdout = readFileSync(join(folder, 'out'));
  const stderr = readFileSync(join(folder, 'err'), 'utf8');
  host.runs++;
  if (answer?.isClean && host.runs < LONGEST_LIFE) {
    idle.set(cli, [...(idle.get(cli) ?? []), host]);
  } else {
    host.process.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
  const signal = answer === undefined ? 'SIGKILL' : null;
  return { code: answer?.code ?? null, signal, stdout, stderr };
}

function needsProcess({ env }: RunOptions): boolean {
  if (process.env.GITSTORE_PROCESSES === '1' || process.platform !== 'linux') return true;
  return Object.keys(env ?? {}).some((name) => name.startsWith('NODE_'));
}

function readyHost(cli: string): Host {
  for (const waiting = idle.get(cli) ?? []; waiting.length > 0; ) {
    const host = waiting.pop()!;
    if (host.process.connected) return host;
    rmSync(host.folder, { recursive: true, force: true });
  }
  return start(cli);
}

function start(cli: string): Host {
  const folder = mkdtempSync(join(tmpdir(), 'gitstore-host-'));
  const child = spawn(process.execPath, [HOST, cli, folder], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: gitEnvironment,
  });
  child.unref();
  child.channel?.unref();
  return { process: child, folder, runs: 0 };
}

/** @returns undefined when the process ended or was killed after `timeout` ms */
function ask(
  { process: child }: Host,
  timeout: number,
  message: { readonly [key: string]: unknown },
): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const done = (answer?: Answer) => {
      clearTimeout(timer);
      child.removeAllListeners();
      child.channel?.unref();
      resolve(answer);
    };
    const timer = setTimeout(() => done(), timeout);
    child.channel?.ref();
    child.once('message', (answer) => done(answer as Answer));
    child.once('exit', () => done());
    child.once('error', () => done());
    child.send(message);
  });
}
