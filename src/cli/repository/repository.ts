/** Which repository a command works on, and opening it for the length of the command. */

import type { Command } from 'commander';
import { FileNotFoundError } from '../../errors.ts';
import { GitConfig } from '../../git/repository/config.ts';
import { redactUrl, redactUrls } from '../../git/wire/redactUrl.ts';
import type { BucketRequest } from '../../storage/bucket/engine/bucket.ts';
import { GitStore } from '../../store/gitStore.ts';
import type { OpenOptions } from '../../store/openOptions.ts';
import type { StoreWarning } from '../../warnings.ts';
import { authorOf, type GlobalOptions } from '../arguments/options.ts';
import { rawVariable } from '../arguments/rawArguments.ts';
import { escapeControls, UsageError } from '../errors.ts';
import { printNote } from '../output/output.ts';
import { readGitConfig } from './gitConfig.ts';
import { findSigners } from './identity.ts';

/** Where the repository is: the option, wherever it was given, else the environment. */
export function repositoryPath(command: Command): string {
  const path = globalOption(command, 'repo') ?? repositoryInEnvironment();
  if (path === undefined || path === '') {
    throw new UsageError('No repository given: use -r PATH or set GITSTORE_REPO');
  }
  return path;
}

/** The repository where no option names one. */
export function repositoryInEnvironment(): string | undefined {
  return environment('GITSTORE_REPO', 'VOST_REPO');
}

/** Whether status lines are wanted. */
export function isVerbose(command: Command): boolean {
  return globalOption(command, 'verbose') ?? false;
}

export interface StoreChoices {
  /** Create a missing repository; default: it is an error. */
  readonly create?: boolean | undefined;
  /** First branch of a repository that is created; null: none. */
  readonly branch?: string | null | undefined;
  /** Nothing may be changed: what would be created is only imagined. */
  readonly dryRun?: boolean | undefined;
  /**
   * It goes on, and looks at refs as they are each time: a server, a watch. Other commands see those on
   * object storage as they are when they begin.
   */
  readonly live?: boolean | undefined;
}

/** Runs `work` on the repository and closes it. */
export async function withStore<T>(
  command: Command,
  work: (store: GitStore) => Promise<T>,
  choices: StoreChoices = {},
): Promise<T> {
  const path = repositoryPath(command);
  const signers = signersOf(command, choices.create);
  const store = await openStore(path, signers, choices).catch((error: unknown) => {
    if (!(error instanceof FileNotFoundError) || choices.create) throw error;
    if (!error.message.startsWith('Store not found')) throw error;
    const told = `${error.message} ('gitstore -r ${redactUrl(path)} init' makes one)`;
    throw new FileNotFoundError(told, { path: error.path, cause: error });
  });
  try {
    return await work(store);
  } catch (error) {
    // Loaded when something has failed.
    const { withNextStep } = await import('./nextStep.ts');
    throw await withNextStep(error, store, command.name(), command.args);
  } finally {
    await store.close();
    if (isVerbose(command)) await printRequests();
  }
}

/** Of object storage, which costs by the request. */
const requests = { count: 0, writing: 0, sent: 0, received: 0 };

export function onRequest({ verb, sent, received }: BucketRequest): void {
  requests.count++;
  if (verb === 'put' || verb === 'remove') requests.writing++;
  requests.sent += sent;
  requests.received += received;
}

/** Tells how many requests there were, where there were any. */
export async function printRequests(): Promise<void> {
  const { count, writing, sent, received } = requests;
  if (count === 0) return;
  const { sizeText } = await import('../output/quantities.ts');
  const of = `${count} request${count === 1 ? '' : 's'} (${writing} writing)`;
  printNote(`${of}, ${sizeText(sent)} sent, ${sizeText(received)} received`);
}

async function openStore(
  path: string,
  signers: OpenOptions['signers'],
  choices: StoreChoices,
): Promise<GitStore> {
  const { create = false, branch, dryRun = false, live = false } = choices;
  const maxAge = live ? 0 : Number.POSITIVE_INFINITY;
  if (!create || !dryRun) {
    return GitStore.open(path, {
      create,
      branch,
      signers,
      onWarning,
      onCreate,
      onRequest,
      maxAge,
    });
  }
  try {
    return await GitStore.open(path, { create: false, signers, onWarning, onRequest, maxAge });
  } catch (error) {
    if (!(error instanceof FileNotFoundError)) throw error;
    const { createMemoryStorage } = await import('../../storage/memory/memoryStorage.ts');
    return GitStore.over(createMemoryStorage(), { branch, signers, onWarning });
  }
}

/**
 * Who the command's commits are by. What the environment says is looked at before a repository is made,
 * the files of the configuration when something is signed.
 */
export function signersOf(command: Command, mayCreate = false): OpenOptions['signers'] {
  const author = authorOf(command);
  if (mayCreate) findSigners(author, () => new GitConfig([]));
  return (folder) => findSigners(author, () => readGitConfig(folder));
}

/** What a command tells of beside its work, on stderr. */
export function onWarning({ message }: StoreWarning): void {
  printNote(escapeControls(redactUrls(`Warning: ${message}`)));
}

/** Tells of a repository that is new: the path may have been meant to be that of another. */
export function onCreate(path: string): void {
  printNote(escapeControls(`Created repository ${redactUrl(path)}`));
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
    const value = rawVariable(name);
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}
