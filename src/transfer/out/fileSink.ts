/**
 * Writes the small files of a copy to disk. The calls that create a file take longer than reading its
 * contents from the store, so a second thread makes them, from batches in shared memory. Few files do
 * not pay for a thread: they are written directly.
 */
import * as fs from 'node:fs';
import type { Anchors, FsPath } from '../disk/anchors.ts';
import type { DirectoryJob, FileJob, FileStamp, Job } from '../disk/put/fileJobs.ts';
import { anchoredJob, perform, performPart } from '../disk/put/performJob.ts';
import { writeUnfinished } from '../disk/put/putFile.ts';
import {
  type FileDone,
  type FilledDirectory,
  type TreeFile,
  WriterThread,
} from './writerThread.ts';

/** Write directly, without a thread, up to this many files. */
const DIRECT_FILES = 300;

/** Renames that replace a file under way at a time. */
const REPLACEMENTS = 48;
/** Renames handed over together: waking a thread takes as long as a rename. */
const BURST = 16;

/** Windows cannot rename an open file. */
export const RENAMES_OPEN_FILES = process.platform !== 'win32';

export class FileSink {
  readonly #replacements: Replacements;
  readonly #anchors: Anchors;
  readonly #thread: WriterThread | undefined;
  /** For `perform`, without a thread. */
  readonly #lost = new Set<string>();

  /**
   * @param files how many files may come, at most
   * @param root the destination, which must exist once the first file comes
   * @param anchors of the destination
   */
  constructor(files: number, root: FsPath, anchors: Anchors) {
    this.#anchors = anchors;
    this.#replacements = new Replacements(anchors);
    if (files > DIRECT_FILES) this.#thread = new WriterThread(root, anchors);
  }

  /** Memory for the next file's contents. Contents placed there need not be copied. */
  readonly room = (size: number): Buffer =>
    this.#thread?.room(size) ?? Buffer.allocUnsafeSlow(size);

  /**
   * Takes a file of at most `SMALL_FILE` bytes. Waits only while too much is queued. Copies the bytes
   * unless they lie in the memory from `room`.
   */
  put(job: FileJob, data: Uint8Array, done: FileDone): Promise<void> | void {
    if (this.#thread !== undefined) return this.#thread.put(job, data, done);
    const { temporary, replaces } = job;
    // A file that must be as it was seen is replaced right after the check.
    const mayWait = !job.isNew && !job.isLink && replaces === undefined;
    if (RENAMES_OPEN_FILES && mayWait && temporary !== undefined) {
      return this.#replacements.put({ job, temporary, done }, data);
    }
    this.#performNow(job, data, done);
  }

  /**
   * As `put`, for a file of a tree in a directory that no other process writes to. The paths are plain
   * Unicode.
   * @param mtime in seconds since the epoch
   */
  putInto<E extends TreeFile>(
    directory: FilledDirectory<E>,
    file: E,
    mtime: number,
    data: Uint8Array,
  ): Promise<void> | void {
    if (this.#thread !== undefined) return this.#thread.putInto(directory, file, mtime, data);
    const job = { into: directory.at, names: [file.name], modes: [file.mode], mtime };
    let stamp: FileStamp | undefined;
    const errors = new Map<number, Error>();
    try {
      stamp = performPart(fs, this.#anchors, job, 0, data);
    } catch (error) {
      errors.set(0, error as Error);
    }
    directory.arrived([file], { errors, stampOf: () => stamp! });
  }

  /** Makes or renames a directory, in order with the files before and after. Never waits. */
  putDirectory(job: DirectoryJob, done: FileDone): void {
    if (this.#thread !== undefined) this.#thread.add(job, NO_DATA, done);
    else this.#performNow(job, NO_DATA, done);
  }

  /** Waits until all accepted jobs are done. */
  async drain(): Promise<void> {
    await this.#replacements.drain();
    await this.#thread?.drain();
  }

  /** Ends after all accepted jobs. Must be called. */
  async close(): Promise<void> {
    await this.#replacements.drain();
    await this.#thread?.close();
  }

  #performNow(job: Job, data: Uint8Array, done: FileDone): void {
    let stamp: FileStamp | undefined;
    try {
      stamp = perform(fs, this.#anchors, job, data, this.#lost);
    } catch (error) {
      done(error, undefined);
      return;
    }
    done(undefined, stamp);
  }
}

const NO_DATA = new Uint8Array(0);

interface Replacement {
  readonly job: FileJob;
  readonly temporary: FsPath;
  readonly done: FileDone;
}

/**
 * Files that replace others. A file system may flush a file before a rename replaces another with it
 * (ext4 does), which takes as long as all the rest. So Node's thread pool makes these renames.
 */
class Replacements {
  readonly #anchors: Anchors;
  /** Written, but not renamed yet. */
  readonly #written: (Replacement & { readonly fd: number })[] = [];
  #underWay = 0;
  /** Wakes the caller that waits for a rename to finish. */
  #wake: (() => void) | undefined;

  constructor(anchors: Anchors) {
    this.#anchors = anchors;
  }

  put(file: Replacement, data: Uint8Array): Promise<void> | void {
    let fd: number;
    try {
      fd = writeUnfinished(fs, anchoredJob(this.#anchors, file.job), data);
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
      const finish = (error: unknown) => {
        this.#finish(file, error);
        this.#underWay -= 1;
        this.#wake?.();
      };
      let unpin: (() => void) | undefined;
      try {
        unpin = this.#anchors.pin(file.job.path);
        const { path, temporary } = anchoredJob(this.#anchors, file.job);
        fs.rename(temporary! as string, path as string, (error) => {
          unpin?.();
          finish(error);
        });
      } catch (error) {
        unpin?.();
        finish(error);
      }
    }
  }

  #finish({ temporary, fd, done }: Replacement & { readonly fd: number }, error: unknown): void {
    let failure: unknown = error ?? undefined;
    let stamp: FileStamp | undefined;
    try {
      try {
        const { size, mtimeMs, ctimeMs, ino, mode, dev } = fs.fstatSync(fd);
        stamp = [size, mtimeMs, ctimeMs, ino, mode, dev];
      } finally {
        // A network file system may report only now that there is no space.
        fs.closeSync(fd);
      }
      if (error) fs.unlinkSync(this.#anchors.at(temporary));
    } catch (other) {
      failure ??= other;
    }
    done(failure, failure === undefined ? stamp : undefined);
  }

  async #waitFor(count: number): Promise<void> {
    while (this.#underWay > count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
