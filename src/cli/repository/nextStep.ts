/** The next step in the words of an error, where the store and the command tell one. */
import {
  FileNotFoundError,
  GitStoreError,
  IsADirectoryError,
  KeyNotFoundError,
  NotADirectoryError,
} from '../../errors.ts';
import type { GitStore } from '../../store/gitStore.ts';
import { parseRefPath } from '../../store/refs/refPath.ts';
import { normalizePath } from '../../tree/paths.ts';

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
