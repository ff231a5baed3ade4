/**
 * Files that are too large for the sink (fileSink.ts). Node's thread pool writes them in parallel to the
 * sink, a few at a time.
 */
import * as fs from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ObjectId } from '../../git/objectId.ts';
import type { ObjectStore } from '../../storage/storage.ts';
import type { Anchors } from '../disk/anchors.ts';
import type { FileJob, FileStamp } from '../disk/put/fileJobs.ts';
import { anchoredJob } from '../disk/put/performJob.ts';
import { finishFile, timeForNode } from '../disk/put/putFile.ts';
import type { CopyRun } from '../rules/run.ts';

/** Files to write concurrently. */
const AT_ONCE = 2;

/** Bytes of a file to hold in memory, at most: one piece takes less time than many. */
const LARGEST_PIECE = 16 << 20;

export class LargeFiles {
  readonly #objects: ObjectStore;
  readonly #run: CopyRun;
  readonly #anchors: Anchors;
  readonly #waiting: (() => Promise<void>)[] = [];
  #active = 0;
  /** Wakes the caller that waits for a file to finish. */
  #wake: (() => void) | undefined;

  /** @param anchors of the destination */
  constructor(objects: ObjectStore, run: CopyRun, anchors: Anchors) {
    this.#anchors = anchors;
    this.#objects = objects;
    this.#run = run;
  }

  /** Queues the task that writes such a file. The task must not reject. */
  add(task: () => Promise<void>): void {
    this.#waiting.push(task);
    this.#start();
  }

  /** Waits until all queued tasks are done. */
  async drain(): Promise<void> {
    while (this.#active > 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Ends after the running tasks. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    await this.drain();
  }

  /**
   * Writes a blob under a temporary name and renames it. Leaves no temporary file when it throws. Reports
   * the bytes by `moved`; the caller counts the file by `done`.
   * @param job has a temporary name
   * @param size of the blob, in bytes
   * @returns undefined when the blob is missing
   */
  async put(job: FileJob, id: ObjectId, size: number): Promise<FileStamp | undefined> {
    const chunks = await this.#chunksOf(id, size);
    if (chunks === undefined) return undefined;
    const temporary = job.temporary!;
    const handle = await this.#create(job);
    let moved = 0;
    try {
      try {
        for await (const chunk of chunks) {
          await writeAll(handle, chunk);
          moved += chunk.length;
          this.#run.moved(chunk.length);
          if (this.#run.tired) await this.#run.rest();
        }
        if (job.exactPermissions !== undefined) await handle.chmod(job.exactPermissions);
        const time = timeForNode(job.mtime);
        await handle.utimes(time, time);
      } finally {
        await handle.close();
      }
      return finishFile(fs, anchoredJob(this.#anchors, job));
    } catch (error) {
      this.#run.movedBack(moved);
      fs.rmSync(this.#anchors.at(temporary), { force: true });
      throw error;
    }
  }

  async #create({ temporary, permissions }: FileJob): Promise<FileHandle> {
    const unpin = this.#anchors.pin(temporary!);
    try {
      return await open(this.#anchors.at(temporary!), 'wx', permissions);
    } finally {
      unpin();
    }
  }

  async #chunksOf(
    id: ObjectId,
    size: number,
  ): Promise<AsyncIterable<Uint8Array> | Iterable<Uint8Array> | undefined> {
    if (size > LARGEST_PIECE) return this.#objects.readStream(id);
    const object = await this.#objects.read(id);
    return object && [object.body];
  }

  #start(): void {
    while (this.#active < AT_ONCE) {
      const task = this.#waiting.shift();
      if (task === undefined) return;
      this.#active += 1;
      void task().finally(() => {
        this.#active -= 1;
        this.#start();
        this.#wake?.();
      });
    }
  }
}

async function writeAll(handle: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await handle.write(bytes, at)).bytesWritten;
}
