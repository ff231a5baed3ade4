/**
 * Loose refs: one file a ref, holding an object id and a newline, or `ref: ` and another ref's name
 * (a *symbolic* ref). See gitrepository-layout(5) and git-symbolic-ref(1).
 */

import { isObjectId, type ObjectId } from '../../../../git/objectId.ts';
import { decodePath, encodePath } from '../../../../git/pathBytes.ts';
import { isValidRefName } from '../../../../git/refs/refName.ts';
import { reasonOf } from '../../../../systemFaults.ts';
import { isErrno } from '../../../disk/durable.ts';
import {
  constants,
  type DirectoryEntry,
  readEntriesSync,
  readFileSync,
  readlinkSync,
  type Stats,
  statSync,
} from '../../../disk/fs.ts';
import { unreadableRef } from '../../../refRules.ts';
import type { UnreadableRef } from '../../../storage.ts';
import { diskPath } from './refPaths.ts';
import { otherSpelling } from './refSpelling.ts';

/** Content of a ref's file; `broken` for content that Git rejects, or an unreadable file. */
export type LooseRef =
  | { readonly kind: 'id'; readonly id: ObjectId }
  | { readonly kind: 'symbolic'; readonly target: string }
  | BrokenRef;

export interface BrokenRef {
  readonly kind: 'broken';
  /** Undefined when it cannot be read. */
  readonly content: Buffer | undefined;
  readonly why: string;
}

/**
 * Links are inspected before they are followed, because Git once wrote symbolic refs as links to
 * `refs/…`. Opening a pipe does not block.
 */
const FOLLOWING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const OPEN_FLAGS = FOLLOWING | (constants.O_NOFOLLOW ?? 0);
/**
 * As text, Node opens, reads and closes a file in one call. It accepts numeric flags, which its types
 * lack.
 */
const AS_TEXT = { encoding: 'utf8', flag: OPEN_FLAGS as unknown as string } as const;
const AS_BYTES = { flag: AS_TEXT.flag } as const;
const BEHIND_LINK = { flag: FOLLOWING as unknown as string } as const;

/**
 * Reads the ref's file; undefined when it is missing.
 * @throws UnreadableRefError for a failure that may be temporary: too many open files, a disk fault
 */
export function readLooseRef(gitDir: string, ref: string): LooseRef | undefined {
  const loose = readRefFile(gitDir, ref);
  if (loose === undefined || !ref.startsWith('refs/')) return loose;
  return otherSpelling(gitDir, ref) === undefined ? loose : undefined;
}

function readRefFile(gitDir: string, ref: string): LooseRef | undefined {
  const path = diskPath(gitDir, ref);
  try {
    const text = readFileSync(path, AS_TEXT);
    // Invalid UTF-8 needs the raw bytes.
    return parseRef(text.includes('\ufffd') ? decodePath(readFileSync(path, AS_BYTES)) : text);
  } catch (error) {
    return readUnread(path, ref, error);
  }
}

/** Names below `refs/`. */
export interface NamesBelowRefs {
  /** Full names of files, unsorted, including invalid ref names. */
  readonly files: readonly string[];
  /** Unreadable folders, and entries that are neither a file nor a folder. */
  readonly unreadable: readonly UnreadableRef[];
}

/** The names of all loose refs that begin with `prefix`, unsorted. Does not read the files. */
export function listLooseRefs(gitDir: string, prefix: string): string[] {
  return namesBelowRefs(gitDir, prefix).files.filter(isValidRefName);
}

/** The existing lock files of refs, HEAD and packed-refs. */
export function listLockFiles(gitDir: string): string[] {
  const { files } = namesBelowRefs(gitDir, 'refs/', { locks: true });
  const ofRefs = files.filter((name) => name.endsWith('.lock'));
  return ['HEAD.lock', 'packed-refs.lock', ...ofRefs];
}

interface NamesOptions {
  /** Lock files may be directories. */
  readonly locks?: boolean;
  /** False omits everything behind links. */
  readonly links?: boolean;
}

/** Files below `refs/` whose names begin with `prefix`. Follows links, as Git does. */
export function namesBelowRefs(
  gitDir: string,
  prefix: string,
  { locks = false, links = true }: NamesOptions = {},
): NamesBelowRefs {
  const files: string[] = [];
  const unreadable: UnreadableRef[] = [];
  const cannot = (ref: string, reason: string) => unreadable.push({ ref, kind: 'broken', reason });
  /** @param above identities of the folders on the way here; undefined when no link was followed */
  const visit = (directory: string, above: readonly string[] | undefined): void => {
    let entries: DirectoryEntry[];
    try {
      entries = readEntriesSync(diskPath(gitDir, directory));
    } catch (error) {
      // Another process has removed the empty directory meanwhile.
      if (!isErrno(error, 'ENOENT', 'ENOTDIR')) cannot(`${directory}/`, reasonOf(error));
      return;
    }
    for (const entry of entries) {
      const name = `${directory}/${entry.name}`;
      const isBelow = name.startsWith(prefix);
      if (!isBelow && !prefix.startsWith(`${name}/`)) continue;
      if (entry.isSymbolicLink()) {
        if (links) followLink(name, isBelow, above ?? chainOf(gitDir, directory));
      } else if (entry.isDirectory() && !(locks && name.endsWith('.lock'))) {
        visit(name, above && [...above, identityOf(diskPath(gitDir, name))]);
      } else if (isBelow) {
        if (entry.isFile() || entry.isDirectory()) files.push(name);
        else cannot(name, 'it is no file');
      }
    }
  };
  const followLink = (name: string, isBelow: boolean, above: readonly string[]): void => {
    const path = diskPath(gitDir, name);
    let stats: Stats;
    try {
      stats = statSync(path);
    } catch {
      // `readLooseRef` reports the fault.
      if (isBelow) files.push(name);
      return;
    }
    if (!stats.isDirectory()) {
      if (!isBelow) return;
      if (stats.isFile()) files.push(name);
      else cannot(name, 'it leads to what is no file');
      return;
    }
    const identity = identityOf(path);
    if (above.includes(identity)) cannot(`${name}/`, 'its link leads in a circle');
    else visit(name, [...above, identity]);
  };
  visit('refs', undefined);
  return { files, unreadable };
}

/** Identities of a folder below the Git directory and of its parents, from `refs` down. */
function chainOf(gitDir: string, directory: string): string[] {
  const parts = directory.split('/');
  return parts.map((_, i) => identityOf(diskPath(gitDir, parts.slice(0, i + 1).join('/'))));
}

function identityOf(path: string): string {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? '' : `${stats.dev}:${stats.ino}`;
}

/** Error codes of failures that may be temporary. */
const PASSING = [
  'EMFILE',
  'ENFILE',
  'ENOMEM',
  'EIO',
  'EAGAIN',
  'EINTR',
  'ESTALE',
  'EBUSY',
] as const;

function readUnread(path: string, ref: string, error: unknown): LooseRef | undefined {
  if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG')) return undefined;
  if (isErrno(error, 'ELOOP', 'EMLINK')) return readLink(path, ref);
  if (isErrno(error, ...PASSING)) throw unreadableRef(ref, reasonOf(error), error);
  // Windows has no specific error for a directory.
  if (isDirectory(path)) return undefined;
  return unreadable(reasonOf(error));
}

/** As in Git, a link whose target is a ref's name is a symbolic ref. Any other is followed. */
function readLink(path: string, ref: string): LooseRef | undefined {
  let target: string;
  try {
    target = readlinkSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    // It is no longer a link, or its folder is not reachable.
    if (isErrno(error, 'EINVAL')) return readBehindLink(path, ref);
    return unreadable(reasonOf(error));
  }
  if (target.startsWith('refs/') && isValidRefName(target)) return { kind: 'symbolic', target };
  return readBehindLink(path, ref);
}

function readBehindLink(path: string, ref: string): LooseRef | undefined {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return undefined;
    if (!stats.isFile()) return unreadable('its link leads to what is no file');
    if (stats.size > LONGEST) return unreadable('its link leads to what is no ref');
    return parseRef(decodePath(readFileSync(path, BEHIND_LINK)));
  } catch (error) {
    if (isErrno(error, 'EISDIR')) return undefined;
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return unreadable('its link leads to nothing');
    if (isErrno(error, ...PASSING)) throw unreadableRef(ref, reasonOf(error), error);
    return unreadable(reasonOf(error));
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  } catch {
    // The failed read is reported instead.
    return false;
  }
}

function unreadable(why: string): BrokenRef {
  return { kind: 'broken', content: undefined, why };
}

/** White space as in Git. */
const SYMBOLIC = /^ref:[ \t\n\r]*(.*?)[ \t\n\r]*$/s;
const SPACE = /[ \t\n\r]/;
/** Upper bound for the file of a ref: paths are limited to 4,096 bytes. */
const LONGEST = 8192;

function parseRef(text: string): LooseRef {
  if (text === lastSymbolic?.text) return lastSymbolic.ref;
  if (text.length > LONGEST) return broken(text);
  const target = SYMBOLIC.exec(text)?.[1];
  if (target !== undefined) {
    const ref = symbolicRef(target, text);
    if (ref.kind === 'symbolic') lastSymbolic = { text, ref };
    return ref;
  }
  const id = text.slice(0, 40).toLowerCase();
  if (!isObjectId(id) || (text.length > 40 && !SPACE.test(text[40]!))) return broken(text);
  return { kind: 'id', id };
}

/** Cache for HEAD, which is read for every change of a ref and rarely changes. */
let lastSymbolic: { readonly text: string; readonly ref: LooseRef } | undefined;

function symbolicRef(target: string, text: string): LooseRef {
  return isValidRefName(target) ? { kind: 'symbolic', target } : broken(text);
}

function broken(text: string): LooseRef {
  const why = text.trim() === '' ? 'it is empty' : 'it names no object';
  return { kind: 'broken', content: encodePath(text), why };
}
