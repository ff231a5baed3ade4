/** What a `WriterThread` and its thread say to each other: batches of jobs, and what came of them. */
import * as fs from 'node:fs';
import { type Anchors, anchorAt, type FsPath } from '../disk/anchors.ts';
import type { FilesJob, Job } from '../disk/put/fileJobs.ts';
import { perform, performPart } from '../disk/put/performJob.ts';

/** Numbers in a `FileStamp`. */
export const STAMP = 6;

export interface WriteRequest {
  readonly jobs: readonly (Job | FilesJob)[];
  /** End of each file's contents in the buffer. They begin at the end of those before. */
  readonly ends: readonly number[];
  readonly buffer: Uint8Array<SharedArrayBuffer>;
  /** The destination, and its descriptor. */
  readonly root: { readonly path: FsPath; readonly fd: number | undefined };
}

export interface WriteReply {
  /** Stamps of all files, one after the other. */
  readonly stamps: Float64Array<ArrayBuffer>;
  readonly failures: readonly { index: number; message: string; code: string | undefined }[];
}

/** Performs the jobs of one copy, batch by batch. */
export class BatchWriter {
  readonly #lost = new Set<string>();
  #anchors: Anchors | undefined;

  write({ jobs, ends, buffer, root }: WriteRequest): WriteReply {
    this.#anchors ??= anchorAt(fs, root.path, root.fd);
    const anchors = this.#anchors;
    const failures: { index: number; message: string; code: string | undefined }[] = [];
    const stamps = new Float64Array(STAMP * ends.length);
    let index = 0;
    for (const job of jobs) {
      const parts = 'names' in job ? job.names.length : 1;
      for (let part = 0; part < parts; part++, index++) {
        const data = buffer.subarray(index === 0 ? 0 : ends[index - 1]!, ends[index]!);
        try {
          const stamp =
            'names' in job
              ? performPart(fs, anchors, job, part, data)
              : perform(fs, anchors, job, data, this.#lost);
          if (stamp !== undefined) stamps.set(stamp, STAMP * index);
        } catch (error) {
          const { message, code } = error as NodeJS.ErrnoException;
          failures.push({ index, message, code });
        }
      }
    }
    return { failures, stamps };
  }

  close(): void {
    this.#anchors?.close();
  }
}
