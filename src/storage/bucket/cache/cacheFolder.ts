/**
 * The local cache of buckets, shared by all processes of a user: a folder for each store, by its id. It may
 * be deleted at any time. Its size is limited: the least recently used files are removed first.
 */

import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseByteSize } from '../../../byteSize.ts';
import { isErrno, removeIfThere } from '../../disk/durable.ts';
import {
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from '../../disk/fs.ts';

const DEFAULT_SIZE = 5 * 2 ** 30;
/** What to say when files of the cache have gone that cannot be fetched again. */
export const CACHE_GONE = 'the cache was removed while it was in use: run it again';
/** Fraction of the limit to free at a time. */
const SLACK = 0.1;
/** Age in milliseconds at which temporary files count as abandoned. */
const STALE = 24 * 3600 * 1000;
/** Milliseconds between two records of a use, at least. */
const NOTE_EVERY = 60_000;

export interface CacheOptions {
  /** The folder for all stores; default: in the user's cache folder. */
  readonly folder?: string | undefined;
  /** Bytes for all stores; default `GITSTORE_CACHE_SIZE`, else 5 GiB. */
  readonly size?: number | undefined;
}

export class CacheFolder {
  /** The folder of this store's copies. */
  readonly path: string;
  readonly #root: string;
  readonly #size: number;
  /** Set when the user has no writable folder: the cache then lasts only as long as this process. */
  readonly #isTemporary: boolean;
  readonly #noted = new Map<string, number>();
  #count = 0;

  /** @param store its id */
  constructor(store: string, options: CacheOptions = {}) {
    this.#size =
      options.size ?? parseByteSize(process.env.GITSTORE_CACHE_SIZE ?? '') ?? DEFAULT_SIZE;
    const root = options.folder ?? defaultFolder();
    const made = root === undefined ? undefined : tryMake(join(root, store));
    this.#isTemporary = made === undefined;
    this.path = made ?? mkdtempSync(join(tmpdir(), 'gitstore-'));
    this.#root = made === undefined ? this.path : root!;
  }

  file(name: string): string {
    return join(this.path, name);
  }

  /** Creates a private folder for unfinished files. */
  newFolder(): string {
    const parent = this.file('new');
    mkdirSync(parent, { recursive: true, mode: 0o700 });
    return mkdtempSync(join(parent, `${process.pid}-`));
  }

  /** Opens a file for reading and writing, and makes a missing one. */
  open(name: string): number {
    const flags = constants.O_RDWR | constants.O_CREAT;
    return this.#inFolder(() => openSync(this.file(name), flags, 0o600));
  }

  /** Writes a whole file. */
  put(name: string, content: Uint8Array): void {
    const temporary = this.file(`${name}.${process.pid}-${this.#count++}.tmp`);
    try {
      this.#inFolder(() => {
        writeFileSync(temporary, content, { mode: 0o600 });
        renameSync(temporary, this.file(name));
      });
    } catch (error) {
      removeIfThere(temporary);
      throw error;
    }
  }

  /** Makes the folder again, once, if it has gone. */
  #inFolder<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw error;
      mkdirSync(this.path, { recursive: true, mode: 0o700 });
      return act();
    }
  }

  /** Records that files are in use. @param name without its ending */
  use(name: string): void {
    const now = Date.now();
    if (now - (this.#noted.get(name) ?? 0) < NOTE_EVERY) return;
    this.#noted.set(name, now);
    try {
      utimesSync(this.file(`${name}.idx`), now / 1000, now / 1000);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'EPERM', 'EACCES', 'EROFS')) throw error;
    }
  }

  /** Removes a pack's files. The map goes first: without it no block of the pack counts as present. */
  drop(name: string): void {
    for (const ending of ['map', 'idx', 'pack']) tryRemove(this.file(`${name}.${ending}`));
  }

  /** Removes old files when the copies of all stores exceed the limit. */
  trim(): void {
    const groups = new Map<string, { folder: string; name: string; bytes: number; used: number }>();
    let sum = 0;
    for (const store of this.#isTemporary ? [''] : namesIn(this.#root)) {
      const folder = join(this.#root, store);
      for (const file of namesIn(folder)) {
        const path = join(folder, file);
        const stats = statSync(path, { throwIfNoEntry: false });
        if (stats === undefined) continue;
        const isOld = Date.now() - stats.mtimeMs > STALE;
        if (file.endsWith('.tmp') && isOld) tryRemove(path);
        if (file === 'new') clearStale(path);
        const name = /^(p-.*)\.(pack|idx|map)$/.exec(file)?.[1];
        if (name === undefined) continue;
        const id = join(folder, name);
        const group = groups.get(id) ?? { folder, name, bytes: 0, used: 0 };
        // The disk usage of a sparse file.
        group.bytes += stats.blocks === undefined ? stats.size : stats.blocks * 512;
        if (file.endsWith('.idx')) group.used = stats.mtimeMs;
        groups.set(id, group);
      }
    }
    for (const { bytes } of groups.values()) sum += bytes;
    if (sum <= this.#size) return;
    const oldest = [...groups.values()].sort((a, b) => a.used - b.used);
    for (const { folder, name, bytes } of oldest) {
      if (sum <= this.#size * (1 - SLACK)) return;
      for (const ending of ['map', 'idx', 'pack']) tryRemove(join(folder, `${name}.${ending}`));
      sum -= bytes;
    }
  }

  close(): void {
    if (this.#isTemporary) rmSync(this.path, { recursive: true, force: true });
  }
}

function defaultFolder(): string | undefined {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  const home = homedir();
  if (process.platform === 'win32') {
    return LOCALAPPDATA === undefined ? undefined : join(LOCALAPPDATA, 'gitstore', 'stores');
  }
  if (XDG_CACHE_HOME?.startsWith('/')) return join(XDG_CACHE_HOME, 'gitstore', 'stores');
  if (!home.startsWith('/')) return undefined;
  const parent = process.platform === 'darwin' ? ['Library', 'Caches'] : ['.cache'];
  return join(home, ...parent, 'gitstore', 'stores');
}

/** The folder, if it is writable. */
function tryMake(path: string): string | undefined {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    rmSync(mkdtempSync(join(path, 'probe-')), { recursive: true });
    return path;
  } catch (error) {
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EEXIST')) return undefined;
    throw error;
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}

function clearStale(folder: string): void {
  for (const name of namesIn(folder)) {
    const path = join(folder, name);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > STALE) {
      rmSync(path, { recursive: true, force: true });
    }
  }
}

function tryRemove(path: string): void {
  try {
    removeIfThere(path);
  } catch (error) {
    // Windows cannot remove an open file: it stays until the next time.
    if (!isErrno(error, 'EBUSY', 'EPERM', 'EACCES')) throw error;
  }
}
