/**
 * What people type who know other tools, and what they are told: which command of ours does it. Nothing
 * here changes what a command does.
 */
import {
  FileNotFoundError,
  GitStoreError,
  IsADirectoryError,
  KeyNotFoundError,
  NotADirectoryError,
} from '../errors.ts';
import { existsSync } from '../storage/disk/fs.ts';
import type { GitStore } from '../store/gitStore.ts';
import { parseRefPath } from '../store/refPath.ts';
import { normalizePath } from '../tree/paths.ts';
import { commands } from './commands.ts';

/** Words that are no commands of ours. */
const OTHER_WORDS: Readonly<Record<string, string>> = {
  add: "'cp FILE :' stores a file or folder",
  branches: "'branch list' lists them",
  checkout: "'cp :PATH .' brings a file or folder out, 'branch current -b NAME' chooses a branch",
  clone: "'-r NEW.git restore URL' brings a repository here",
  commit: "cp, sync, write, rm and mv commit by themselves ('-m TEXT' gives the message)",
  config: "'git --git-dir PATH config' sets it",
  copy: "'cp' copies",
  del: "'rm' removes files",
  delete: "'rm' removes files, 'branch delete NAME' a branch",
  dir: "'ls' lists files",
  du: "'ls -lR' lists files with their sizes",
  export: "'zip FILE', 'tar FILE' or 'cp : FOLDER' write a snapshot out",
  extract: "'unzip' and 'untar' store an archive, 'cp :PATH .' brings files out",
  fetch: "'restore URL' brings branches, tags and notes here",
  fsck: "'verify' checks everything",
  get: "'cat PATH' prints a file, 'cp :PATH .' brings it out",
  history: "'log' shows the commits",
  import: "'cp FOLDER :' stores a folder, 'untar' and 'unzip' an archive",
  list: "'ls' lists files",
  move: "'mv' moves",
  prune: "'gc' drops what has long been unreachable",
  pull: "'restore URL' brings branches, tags and notes here",
  push: "'backup URL' sends branches, tags and notes there",
  put: "'write PATH' stores standard input, 'cp FILE :' a file",
  read: "'cat PATH' prints a file",
  remote: "none is kept: 'backup URL' and 'restore URL' take it each time",
  remove: "'rm' removes files",
  rename: "'mv' renames",
  repack: "'pack' or 'gc' packs",
  reset: "'undo' moves a branch back, 'branch set -f NAME COMMIT' anywhere",
  'restore-file': "'cp :PATH .' brings a file out",
  rsync: "'sync FOLDER :PATH' makes them equal",
  stash: "'branch set NAME' keeps a snapshot",
  status: "'sync -n FOLDER :PATH' shows what differs from a folder",
  switch: "'branch current -b NAME' chooses a branch",
  tags: "'tag list' lists them",
  tree: "'ls -R' lists all files",
  update: "'sync FOLDER :PATH' makes them equal",
  version: "'--version' prints it",
};

/** What is said to a word of another tool; undefined for any other word. */
export function wordOfAnotherTool(name: string): string | undefined {
  const small = name.toLowerCase();
  if (small !== name && Object.hasOwn(commands, small)) {
    return `There is no command '${name}': it is written '${small}'`;
  }
  const ours = Object.hasOwn(OTHER_WORDS, name) ? OTHER_WORDS[name] : undefined;
  return ours && `There is no command '${name}': ${ours}`;
}

/** Commands to which other tools give `-r`, and what does it here. */
const RECURSIVE: Readonly<Record<string, string>> = {
  grep: 'grep looks into all directories without a flag',
  cp: 'cp copies folders with all that is in them, without a flag',
  rm: 'rm -R removes directories, and never asks',
  mv: 'mv -R moves directories',
};

/**
 * What is said to `cp -r`, `rm -r` and `rm -rf`. `-r` names the repository; behind such a command it does
 * so only where that is one.
 */
export function recursiveFlag(name: string, args: readonly string[]): string | undefined {
  const hint = Object.hasOwn(RECURSIVE, name) ? RECURSIVE[name] : undefined;
  if (hint === undefined) return undefined;
  for (let i = args.indexOf(name) + 1; i < args.length && args[i] !== '--'; i++) {
    const [flag, attached] = /^-[Rfiav]*r([A-Za-z]*)$/.exec(args[i]!) ?? [];
    if (flag === undefined || attached === undefined) continue;
    const value = attached || args[i + 1];
    if (attached === '' && flag === '-r' && isRepository(value)) return undefined;
    return `'${name} ${flag}': -r names the repository (gitstore -r PATH ${name} …), and ${value ?? 'nothing'} is none; ${hint}`;
  }
  return undefined;
}

function isRepository(path: string | undefined): boolean {
  if (path === undefined) return false;
  return /^[a-z0-9]+:\/\//i.test(path) || /\.git\/*$/.test(path) || existsSync(`${path}/HEAD`);
}

/** What to do about a directory where a file is meant. */
const OF_DIRECTORIES: Readonly<Record<string, string>> = {
  rm: '-R for directories',
  cat: 'ls lists it',
  write: 'name a file in it',
  cmp: 'name a file in it',
};

/** The error with the next step in it, where the store and the command tell one. */
export async function withNextStep(
  error: unknown,
  store: GitStore,
  command: string,
  args: readonly string[],
): Promise<unknown> {
  if (error instanceof KeyNotFoundError && error.ref !== undefined) {
    const told = await ofMissingRef(error, error.ref, store).catch(() => undefined);
    return told === undefined
      ? error
      : new KeyNotFoundError(told, { ref: error.ref, cause: error });
  }
  const { message, path } = error instanceof GitStoreError ? error : { message: '', path: '' };
  if (command === 'sync' && path?.endsWith('/') && !args.includes(path)) {
    // The slash says that what is in the folder is meant; the user has not typed it.
    const typed = path.slice(0, -1);
    if (message === `${path}: no such file or directory`) {
      return new FileNotFoundError(`${typed}: no such file or directory`, { path, cause: error });
    }
    if (error instanceof NotADirectoryError && message === `${path}: not a directory`) {
      const told = `${typed} is a file: 'gitstore cp ${typed} :' copies it`;
      return new NotADirectoryError(told, { path, cause: error });
    }
  }
  if (error instanceof IsADirectoryError && message === `${path}: is a directory`) {
    const hint = OF_DIRECTORIES[command];
    if (hint === undefined) return error;
    return new IsADirectoryError(`${path} is a directory (${hint})`, { path, cause: error });
  }
  if (error instanceof FileNotFoundError && path !== undefined) {
    if (!NOT_FOUND.some((text) => message === `${path}: ${text}`)) return error;
    const told = await ofMissingPath(path, store, command, args);
    return told === undefined ? error : new FileNotFoundError(told, { path, cause: error });
  }
  return error;
}

const NOT_FOUND = ['no such file or directory', 'no file in the snapshot'];

/** @returns undefined where the path may be one of the local disk */
async function ofMissingPath(
  path: string,
  store: GitStore,
  command: string,
  args: readonly string[],
): Promise<string | undefined> {
  const [first = ''] = args;
  const isStored =
    /^(?:blame|cat|ls|mv|rm|write)$/.test(command) ||
    (/^(?:cp|sync)$/.test(command) && parseRefPath(first).kind === 'repository');
  if (!isStored) return undefined;
  if (command === 'blame' && (await (await store.branches.current())?.isDir(path))) {
    return `${path} is a directory (name a file in it)`;
  }
  if (args.includes(path)) {
    const isRef =
      /^~\d+$/.test(path) || (await store.branches.has(path)) || (await store.tags.has(path));
    if (isRef) return `${path}: no such file or directory; for the snapshot write ${path}:`;
  }
  const where = /^(?:cat|ls|rm|write)$/.test(command) ? '' : ' in the repository';
  return `${path}: no such file or directory${where} (ls -R lists what is there)`;
}

async function ofMissingRef(
  { message }: KeyNotFoundError,
  ref: string,
  store: GitStore,
): Promise<string | undefined> {
  if (message.startsWith('Branch not found')) {
    const byHead = (await store.branches.currentName()) === ref ? ' (HEAD names it)' : '';
    return `Branch '${ref}' does not exist${byHead}; ${await namesOf(store, 'branches')}`;
  }
  if (message.startsWith('Tag not found')) {
    return `Tag '${ref}' does not exist; ${await namesOf(store, 'tags')}`;
  }
  if (!message.startsWith('No branch, tag or commit')) return undefined;
  const missing = `No branch, tag or commit ${ref}`;
  if (/^(?:HEAD|@)$/.test(ref)) {
    return `${missing}: leave it out for the current branch, write ~1 for HEAD~1`;
  }
  if (/^-\d+$/.test(ref)) return `${missing}; for a number of commits write -n ${ref.slice(1)}`;
  if (ref.includes('..')) return `${missing}: there are no ranges here; 'diff A B' compares two`;
  if (await isFile(ref, store)) return `${missing} — for a file write :${ref}`;
  return `${missing}; ${await namesOf(store, 'branches')}`;
}

/** Whether the word is the name of a file, or looks like one. */
async function isFile(word: string, store: GitStore): Promise<boolean> {
  if (/\.[a-z0-9]{1,5}$/i.test(word)) return true;
  const current = await store.branches.current();
  return (await current?.exists(normalizePath(word))) ?? false;
}

const MOST_NAMES = 5;

/** `branches: main, dev` */
async function namesOf(store: GitStore, kind: 'branches' | 'tags'): Promise<string> {
  const names = [...(await store[kind].list())];
  if (names.length === 0) return `there are no ${kind}`;
  const more = names.length > MOST_NAMES ? `, and ${names.length - MOST_NAMES} more` : '';
  return `${kind}: ${names.slice(0, MOST_NAMES).join(', ')}${more}`;
}
