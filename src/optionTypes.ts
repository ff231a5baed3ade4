/**
 * What a caller gives from JavaScript, checked where it comes in: an option of the wrong type is an error
 * that names it, and is never taken for something else. An option has one meaning everywhere, so one table
 * knows them all.
 */
import { fileURLToPath } from 'node:url';
import { GitStoreError } from './errors.ts';

/** A path of the local disk, or the `file:` URL of one. */
export type LocalName = string | URL;

interface Kind {
  /** In words, behind "must be". */
  readonly words: string;
  fits(value: unknown): boolean;
}

const FLAG: Kind = { words: 'true or false', fits: (value) => typeof value === 'boolean' };
const TEXT: Kind = { words: 'a string', fits: (value) => typeof value === 'string' };
const FUNCTION: Kind = { words: 'a function', fits: (value) => typeof value === 'function' };
const LIST: Kind = { words: 'an array', fits: Array.isArray };
const DATE: Kind = {
  words: 'a Date',
  fits: (value) => value instanceof Date,
};
const COUNT: Kind = {
  words: 'a number of 0 or more',
  fits: (value) => typeof value === 'number' && value >= 0,
};
const SIGNAL: Kind = {
  words: 'an AbortSignal',
  fits: (value) => isObject(value) && typeof value.throwIfAborted === 'function',
};
const FOLDERS: Kind = { words: 'an object', fits: isObject };

const KINDS: ReadonlyMap<string, Kind> = new Map(
  Object.entries({
    ...all(FLAG, [
      'all auto checksum create delete dryRun fastForward fixed followSymlinks force forceTag gitignore',
      'gitignoreFiles history ignoreCase ignoreErrors ignoreExisting moveCheckedOut outsideLinks recall',
      'recursive renames squash watch',
    ]),
    ...all(TEXT, [
      'author committer email host keepWithin match message messageTemplate operation tag',
    ]),
    ...all(FUNCTION, [
      'now onAuth onChange onCreate onError onMessage onProgress onRequest onWarning resolve',
    ]),
    ...all(LIST, ['branches keepLabels parents']),
    ...all(DATE, ['before since time']),
    ...all(COUNT, ['context deadline limit maxAge maxFiles maxSize port']),
    ...all(SIGNAL, ['signal']),
    ...all(FOLDERS, ['cache keep labels storeOptions']),
  }),
);

function all(kind: Kind, lines: readonly string[]): Record<string, Kind> {
  return Object.fromEntries(
    lines
      .join(' ')
      .split(' ')
      .map((name) => [name, kind]),
  );
}

/**
 * Checks the options of a call.
 * @throws GitStoreError (`EINVAL`) for what is no object, and for an option of another type
 */
export function checkOptions(options: object | undefined): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null) {
    throw new GitStoreError(`Options must be an object, not ${shown(options)}`, 'EINVAL');
  }
  for (const name in options) {
    const kind = KINDS.get(name);
    if (kind === undefined) continue;
    const value = (options as Record<string, unknown>)[name];
    if (value === undefined || kind.fits(value)) continue;
    throw new GitStoreError(`${name} must be ${kind.words}, not ${shown(value)}`, 'EINVAL');
  }
}

/** @throws GitStoreError (`EINVAL`) for what is no string */
export function checkText(value: unknown, what: string): asserts value is string {
  if (typeof value === 'string') return;
  throw new GitStoreError(`${what} must be a string, not ${shown(value)}`, 'EINVAL');
}

/** @throws GitStoreError (`EINVAL`) for what is no array */
export function checkList(value: unknown, what: string): void {
  if (Array.isArray(value)) return;
  throw new GitStoreError(`${what} must be an array, not ${shown(value)}`, 'EINVAL');
}

/** @throws GitStoreError (`EINVAL`) for what is no object */
export function checkObject(value: unknown, what: string): void {
  if (isObject(value)) return;
  throw new GitStoreError(`${what} must be an object, not ${shown(value)}`, 'EINVAL');
}

/** @throws GitStoreError (`EINVAL`) for what is no function */
export function checkFunction(what: string, value: unknown): void {
  if (typeof value === 'function') return;
  throw new GitStoreError(`${what} takes a function, not ${shown(value)}`, 'EINVAL');
}

/**
 * A path of the local disk as a string.
 * @param what names it in the error
 * @throws GitStoreError (`EINVAL`) for a URL that is no `file:` URL, and for any other value
 */
export function localName(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  if (!(value instanceof URL)) {
    throw new GitStoreError(`${what} must be a path or a file: URL, not ${shown(value)}`, 'EINVAL');
  }
  if (value.protocol === 'file:') return fileURLToPath(value);
  throw new GitStoreError(
    `${what} must be a path or a file: URL, not one of ${value.protocol}`,
    'EINVAL',
  );
}

/** A repository's address as a string: a path, or any URL. */
export function addressOf(value: unknown, what: string): string {
  return value instanceof URL && value.protocol !== 'file:' ? value.href : localName(value, what);
}

/** A value in a few words, for a message. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value));
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (isObject(value)) return `an object (${value.constructor?.name ?? 'Object'})`;
  return String(value);
}

function shortened(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
