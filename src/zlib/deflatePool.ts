/**
 * Deflates pack entries on worker threads, in batches with one transferred buffer each way, because a
 * message costs as much as deflating a small file.
 */
import type * as Zlib from 'node:zlib';
import { WorkerPool } from '../threads/workerPool.ts';
import { type Compressor, createCompressor } from './compressor.ts';
import { isDense } from './dense.ts';
import { newQuickDeflate, quickDeflateModule, startQuickDeflate } from './quickDeflate.ts';

/** One entry to make: the header before the zlib stream, and the data to deflate. */
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

/** Deflates a request's entries. The reply's data is the beginning of a separate buffer. */
type Deflater = (request: Request) => DeflatedBatch;

/** Batches queued for each worker. Deflating a batch takes 5 to 10 ms. */
const DEPTH = 12;

export class DeflatePool {
  readonly #workers: WorkerPool<Request, DeflatedBatch>;
  /** Whether threads work. False after the first failure. */
  #hasThreads = true;
  #compressor: Compressor | undefined;
  #deflater: Deflater | undefined;

  constructor(size?: number) {
    const parts = [startQuickDeflate, isDense, createCompressor, createDeflater];
    this.#workers = new WorkerPool(workerMain, size, parts, quickDeflateModule);
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
   * Falls back to the caller's thread when threads are not available or one dies: a bundler may have
   * inserted a reference into their code that they lack, and a system may allow no more threads.
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
    this.#deflater ??= createDeflater(zlib(), this.#here());
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
    this.#compressor ??= createCompressor(zlib(), isDense, newQuickDeflate());
    return this.#compressor;
  }
}

/** Loaded on first use: most reads do not deflate. */
function zlib(): typeof Zlib {
  return process.getBuiltinModule('node:zlib');
}

function requestFor(
  jobs: readonly DeflateJob[],
  level: number,
): Request & { data: Uint8Array<ArrayBuffer> } {
  const lengths: number[] = [];
  let total = 0;
  for (const { header, body } of jobs) {
    lengths.push(header.length, body.length);
    total += header.length + body.length;
  }
  const data = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (const { header, body } of jobs) {
    data.set(header, at);
    data.set(body, at + header.length);
    at += header.length + body.length;
  }
  return { data, lengths, level };
}

function workerMain(
  startQuick: typeof startQuickDeflate,
  isDenseBy: typeof isDense,
  create: typeof createCompressor,
  createDeflater: (zlib: typeof Zlib, compressor: Compressor) => Deflater,
): void {
  const { parentPort, workerData } = process.getBuiltinModule('node:worker_threads');
  const zlib = process.getBuiltinModule('node:zlib');
  const quick = workerData as object | null;
  const deflate = createDeflater(zlib, create(zlib, isDenseBy, quick && startQuick(quick)));
  parentPort?.on('message', (request: Request) => {
    try {
      const reply = deflate(request);
      parentPort.postMessage(reply, [reply.data.buffer as ArrayBuffer]);
    } catch (error) {
      parentPort.postMessage({ error: String(error) });
    }
  });
}

/** As `workerMain`, it uses nothing from outside itself. */
function createDeflater({ crc32 }: typeof Zlib, { bound, compress }: Compressor): Deflater {
  return ({ data, lengths, level }) => {
    let room = 0;
    for (let i = 0; i < lengths.length; i += 2) room += lengths[i]! + bound(lengths[i + 1]!);
    const out = Buffer.allocUnsafeSlow(room);
    const entryLengths: number[] = [];
    const crcs: number[] = [];
    let from = 0;
    let at = 0;
    for (let i = 0; i < lengths.length; i += 2) {
      const start = at;
      const header = data.subarray(from, from + lengths[i]!);
      from += header.length;
      const body = data.subarray(from, from + lengths[i + 1]!);
      from += body.length;
      out.set(header, at);
      at += header.length;
      at += compress(body, level, out, at);
      entryLengths.push(at - start);
      crcs.push(crc32(out.subarray(start, at)));
    }
    return { data: new Uint8Array(out.buffer, 0, at), lengths: entryLengths, crcs };
  };
}
