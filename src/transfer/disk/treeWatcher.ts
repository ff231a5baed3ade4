/**
 * Notices that something in a directory or below it has changed. It reports when, not what: a scan finds
 * that out cheaply, and is right even when the system drops events.
 *
 * Where the system watches a directory recursively (macOS, Windows), one watch is enough. Elsewhere each
 * directory has its own. All watches are renewed before each scan: a watch belongs to one directory on
 * the disk, and its path may now lead to another one, even one with the old inode number. A new watch
 * starts before the old one is closed, so that no change is missed in between: an entry created in a
 * directory that is not watched yet is an event of the directory above it. Changes that no watch reports
 * (a replaced root, a mount) are polled twice a second (`watchedPlaces.ts`). When the system runs out
 * of watches, the whole tree is scanned at regular intervals.
 */
import { type FSWatcher, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { FileNotFoundError } from '../../errors.ts';
import { isFileMode, isTreeMode } from '../../git/objects/tree.ts';
import { decodePath } from '../../git/pathBytes.ts';
import { errorCode, localError } from '../../systemFaults.ts';
import { isForbiddenSegment, joinPath } from '../../tree/paths.ts';
import { Exclusion, GITIGNORE } from '../rules/exclusion.ts';
import type { Exclude } from '../rules/patterns.ts';
import { DirectoryIdentity } from './directoryIdentity.ts';
import { type DiskEntry, joinDisk, readEntry, readNames, toDisk } from './diskFiles.ts';
import { identityAt } from './fileIdentity.ts';
import { readWhole, SMALL_FILE } from './readLocal.ts';
import { isGone, WatchedPlaces } from './watchedPlaces.ts';

const WATCHES_ALL_BELOW = process.platform === 'darwin' || process.platform === 'win32';

/** Report changes that never pause after this many quiet periods. */
const LONGEST_WAIT = 10;

/** How often to look for changes that no watch reports, in milliseconds. */
const LOOK_INTERVAL = 500;

/** How often to check whether a missing directory has come back, in milliseconds. */
const GONE_INTERVAL = 200;

/** How often to scan the whole tree when not everything can be watched, in milliseconds. */
const POLL_INTERVAL = 2000;

/**
 * The system queues at least this many unread events and drops later ones. After this many events
 * about excluded paths, events about others may have been dropped.
 */
const MOST_PASSED_OVER = 8192;

export interface WatchOptions {
  /** Ignore excluded paths. */
  readonly exclude?: Exclude | undefined;
  /** Ignore what the .gitignore files exclude. */
  readonly gitignore?: boolean | undefined;
  /** Watch the targets of links as well. */
  readonly follow?: boolean | undefined;
  /** The store's own directory, which every commit changes. */
  readonly storePath?: string | undefined;
  /** Called when the directory is gone, or, with the error, when it cannot be read. */
  readonly onGone?: ((error: Error | undefined) => void) | undefined;
  /**
   * Called for each change with its path from the root, or undefined when that is unknown. Not called for
   * ignored paths.
   */
  readonly onTouch?: ((path: string | undefined) => void) | undefined;
  /** Called periodically while `next` waits. An exception ends the wait. */
  readonly onLook?: (() => void) | undefined;
}

/** A directory to watch, or a file behind a link. */
interface Place {
  readonly path: string;
  readonly below: string;
  readonly entry: DiskEntry;
  /** No other watch covers it: the root, or the target of a link. */
  readonly isOutside: boolean;
  /** Its ancestors by identity, to detect links that lead back to one. */
  readonly above: Above | undefined;
}

interface Above {
  readonly identity: string;
  readonly above: Above | undefined;
}

interface Watched {
  readonly watcher: FSWatcher;
  readonly identity: string;
}

export class TreeWatcher {
  readonly #root: string;
  readonly #options: WatchOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #places: WatchedPlaces;
  #store: DirectoryIdentity | undefined;
  #exclusion: Exclusion;
  #changed = false;
  #passedOver = 0;
  /** The last refresh could not watch everything. */
  #isShort = false;
  #wake: (() => void) | undefined;

  /**
   * Starts watching.
   * @throws FileNotFoundError when the directory is missing
   */
  static async start(root: string, options: WatchOptions = {}): Promise<TreeWatcher> {
    const watcher = new TreeWatcher(root, options);
    try {
      if (!(await watcher.refresh())) {
        throw new FileNotFoundError(`${root}: no such directory`, { path: root });
      }
    } catch (error) {
      watcher.close();
      throw localError(error, root);
    }
    return watcher;
  }

  private constructor(root: string, options: WatchOptions) {
    this.#root = root.replace(/(.)\/+$/, '$1');
    this.#options = options;
    this.#exclusion = this.#newExclusion();
    this.#places = new WatchedPlaces(this.#root);
  }

  /** Whether it polls, because not everything can be watched. */
  get polls(): boolean {
    // No watch reports when an unreadable or missing root changes.
    return this.#isShort || !this.#watched.has(this.#root);
  }

  /**
   * Waits for a change followed by `quiet` ms without one, or, with `within`, for at most that many ms.
   * Then renews the watches. The caller scans the directory afterwards.
   * @throws the signal's reason, and what `onLook` throws
   */
  async next(quiet: number, signal?: AbortSignal, within?: number): Promise<void> {
    const limit = this.polls ? Math.min(within ?? POLL_INTERVAL, POLL_INTERVAL) : within;
    await this.#event(limit === undefined ? undefined : Math.max(quiet, limit), signal);
    for (let isGone = false; ; ) {
      for (let waited = 0; waited < LONGEST_WAIT; waited++) {
        this.#changed = false;
        await sleep(quiet, undefined, signal && { signal });
        if (!this.#changed) break;
      }
      this.#changed = false;
      let reason: Error | undefined;
      try {
        if (await this.refresh()) return;
      } catch (error) {
        reason = localError(error, this.#root);
      }
      if (!isGone) this.#options.onGone?.(reason);
      isGone = true;
      do {
        await sleep(GONE_INTERVAL, undefined, signal && { signal });
        this.#options.onLook?.();
      } while (!isDirectory(this.#root));
    }
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  /**
   * Watches everything that exists now. False when the directory itself is missing.
   * @throws a system error when that cannot be determined
   */
  async refresh(): Promise<boolean> {
    const root = readEntryIfAny(this.#root, true);
    if (root === undefined || !isTreeMode(root.mode)) {
      this.close();
      return false;
    }
    this.#places.begin();
    this.#isShort = false;
    this.#passedOver = 0;
    this.#store = DirectoryIdentity.of(this.#options.storePath);
    this.#exclusion = this.#newExclusion();
    const seen = new Set<string>();
    const open: Place[] = [
      { path: this.#root, below: '', entry: root, isOutside: true, above: undefined },
    ];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      await this.#visit(place, seen, open);
    }
    for (const [path, { watcher }] of this.#watched) {
      if (seen.has(path)) continue;
      watcher.close();
      this.#watched.delete(path);
    }
    return true;
  }

  /** Watches one directory, and queues the directories in it. */
  async #visit(place: Place, seen: Set<string>, open: Place[]): Promise<void> {
    const { path, below, entry, above } = place;
    if (this.#store?.is(entry, path)) return;
    const identity = this.#attempt(() => identityOf(path));
    if (identity === undefined) return;
    for (let at = above; at !== undefined; at = at.above) if (at.identity === identity) return;
    // Below a recursive watch only rules and links matter.
    if (!WATCHES_ALL_BELOW || place.isOutside) {
      seen.add(path);
      this.#watch(path, below, identity);
    }
    if (WATCHES_ALL_BELOW && !this.#options.gitignore && !this.#options.follow) return;
    const names = this.#attempt(() => readNames(path));
    if (names === undefined) return;
    if (this.#options.gitignore && names.includes(GITIGNORE)) await this.#readRules(path, below);
    const within = { identity, above };
    for (const name of names) {
      if (isForbiddenSegment(name)) continue;
      const child = joinDisk(path, name);
      const childBelow = joinPath(below, name);
      const plain = this.#attempt(() => readEntryIfAny(child, false));
      const isLink = plain !== undefined && !isTreeMode(plain.mode) && !isFileMode(plain.mode);
      const isFollowed = isLink && this.#options.follow === true;
      const found = isFollowed ? this.#attempt(() => readEntryIfAny(child, true)) : plain;
      if (isFollowed) this.#places.add(child);
      if (found === undefined) continue;
      if (isTreeMode(found.mode)) {
        if (this.#exclusion.excludes(childBelow, true)) continue;
        open.push({
          path: child,
          below: childBelow,
          entry: found,
          isOutside: isFollowed,
          above: within,
        });
      } else if (isFollowed) {
        const target = this.#attempt(() => identityOf(child));
        if (target === undefined) continue;
        seen.add(child);
        this.#watch(child, childBelow, target);
      }
    }
  }

  /**
   * The result of `look`; undefined when the entry is gone or not readable, which the scan reports. Any
   * other failure may be temporary, and hides entries from the watches until it is over.
   */
  #attempt<T>(look: () => T): T | undefined {
    try {
      return look();
    } catch (error) {
      if (!isGone(error) && !isForbidden(error)) this.#isShort = true;
      return undefined;
    }
  }

  async #readRules(path: string, below: string): Promise<void> {
    const file = joinDisk(path, GITIGNORE);
    const entry = this.#attempt(() => readEntryIfAny(file, false));
    if (entry === undefined || !isFileMode(entry.mode) || entry.size > SMALL_FILE) return;
    try {
      this.#exclusion.add(below, readWhole(file, entry, false));
    } catch {
      // Too much is watched then, which is harmless.
    }
  }

  #watch(path: string, below: string, identity: string): void {
    const known = this.#watched.get(path);
    // A recursive watch is expensive to start, and it notices when its directory is replaced.
    if (WATCHES_ALL_BELOW && known?.identity === identity) return;
    this.#watched.delete(path);
    try {
      const name = path.slice(path.lastIndexOf('/') + 1);
      const options = { recursive: WATCHES_ALL_BELOW, encoding: 'buffer' } as const;
      const watcher = watch(toDisk(path), options, (_event, changed) => {
        if (this.#isPassedOver(below, name, changed)) this.#passOver();
        else this.#touch(this.#touchedPath(below, name, changed));
      });
      watcher.on('error', () => {
        watcher.close();
        if (this.#watched.get(path)?.watcher === watcher) this.#watched.delete(path);
        this.#touch();
      });
      this.#watched.set(path, { watcher, identity });
    } catch (error) {
      // The scan reports a directory that is gone or not readable.
      if (!isGone(error) && !isForbidden(error)) this.#isShort = true;
    } finally {
      known?.watcher.close();
    }
  }

  #isPassedOver(below: string, own: string, changed: Buffer | null): boolean {
    if (changed === null) return false;
    const name = decodePath(changed);
    // It may be the directory itself that is gone.
    if (name === own) return false;
    const path = joinPath(below, name.replaceAll('\\', '/'));
    if (path === GITIGNORE || path.endsWith(`/${GITIGNORE}`)) return false;
    if (isForbiddenSegment(path)) return true;
    if (WATCHES_ALL_BELOW && this.#store?.contains(joinDisk(this.#root, path))) return true;
    return this.#exclusion.excludes(path, false) && this.#exclusion.excludes(path, true);
  }

  #passOver(): void {
    if (++this.#passedOver % MOST_PASSED_OVER === 0) this.#touch();
  }

  /** Undefined when the directory itself may have changed. */
  #touchedPath(below: string, own: string, changed: Buffer | null): string | undefined {
    if (changed === null) return undefined;
    const name = decodePath(changed);
    return name === own ? undefined : joinPath(below, name.replaceAll('\\', '/'));
  }

  #touch(path?: string): void {
    this.#options.onTouch?.(path);
    this.#changed = true;
    this.#wake?.();
  }

  #newExclusion(): Exclusion {
    return new Exclusion(this.#options.exclude, this.#options);
  }

  /** Waits for a change, at most `limit` ms. */
  async #event(limit: number | undefined, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.#changed) return;
    await new Promise<void>((resolve, reject) => {
      const timer = limit === undefined ? undefined : setTimeout(() => end(resolve), limit);
      const look = (): void => {
        try {
          this.#options.onLook?.();
          if (this.#places.haveChanged()) this.#touch();
        } catch (error) {
          end(() => reject(error));
        }
      };
      const looking = setInterval(look, LOOK_INTERVAL);
      const abort = (): void => end(() => reject(signal?.reason));
      const end = (settle: () => void): void => {
        clearTimeout(timer);
        clearInterval(looking);
        signal?.removeEventListener('abort', abort);
        this.#wake = undefined;
        settle();
      };
      this.#wake = () => end(resolve);
      signal?.addEventListener('abort', abort);
    });
  }
}

/** @throws a system error when the entry cannot be examined */
function readEntryIfAny(path: string, follow: boolean): DiskEntry | undefined {
  try {
    return readEntry(path, '', follow);
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isForbidden(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'EACCES' || code === 'EPERM';
}

function isDirectory(path: string): boolean {
  try {
    const entry = readEntryIfAny(path, true);
    return entry !== undefined && isTreeMode(entry.mode);
  } catch {
    // `start` has reported the reason.
    return false;
  }
}

function identityOf(path: string): string | undefined {
  const found = identityAt(path);
  return found && `${found.dev}:${found.ino}`;
}
