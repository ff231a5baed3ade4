/**
 * Turns: a courtesy among those who want to change the same ref, so that many of them do not spend
 * their time failing each other's compare-and-swap. A *turn* excludes nobody who does not ask.
 *
 * Refs share a fixed number of turns; each is a holder link in our own directory (holderLink.ts), which
 * processes of every kind see. Inside one process callers queue, so that only the first of them asks
 * for it.
 */
import { monotonicTime } from '../../clock.ts';
import { isErrno } from './durable.ts';
import { HolderLink } from './holderLink.ts';
import { PRIVATE_DIRECTORY } from './storeLock.ts';
import { Backoff, Mutex } from './waiting.ts';

/** A turn excludes nobody, so a holder that cannot be judged loses it after this time, in milliseconds. */
const PATIENCE = 10_000;

const TURN_FILES = 64;

export class Turns {
  readonly #gitDir: string;
  readonly #queues = new Map<number, Mutex>();

  constructor(gitDir: string) {
    this.#gitDir = gitDir;
  }

  /** Waits at most `timeout` ms for the turn, and never fails. Returns how to give it back. */
  async take(ref: string, timeout: number): Promise<() => void> {
    const deadline = monotonicTime() + timeout;
    const index = turnOf(ref);
    const queue = this.#queues.get(index) ?? new Mutex();
    this.#queues.set(index, queue);
    if (!(await queue.acquire(deadline))) return () => {};
    const link = new HolderLink(`${this.#gitDir}/${PRIVATE_DIRECTORY}/turn-${index}`, PATIENCE);
    const isTaken = await takeUntil(link, deadline);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      if (isTaken) link.unlock();
      queue.release();
    };
  }
}

async function takeUntil(link: HolderLink, deadline: number): Promise<boolean> {
  const backoff = new Backoff();
  try {
    while (!link.tryLock()) {
      if (link.obstacle?.verdict === 'unknown' || monotonicTime() >= deadline) return false;
      await backoff.pause();
    }
    return true;
  } catch (error) {
    // A store that cannot be written or is not there: the change itself says so.
    if (isErrno(error, ...UNWRITABLE)) return false;
    throw error;
  }
}

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
