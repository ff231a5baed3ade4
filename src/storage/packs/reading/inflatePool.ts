/**
 * Reads, inflates and verifies pack entries on worker threads: runs of nearby entries, with one message
 * each way.
 */
import { THREADS_READ_PACKS } from '../../../runtime.ts';
import { WorkerPool } from '../../../threads/workerPool.ts';
import {
  type InflatedBatch,
  type InflateJob,
  type InflateRequest,
  inflateBatch,
} from './inflateBatch.ts';

/** Set when the sources are bundled: inflateWorker.ts in one piece. */
declare const GITSTORE_INFLATE_WORKER: string;

/** Size that suffices for most answers, so that their memory is reused. */
const ROOM = (2 << 20) + (32 << 10);

export class InflatePool {
  readonly #workers = new WorkerPool<InflateRequest, InflatedBatch>({
    source: GITSTORE_INFLATE_WORKER,
  });
  readonly #rooms: ArrayBuffer[] = [];

  /** Number of jobs that keep all threads busy. */
  get depth(): number {
    return this.#workers.size * 2;
  }

  async inflate(job: InflateJob): Promise<InflatedBatch> {
    if (!THREADS_READ_PACKS) return inflateBatch(job);
    const room = this.#rooms.pop() ?? new ArrayBuffer(ROOM);
    const { stretches, numbers, ids } = job;
    const transfer = [stretches.buffer, numbers.buffer, ids.buffer as ArrayBuffer, room];
    return this.#workers.run({ ...job, room }, transfer);
  }

  /** Returns the memory of an unused answer to the pool. */
  giveBack({ data }: InflatedBatch): void {
    if (data.buffer.byteLength === ROOM) this.#rooms.push(data.buffer as ArrayBuffer);
  }

  close(): Promise<void> {
    return this.#workers.close();
  }
}
