/** A store served to Git's clients, for tests; and Git as a client, which must not block the server. */
import { join } from 'node:path';
import { expect } from 'vitest';
import { createGitHandler } from '../../src/server/git/handler.ts';
import { listen } from '../../src/server/httpServer.ts';
import { GitStore } from '../../src/store/gitStore.ts';
import { gitEnvironment } from '../helpers/git.ts';
import { type Finished, runCommand } from '../helpers/run.ts';
import { scratchFolder } from '../helpers/scratch.ts';

export interface Served {
  readonly url: string;
  readonly errors: unknown[];
  stop(): Promise<void>;
}

export async function serveGit(path: string): Promise<Served> {
  const store = await GitStore.open(path, { create: false });
  const errors: unknown[] = [];
  const handler = createGitHandler(store, { onError: (error) => errors.push(error) });
  const server = await listen(handler, { port: 0 });
  return {
    url: `${server.url}/`,
    errors,
    async stop() {
      server.abort();
      await server.close();
      await store.close();
    },
  };
}

/** Runs `git ARGS…` in a folder; it may fail. */
export function tryGit(args: readonly string[], cwd = scratchFolder()): Promise<Finished> {
  return runCommand('git', args, { cwd, env: { ...gitEnvironment, GIT_TERMINAL_PROMPT: '0' } });
}

/** What `git ARGS…` prints, without the last line end. */
export async function runGit(cwd: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await tryGit(args, cwd);
  if (code !== 0) throw new Error(`git ${args.join(' ')}: exit ${code}\n${stderr}`);
  return stdout.toString().trimEnd();
}

/** Clones into a new folder and returns it. */
export async function clone(url: string, ...args: string[]): Promise<string> {
  const folder = join(scratchFolder(), 'clone');
  await runGit('/', ...configOf(args), 'clone', '-q', ...args.filter(isOption), url, folder);
  return folder;
}

/** `-c name=value` goes before the command. */
function configOf(args: readonly string[]): string[] {
  return args.filter((arg) => !isOption(arg)).flatMap((setting) => ['-c', setting]);
}

function isOption(arg: string): boolean {
  return arg.startsWith('-');
}

/** Every object is there and in order. */
export async function expectSound(folder: string): Promise<void> {
  const { code, stdout, stderr } = await tryGit(['fsck', '--strict', '--no-dangling'], folder);
  expect({ code, report: stdout.toString() + stderr }).toEqual({ code: 0, report: '' });
}
