/**
 * The second thread of a copy to disk (fileSink.ts). It gets batches of jobs, with the contents of files
 * in shared memory, and performs them in order.
 */
import { errorCode } from '../../systemFaults.ts';
import { WorkerPool } from '../../threads/workerPool.ts';
import type { Anchors, FsPath } from '../disk/anchors.ts';
import type { FileJob, FileStamp, FilesJob, Job } from '../disk/put/fileJobs.ts';
import { SMALL_FILE } from '../disk/readLocal.ts';
import { BatchWriter, STAMP, type WriteReply, type WriteRequest } from './writeBatch.ts';

/** Set when the sources are bundled: writerWorker.ts in one piece. */
declare const GITSTORE_WRITER_WORKER: string;

/** Called when a job is done with the file's stamp, or when it has failed with the error. */
export type FileDone = (error: unknown, stamp: FileStamp | undefined) => void;

/** A directory whose files are written under their final names. */
export interface FilledDirectory<E> {
  /** Its path on disk. */
  readonly at: string;
  /** Called when more of its files are written or have failed. */
  arrived(files: readonly E[], results: FileResults): void;
}

/** Results for some files: a stamp or an error each. */
export interface FileResults {
  stampOf(index: number): FileStamp;
  /** By index; usually empty. */
  readonly errors: ReadonlyMap<number, Error>;
}

/** Bytes of a batch's buffer, and the number of bytes or files at which it is sent. */
const BATCH_BYTES = SMALL_FILE;
const BATCH_FULL = 768 << 10;
const BATCH_FILES = 256;

/** Batches under way at a time. */
const BATCHES = 12;

/** A file of a tree. */
export interface TreeFile {
  readonly name: string;
  readonly mode: number;
}

/** Files for one directory, in one batch. */
interface Filling {
  readonly directory: FilledDirectory<TreeFile>;
  readonly files: TreeFile[];
  readonly job: FilesJob & { readonly names: string[]; readonly modes: number[] };
}

interface Batch {
  readonly jobs: (Job | FilesJob)[];
  /** End of each job's data in the buffer. The data begins at the end of the one before. */
  readonly ends: number[];
  /** One for each job. */
  readonly done: (FileDone | Filling)[];
  readonly buffer: Uint8Array<SharedArrayBuffer>;
}

/** End of the contents in a batch's buffer. */
function endOf(batch: Batch): number {
  return batch.ends.at(-1) ?? 0;
}

/** Writes files to disk on a second thread, or on this one where the system allows no other. */
export class WriterThread {
  readonly #pool = new WorkerPool<WriteRequest | null, WriteReply | undefined>({
    source: GITSTORE_WRITER_WORKER,
    size: 1,
  });
  readonly #anchors: Anchors;
  readonly #root: FsPath;
  readonly #free: Uint8Array<SharedArrayBuffer>[] = [];
  readonly #sent: Batch[] = [];
  #filling: Batch | undefined;
  /** Wakes the caller that waits for a batch to come back. */
  #wake: (() => void) | undefined;
  #death: unknown;
  /** Writes here, without a thread. */
  #here: BatchWriter | undefined;

  /**
   * @param root the destination, which must exist when the first job comes
   * @param anchors of the destination
   */
  constructor(root: FsPath, anchors: Anchors) {
    this.#root = root;
    this.#anchors = anchors;
    try {
      this.#pool.start();
    } catch {
      this.#here = new BatchWriter();
    }
  }

  put(job: FileJob, data: Uint8Array, done: FileDone): Promise<void> | void {
    this.add(job, data, done);
    return this.#waitIfFull();
  }

  putInto<E extends TreeFile>(
    directory: FilledDirectory<E>,
    file: E,
    mtime: number,
    data: Uint8Array,
  ): Promise<void> | void {
    const batch = this.#take(data);
    const last = batch.done.at(-1);
    let filling = typeof last === 'object' && last.directory === directory ? last : undefined;
    if (filling === undefined) {
      const job = { into: directory.at, names: [], modes: [], mtime };
      filling = { directory: directory as FilledDirectory<TreeFile>, files: [], job };
      batch.jobs.push(job);
      batch.done.push(filling);
    }
    filling.files.push(file);
    filling.job.names.push(file.name);
    filling.job.modes.push(file.mode);
    this.#sendIfFull(batch);
    return this.#waitIfFull();
  }

  add(job: Job, data: Uint8Array, done: FileDone): void {
    const batch = this.#take(data);
    batch.jobs.push(job);
    batch.done.push(done);
    this.#sendIfFull(batch);
  }

  /** Memory for the next file's contents; undefined when `size` exceeds a batch. */
  room(size: number): Buffer | undefined {
    if (size > BATCH_BYTES) return undefined;
    const batch = this.#batchFor(size);
    return Buffer.from(batch.buffer.buffer, endOf(batch), size);
  }

  /** Copies data into the current batch. */
  #take(data: Uint8Array): Batch {
    if (this.#death !== undefined) throw this.#death;
    const batch = this.#batchFor(data.length);
    const start = endOf(batch);
    const isThere = data.buffer === batch.buffer.buffer && data.byteOffset === start;
    if (!isThere) batch.buffer.set(data, start);
    batch.ends.push(start + data.length);
    return batch;
  }

  /** The batch to fill next, with room for `size` bytes. */
  #batchFor(size: number): Batch {
    if (this.#filling !== undefined && endOf(this.#filling) + size > BATCH_BYTES) this.#send();
    this.#filling ??= this.#newBatch();
    return this.#filling;
  }

  #sendIfFull(batch: Batch): void {
    if (endOf(batch) >= BATCH_FULL || batch.ends.length >= BATCH_FILES) this.#send();
  }

  #waitIfFull(): Promise<void> | void {
    if (this.#sent.length >= BATCHES) return this.#waitFor(BATCHES - 1);
  }

  async drain(): Promise<void> {
    this.#send();
    await this.#waitFor(0);
  }

  async close(): Promise<void> {
    try {
      await this.drain();
      // A terminated thread leaves its descriptors open.
      if (this.#pool.isRunning) await this.#pool.run(null);
    } finally {
      this.#here?.close();
      await this.#pool.close();
    }
  }

  #newBatch(): Batch {
    const buffer = this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(BATCH_BYTES));
    return { jobs: [], ends: [], done: [], buffer };
  }

  #send(): void {
    const batch = this.#filling;
    if (batch === undefined || batch.jobs.length === 0) return;
    this.#filling = undefined;
    this.#sent.push(batch);
    const { jobs, ends, buffer } = batch;
    const root = { path: this.#root, fd: this.#rootDescriptor() };
    this.#perform({ jobs, ends, buffer, root }).then(
      (reply) => this.#finished(reply!),
      (error) => this.#died(error),
    );
  }

  async #perform(request: WriteRequest): Promise<WriteReply | undefined> {
    return this.#here === undefined ? this.#pool.run(request) : this.#here.write(request);
  }

  #died(error: unknown): void {
    this.#death ??= error;
    this.#wake?.();
  }

  /** Undefined when the root is gone: then each job fails. */
  #rootDescriptor(): number | undefined {
    try {
      return this.#anchors.root();
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return undefined;
    }
  }

  #finished({ failures, stamps }: WriteReply): void {
    // Answers come in order. After one that is missing they belong to nothing.
    if (this.#death !== undefined) return;
    const batch = this.#sent.shift();
    if (batch === undefined) return;
    this.#free.push(batch.buffer);
    const errors = new Map<number, Error>();
    for (const { index, message, code } of failures) {
      errors.set(index, Object.assign(new Error(message), { code }));
    }
    const stampAt = (index: number) =>
      stamps.subarray(STAMP * index, STAMP * (index + 1)) as unknown as FileStamp;
    let index = 0;
    for (const done of batch.done) {
      if (typeof done === 'function') {
        const error = errors.get(index);
        done(error, error === undefined ? stampAt(index) : undefined);
        index += 1;
        continue;
      }
      const first = index;
      const { files, directory } = done;
      directory.arrived(files, {
        errors: errors.size === 0 ? errors : shifted(errors, first, files.length),
        stampOf: (file) => stampAt(first + file),
      });
      index += files.length;
    }
    this.#wake?.();
  }

  /** Waits until at most `count` batches are under way. */
  async #waitFor(count: number): Promise<void> {
    while (this.#sent.length > count) {
      if (this.#death !== undefined) throw this.#death;
      await this.#woken();
    }
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

/** The part of the map from index `first` on, with indexes counted from there. */
function shifted(
  errors: ReadonlyMap<number, Error>,
  first: number,
  count: number,
): Map<number, Error> {
  const part = new Map<number, Error>();
  for (const [index, error] of errors) {
    if (index >= first && index < first + count) part.set(index - first, error);
  }
  return part;
}
