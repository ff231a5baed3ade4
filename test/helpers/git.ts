/** Real Git as the referee: run it, and ask it whether a store is in order. */
import { devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { runSync } from './spawner.ts';

/** Git without the configuration of the user and the machine. */
export const gitEnvironment: NodeJS.ProcessEnv = {
  ...process.env,
  GIT_CONFIG_GLOBAL: devNull,
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'Test',
  GIT_AUTHOR_EMAIL: 'test@localhost',
  GIT_COMMITTER_NAME: 'Test',
  GIT_COMMITTER_EMAIL: 'test@localhost',
  // Where the program under test keeps compiled code.
  NODE_COMPILE_CACHE: join(tmpdir(), 'gitstore-test-cache'),
};

/** What `git --git-dir STORE ARGS…` prints, as bytes. Throws when it fails. */
export function gitBytes(store: string, args: readonly string[], input?: Uint8Array): Buffer {
  const result = runSync('git', ['--git-dir', store, ...args], gitEnvironment, input);
  if (result.status !== 0) {
    throw new Error(`git ${args.join(' ')}: exit ${result.status}\n${result.stderr}`);
  }
  return result.stdout;
}

/** What `git --git-dir STORE ARGS…` prints, as text without the last line end. */
export function git(store: string, ...args: string[]): string {
  return gitBytes(store, args).toString().trimEnd();
}

/** `git fsck --strict` exits with 0 and prints nothing but unreachable objects, which are no fault. */
export function expectClean(store: string): void {
  const check = ['--git-dir', store, 'fsck', '--strict', '--no-dangling'];
  const { stdout, stderr, status } = runSync('git', check, gitEnvironment);
  expect({ report: `${stdout}${stderr}`, status }).toEqual({
    report: '',
    status: 0,
  });
}

/** All commits that a ref reaches, newest first. */
export function commitsOf(store: string, ref = 'main'): string[] {
  return git(store, 'rev-list', ref).split('\n');
}
