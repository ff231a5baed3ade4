/**
 * Loose refs: one file a ref, holding an object id and a newline, or `ref: ` and another ref's name
 * (a *symbolic* ref). See gitrepository-layout(5) and git-symbolic-ref(1).
 */
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  statSync,
} from 'node:fs';
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

/** More than any file that names a ref can hold: paths end at 4,096 bytes. */
const content = Buffer.allocUnsafe(8192);

/** Links are read, not followed: a link is how Git once wrote symbolic refs. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0);

/** The ref's file, read once; undefined when there is none. */
export function readLooseRef(gitDir: string, ref: string): LooseRef | undefined {
  const path = diskPath(gitDir, ref);
  let fd: number;
  try {
    fd = openSync(path, OPEN_FLAGS);
  } catch (error) {
    return readUnopened(path, error);
  }
  try {
    return parseRef(content.subarray(0, readSync(fd, content, 0, content.length, 0)));
  } catch (error) {
    if (isErrno(error, 'EISDIR')) return undefined;
    throw error;
  } finally {
    closeSync(fd);
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

function readUnopened(path: DiskPath, error: unknown): LooseRef | undefined {
  if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG')) return undefined;
  if (isErrno(error, 'ELOOP', 'EMLINK')) {
    const target = decodePath(readlinkSync(path, { encoding: 'buffer' }));
    return symbolicRef(target, encodePath(`ref: ${target}\n`));
  }
  // Windows does not say that it is a directory.
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  throw error;
}

function parseRef(bytes: Buffer): LooseRef {
  const text = bytes.toString('latin1');
  if (text.startsWith('ref:')) {
    const name = /^ref:\s*(.*?)\s*$/s.exec(text)?.[1] ?? '';
    const target = decodePath(Buffer.from(name, 'latin1'));
    return symbolicRef(target, bytes);
  }
  const id = text.slice(0, 40).toLowerCase();
  if (!isObjectId(id) || (text.length > 40 && !/\s/.test(text[40]!))) return broken(bytes);
  return { kind: 'id', id };
}

function symbolicRef(target: string, content: Buffer): LooseRef {
  return isValidRefName(target) ? { kind: 'symbolic', target } : broken(content);
}

function broken(content: Buffer): LooseRef {
  return { kind: 'broken', content: Buffer.from(content) };
}
