/**
 * Waiting for locks: callers of this process queue; other processes are waited for by polling.
 * Deadlines are times of `monotonicTime()`.
 */
import { monotonicTime } from '../../../clock.ts';

/** Milliseconds of the longest pause. */
const LONGEST = 20;

/** Pauses that grow from 1 ms on, with random jitter so that waiters spread out. */
export class Backoff {
  #delay = 1;

  pause(): Promise<void> {
    const pause = this.#delay * (0.5 + Math.random() / 2);
    this.#delay = Math.min(this.#delay * 1.5, LONGEST);
    return new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Lets one caller of this process through at a time, in order of arrival. */
export class Mutex {
  #taken = false;
  readonly #queue: (() => void)[] = [];

  get busy(): boolean {
    return this.#taken;
  }

  /** Whether a caller waits for it. */
  get isAwaited(): boolean {
    return this.#queue.length > 0;
  }

  /** True when the caller got the mutex. Never waits. */
  tryAcquire(): boolean {
    if (this.#taken) return false;
    this.#taken = true;
    return true;
  }

  /** True once the caller holds the mutex, false when the deadline passes first. */
  acquire(deadline: number): Promise<boolean> {
    if (this.tryAcquire()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const enter = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(
        () => {
          this.#queue.splice(this.#queue.indexOf(enter), 1);
          resolve(false);
        },
        Math.max(0, deadline - monotonicTime()),
      );
      this.#queue.push(enter);
    });
  }

  release(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.#taken = false;
    else next();
  }
}
