/**
 * Loose refs: one file a ref, holding an object id and a newline, or `ref: ` and another ref's name
 * (a *symbolic* ref). See gitrepository-layout(5) and git-symbolic-ref(1).
 */
import { constants, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { isObjectId, type ObjectId } from '../../git/objectId.ts';
import { decodePath, encodePath } from '../../git/pathBytes.ts';
import { isValidRefName } from '../../git/refName.ts';
import { isErrno } from './durable.ts';
import { type DiskPath, diskPath } from './refPaths.ts';

/** What a ref's file says; `broken` when it says nothing that Git understands. */
export type LooseRef =
  | { readonly kind: 'id'; readonly id: ObjectId }
  | { readonly kind: 'symbolic'; readonly target: string }
  | { readonly kind: 'broken'; readonly content: Buffer };

/** Links are read, not followed: a link is how Git once wrote symbolic refs. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);
/**
 * As text a file is opened, read and closed in one call of Node's. It takes flags as a number too, which
 * its types leave out.
 */
const AS_TEXT = { encoding: 'utf8', flag: OPEN_FLAGS as unknown as string } as const;
const AS_BYTES = { flag: AS_TEXT.flag } as const;

/** The ref's file, read once; undefined when there is none. */
export function readLooseRef(gitDir: string, ref: string): LooseRef | undefined {
  const path = diskPath(gitDir, ref);
  try {
    const text = readFileSync(path, AS_TEXT);
    // What is no UTF-8 is in the bytes alone.
    return parseRef(text.includes('\ufffd') ? decodePath(readFileSync(path, AS_BYTES)) : text);
  } catch (error) {
    return readUnread(path, error);
  }
}

/** All loose refs whose names begin with `prefix`, in no order; only names are looked at. */
export function listLooseRefs(gitDir: string, prefix: string): string[] {
  return namesBelowRefs(gitDir, prefix).filter(isValidRefName);
}

/** The lock files of all refs, of HEAD and of packed-refs that are there now. */
export function listLockFiles(gitDir: string): string[] {
  const ofRefs = namesBelowRefs(gitDir, 'refs/', true).filter((name) => name.endsWith('.lock'));
  return ['HEAD.lock', 'packed-refs.lock', ...ofRefs];
}

/** Files below `refs/` whose names begin with `prefix`; lock files may be directories. */
function namesBelowRefs(gitDir: string, prefix: string, locks = false): string[] {
  const found: string[] = [];
  const visit = (directory: string) => {
    for (const entry of readEntries(diskPath(gitDir, directory))) {
      const name = `${directory}/${decodePath(entry.name)}`;
      if (entry.isDirectory() && !(locks && name.endsWith('.lock'))) {
        if (name.startsWith(prefix) || prefix.startsWith(`${name}/`)) visit(name);
      } else if (name.startsWith(prefix)) {
        found.push(name);
      }
    }
  };
  visit('refs');
  return found;
}

function readEntries(directory: DiskPath) {
  try {
    return readdirSync(directory, { withFileTypes: true, encoding: 'buffer' });
  } catch (error) {
    // Gone meanwhile: an empty directory that another process removed.
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return [];
    throw error;
  }
}

function readUnread(path: DiskPath, error: unknown): LooseRef | undefined {
  if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG')) return undefined;
  if (isErrno(error, 'ELOOP', 'EMLINK')) {
    const target = decodePath(readlinkSync(path, { encoding: 'buffer' }));
    return symbolicRef(target, `ref: ${target}\n`);
  }
  // Windows does not say that it is a directory.
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  throw error;
}

/** White space as Git knows it. */
const SYMBOLIC = /^ref:[ \t\n\r]*(.*?)[ \t\n\r]*$/s;
const SPACE = /[ \t\n\r]/;
/** More than any file that names a ref holds: paths end at 4,096 bytes. */
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

/** HEAD is read for every change of a ref, and nearly always says the same. */
let lastSymbolic: { readonly text: string; readonly ref: LooseRef } | undefined;

function symbolicRef(target: string, text: string): LooseRef {
  return isValidRefName(target) ? { kind: 'symbolic', target } : broken(text);
}

function broken(text: string): LooseRef {
  return { kind: 'broken', content: encodePath(text) };
}
