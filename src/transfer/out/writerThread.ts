/**
 * The second thread of a copy to disk (fileSink.ts). It gets batches of jobs, with the contents of files
 * in shared memory, and performs them in order.
 */
import { Worker } from 'node:worker_threads';
import { errorCode } from '../../systemFaults.ts';
import type { Anchors, anchorAt, FsPath } from '../disk/anchors.ts';
import type { FileJob, FileStamp, FilesJob, Job } from '../disk/fileJobs.ts';
import { PUT_SOURCE, type perform, type performPart } from '../disk/putFile.ts';
import { SMALL_FILE } from '../disk/readLocal.ts';

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

/** Numbers in a `FileStamp`. */
const STAMP = 6;

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

interface Request {
  readonly jobs: readonly (Job | FilesJob)[];
  readonly ends: readonly number[];
  readonly buffer: Uint8Array<SharedArrayBuffer>;
  /** The destination, and its descriptor. */
  readonly root: { readonly path: FsPath; readonly fd: number | undefined };
}

interface Reply {
  /** Stamps of all files, one after the other. */
  readonly stamps: Float64Array<ArrayBuffer>;
  readonly failures: readonly { index: number; message: string; code: string | undefined }[];
}

/** Writes files to disk on a second thread. */
export class WriterThread {
  readonly #worker: Worker;
  readonly #anchors: Anchors;
  readonly #root: FsPath;
  readonly #free: Uint8Array<SharedArrayBuffer>[] = [];
  readonly #sent: Batch[] = [];
  #filling: Batch | undefined;
  /** Wakes the caller that waits for a batch to come back. */
  #wake: (() => void) | undefined;
  #death: unknown;
  /** The thread has closed its directories. */
  #isClosed = false;

  /**
   * @param root the destination, which must exist when the first job comes
   * @param anchors of the destination
   */
  constructor(root: FsPath, anchors: Anchors) {
    this.#root = root;
    this.#anchors = anchors;
    this.#worker = new Worker(withNames(`(${workerMain.toString()})(...${PUT_SOURCE})`), {
      eval: true,
    });
    this.#worker.on('message', (reply: Reply | null) => this.#finished(reply));
    this.#worker.on('error', (error) => {
      this.#death = error;
      this.#wake?.();
    });
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
      this.#worker.postMessage(null);
      // A terminated thread leaves its descriptors open.
      while (!this.#isClosed && this.#death === undefined) await this.#woken();
    } finally {
      await this.#worker.terminate();
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
    const request: Request = { jobs, ends, buffer, root };
    this.#worker.postMessage(request);
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

  #finished(reply: Reply | null): void {
    if (reply === null) {
      this.#isClosed = true;
      this.#wake?.();
      return;
    }
    const { failures, stamps } = reply;
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

/** The thread's code. Runs from its source text, so it refers to nothing outside itself. */
function workerMain(
  act: typeof perform,
  actInPart: typeof performPart,
  anchor: typeof anchorAt,
): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const disk = process.getBuiltinModule('node:fs');
  const lost = new Set<string>();
  let anchors: Anchors | undefined;
  parentPort?.on('message', (request: Request | null) => {
    if (request === null) {
      anchors?.close();
      parentPort.postMessage(null);
      return;
    }
    const { jobs, ends, buffer, root } = request;
    anchors ??= anchor(disk, root.path, root.fd);
    const failures: { index: number; message: string; code: string | undefined }[] = [];
    const stamps = new Float64Array(6 * ends.length);
    let index = 0;
    for (const job of jobs) {
      const parts = 'names' in job ? job.names.length : 1;
      for (let part = 0; part < parts; part++, index++) {
        const data = buffer.subarray(index === 0 ? 0 : ends[index - 1]!, ends[index]!);
        try {
          const stamp =
            'names' in job
              ? actInPart(disk, anchors, job, part, data)
              : act(disk, anchors, job, data, lost);
          if (stamp !== undefined) stamps.set(stamp, 6 * index);
        } catch (error) {
          const { message, code } = error as NodeJS.ErrnoException;
          failures.push({ index, message, code });
        }
      }
    }
    parentPort.postMessage({ failures, stamps });
  });
}

/**
 * A bundler that keeps function names inserts calls of its own helper into functions (`keyOf` in
 * anchors.ts). The thread does not have that helper.
 */
function withNames(source: string): string {
  const helper = /([\w$]+)\(\s*[\w$]+\s*,\s*["']keyOf["']\)/.exec(source)?.[1];
  return helper === undefined ? source : `var ${helper} = (named) => named;\n${source}`;
}
