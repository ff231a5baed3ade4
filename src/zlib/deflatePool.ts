/**
 * Deflates pack entries on worker threads, in batches with one transferred buffer each way, because a
 * message costs as much as deflating a small file.
 */
import { WorkerPool } from '../threads/workerPool.ts';
import { type Compressor, createCompressor, zlib } from './compressor.ts';
import {
  createDeflater,
  type DeflatedBatch,
  type DeflateJob,
  type DeflateRequest,
  type Deflater,
  requestFor,
} from './deflateBatch.ts';
import { newQuickDeflate, quickDeflateModule } from './quickDeflate.ts';

/** Set when the sources are bundled: deflateWorker.ts in one piece. */
declare const GITSTORE_DEFLATE_WORKER: string;

/** Batches queued for each worker. Deflating a batch takes 5 to 10 ms. */
const DEPTH = 12;

export class DeflatePool {
  readonly #workers: WorkerPool<DeflateRequest, DeflatedBatch>;
  /** Whether threads work. False after the first failure. */
  #hasThreads = true;
  #compressor: Compressor | undefined;
  #deflater: Deflater | undefined;

  constructor(size?: number) {
    const source = GITSTORE_DEFLATE_WORKER;
    this.#workers = new WorkerPool({ source, size, data: quickDeflateModule });
  }

  /** Number of batches that keep all workers busy, even while the caller is busy. */
  get depth(): number {
    return this.#hasThreads ? this.#workers.size * DEPTH : 0;
  }

  /** Whether there are workers already. Starting one takes time. */
  get isRunning(): boolean {
    return this.#workers.isRunning;
  }

  /**
   * Falls back to the caller's thread when threads are not available or one dies: a system may allow no
   * more threads.
   * @param level of zlib, 0 to 9
   */
  async deflate(jobs: readonly DeflateJob[], level: number): Promise<DeflatedBatch> {
    if (this.#hasThreads) {
      const request = requestFor(jobs, level);
      try {
        return await this.#workers.run(request, [request.data.buffer]);
      } catch {
        this.#hasThreads = false;
      }
    }
    return this.deflateNow(jobs, level);
  }

  /** The same at once, on the caller's own thread. */
  deflateNow(jobs: readonly DeflateJob[], level: number): DeflatedBatch {
    this.#deflater ??= createDeflater(this.#here());
    return this.#deflater(requestFor(jobs, level));
  }

  /** Deflates one large entry on Node's own thread pool. */
  async deflateLarge({ header, body }: DeflateJob, level: number): Promise<DeflatedBatch> {
    const compressor = this.#here();
    let stream: Uint8Array | undefined;
    if (level > 0 && !compressor.isDense(body, level)) {
      const { deflate } = zlib();
      const chunkSize = compressor.bound(body.length);
      stream = await new Promise<Buffer>((resolve, reject) => {
        deflate(body, { level, chunkSize }, (error, result) => {
          if (!error) resolve(result);
          else reject(error);
        });
      });
    }
    if (stream === undefined || stream.length >= body.length) stream = compressor.store(body);
    const data = Buffer.concat([header, stream]);
    return { data, lengths: [data.length], crcs: [zlib().crc32(data)] };
  }

  close(): Promise<void> {
    return this.#workers.close();
  }

  #here(): Compressor {
    this.#compressor ??= createCompressor(newQuickDeflate());
    return this.#compressor;
  }
}
