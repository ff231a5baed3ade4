/**
 * Deflates pack entries on worker threads. Work goes out in batches, one transferred buffer each way,
 * because a message costs as much as deflating a small file.
 */
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';

/** One entry to make: the header that goes before the zlib stream, and the data to deflate. */
export interface DeflateJob {
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** Finished entries one behind the other, each a header and a zlib stream. */
export interface DeflatedBatch {
  readonly data: Uint8Array;
  /** Length of each entry in bytes. */
  readonly lengths: readonly number[];
  /** CRC-32 of each entry, as a pack index holds it. */
  readonly crcs: readonly number[];
}

interface Request {
  readonly data: Uint8Array;
  /** Header length and body length of each entry, in turn. */
  readonly lengths: readonly number[];
  readonly level: number;
}

type Reply = DeflatedBatch | { readonly error: string };

const MAX_WORKERS = 8;

export class DeflatePool {
  readonly #size: number;
  readonly #workers: PooledWorker[] = [];

  constructor(size = Math.min(availableParallelism(), MAX_WORKERS)) {
    this.#size = Math.max(1, size);
  }

  /** How many batches keep all workers busy while the caller gets the next ones ready. */
  get depth(): number {
    return this.#size * 3;
  }

  /** @param level of zlib, 0 to 9 */
  deflate(jobs: readonly DeflateJob[], level: number): Promise<DeflatedBatch> {
    const lengths: number[] = [];
    let total = 0;
    for (const { header, body } of jobs) {
      lengths.push(header.length, body.length);
      total += header.length + body.length;
    }
    const data = new Uint8Array(total);
    let at = 0;
    for (const { header, body } of jobs) {
      data.set(header, at);
      data.set(body, at + header.length);
      at += header.length + body.length;
    }
    return this.#leastBusy().run({ data, lengths, level });
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.stop()));
  }

  #leastBusy(): PooledWorker {
    const idle = this.#workers.find((worker) => worker.waiting === 0);
    if (idle !== undefined) return idle;
    if (this.#workers.length < this.#size) {
      const worker = new PooledWorker(() => {
        const at = this.#workers.indexOf(worker);
        if (at >= 0) this.#workers.splice(at, 1);
      });
      this.#workers.push(worker);
      return worker;
    }
    return this.#workers.reduce((a, b) => (b.waiting < a.waiting ? b : a));
  }
}

/** A thread that answers requests in their order. */
class PooledWorker {
  readonly #worker: Worker;
  readonly #waiting: {
    resolve: (batch: DeflatedBatch) => void;
    reject: (error: Error) => void;
  }[] = [];

  constructor(onDeath: () => void) {
    // Threads are loaded when the first one is needed: reading never needs them.
    const threads = process.getBuiltinModule('node:worker_threads');
    // From its source text, so that it runs the same bundled, by a bundler of a user's, or from
    // TypeScript. `workerMain` therefore uses nothing from outside itself.
    this.#worker = new threads.Worker(`(${workerMain.toString()})()`, { eval: true });
    this.#worker.unref();
    this.#worker.on('message', (reply: Reply) => {
      const next = this.#waiting.shift();
      if (this.#waiting.length === 0) this.#worker.unref();
      if ('error' in reply) next?.reject(new Error(reply.error));
      else next?.resolve(reply);
    });
    this.#worker.on('error', (error) => {
      onDeath();
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    });
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  run(request: Request): Promise<DeflatedBatch> {
    return new Promise((resolve, reject) => {
      // While it works the process must not end.
      if (this.#waiting.length === 0) this.#worker.ref();
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(request, [request.data.buffer as ArrayBuffer]);
    });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}

function workerMain(): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const { deflateSync, crc32 } = process.getBuiltinModule('node:zlib');
  const SAMPLE = 4096;

  /** Whether data is compressed already, judged by three samples of it. */
  function isDense(body: Uint8Array): boolean {
    if (body.length < 16 * SAMPLE) return false;
    let shrunk = 0;
    for (const part of [0, 0.5, 1]) {
      const at = Math.floor((body.length - SAMPLE) * part);
      shrunk += deflateSync(body.subarray(at, at + SAMPLE), { level: 1 }).length;
    }
    return shrunk > 3 * SAMPLE * 0.95;
  }

  /** Stored blocks of full length: the output buffer must hold all of it for zlib to make them. */
  function store(body: Uint8Array): Uint8Array {
    const room = body.length + 5 * Math.ceil(body.length / 65535) + 64;
    return deflateSync(body, { level: 0, chunkSize: room });
  }

  function compress(body: Uint8Array, level: number): Uint8Array {
    if (level === 0 || isDense(body)) return store(body);
    const chunkSize = Math.max(1024, Math.min(body.length + 64, 1 << 20));
    const deflated = deflateSync(body, { level, chunkSize });
    return deflated.length < body.length ? deflated : store(body);
  }

  parentPort?.on('message', ({ data, lengths, level }: Request) => {
    try {
      const parts: Uint8Array[] = [];
      let at = 0;
      let total = 0;
      for (let i = 0; i < lengths.length; i += 2) {
        const header = data.subarray(at, at + lengths[i]!);
        at += header.length;
        const body = data.subarray(at, at + lengths[i + 1]!);
        at += body.length;
        const stream = compress(body, level);
        parts.push(header, stream);
        total += header.length + stream.length;
      }
      const result = new Uint8Array(total);
      const entryLengths: number[] = [];
      const crcs: number[] = [];
      at = 0;
      for (let i = 0; i < parts.length; i += 2) {
        const start = at;
        result.set(parts[i]!, at);
        result.set(parts[i + 1]!, at + parts[i]!.length);
        at += parts[i]!.length + parts[i + 1]!.length;
        entryLengths.push(at - start);
        crcs.push(crc32(result.subarray(start, at)));
      }
      const reply = { data: result, lengths: entryLengths, crcs };
      parentPort.postMessage(reply, [result.buffer]);
    } catch (error) {
      parentPort.postMessage({ error: String(error) });
    }
  });
}
