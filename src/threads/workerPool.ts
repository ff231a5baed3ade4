/** Threads that answer requests, created on demand. */
import { availableParallelism } from 'node:os';
import type { TransferListItem, Worker } from 'node:worker_threads';

const MAX_WORKERS = 8;

/** One for each core but the caller's, because the caller works too instead of waiting. */
function likelySize(): number {
  return Math.max(1, Math.min(availableParallelism() - 1, MAX_WORKERS));
}

export class WorkerPool<Request, Reply extends object> {
  readonly #source: string;
  readonly #size: number;
  readonly #data: () => unknown;
  readonly #workers: PooledWorker<Request, Reply>[] = [];

  /**
   * @param main the code of each thread: for every message it sends back one, the answer or `{ error }`. It
   *   runs from its source text, so that it works bundled, in a user's bundle, or from TypeScript. It refers
   *   to nothing outside itself.
   * @param parts functions of the same kind, passed to `main` as arguments
   * @param data returns the `workerData` of each thread
   */
  constructor(
    main: (...parts: never[]) => void,
    size = likelySize(),
    parts: readonly ((...args: never[]) => unknown)[] = [],
    data: () => unknown = () => undefined,
  ) {
    this.#source = `(${main.toString()})(${parts.map(String).join()})`;
    this.#size = Math.max(1, size);
    this.#data = data;
  }

  /** Maximum number of threads. */
  get size(): number {
    return this.#size;
  }

  /** Whether a thread is running. */
  get isRunning(): boolean {
    return this.#workers.length > 0;
  }

  /** Fails when the thread does, or when the system allows no thread. */
  async run(request: Request, transfer: readonly TransferListItem[]): Promise<Reply> {
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
      const worker = new PooledWorker<Request, Reply>(this.#source, this.#data(), () => {
        const at = this.#workers.indexOf(worker);
        if (at >= 0) this.#workers.splice(at, 1);
      });
      this.#workers.push(worker);
      return worker;
    }
    return this.#workers.reduce((a, b) => (b.waiting < a.waiting ? b : a));
  }
}

/** A thread that answers requests in order. */
class PooledWorker<Request, Reply extends object> {
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
    this.#worker.on('message', (reply: Reply | { readonly error: string }) => {
      const next = this.#waiting.shift();
      // Not while stopping: the wait for the end of an unreferenced thread may never finish.
      if (this.#waiting.length === 0 && !this.#stopping) this.#worker.unref();
      if ('error' in reply) next?.reject(new Error(reply.error));
      else next?.resolve(reply);
      if (this.#waiting.length === 0) this.#onIdle?.();
    });
    this.#worker.on('error', (error) => {
      onDeath();
      for (const { reject } of this.#waiting.splice(0)) reject(error);
      this.#onIdle?.();
    });
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
