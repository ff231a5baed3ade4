/**
 * Where a copy to disk puts small files. The calls that create a file take longer than getting its
 * contents out of the store, so a second thread makes them, from batches in shared memory. For few
 * files starting a thread is not worth it: they are written at once.
 */
import * as fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import {
  type DirectoryJob,
  type FileJob,
  type FileStamp,
  type Job,
  PUT_SOURCE,
  perform,
  writeUnfinished,
} from './putFile.ts';
import { SMALL_FILE } from './readLocal.ts';

/** Called when a job is done, with what a file is in its place, or has failed. */
export type FileDone = (error: unknown, stamp: FileStamp | undefined) => void;

/** Up to so many files are written at once, without a thread. */
const DIRECT_FILES = 300;

/** Bytes of a batch's buffer, and how full it is sent off, as bytes or as files. */
const BATCH_BYTES = SMALL_FILE;
const BATCH_FULL = 768 << 10;
const BATCH_FILES = 256;

/** Numbers in a `FileStamp`. */
const STAMP = 6;

/** Batches under way at a time. */
const BATCHES = 12;

/** Renames that replace a file under way at a time. */
const REPLACEMENTS = 48;
/** So many are handed over together: waking a thread takes as long as a rename. */
const BURST = 16;

/** Windows renames no file that is open. */
export const RENAMES_OPEN_FILES = process.platform !== 'win32';

export class FileSink {
  readonly #replacements = new Replacements();
  readonly #thread: WriterThread | undefined;

  /** @param files how many are going to be put, at the most */
  constructor(files: number) {
    if (files > DIRECT_FILES) this.#thread = new WriterThread();
  }

  /** Memory for the contents of the file that is put next, where they need not be copied; or not. */
  readonly room = (size: number): Buffer =>
    this.#thread?.room(size) ?? Buffer.allocUnsafeSlow(size);

  /**
   * Takes a file of at most `SMALL_FILE` bytes; waits only as long as too much is queued. The bytes
   * are copied, where they are not where `room` wanted them.
   */
  put(job: FileJob, data: Uint8Array, done: FileDone): Promise<void> | void {
    if (this.#thread !== undefined) return this.#thread.put(job, data, done);
    const { temporary } = job;
    if (RENAMES_OPEN_FILES && !job.isNew && !job.isLink && temporary !== undefined) {
      return this.#replacements.put({ job, temporary, done }, data);
    }
    performNow(job, data, done);
  }

  /** Makes or renames a directory, between the files before and after. Never waits. */
  putDirectory(job: DirectoryJob, done: FileDone): void {
    if (this.#thread !== undefined) this.#thread.add(job, NO_DATA, done);
    else performNow(job, NO_DATA, done);
  }

  /** Waits until everything taken is done. */
  async drain(): Promise<void> {
    await this.#replacements.drain();
    await this.#thread?.drain();
  }

  /** Ends after everything taken; must be called. */
  async close(): Promise<void> {
    await this.#replacements.drain();
    await this.#thread?.close();
  }
}

const NO_DATA = new Uint8Array(0);

function performNow(job: Job, data: Uint8Array, done: FileDone): void {
  let stamp: FileStamp | undefined;
  try {
    stamp = perform(fs, job, data);
  } catch (error) {
    done(error, undefined);
    return;
  }
  done(undefined, stamp);
}

interface Replacement {
  readonly job: FileJob;
  readonly temporary: string | Buffer;
  readonly done: FileDone;
}

/**
 * Files that take the place of others. A file system may write a file's contents to the disk before
 * it lets the file replace another (ext4 does), which takes as long as all else; the threads that
 * Node has for such calls wait for that.
 */
class Replacements {
  /** Written, but not on their way yet. */
  readonly #written: (Replacement & { readonly fd: number })[] = [];
  #underWay = 0;
  /** Wakes whoever waits for one to end. */
  #wake: (() => void) | undefined;

  put(file: Replacement, data: Uint8Array): Promise<void> | void {
    let fd: number;
    try {
      fd = writeUnfinished(fs, file.job, data);
    } catch (error) {
      file.done(error, undefined);
      return;
    }
    this.#written.push({ ...file, fd });
    if (this.#written.length < BURST) return;
    this.#rename();
    return this.#underWay >= REPLACEMENTS ? this.#waitFor(REPLACEMENTS / 2) : undefined;
  }

  drain(): Promise<void> {
    this.#rename();
    return this.#waitFor(0);
  }

  #rename(): void {
    for (const file of this.#written.splice(0)) {
      this.#underWay += 1;
      fs.rename(file.temporary, file.job.path, (error) => {
        this.#finish(file, error);
        this.#underWay -= 1;
        this.#wake?.();
      });
    }
  }

  #finish({ temporary, fd, done }: Replacement & { readonly fd: number }, error: unknown): void {
    let failure = error;
    let stamp: FileStamp | undefined;
    try {
      if (error === null) {
        const { size, mtimeMs, ctimeMs, ino, mode, dev } = fs.fstatSync(fd);
        stamp = [size, mtimeMs, ctimeMs, ino, mode, dev];
      } else {
        fs.unlinkSync(temporary);
      }
    } catch (other) {
      failure ??= other;
    } finally {
      fs.closeSync(fd);
    }
    done(failure, stamp);
  }

  async #waitFor(count: number): Promise<void> {
    while (this.#underWay > count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

interface Batch {
  readonly jobs: Job[];
  /** Where each job's data ends in the buffer; it begins where the one before ends. */
  readonly ends: number[];
  readonly done: FileDone[];
  readonly buffer: Uint8Array<SharedArrayBuffer>;
}

/** Where the contents of the files in a batch end. */
function endOf(batch: Batch): number {
  return batch.ends.at(-1) ?? 0;
}

interface Request {
  readonly jobs: readonly Job[];
  readonly ends: readonly number[];
  readonly buffer: Uint8Array<SharedArrayBuffer>;
}

interface Reply {
  /** Those of all files, one after the other. */
  readonly stamps: Float64Array<ArrayBuffer>;
  readonly failures: readonly { index: number; message: string; code: string | undefined }[];
}

class WriterThread {
  readonly #worker: Worker;
  readonly #free: Uint8Array<SharedArrayBuffer>[] = [];
  readonly #sent: Batch[] = [];
  #filling: Batch | undefined;
  /** Wakes whoever waits for a batch to come back. */
  #wake: (() => void) | undefined;
  #death: unknown;

  constructor() {
    const doer = `(() => { ${PUT_SOURCE}; return ${perform.name}; })()`;
    this.#worker = new Worker(`(${workerMain.toString()})(${doer})`, { eval: true });
    this.#worker.on('message', (reply: Reply) => this.#finished(reply));
    this.#worker.on('error', (error) => {
      this.#death = error;
      this.#wake?.();
    });
  }

  put(job: FileJob, data: Uint8Array, done: FileDone): Promise<void> | void {
    this.add(job, data, done);
    return this.#sent.length >= BATCHES ? this.#waitFor(BATCHES - 1) : undefined;
  }

  add(job: Job, data: Uint8Array, done: FileDone): void {
    if (this.#death !== undefined) throw this.#death;
    const batch = this.#batchFor(data.length);
    const start = endOf(batch);
    const isThere = data.buffer === batch.buffer.buffer && data.byteOffset === start;
    if (!isThere) batch.buffer.set(data, start);
    batch.jobs.push(job);
    batch.ends.push(start + data.length);
    batch.done.push(done);
    if (start + data.length >= BATCH_FULL || batch.jobs.length >= BATCH_FILES) this.#send();
  }

  /** Where the next file's contents will lie; undefined when no batch takes so much. */
  room(size: number): Buffer | undefined {
    if (size > BATCH_BYTES) return undefined;
    const batch = this.#batchFor(size);
    return Buffer.from(batch.buffer.buffer, endOf(batch), size);
  }

  /** The batch that is filled, which has room for so many bytes. */
  #batchFor(size: number): Batch {
    if (this.#filling !== undefined && endOf(this.#filling) + size > BATCH_BYTES) this.#send();
    this.#filling ??= this.#newBatch();
    return this.#filling;
  }

  async drain(): Promise<void> {
    this.#send();
    await this.#waitFor(0);
  }

  async close(): Promise<void> {
    try {
      await this.drain();
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
    const request: Request = { jobs, ends, buffer };
    this.#worker.postMessage(request);
  }

  #finished({ failures, stamps }: Reply): void {
    const batch = this.#sent.shift();
    if (batch === undefined) return;
    this.#free.push(batch.buffer);
    const errors = new Map<number, Error>();
    for (const { index, message, code } of failures) {
      errors.set(index, Object.assign(new Error(message), { code }));
    }
    for (const [index, done] of batch.done.entries()) {
      const error = errors.get(index);
      const at = STAMP * index;
      const stamp = stamps.subarray(at, at + STAMP) as unknown as FileStamp;
      done(error, error === undefined ? stamp : undefined);
    }
    this.#wake?.();
  }

  /** Waits until no more than so many batches are under way. */
  async #waitFor(count: number): Promise<void> {
    while (this.#sent.length > count) {
      if (this.#death !== undefined) throw this.#death;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

/** The thread. It uses nothing from outside itself. */
function workerMain(act: typeof perform): void {
  const { parentPort } = process.getBuiltinModule('node:worker_threads');
  const disk = process.getBuiltinModule('node:fs');
  parentPort?.on('message', ({ jobs, ends, buffer }: Request) => {
    const failures: { index: number; message: string; code: string | undefined }[] = [];
    const stamps = new Float64Array(6 * jobs.length);
    let start = 0;
    for (const [index, job] of jobs.entries()) {
      const end = ends[index]!;
      try {
        const stamp = act(disk, job, buffer.subarray(start, end));
        if (stamp !== undefined) stamps.set(stamp, 6 * index);
      } catch (error) {
        const { message, code } = error as NodeJS.ErrnoException;
        failures.push({ index, message, code });
      }
      start = end;
    }
    parentPort.postMessage({ failures, stamps });
  });
}
