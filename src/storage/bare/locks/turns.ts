/**
 * Turns: advisory ordering among writers of the same ref, so that many of them do not keep failing
 * each other's compare-and-swap. A *turn* only orders writers that ask for one.
 *
 * Refs share a fixed number of turn files in our own directory. The process that made the holder link
 * beside such a file (holderLink.ts) has the turn, with or without kernel locks: with two kinds of queue
 * the members of the longer one would get their turn less often. Inside one process callers queue, so
 * that only the first of them competes with other processes.
 */

import { monotonicTime } from '../../../clock.ts';
import { isErrno } from '../../disk/durable.ts';
import { isLink } from '../../disk/ownFiles.ts';
import { HolderLink } from './holderLink.ts';
import { PRIVATE_DIRECTORY } from './storeLock.ts';
import { Backoff, Mutex } from './waiting.ts';

/** Milliseconds after which a holder in an unknown state loses its turn. Turns are only advisory. */
const PATIENCE = 10_000;

const TURN_FILES = 64;

/** Total wait of a caller, as a multiple of the timeout for one holder. */
const MOST_HOLDERS = 10;

export class Turns {
  readonly #gitDir: string;
  readonly #queues = new Map<number, Mutex>();

  constructor(gitDir: string) {
    this.#gitDir = gitDir;
  }

  /**
   * Waits for the turn, and never fails. Gives up when one holder has kept the turn for `timeout` ms, so
   * that a suspended program does not block others. A caller without a turn only disturbs those waiting.
   * @returns a function that gives the turn back
   */
  async take(ref: string, timeout: number): Promise<() => void> {
    const index = turnOf(ref);
    const queue = this.#queues.get(index) ?? new Mutex();
    this.#queues.set(index, queue);
    if (!(await queue.acquire(monotonicTime() + timeout))) return () => {};
    const link = new HolderLink(`${this.#gitDir}/${PRIVATE_DIRECTORY}/turn-${index}`, PATIENCE);
    let isTaken = false;
    try {
      isTaken = !isLink(`${this.#gitDir}/${PRIVATE_DIRECTORY}`) && (await takeLink(link, timeout));
    } catch (error) {
      // The store is read-only or missing: the change itself reports it.
      if (!isErrno(error, ...UNWRITABLE)) {
        queue.release();
        throw error;
      }
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      if (isTaken) link.unlock();
      queue.release();
    };
  }
}

/** False on timeout. */
async function takeLink(link: HolderLink, timeout: number): Promise<boolean> {
  const backoff = new Backoff(LONGEST_PAUSE);
  const start = monotonicTime();
  let since = start;
  let asked = start;
  let holder: string | undefined;
  for (let now = start; ; now = monotonicTime()) {
    // Comparing with the last holder takes a tenth of the time of checking whether it is alive.
    if (holder === undefined || now - asked >= JUDGED || link.holder !== holder) {
      if (link.tryLock()) return true;
      asked = now;
      const other = link.obstacle?.holder;
      if (other !== holder) since = now;
      holder = other;
    }
    if (now - since >= timeout || now - start >= MOST_HOLDERS * timeout) return false;
    await backoff.pause();
  }
}

/** Longest pause between two checks in milliseconds. A turn is often given back within one. */
const LONGEST_PAUSE = 3;

/** Milliseconds for which a live holder is assumed to stay alive. */
const JUDGED = 200;

const UNWRITABLE = [
  ...['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'ENOSPC', 'EDQUOT', 'EIO', 'EMFILE'],
  ...['ENFILE', 'ELOOP', 'ESTALE'],
];

/** FNV-1a over the name's UTF-16 units. Any uniform hash would do. */
function turnOf(ref: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < ref.length; i++) hash = Math.imul(hash ^ ref.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % TURN_FILES;
}
