/**
 * Git services through the `ssh` program, which knows the user's keys, agents and hosts
 * (gitprotocol-pack(5), "SSH Transport").
 */

import { type ChildProcess, type ExecFileException, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { RemoteError } from '../../errors.ts';
import { parseConfig } from '../../git/repository/config.ts';
import { readFileSync, startIn } from '../../storage/disk/fs.ts';
import { errorCode, reasonAndStep } from '../../systemFaults.ts';
import type { RemoteAddress } from '../remoteUrl.ts';
import type { Connection, Connector, Service } from './connection.ts';
import { DuplexConnection } from './duplex.ts';

/** Characters of ssh's messages to keep for an error. */
const KEPT_WORDS = 4000;

export class SshConnector implements Connector {
  readonly name: string;
  readonly #address: Extract<RemoteAddress, { kind: 'ssh' }>;
  readonly #folder: string;
  readonly #signal: AbortSignal | undefined;
  readonly #onMessage: (text: string) => void;

  /** @param folder the repository whose configuration may name an ssh command */
  constructor(
    address: Extract<RemoteAddress, { kind: 'ssh' }>,
    name: string,
    folder: string,
    signal: AbortSignal | undefined,
    onMessage: (text: string) => void = () => {},
  ) {
    this.#address = address;
    this.name = name;
    this.#folder = folder;
    this.#signal = signal;
    this.#onMessage = onMessage;
  }

  async connect(service: Service, version: 0 | 2): Promise<Connection> {
    this.#signal?.throwIfAborted();
    const { host, port, path } = this.#address;
    const program = await findProgram(this.#folder);
    const options: string[] = [];
    // Other programs may not support OpenSSH's options.
    if (version === 2 && isOpenSsh(program)) options.push('-o', 'SendEnv=GIT_PROTOCOL');
    if (port !== undefined) options.push('-p', port);
    const args = [...options, host, `${service} ${quoted(path)}`];
    const env = { ...process.env, ...(version === 2 && { GIT_PROTOCOL: 'version=2' }) };
    const [file, ...before] = program.command;
    const child = spawn(file!, [...before, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const stop = (): void => {
      child.kill();
    };
    this.#signal?.addEventListener('abort', stop);
    child.once('close', () => this.#signal?.removeEventListener('abort', stop));
    let words = '';
    child.stderr.on('data', (data: Buffer) => {
      words = (words + data.toString()).slice(-KEPT_WORDS);
      this.#onMessage(data.toString());
    });
    const exited = once(child, 'close').then(
      ([code]) => (code === 0 ? undefined : this.#ended(words, `exit code ${code}`)),
      (error: Error) => this.#ended(words, notStarted(file!, error)),
    );
    const input = this.#read(child, exited);
    return new DuplexConnection(input, child.stdin, async () => {
      child.stdin.end();
      child.stdout.destroy();
      await exited;
    });
  }

  async close(): Promise<void> {}

  async *#read(child: ChildProcess, exited: Promise<unknown>): AsyncGenerator<Uint8Array> {
    for await (const chunk of child.stdout!) yield chunk as Buffer;
    const failure = await exited;
    if (failure !== undefined) throw failure;
  }

  #ended(words: string, why: string): unknown {
    if (this.#signal?.aborted) return this.#signal.reason;
    const said = words.trim().split('\n').slice(-3).join(' ').trim();
    return new RemoteError(`No connection to ${this.name}: ${said === '' ? why : said}`);
  }
}

function notStarted(program: string, error: Error): string {
  return errorCode(error) === 'ENOENT'
    ? `there is no program ${program}; install OpenSSH, or name another in GIT_SSH`
    : `${program} does not start: ${reasonAndStep(error)}`;
}

interface SshProgram {
  /** The program, and arguments before ours. */
  readonly command: readonly string[];
  readonly text: string;
}

/** As in git(1): GIT_SSH_COMMAND, then core.sshCommand, both for a shell; then GIT_SSH, a file. */
async function findProgram(folder: string): Promise<SshProgram> {
  const line = process.env.GIT_SSH_COMMAND || (await configuredCommand(folder));
  if (line) {
    const command = process.platform === 'win32' ? words(line) : ['sh', '-c', `${line} "$@"`, line];
    return { command, text: line };
  }
  const file = process.env.GIT_SSH || 'ssh';
  return { command: [file], text: file };
}

function isOpenSsh({ text }: SshProgram): boolean {
  return /(^|[\\/])ssh(\.exe)?$/i.test(words(text)[0] ?? '');
}

function words(line: string): string[] {
  return Array.from(line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g), (m) => m[1] ?? m[2] ?? m[3]!);
}

/** Asks Git, if it is installed, because it knows the user's whole configuration. */
async function configuredCommand(folder: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const args = ['config', '--get', 'core.sshCommand'];
    const done = (error: ExecFileException | null, stdout: string): void => {
      if (!error) resolve(stdout.trim());
      else if (error.code === 'ENOENT') resolve(ownCommand(folder));
      else resolve(undefined);
    };
    startIn(folder, (cwd) => execFile('git', args, { cwd }, done));
  });
}

function ownCommand(folder: string): string | undefined {
  try {
    return parseConfig(readFileSync(join(folder, 'config'), 'utf8')).get('core.sshcommand');
  } catch {
    return undefined;
  }
}

/** Quotes a path for the shell on the other side. */
function quoted(path: string): string {
  // The shell expands `~user/` only outside of quotes.
  const home = /^~[A-Za-z0-9._-]*(?=\/|$)/.exec(path)?.[0] ?? '';
  return `${home}'${path.slice(home.length).replaceAll("'", "'\\''").replaceAll('!', "'\\!'")}'`;
}
