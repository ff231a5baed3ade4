/**
 * Node's file system with paths as `git/pathBytes.ts` spells them. Node encodes a string as UTF-8 and
 * puts U+FFFD for what is none, so that the path of one file becomes that of another; here a path with
 * escapes goes to the system as its bytes, and what the system answers comes back in the same spelling.
 * Every file of ours that works on the disk takes its calls from here, or spells its paths with `toDisk`.
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

/** @param found looks the call up each time: tests put others in its place */
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

/** A new directory whose name begins so. */
export function mkdtempSync(prefix: string): string {
  return fromDisk(fs.mkdtempSync(toDisk(prefix) as string, { encoding: 'buffer' }));
}

/** A name in a directory, and what it is; a link is not followed. */
export interface DirectoryEntry
  extends Pick<fs.Dirent, 'isDirectory' | 'isFile' | 'isSymbolicLink'> {
  readonly name: string;
}

export function readEntriesSync(path: string): DirectoryEntry[] {
  const entries = fs.readdirSync(toDisk(path), { withFileTypes: true, encoding: 'buffer' });
  // Bun answers with the names alone.
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

/** The absolute form of a path: `path.resolve`, also where the current directory is not UTF-8. */
export function absolutePath(path: string): string {
  return isAbsolute(path) ? resolve(path) : resolve(currentDirectory(), path);
}

function currentDirectory(): string {
  const directory = process.cwd();
  if (!directory.includes(REPLACEMENT)) return directory;
  return fromDisk(fs.realpathSync.native('.', { encoding: 'buffer' }));
}

/**
 * Starts a program in the folder. Node takes its name as UTF-8 only; while it is open it has another.
 * @param start has to have started it when it returns
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
