/**
 * A lock that all processes can see: a *holder link*, a symbolic link `<file>.holder` whose target is not
 * a path but names its holder (holder.ts). symlink(2) creates it with its content atomically and fails
 * when it exists, so exactly one process holds it and every process can read which. Without symbolic
 * links (Windows, FAT) it is a file that is created exclusively and then written.
 *
 * The link of a dead holder may be removed only under a removal lock: another holder link, named after the
 * dead holder. Only its owner may remove the dead holder's link, so that there is no race between checking
 * that the link still names the dead holder and removing it. If the remover dies too, its link is removed
 * by the same rule.
 *
 * The link of a holder in an unknown state is never removed. Waiters time out with an error that names it.
 */

import { basename, dirname, join } from 'node:path';
import { isErrno, removeIfThere, writeFully } from '../../disk/durable.ts';
import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from '../../disk/fs.ts';
import {
  describeHolder,
  judge,
  type LockSpace,
  nameOf,
  newHolder,
  type Verdict,
} from './holder.ts';

/** The reason why a lock cannot be taken. */
export interface Obstacle {
  readonly holder: string;
  readonly path: string;
  readonly verdict: Verdict;
}

export class HolderLink {
  readonly #link: string;
  /** For advisory locks: age in milliseconds at which links of holders in an unknown state are removed. */
  readonly #patience: number;
  #own: string | undefined;
  #obstacle: Obstacle | undefined;

  constructor(path: string, patience = Number.POSITIVE_INFINITY) {
    this.#link = `${path}.holder`;
    this.#patience = patience;
  }

  /** @param space as in `judge` */
  tryLock(space?: LockSpace): boolean {
    // The last attempt to remove it failed.
    if (this.#own !== undefined && readHolder(this.#link) === this.#own) return true;
    const own = newHolder(space);
    if (!create(this.#link, own)) {
      const taking = take(this.#link, own);
      let answer: Answer;
      for (;;) {
        const { done, value } = taking.next(answer);
        if (done === true) {
          if (value === undefined) break;
          this.#obstacle = value;
          return false;
        }
        answer = this.#perform(value, space);
      }
    }
    this.#own = own;
    this.#obstacle = undefined;
    return true;
  }

  /** Never fails: a link that cannot be removed stays ours, and is removed the next time. */
  unlock(): void {
    try {
      removeIfThere(this.#link);
      this.#own = undefined;
    } catch {
      // Other processes can still tell from it whether this process is alive.
    }
  }

  /** Why the last `tryLock` returned false. */
  get obstacle(): Obstacle | undefined {
    return this.#obstacle;
  }

  /** The present holder. */
  get holder(): string | undefined {
    return readHolder(this.#link);
  }

  #perform(step: Step, space: LockSpace): Answer {
    switch (step.do) {
      case 'create':
        return create(step.path, step.holder);
      case 'read':
        return readHolder(step.path);
      case 'judge':
        return this.#judge(step, space);
      case 'remove':
        removeIfThere(step.path);
        return undefined;
    }
  }

  #judge({ path, holder }: { path: string; holder: string }, space: LockSpace): Verdict {
    const verdict = judge(holder, space);
    if (verdict !== 'unknown' || this.#patience === Number.POSITIVE_INFINITY) return verdict;
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats === undefined) return verdict;
    return Date.now() - stats.mtimeMs > this.#patience ? 'dead' : verdict;
  }
}

/** One step of a takeover. Each is one system call, so that tests can interleave them. */
export type Step =
  | { readonly do: 'create'; readonly path: string; readonly holder: string }
  | { readonly do: 'read'; readonly path: string }
  | { readonly do: 'judge'; readonly path: string; readonly holder: string }
  | { readonly do: 'remove'; readonly path: string };

export type Answer = boolean | string | Verdict | undefined;

/**
 * Takes the link if it is free or its holder is dead.
 * @returns undefined when it is ours, otherwise the obstacle
 */
export function* take(link: string, own: string): Generator<Step, Obstacle | undefined, Answer> {
  for (;;) {
    if ((yield { do: 'create', path: link, holder: own }) === true) return undefined;
    const holder = (yield { do: 'read', path: link }) as string | undefined;
    if (holder === undefined) continue;
    const verdict = (yield { do: 'judge', path: link, holder }) as Verdict;
    if (verdict !== 'dead') return { holder, path: link, verdict };
    const removal = removalOf(link, holder);
    const obstacle = yield* take(removal, own);
    if (obstacle !== undefined) return obstacle;
    if ((yield { do: 'read', path: link }) === holder) yield { do: 'remove', path: link };
    yield { do: 'remove', path: removal };
  }
}

/** Description with the next step. */
export function describeObstacle({ holder, path, verdict }: Obstacle): string {
  const who = describeHolder(holder);
  if (verdict !== 'unknown') return who;
  return `${who}, which cannot be seen from here (if it has ended, remove ${path})`;
}

/**
 * Removes leftovers of dead removers: the removal lock of a vanished holder is unused, because holders
 * never recur.
 */
export function clearRemovals(path: string): void {
  const stem = `${basename(path)}.holder`;
  const folder = dirname(path);
  for (const name of readdirSync(folder)) {
    if (!name.startsWith(`${stem}.`)) continue;
    const link = join(folder, name.slice(0, name.lastIndexOf('.')));
    const holder = readHolder(link);
    if (holder === undefined || removalOf(link, holder) !== join(folder, name)) {
      removeIfThere(join(folder, name));
    }
  }
}

function removalOf(link: string, holder: string): string {
  return `${link}.${nameOf(holder)}`;
}

/** False when the link exists. */
function create(link: string, holder: string): boolean {
  if (hasLinks) {
    try {
      symlinkSync(holder, link);
      return true;
    } catch (error) {
      if (isErrno(error, 'EEXIST')) return false;
      if (!isErrno(error, 'EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'UNKNOWN')) {
        throw error;
      }
    }
  }
  let fd: number;
  try {
    fd = openSync(link, 'wx');
  } catch (error) {
    // Windows returns EPERM or EBUSY for a file that is being removed.
    if (isErrno(error, 'EEXIST') || (!hasLinks && isErrno(error, 'EPERM', 'EBUSY'))) return false;
    throw error;
  }
  try {
    writeFully(fd, Buffer.from(holder));
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Creating a symbolic link on Windows requires a privilege. */
const hasLinks = process.platform !== 'win32';

/** Undefined when it is missing; empty for a file that its creator has not written yet. */
function readHolder(link: string): string | undefined {
  try {
    // Programs that copy directories may make targets absolute.
    const target = readlinkSync(link);
    return target.slice(target.lastIndexOf('/') + 1);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (!isErrno(error, 'EINVAL', 'UNKNOWN')) throw error;
  }
  try {
    return readFileSync(link, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    if (isErrno(error, 'EPERM', 'EBUSY', 'EACCES')) return '';
    throw error;
  }
}
