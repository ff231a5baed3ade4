/**
 * Noticing that something in a directory, or in one below it, has changed. It says when, not what:
 * to find that out costs a scan little, and is then right whatever the system has told.
 *
 * Where the system watches a directory with all below it (macOS, Windows), one watch is enough.
 * Elsewhere each directory has its own. Watches are set before the directories are scanned, and set
 * anew before each scan, so that no change falls in between: what comes into being in a directory
 * that is not watched yet is an event of the directory above it. When the system has no more watches
 * to give, the answer is to look at regular times.
 */
import { type FSWatcher, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileNotFoundError } from '../errors.ts';
import { isFileMode, isTreeMode } from '../git/tree.ts';
import { isForbiddenSegment, joinPath } from '../tree/paths.ts';
import {
  DirectoryIdentity,
  type DiskEntry,
  joinDisk,
  readEntry,
  readNames,
  toDisk,
} from './diskFiles.ts';
import type { ExcludeFilter } from './excludeFilter.ts';
import { Exclusion, GITIGNORE } from './exclusion.ts';
import { errorCode } from './localErrors.ts';
import { readWhole, SMALL_FILE } from './readLocal.ts';

const WATCHES_ALL_BELOW = process.platform === 'darwin' || process.platform === 'win32';

/** While changes go on and on, they are reported after so many quiet times all the same. */
const LONGEST_WAIT = 10;

/** How often to look whether a directory that is gone has come back, in milliseconds. */
const GONE_INTERVAL = 200;

/** How often to look where nothing can be watched, in milliseconds. */
const POLL_INTERVAL = 2000;

export interface WatchOptions {
  /** Pass over what is left out. */
  readonly exclude?: ExcludeFilter | undefined;
  /** Pass over what the .gitignore files say. */
  readonly gitignore?: boolean | undefined;
  /** Watch what links point to as well. */
  readonly follow?: boolean | undefined;
  /** The store's own directory, in which every commit is a change. */
  readonly storePath?: string | undefined;
  /** Called when the directory is not there any more. */
  readonly onGone?: (() => void) | undefined;
}

interface Watched {
  readonly watcher: FSWatcher;
  readonly dev: number;
  readonly ino: number;
}

export class TreeWatcher {
  readonly #root: string;
  readonly #options: WatchOptions;
  readonly #watched = new Map<string, Watched>();
  #store: DirectoryIdentity | undefined;
  #exclusion: Exclusion;
  #changed = false;
  /** The system gives no more watches. */
  #isShort = false;
  #wake: (() => void) | undefined;

  /**
   * Begins to watch.
   * @throws FileNotFoundError when there is no such directory
   */
  static async start(root: string, options: WatchOptions = {}): Promise<TreeWatcher> {
    const watcher = new TreeWatcher(root, options);
    try {
      if (!(await watcher.refresh())) {
        throw new FileNotFoundError(`${root}: no such directory`, { path: root });
      }
    } catch (error) {
      watcher.close();
      throw error;
    }
    return watcher;
  }

  private constructor(root: string, options: WatchOptions) {
    this.#root = root.replace(/(.)\/+$/, '$1');
    this.#options = options;
    this.#exclusion = this.#newExclusion();
  }

  /** Whether changes are looked for at regular times, because not everything can be watched. */
  get polls(): boolean {
    // Nothing above it would tell when a directory that must not be read, or has just gone, changes.
    return this.#isShort || !this.#watched.has(this.#root);
  }

  /**
   * Waits until something has changed and then nothing for `quiet` ms; then sets the watches anew,
   * after which the directory is to be scanned.
   * @throws the signal's reason
   */
  async next(quiet: number, signal?: AbortSignal): Promise<void> {
    for (;;) {
      await this.#event(this.polls ? Math.max(quiet, POLL_INTERVAL) : undefined, signal);
      for (let waited = 0; waited < LONGEST_WAIT; waited++) {
        this.#changed = false;
        await sleep(quiet, undefined, signal && { signal });
        if (!this.#changed) break;
      }
      this.#changed = false;
      if (await this.refresh()) return;
      this.#options.onGone?.();
      do await sleep(GONE_INTERVAL, undefined, signal && { signal });
      while (!isDirectory(this.#root));
      this.#changed = true;
    }
  }

  /** Makes `next` return as if something had changed. */
  touch(): void {
    this.#changed = true;
    this.#wake?.();
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  /** Watches what is there now. False when the directory itself is not. */
  async refresh(): Promise<boolean> {
    const root = readEntryIfAny(this.#root, true);
    if (root === undefined || !isTreeMode(root.mode)) {
      this.close();
      return false;
    }
    this.#store = DirectoryIdentity.of(this.#options.storePath);
    this.#exclusion = this.#newExclusion();
    const seen = new Set<string>();
    await this.#visit(this.#root, '', root, seen, new Set());
    for (const [path, { watcher }] of this.#watched) {
      if (seen.has(path)) continue;
      watcher.close();
      this.#watched.delete(path);
    }
    return true;
  }

  async #visit(
    path: string,
    below: string,
    entry: DiskEntry,
    seen: Set<string>,
    above: ReadonlySet<string>,
  ): Promise<void> {
    const identity = `${entry.dev}:${entry.ino}`;
    if (this.#store?.is(entry) || above.has(identity)) return;
    seen.add(path);
    this.#watch(path, below, entry);
    if (WATCHES_ALL_BELOW && !this.#options.gitignore && !this.#options.follow) return;
    let names: string[];
    try {
      names = readNames(path);
    } catch {
      // The scan reports it, unless it is gone.
      return;
    }
    if (this.#options.gitignore && names.includes(GITIGNORE)) await this.#readRules(path, below);
    const within = new Set(above).add(identity);
    for (const name of names) {
      if (isForbiddenSegment(name)) continue;
      const child = joinDisk(path, name);
      const childBelow = joinPath(below, name);
      const plain = readEntryIfAny(child, false);
      const isLink = plain !== undefined && !isTreeMode(plain.mode) && !isFileMode(plain.mode);
      const found = isLink && this.#options.follow ? readEntryIfAny(child, true) : plain;
      if (found === undefined) continue;
      if (isTreeMode(found.mode)) {
        if (this.#exclusion.excludes(childBelow, true)) continue;
        if (WATCHES_ALL_BELOW && !isLink) {
          if (this.#options.gitignore) await this.#visitRules(child, childBelow);
          continue;
        }
        await this.#visit(child, childBelow, found, seen, within);
      } else if (isLink && this.#options.follow) {
        seen.add(child);
        this.#watch(child, childBelow, found);
      }
    }
  }

  /** Reads the .gitignore files of directories that need no watch of their own. */
  async #visitRules(path: string, below: string): Promise<void> {
    let names: string[];
    try {
      names = readNames(path);
    } catch {
      return;
    }
    if (names.includes(GITIGNORE)) await this.#readRules(path, below);
    for (const name of names) {
      const child = joinDisk(path, name);
      const childBelow = joinPath(below, name);
      const entry = readEntryIfAny(child, false);
      if (entry === undefined || !isTreeMode(entry.mode) || isForbiddenSegment(name)) continue;
      if (!this.#exclusion.excludes(childBelow, true)) await this.#visitRules(child, childBelow);
    }
  }

  async #readRules(path: string, below: string): Promise<void> {
    const file = joinDisk(path, GITIGNORE);
    const entry = readEntryIfAny(file, false);
    if (entry === undefined || !isFileMode(entry.mode) || entry.size > SMALL_FILE) return;
    try {
      await this.#exclusion.add(below, readWhole(file, entry, false));
    } catch {
      // Too much is watched then, which does no harm.
    }
  }

  #watch(path: string, below: string, { dev, ino }: DiskEntry): void {
    const known = this.#watched.get(path);
    if (known?.ino === ino && known.dev === dev) return;
    known?.watcher.close();
    this.#watched.delete(path);
    try {
      const watcher = watch(toDisk(path), { recursive: WATCHES_ALL_BELOW }, (_event, name) => {
        if (!this.#isPassedOver(below, name)) this.touch();
      });
      watcher.on('error', () => {
        watcher.close();
        if (this.#watched.get(path)?.watcher === watcher) this.#watched.delete(path);
        this.touch();
      });
      this.#watched.set(path, { watcher, dev, ino });
    } catch (error) {
      const code = errorCode(error);
      // A directory that is gone, or that must not be read, is the scan's matter.
      if (code !== 'ENOENT' && code !== 'EACCES' && code !== 'ENOTDIR') this.#isShort = true;
    }
  }

  #isPassedOver(below: string, name: string | Buffer | null): boolean {
    if (typeof name !== 'string') return false;
    const path = joinPath(below, name.replaceAll('\\', '/'));
    if (path === GITIGNORE || path.endsWith(`/${GITIGNORE}`)) return false;
    if (isForbiddenSegment(path)) return true;
    if (WATCHES_ALL_BELOW && this.#store?.contains(joinDisk(this.#root, path))) return true;
    return this.#exclusion.excludes(path, false) && this.#exclusion.excludes(path, true);
  }

  #newExclusion(): Exclusion {
    return new Exclusion(this.#options.exclude, this.#options.gitignore ?? false);
  }

  /** Waits for a change, at most `limit` ms. */
  async #event(limit: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#changed) return;
    await new Promise<void>((resolve, reject) => {
      const timer = limit === undefined ? undefined : setTimeout(() => end(resolve), limit);
      const abort = (): void => end(() => reject(signal?.reason));
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        this.#wake = undefined;
        settle();
      };
      this.#wake = () => end(resolve);
      signal?.addEventListener('abort', abort);
    });
  }
}

function readEntryIfAny(path: string, follow: boolean): DiskEntry | undefined {
  try {
    return readEntry(path, '', follow);
  } catch {
    return undefined;
  }
}

function isDirectory(path: string): boolean {
  const entry = readEntryIfAny(path, true);
  return entry !== undefined && isTreeMode(entry.mode);
}
