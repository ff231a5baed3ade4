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

/** Milliseconds after which a holder that cannot be judged loses its turn: a turn only orders writers. */
const PATIENCE = 10_000;

const TURN_FILES = 64;

/** How many times as long as for one holder a caller waits in all. */
const MOST_HOLDERS = 10;

export class Turns {
  readonly #gitDir: string;
  readonly #queues = new Map<number, Mutex>();

  constructor(gitDir: string) {
    this.#gitDir = gitDir;
  }

  /**
   * Waits for the turn, and never fails. It gives up when one holder has kept the turn for `timeout` ms:
   * a program that is stopped must not stop others; one who goes without a turn disturbs those who wait.
   * @returns how to give the turn back
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
      // A store that cannot be written or is not there: the change itself says so.
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

/** False when it cannot be had in time. */
async function takeLink(link: HolderLink, timeout: number): Promise<boolean> {
  const backoff = new Backoff(LONGEST_PAUSE);
  const start = monotonicTime();
  let since = start;
  let asked = start;
  let holder: string | undefined;
  for (let now = start; ; now = monotonicTime()) {
    // To see that the same holder has it takes a tenth of asking whether that one is alive.
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

/** Longest pause between two looks in milliseconds. A turn is often given back within one. */
const LONGEST_PAUSE = 3;

/** Milliseconds for which a holder that was alive is taken to be so. */
const JUDGED = 200;

const UNWRITABLE = [
  ...['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'ENOSPC', 'EDQUOT', 'EIO', 'EMFILE'],
  ...['ENFILE', 'ELOOP', 'ESTALE'],
];

/** FNV-1a over the name's UTF-16 units; any even spread would do. */
function turnOf(ref: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < ref.length; i++) hash = Math.imul(hash ^ ref.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % TURN_FILES;
}
