/**
 * Turns: a courtesy among those who want to change the same ref, so that many of them do not spend
 * their time failing each other's compare-and-swap. A *turn* excludes nobody who does not ask.
 *
 * Refs share a fixed number of turn files in our own directory; the kernel lock on such a file is the
 * turn (kernelLock.ts). Inside one process callers queue, so that only the first of them asks it.
 */
import { closeSync, openSync } from 'node:fs';
import { monotonicTime } from '../../clock.ts';
import { type FileLock, fileLock } from './kernelLock.ts';
import { share } from './sharing.ts';
import { PRIVATE_DIRECTORY } from './storeLock.ts';
import { Backoff, Mutex } from './waiting.ts';

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
    const unlock = await this.#lockFile(
      `${this.#gitDir}/${PRIVATE_DIRECTORY}/turn-${index}`,
      deadline,
    );
    let given = false;
    return () => {
      if (given) return;
      given = true;
      unlock();
      queue.release();
    };
  }

  async #lockFile(path: string, deadline: number): Promise<() => void> {
    let fd: number;
    try {
      fd = openSync(path, 'a');
      share(path, fd);
    } catch {
      return () => {};
    }
    try {
      const lock = fileLock(fd, path, this.#kernelLocks);
      const locked = await lockUntil(lock, deadline);
      return () => {
        if (locked) lock.unlock();
        closeSync(fd);
      };
    } catch {
      closeSync(fd);
      return () => {};
    }
  }
}

async function lockUntil(lock: FileLock, deadline: number): Promise<boolean> {
  const backoff = new Backoff();
  while (!lock.tryLock()) {
    if (monotonicTime() >= deadline) return false;
    await backoff.pause();
  }
  return true;
}

/** FNV-1a over the name's UTF-16 units; any even spread would do. */
function turnOf(ref: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < ref.length; i++) hash = Math.imul(hash ^ ref.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % TURN_FILES;
}
