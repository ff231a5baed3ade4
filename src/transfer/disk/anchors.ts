/**
 * Safe paths below one directory: no link redirects them, not even one that is created meanwhile.
 *
 * Every call resolves its path anew, so a directory that is replaced by a link between two calls
 * redirects the second one. Here each directory is opened once, step by step from the root, never
 * through a link. Its entries are then reached by its descriptor: on Linux `/proc/self/fd/N/name`.
 * Where the system has no such paths, every directory on the way is checked before each call. That
 * leaves a race between the check and the call.
 *
 * The root and the directories above it may be links: the caller chose them.
 */
import type * as fs from 'node:fs';

/** A path in a form that `fs` accepts. */
export type FsPath = string | Buffer;

export interface Anchors {
  /**
   * The path to pass to `fs` for the entry at `path`. Valid until the next call of this method. Returns a
   * path outside the root unchanged.
   * @throws an error with code ENOTDIR where a directory on the way is a link, or no directory
   */
  at(path: FsPath): FsPath;
  /** The same for a directory to list. */
  directory(path: FsPath): FsPath;
  /** Keeps the result of `at` for the path valid until the returned function is called. */
  pin(path: FsPath): () => void;
  /** Records that a directory below the root was renamed. */
  moved(from: FsPath, to: FsPath): void;
  /** Opens the root and returns its descriptor; undefined where there are no paths by descriptor. */
  root(): number | undefined;
  close(): void;
}

/**
 * @param disk `node:fs`
 * @param root the directory, which need not exist yet
 * @param fd descriptor of the root, when it is open already; stays open
 * @param byDescriptor false where there are no paths by descriptor
 */
export function anchorAt(
  disk: typeof fs,
  root: FsPath,
  fd?: number,
  byDescriptor = process.platform === 'linux',
): Anchors {
  /** Directories open at a time, at most. */
  const MOST = 48;
  /** Linux's O_PATH: a descriptor for paths only, which needs no read permission. */
  const flags = 0x200000 | disk.constants.O_DIRECTORY;

  interface Held {
    readonly fd: number;
    /** Ends in a slash. */
    readonly lead: string;
    pins: number;
  }
  /** By path, least recently used first. */
  const open = new Map<string, Held>();
  const rootKey = keyOf(root).replace(/(.)\/+$/, '$1');
  const rootLead = rootKey === '.' ? '' : rootKey.endsWith('/') ? rootKey : `${rootKey}/`;
  let rootHeld: Held | undefined = fd === undefined ? undefined : held(fd);
  let works = byDescriptor;
  let last: { readonly directory: string; readonly held: Held } | undefined;

  /** The path as a string; one character per byte when it is not plain ASCII. */
  function keyOf(path: FsPath): string {
    if (typeof path !== 'string') return Buffer.from(path).toString('latin1');
    return /^[\x00-\x7f]*$/.test(path) ? path : Buffer.from(path).toString('latin1');
  }

  function toPath(key: string): FsPath {
    return /^[\x00-\x7f]*$/.test(key) ? key : Buffer.from(key, 'latin1');
  }

  function held(fd: number): Held {
    return { fd, lead: `/proc/self/fd/${fd}/`, pins: 0 };
  }

  function isBelow(key: string): boolean {
    return key.length > rootLead.length && key.startsWith(rootLead);
  }

  /** The parent directory of a path below the root. */
  function above(key: string): string {
    const slash = key.lastIndexOf('/');
    return slash < rootLead.length ? rootKey : key.slice(0, slash);
  }

  function replaced(): Error {
    const reason = 'a directory on the way has been replaced by something else';
    return Object.assign(new Error(reason), { code: 'ENOTDIR' });
  }

  function openRoot(): Held | undefined {
    if (rootHeld !== undefined || !works) return rootHeld;
    const own = disk.openSync(toPath(rootKey), flags);
    const root = held(own);
    try {
      const there = disk.lstatSync(`${root.lead}.`, { bigint: true });
      const { dev, ino } = disk.fstatSync(own, { bigint: true });
      if (there.ino === ino && there.dev === dev) rootHeld = root;
    } catch {
      // Such paths do not work here: there is no /proc, or this process may not use it.
    }
    if (rootHeld === undefined) {
      works = false;
      disk.closeSync(own);
    }
    return rootHeld;
  }

  /** Opens a directory, and those on the way that are not open. */
  function reach(directory: string): Held | undefined {
    if (last?.directory === directory) return last.held;
    let known = openRoot();
    if (known === undefined) return undefined;
    const steps: string[] = [];
    let at = directory;
    while (at !== rootKey) {
      const found = open.get(at);
      if (found !== undefined) {
        known = found;
        open.delete(at);
        open.set(at, found);
        break;
      }
      steps.push(at);
      at = above(at);
    }
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
      const name = step.slice(step.lastIndexOf('/') + 1);
      known = held(openBelow(known, name));
      open.set(step, known);
      if (open.size > MOST) closeOldest(known);
    }
    last = { directory, held: known };
    return known;
  }

  function openBelow({ lead }: Held, name: string): number {
    try {
      return disk.openSync(toPath(lead + name), flags | disk.constants.O_NOFOLLOW);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw code === 'ENOTDIR' || code === 'ELOOP' ? replaced() : error;
    }
  }

  function closeOldest(needed: Held): void {
    for (const [directory, held] of open) {
      if (held === needed || held.pins > 0) continue;
      forget(directory, held);
      return;
    }
  }

  function forget(directory: string, held: Held): void {
    open.delete(directory);
    if (last?.held === held) last = undefined;
    disk.closeSync(held.fd);
  }

  /** Checks every directory on the way, including the last one. */
  function check(directory: string): void {
    for (let at = directory; at !== rootKey; at = above(at)) {
      const stats = disk.lstatSync(toPath(at), { throwIfNoEntry: false });
      if (stats !== undefined && !stats.isDirectory()) throw replaced();
    }
  }

  function at(path: FsPath): FsPath {
    const key = keyOf(path);
    if (!isBelow(key)) return path;
    const directory = above(key);
    const place = reach(directory);
    if (place !== undefined) return toPath(place.lead + key.slice(key.lastIndexOf('/') + 1));
    check(directory);
    return path;
  }

  return {
    at,
    directory(path) {
      const key = keyOf(path);
      if (key !== rootKey && !isBelow(key)) return path;
      const place = reach(key);
      if (place !== undefined) return place.lead;
      check(key);
      return path;
    },
    pin(path) {
      const key = keyOf(path);
      const place = isBelow(key) ? reach(above(key)) : undefined;
      if (place === undefined) return () => {};
      place.pins += 1;
      return () => {
        place.pins -= 1;
      };
    },
    moved(from, to) {
      const [before, after] = [keyOf(from), keyOf(to)];
      const place = open.get(before);
      if (place === undefined) return;
      open.delete(before);
      const other = open.get(after);
      if (other !== undefined) forget(after, other);
      open.set(after, place);
      last = undefined;
    },
    root: () => openRoot()?.fd,
    close() {
      for (const [directory, held] of [...open]) forget(directory, held);
      if (rootHeld !== undefined && fd === undefined) disk.closeSync(rootHeld.fd);
      rootHeld = undefined;
      last = undefined;
      works = false;
    },
  };
}
