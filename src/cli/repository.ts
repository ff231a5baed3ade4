/** Which repository a command works on, and opening it for the length of the command. */
import type { Command } from 'commander';
import { GitStore } from '../store/gitStore.ts';
import { UsageError } from './errors.ts';
import type { GlobalOptions } from './options.ts';

/** Where the repository is: the option, wherever it was given, else the environment. */
export function repositoryPath(command: Command): string {
  const path = globalOption(command, 'repo') ?? environment('GITSTORE_REPO', 'VOST_REPO');
  if (path === undefined || path === '') {
    throw new UsageError('No repository given: use -r PATH or set GITSTORE_REPO');
  }
  return path;
}

/** Whether status lines are wanted. */
export function isVerbose(command: Command): boolean {
  return globalOption(command, 'verbose') ?? false;
}

/** Runs `work` on the repository and closes it. A missing one is an error unless `create` is set. */
export async function withStore<T>(
  command: Command,
  work: (store: GitStore) => Promise<T>,
  options: { create?: boolean; branch?: string | undefined } = {},
): Promise<T> {
  const store = await GitStore.open(repositoryPath(command), { create: false, ...options });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** The option's value at the command itself, else at the one above it, and so on. */
function globalOption<K extends keyof GlobalOptions>(
  command: Command,
  name: K,
): GlobalOptions[K] | undefined {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const value = at.opts<GlobalOptions>()[name];
    if (value !== undefined) return value;
  }
  return undefined;
}

function environment(...names: string[]): string | undefined {
  for (const name of names) {
    const value = process.env[name];
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}
