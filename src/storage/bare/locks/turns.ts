/**
 * Turns: a courtesy among those who want to change the same ref, so that many of them do not spend
 * their time failing each other's compare-and-swap. A *turn* only orders writers that ask for one.
 *
 * Refs share a fixed number of turn files in our own directory. A process with kernel locks takes the one
 * on such a file (kernelLock.ts), which costs little; one without makes a holder link (holderLink.ts). The
 * first kind makes the link too when it sees one, so the two kinds queue together; a link that it does
 * not see yet costs one failed compare-and-swap. Inside one process callers queue, so that only the
 * first of them asks.
 */

import { monotonicTime } from '../../../clock.ts';
import { isErrno } from '../../disk/durable.ts';
import { closeSync, constants, existsSync, openSync } from '../../disk/fs.ts';
import { share } from '../../disk/sharing.ts';
import { HolderLink } from './holderLink.ts';
import { KernelLock } from './kernelLock.ts';
import { PRIVATE_DIRECTORY } from './storeLock.ts';
import { Backoff, Mutex } from './waiting.ts';

/** Milliseconds after which a holder that cannot be judged loses its turn: a turn only orders writers. */
const PATIENCE = 10_000;

const TURN_FILES = 64;

export class Turns {
  readonly #gitDir: string;
  readonly #kernelLocks: boolean | undefined;
  readonly #queues = new Map<number, Mutex>();

  constructor(gitDir: string, kernelLocks?: boolean) {
    this.#gitDir = gitDir;
    this.#kernelLocks = kernelLocks;
  }

  /** Waits at most `timeout` ms for the turn, and never fails. Returns how to give it back. */
  async take(ref: string, timeout: number): Promise<() => void> {
    const deadline = monotonicTime() + timeout;
    const index = turnOf(ref);
    const queue = this.#queues.get(index) ?? new Mutex();
    this.#queues.set(index, queue);
    if (!(await queue.acquire(deadline))) return () => {};
    const path = `${this.#gitDir}/${PRIVATE_DIRECTORY}/turn-${index}`;
    const turn = new Turn(path, this.#kernelLocks);
    await turn.take(deadline);
    let given = false;
    return () => {
      if (given) return;
      given = true;
      turn.giveBack();
      queue.release();
    };
  }
}

/** One taking of a turn, or of as much of it as can be had in time. */
class Turn {
  readonly #path: string;
  readonly #kernelLocks: boolean | undefined;
  readonly #given: (() => void)[] = [];

  constructor(path: string, kernelLocks: boolean | undefined) {
    this.#path = path;
    this.#kernelLocks = kernelLocks;
  }

  async take(deadline: number): Promise<void> {
    try {
      const fd = openSync(this.#path, APPENDED, 0o666);
      this.#given.push(() => closeSync(fd));
      share(this.#path, fd);
      const kernel = new KernelLock(fd, this.#kernelLocks);
      const first = kernel.tryLock();
      if (first === false && !(await until(deadline, () => kernel.tryLock() !== false))) return;
      if (first !== undefined) {
        this.#given.push(() => kernel.unlock());
        if (!existsSync(`${this.#path}.holder`)) return;
      }
      const link = new HolderLink(this.#path, PATIENCE);
      let isTaken = false;
      await until(deadline, () => {
        isTaken = link.tryLock();
        return isTaken || link.obstacle?.verdict === 'unknown';
      });
      if (isTaken) this.#given.push(() => link.unlock());
    } catch (error) {
      // A store that cannot be written or is not there: the change itself says so.
      if (!isErrno(error, ...UNWRITABLE)) throw error;
    }
  }

  giveBack(): void {
    for (const undo of this.#given.splice(0).reverse()) undo();
  }
}

async function until(deadline: number, isOver: () => boolean): Promise<boolean> {
  const backoff = new Backoff();
  while (!isOver()) {
    if (monotonicTime() >= deadline) return false;
    await backoff.pause();
  }
  return true;
}

const APPENDED =
  constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0);

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
