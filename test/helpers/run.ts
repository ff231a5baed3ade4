/** Programs run as a user runs them: a process with arguments, stdin, stdout and exit code. */
import { type ChildProcess, spawn } from 'node:child_process';
import { gitEnvironment } from './git.ts';

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Milliseconds after which the process is killed; default 30,000. */
  readonly timeout?: number;
}

/** A process that is under way, and its end. */
export interface Running {
  readonly process: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** Starts a program. The repository variables of the caller do not reach it. */
export function startCommand(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Running {
  const { GITSTORE_REPO: _, VOST_REPO: __, ...inherited } = gitEnvironment;
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...inherited, ...options.env },
    timeout: options.timeout ?? 30_000,
    killSignal: 'SIGKILL',
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  // A program may end without having read its input.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      resolve({
        code,
        signal,
        stdout: Buffer.concat(stdout),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
  return { process: child, finished };
}

/** Runs a program to its end, whatever its exit code. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options?: RunOptions,
): Promise<Finished> {
  return await startCommand(command, args, options).finished;
}

/** Starts `node ARGS…`. */
export function startNode(args: readonly string[], options?: RunOptions): Running {
  return startCommand(process.execPath, args, options);
}

/** Runs `node ARGS…` to its end, whatever its exit code. */
export async function runNode(args: readonly string[], options?: RunOptions): Promise<Finished> {
  return await startNode(args, options).finished;
}
