/** Threads that answer requests, created on demand. */
import { availableParallelism } from 'node:os';
import type { TransferListItem, Worker } from 'node:worker_threads';
import type { Failure, Message } from './answers.ts';

const MAX_WORKERS = 8;

/** One for each core but the caller's, because the caller works too instead of waiting. */
function likelySize(): number {
  return Math.max(1, Math.min(availableParallelism() - 1, MAX_WORKERS));
}

/** A thread has answered that a request fails. Has the properties of its error. */
export class ThreadFailure extends Error {
  constructor({ message, details }: Failure) {
    super(message);
    Object.assign(this, details);
  }
}

export interface ThreadOptions {
  /** The code of each thread, which calls `answerRequests`: an entry file in one piece. */
  readonly source: string;
  /** Maximum number of threads. */
  readonly size?: number | undefined;
  /** Returns the `workerData` of the thread with this number. */
  readonly data?: (number: number) => unknown;
}

export class WorkerPool<Request, Reply> {
  readonly #options: ThreadOptions;
  #size: number;
  readonly #workers: PooledWorker<Request, Reply>[] = [];
  #started = 0;

  constructor(options: ThreadOptions) {
    this.#options = options;
    this.#size = Math.max(1, options.size ?? likelySize());
  }

  /** Maximum number of threads. */
  get size(): number {
    return this.#size;
  }

  /** Whether a thread is running. */
  get isRunning(): boolean {
    return this.#workers.length > 0;
  }

  /**
   * Starts a thread ahead of its first request.
   * @throws Error when the system allows none
   */
  start(): void {
    if (!this.isRunning) this.#newWorker();
  }

  /**
   * Fails when the thread does, or when the system allows none.
   * @throws ThreadFailure when the request fails
   */
  async run(request: Request, transfer: readonly TransferListItem[] = []): Promise<Reply> {
    return this.#leastBusy().run(request, transfer);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.stop()));
  }

  /**
   * Stops all threads without waiting for answers, which then become errors. Stopping a thread while it
   * creates a zlib handle crashes the process (Node 20): the caller must rule that out.
   */
  async drop(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.drop()));
  }

  #leastBusy(): PooledWorker<Request, Reply> {
    const idle = this.#workers.find((worker) => worker.waiting === 0);
    if (idle !== undefined) return idle;
    if (this.#workers.length < this.#size) {
      try {
        return this.#newWorker();
      } catch (error) {
        if (!this.isRunning) throw error;
        // The system allows no more.
        this.#size = this.#workers.length;
      }
    }
    return this.#workers.reduce((a, b) => (b.waiting < a.waiting ? b : a));
  }

  #newWorker(): PooledWorker<Request, Reply> {
    const { source, data } = this.#options;
    const worker = new PooledWorker<Request, Reply>(source, data?.(this.#started), () => {
      const at = this.#workers.indexOf(worker);
      if (at >= 0) this.#workers.splice(at, 1);
    });
    this.#started += 1;
    this.#workers.push(worker);
    return worker;
  }
}

/** A thread that answers requests in order. */
class PooledWorker<Request, Reply> {
  readonly #worker: Worker;
  readonly #waiting: {
    resolve: (reply: Reply) => void;
    reject: (error: Error) => void;
  }[] = [];
  #stopping = false;
  /** Called when every request is answered, or the thread is dead. */
  #onIdle: (() => void) | undefined;

  constructor(source: string, data: unknown, onDeath: () => void) {
    // Loaded on demand: most reads never need threads.
    const threads = process.getBuiltinModule('node:worker_threads');
    this.#worker = new threads.Worker(source, { eval: true, workerData: data });
    this.#worker.unref();
    this.#worker.on('message', (message: Message<Reply>) => {
      const next = this.#waiting.shift();
      // Not while stopping: the wait for the end of an unreferenced thread may never finish.
      if (this.#waiting.length === 0 && !this.#stopping) this.#worker.unref();
      if ('failure' in message) next?.reject(new ThreadFailure(message.failure));
      else next?.resolve(message.reply);
      if (this.#waiting.length === 0) this.#onIdle?.();
    });
    const died = (error: Error): void => {
      onDeath();
      for (const { reject } of this.#waiting.splice(0)) reject(error);
      this.#onIdle?.();
    };
    this.#worker.on('error', died);
    this.#worker.on('exit', () => died(new Error('A thread has ended before its work was done')));
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  run(request: Request, transfer: readonly TransferListItem[]): Promise<Reply> {
    return new Promise((resolve, reject) => {
      // The process must not end while the thread works.
      if (this.#waiting.length === 0) this.#worker.ref();
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(request, transfer);
    });
  }

  async drop(): Promise<void> {
    this.#stopping = true;
    for (const { reject } of this.#waiting.splice(0)) reject(new Error('stopped'));
    this.#worker.ref();
    await this.#worker.terminate();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#worker.ref();
    // Stopping a thread while it creates a zlib handle crashes the process (Node 20).
    if (this.#waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    }
    await this.#worker.terminate();
  }
}
