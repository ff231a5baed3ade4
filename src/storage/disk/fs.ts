/**
 * Node's file system with paths in the spelling of `git/pathBytes.ts`. Node encodes strings as UTF-8 and
 * replaces invalid characters by U+FFFD, so that the path of one file may become that of another. Here a
 * path with escapes goes to the system as its bytes, and results come back in the same spelling. All code
 * that works on the disk must use these calls, or convert its paths with `toDisk`.
 */
import * as fs from 'node:fs';
import * as promises from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { fromDisk, toDisk } from '../../git/pathBytes.ts';
import { whileFree } from './busyFiles.ts';

export type { BigIntStats, Stats } from 'node:fs';
export {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  read,
  readSync,
  write,
  writeSync,
} from 'node:fs';
export type { FileHandle } from 'node:fs/promises';

type Call = (path: never, ...rest: never[]) => unknown;
type AnyCall = (...args: unknown[]) => unknown;

function bytesOf(path: unknown): unknown {
  return typeof path === 'string' ? toDisk(path) : path;
}

/** @param found looks the call up each time, so that tests can replace it */
function withPath<F extends Call>(found: () => F): F {
  const call: AnyCall = (path, ...rest) => (found() as unknown as AnyCall)(bytesOf(path), ...rest);
  return call as unknown as F;
}

function withPaths<F extends Call>(found: () => F): F {
  const call: AnyCall = (from, to, ...rest) =>
    (found() as unknown as AnyCall)(bytesOf(from), bytesOf(to), ...rest);
  return call as unknown as F;
}

export const chmodSync = withPath(() => fs.chmodSync);
export const createReadStream = withPath(() => fs.createReadStream);
export const existsSync = withPath(() => fs.existsSync);
export const lstatSync = withPath(() => fs.lstatSync);
export const mkdirSync = withPath(() => fs.mkdirSync);
export const openSync = withPath(() => fs.openSync);
export const readFileSync = withPath(() => fs.readFileSync);
export const readdirSync = withPath(() => fs.readdirSync);
export const rmSync = withPath(() => fs.rmSync);
export const rmdirSync = whileFree(withPath(() => fs.rmdirSync));
export const statSync = withPath(() => fs.statSync);
export const unlinkSync = whileFree(withPath(() => fs.unlinkSync));
export const utimesSync = withPath(() => fs.utimesSync);
export const writeFileSync = withPath(() => fs.writeFileSync);

export const copyFileSync = withPaths(() => fs.copyFileSync);
export const linkSync = withPaths(() => fs.linkSync);
export const renameSync = whileFree(withPaths(() => fs.renameSync));
export const symlinkSync = withPaths(() => fs.symlinkSync);

export const open = withPath(() => promises.open);
export const readFile = withPath(() => promises.readFile);
export const rm = withPath(() => promises.rm);
export const rmdir = withPath(() => promises.rmdir);
export const rename = withPaths(() => promises.rename);

/** Creates a directory with a unique name that begins with `prefix`. */
export function mkdtempSync(prefix: string): string {
  return fromDisk(fs.mkdtempSync(toDisk(prefix) as string, { encoding: 'buffer' }));
}

/** A name in a directory and its type. Does not follow links. */
export interface DirectoryEntry
  extends Pick<fs.Dirent, 'isDirectory' | 'isFile' | 'isSymbolicLink'> {
  readonly name: string;
}

export function readEntriesSync(path: string): DirectoryEntry[] {
  const entries = fs.readdirSync(toDisk(path), { withFileTypes: true, encoding: 'buffer' });
  // Bun returns only names.
  if (entries[0] instanceof Uint8Array) return withKinds(path, entries as unknown as Buffer[]);
  return entries.map((entry) => Object.assign(entry, { name: fromDisk(entry.name) }));
}

function withKinds(directory: string, names: readonly Buffer[]): DirectoryEntry[] {
  return names.flatMap((bytes) => {
    const name = fromDisk(bytes);
    const stats = lstatSync(`${directory}/${name}`, { throwIfNoEntry: false });
    return stats === undefined ? [] : [Object.assign(stats, { name })];
  });
}

/** All names in a directory. */
export function readNamesSync(path: string): string[] {
  return fs.readdirSync(toDisk(path), { encoding: 'buffer' }).map(fromDisk);
}

export function readlinkSync(path: string): string {
  return fromDisk(fs.readlinkSync(toDisk(path), { encoding: 'buffer' }));
}

export function realpathSync(path: string): string {
  return fromDisk(fs.realpathSync(toDisk(path), { encoding: 'buffer' }));
}

export async function realpath(path: string): Promise<string> {
  return fromDisk(await promises.realpath(toDisk(path), { encoding: 'buffer' }));
}

const REPLACEMENT = '\ufffd';

/** As `path.resolve`, even when the current directory is not valid UTF-8. */
export function absolutePath(path: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(currentDirectory(), path);
}

function currentDirectory(): string {
  const directory = process.cwd();
  if (!directory.includes(REPLACEMENT)) return directory;
  return fromDisk(fs.realpathSync.native('.', { encoding: 'buffer' }));
}

/**
 * Starts a program in the folder. Node accepts only UTF-8 paths; others go by a descriptor.
 * @param start must have started it when it returns
 */
export function startIn<T>(folder: string, start: (cwd: string) => T): T {
  if (folder.isWellFormed()) return start(folder);
  const fd = openSync(folder, 'r');
  try {
    return start(`/proc/self/fd/${fd}`);
  } finally {
    fs.closeSync(fd);
  }
}
