/**
 * User names and passwords for a remote over http(s): from Git's credential helpers (gitcredentials(7)),
 * else the token of GitHub's `gh`. Never prompts at the terminal.
 */
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readFileSync, startIn } from '../../storage/disk/fs.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Credentials, with callbacks that tell their source whether they were accepted. */
export interface FoundCredentials extends Credentials {
  accepted(): Promise<void>;
  refused(): Promise<void>;
}

const HELPER_TIMEOUT = 30_000;

export interface CredentialChoices {
  /** The user name from the URL, if any. */
  readonly username: string | undefined;
  /** The repository whose configuration may name helpers. */
  readonly folder: string;
  /** False for a host reached by a redirect. */
  readonly useGh: boolean;
}

export async function findCredentials(
  url: URL,
  { username, folder, useGh }: CredentialChoices,
): Promise<FoundCredentials | undefined> {
  const found = await fromGit(url, username, folder);
  return found ?? (useGh ? await fromGh(url) : undefined);
}

async function fromGit(
  url: URL,
  username: string | undefined,
  folder: string,
): Promise<FoundCredentials | undefined> {
  const asked = {
    protocol: url.protocol.slice(0, -1),
    host: url.host,
    path: url.pathname.slice(1),
    ...(username !== undefined && { username }),
  };
  const answer = await credential('fill', asked, folder);
  const values = Object.fromEntries(
    (answer ?? '').split('\n').flatMap((line) => {
      const at = line.indexOf('=');
      return at === -1 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  ) as Partial<Record<string, string>>;
  const { username: name, password } = values;
  if (name === undefined || password === undefined) return undefined;
  const told = { ...asked, username: name, password };
  return {
    username: name,
    password,
    accepted: async () => void (await credential('approve', told, folder)),
    refused: async () => void (await credential('reject', told, folder)),
  };
}

async function fromGh(url: URL): Promise<FoundCredentials | undefined> {
  // A token must not be sent unencrypted, and `gh` returns one from the environment for any host.
  if (url.protocol !== 'https:' || !knownToGh(url.host)) return undefined;
  const token = (await run('gh', ['auth', 'token', '--hostname', url.host], '', {}))?.trim();
  if (token === undefined || token === '') return undefined;
  const username = 'x-access-token';
  return { username, password: token, accepted: async () => {}, refused: async () => {} };
}

/** Whether `gh` has a login at the host (gh-help-environment(1)). */
function knownToGh(host: string): boolean {
  const { GH_HOST = '' } = process.env;
  if (host === 'github.com' || host === GH_HOST.toLowerCase()) return true;
  const folder = ghFolder();
  if (folder === undefined) return false;
  let text: string;
  try {
    text = readFileSync(join(folder, 'hosts.yml'), 'utf8');
  } catch {
    // There is no login, or the file is not readable: do not run gh.
    return false;
  }
  // Hosts are the unindented keys.
  return text.split('\n').some((line) => {
    return /^(["']?)([^\s"'#:]+)\1:\s*$/.exec(line)?.[2]?.toLowerCase() === host;
  });
}

function ghFolder(): string | undefined {
  const { GH_CONFIG_DIR, XDG_CONFIG_HOME, AppData } = process.env;
  if (GH_CONFIG_DIR) return GH_CONFIG_DIR;
  if (XDG_CONFIG_HOME) return join(XDG_CONFIG_HOME, 'gh');
  if (process.platform === 'win32' && AppData) return join(AppData, 'GitHub CLI');
  return join(homedir(), '.config', 'gh');
}

function credential(
  action: 'fill' | 'approve' | 'reject',
  values: Readonly<Record<string, string>>,
  folder: string,
): Promise<string | undefined> {
  // A line feed would start another line of the helper's protocol.
  if (Object.values(values).some((value) => /[\n\0]/.test(value))) {
    return Promise.resolve(undefined);
  }
  const lines = Object.entries(values).map(([key, value]) => `${key}=${value}\n`);
  return run('git', ['credential', action], `${lines.join('')}\n`, {
    cwd: folder,
    env: { GIT_TERMINAL_PROMPT: '0', GIT_ASKPASS: '', SSH_ASKPASS: '', GCM_INTERACTIVE: 'never' },
  });
}

/** The output of a program; undefined when it is missing, fails or takes too long. */
function run(
  file: string,
  args: readonly string[],
  input: string,
  { cwd = '.', env }: { cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = startIn(cwd, (cwd) =>
      spawn(file, args, {
        cwd,
        env: { ...process.env, ...env },
        stdio: ['pipe', 'pipe', 'ignore'],
        timeout: HELPER_TIMEOUT,
        windowsHide: true,
      }),
    );
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data.toString();
    });
    child.on('error', () => resolve(undefined));
    child.stdin.on('error', () => {});
    child.on('close', (code) => resolve(code === 0 ? output : undefined));
    child.stdin.end(input);
  });
}
