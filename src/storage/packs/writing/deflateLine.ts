/**
 * Deflates the objects of a new pack in batches, on worker threads and on the caller's thread, which works
 * too instead of waiting. Results arrive in the order of the objects.
 */
import { setImmediate } from 'node:timers/promises';
import type { ObjectId, ObjectType } from '../../../git/objectId.ts';
import { PackType, packEntryHeader } from '../../../git/packs/pack.ts';
import type { DeflatedBatch, DeflateJob } from '../../../zlib/deflateBatch.ts';
import type { DeflatePool } from '../../../zlib/deflatePool.ts';
import { QUICK_LEVEL } from '../../../zlib/quickDeflate.ts';

const BATCH_BYTES = 512 << 10;
const BATCH_ENTRIES = 128;
/** Start threads only after this many bytes: deflating them takes about as long as starting threads. */
const DIRECT_BYTES = 3 << 20;
/** Deflates an object of at least this many bytes by itself. */
const LARGE = 1 << 20;
/** Bytes in progress above which `add` waits. */
const BYTES_ON_THE_WAY = 16 << 20;

interface Flight {
  readonly ids: readonly ObjectId[];
  /** Of the bodies. */
  readonly bytes: number;
  /** Resolves when the batch is done or has failed. */
  readonly settled: Promise<void>;
  batch: DeflatedBatch | undefined;
  failure: { readonly error: unknown } | undefined;
}

export class DeflateLine {
  readonly #pool: DeflatePool;
  readonly #level: number;
  readonly #take: (ids: readonly ObjectId[], batch: DeflatedBatch) => void;
  /** Objects of the next batch, with their ids. */
  #jobs: DeflateJob[] = [];
  #ids: ObjectId[] = [];
  #jobBytes = 0;
  /** Bytes deflated by the caller before there were threads. */
  #direct = 0;
  readonly #flights: Flight[] = [];
  #bytesOnTheWay = 0;
  /** Batches at the workers. */
  #atWorkers = 0;
  /** The first failure. */
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param level of zlib, 0 to 9
   * @param take receives finished entries, in order
   */
  constructor(
    pool: DeflatePool,
    level: number,
    take: (ids: readonly ObjectId[], batch: DeflatedBatch) => void,
  ) {
    this.#pool = pool;
    this.#level = level;
    this.#take = take;
  }

  /** Whether a thread is idle and would work on new objects in parallel with the caller. */
  get hasIdleThreads(): boolean {
    return this.#atWorkers < this.#pool.depth;
  }

  /** Queues an object. Waits while too many are in progress. */
  add(id: ObjectId, type: ObjectType, body: Uint8Array): Promise<void> {
    return this.#unlessFailed(() => this.#add(id, type, body));
  }

  /** Waits until all entries have been passed on. */
  finish(): Promise<void> {
    return this.#unlessFailed(async () => {
      this.#send();
      while (this.#flights.length > 0) await this.#landNext();
    });
  }

  /** Drops everything in progress. */
  drop(): void {
    this.#jobs = [];
    this.#flights.length = 0;
  }

  /**
   * A failure may concern objects of earlier calls that have already returned. So after one failure every
   * call fails.
   */
  async #unlessFailed(step: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error;
    try {
      await step();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }

  async #add(id: ObjectId, type: ObjectType, body: Uint8Array): Promise<void> {
    const job = { header: packEntryHeader(PackType[type], body.length), body };
    if (body.length >= LARGE) {
      this.#send();
      this.#fly([id], body.length, this.#deflateLarge(job));
    } else {
      this.#jobs.push(job);
      this.#ids.push(id);
      this.#jobBytes += body.length;
      if (this.#jobBytes < BATCH_BYTES && this.#jobs.length < BATCH_ENTRIES) return;
      // Lets answers of the threads arrive.
      if (!this.hasIdleThreads) await setImmediate();
      this.#send();
    }
    this.#land();
    while (this.#bytesOnTheWay > BYTES_ON_THE_WAY) await this.#landNext();
  }

  #deflateLarge(job: DeflateJob): Promise<DeflatedBatch> {
    const { depth, isRunning } = this.#pool;
    const isWorthThread = depth > 0 && (isRunning || job.body.length > DIRECT_BYTES);
    return this.#level === QUICK_LEVEL && isWorthThread
      ? this.#sendToWorkers([job])
      : this.#pool.deflateLarge(job, this.#level);
  }

  #send(): void {
    if (this.#jobs.length === 0) return;
    const [jobs, ids, bytes] = [this.#jobs, this.#ids, this.#jobBytes];
    this.#jobs = [];
    this.#ids = [];
    this.#jobBytes = 0;
    const isQuick = !this.#pool.isRunning && this.#direct + bytes <= DIRECT_BYTES;
    if (isQuick) this.#direct += bytes;
    if (isQuick || !this.hasIdleThreads) {
      this.#fly(ids, bytes, this.#pool.deflateNow(jobs, this.#level));
      return;
    }
    this.#fly(ids, bytes, this.#sendToWorkers(jobs));
  }

  #sendToWorkers(jobs: readonly DeflateJob[]): Promise<DeflatedBatch> {
    this.#atWorkers++;
    return this.#pool.deflate(jobs, this.#level).finally(() => this.#atWorkers--);
  }

  #fly(
    ids: readonly ObjectId[],
    bytes: number,
    batch: DeflatedBatch | Promise<DeflatedBatch>,
  ): void {
    const isDone = !(batch instanceof Promise);
    const flight: Flight = {
      ids,
      bytes,
      settled: isDone
        ? Promise.resolve()
        : batch.then(
            (result) => {
              flight.batch = result;
            },
            (error: unknown) => {
              flight.failure = { error };
            },
          ),
      batch: isDone ? batch : undefined,
      failure: undefined,
    };
    this.#flights.push(flight);
    this.#bytesOnTheWay += bytes;
  }

  /** Passes on finished batches. @throws the first failure */
  #land(): void {
    for (let flight = this.#flights[0]; flight !== undefined; flight = this.#flights[0]) {
      const { ids, bytes, batch, failure } = flight;
      if (failure !== undefined) throw failure.error;
      if (batch === undefined) return;
      this.#flights.shift();
      this.#bytesOnTheWay -= bytes;
      this.#take(ids, batch);
    }
  }

  async #landNext(): Promise<void> {
    await this.#flights[0]?.settled;
    this.#land();
  }
}
