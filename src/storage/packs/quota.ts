/** A semaphore by number of jobs and their bytes together; jobs beyond that wait in their order. */
interface Waiting {
  readonly bytes: number;
  readonly enter: () => void;
}

export class Quota {
  readonly #mostJobs: number;
  readonly #mostBytes: number;
  #jobs = 0;
  #bytes = 0;
  readonly #waiting = new Set<Waiting>();

  constructor(mostJobs: number, mostBytes: number) {
    this.#mostJobs = mostJobs;
    this.#mostBytes = mostBytes;
  }

  /** Undefined when the job may begin at once, else a promise for that. */
  enter(bytes: number): Promise<void> | undefined {
    if (this.#waiting.size > 0 || !this.#hasRoom(bytes)) {
      return new Promise((enter) => this.#waiting.add({ bytes, enter }));
    }
    this.#take(bytes);
    return undefined;
  }

  /** To be called once for each job that has begun. */
  leave(bytes: number): void {
    this.#jobs -= 1;
    this.#bytes -= bytes;
    for (const next of this.#waiting) {
      if (!this.#hasRoom(next.bytes)) return;
      this.#waiting.delete(next);
      this.#take(next.bytes);
      next.enter();
    }
  }

  /** A job that is too large for all of it goes alone. */
  #hasRoom(bytes: number): boolean {
    if (this.#jobs === 0) return true;
    return this.#jobs < this.#mostJobs && this.#bytes + bytes <= this.#mostBytes;
  }

  #take(bytes: number): void {
    this.#jobs += 1;
    this.#bytes += bytes;
  }
}
