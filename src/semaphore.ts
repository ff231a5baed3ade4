/**
 * The one semaphore: lets a number of tasks, of a number of bytes together, run at a time. Others wait in the
 * order in which they came. A task that is larger than all of it runs alone.
 */
interface Waiting {
  readonly bytes: number;
  readonly start: () => void;
}

export class Semaphore {
  readonly #mostTasks: number;
  readonly #mostBytes: number;
  #tasks = 0;
  #bytes = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(mostTasks: number, mostBytes = Number.POSITIVE_INFINITY) {
    this.#mostTasks = mostTasks;
    this.#mostBytes = mostBytes;
  }

  /** @returns whether the task may start now; if not, it does not wait either */
  tryEnter(bytes = 0): boolean {
    if (this.#waiting.size > 0 || !this.#hasRoom(bytes)) return false;
    this.#take(bytes);
    return true;
  }

  /**
   * @param signal ends the waiting
   * @returns undefined when the task may start at once, else a promise for that, which rejects with the
   *   signal's reason
   */
  enter(bytes = 0, signal?: AbortSignal): Promise<void> | undefined {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.tryEnter(bytes)) return undefined;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiting.delete(task);
        this.#startNext();
        reject(signal!.reason);
      };
      const start = (): void => {
        signal?.removeEventListener('abort', abort);
        resolve();
      };
      const task = { bytes, start };
      this.#waiting.add(task);
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** To be called once for each task that has started, with its bytes. */
  leave(bytes = 0): void {
    this.#tasks -= 1;
    this.#bytes -= bytes;
    this.#startNext();
  }

  #startNext(): void {
    for (const next of this.#waiting) {
      if (!this.#hasRoom(next.bytes)) return;
      this.#waiting.delete(next);
      this.#take(next.bytes);
      next.start();
    }
  }

  #hasRoom(bytes: number): boolean {
    if (this.#tasks === 0) return true;
    return this.#tasks < this.#mostTasks && this.#bytes + bytes <= this.#mostBytes;
  }

  #take(bytes: number): void {
    this.#tasks += 1;
    this.#bytes += bytes;
  }
}
