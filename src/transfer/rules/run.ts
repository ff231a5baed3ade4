/**
 * The context of one running copy: its errors and warnings, its progress, and the pauses that let the
 * event loop run.
 */
import { setImmediate } from 'node:timers/promises';
import { monotonicTime } from '../../clock.ts';
import { reasonOf } from '../../systemFaults.ts';
import type { ChangeProblem } from '../../tree/changes.ts';
import type { CopyOptions, CopyProgress } from './options.ts';

/** Longest stretch of synchronous work, in milliseconds. */
const SLICE = 12;

/** Shortest time between two calls of `onProgress`, in milliseconds. */
const PROGRESS_INTERVAL = 50;

export class CopyRun {
  readonly errors: ChangeProblem[] = [];
  readonly warnings: ChangeProblem[] = [];
  readonly #ignoreErrors: boolean;
  readonly #signal: AbortSignal | undefined;
  readonly #onProgress: ((progress: CopyProgress) => void) | undefined;
  #phase: CopyProgress['phase'] = 'scan';
  #totals: { totalFiles?: number; totalBytes?: number } = {};
  #files = 0;
  #bytes = 0;
  /** Bytes counted for files still in progress. */
  #partly = 0;
  #told = 0;
  #sliceEnd = 0;

  constructor(options: CopyOptions) {
    this.#ignoreErrors = options.ignoreErrors ?? false;
    this.#signal = options.signal;
    this.#onProgress = options.onProgress;
    options.signal?.throwIfAborted();
  }

  /** Records that a path failed. Throws the error itself unless the copy continues after errors. */
  fail(path: string, error: unknown): void {
    if (!this.#ignoreErrors || this.#signal?.aborted) throw error;
    this.errors.push({ path, error: reasonOf(error) });
  }

  /** Records a warning about a path, such as that it was skipped. */
  warn(path: string, remark: string): void {
    this.warnings.push({ path, error: remark });
  }

  /** Whether it is time to `rest`. Check between pieces of synchronous work. */
  get tired(): boolean {
    return monotonicTime() >= this.#sliceEnd;
  }

  /** Throws when the copy was aborted. */
  throwIfStopped(): void {
    this.#signal?.throwIfAborted();
  }

  /** Lets the event loop run. Throws when the copy was aborted. */
  async rest(): Promise<void> {
    await setImmediate();
    this.throwIfStopped();
    this.#sliceEnd = monotonicTime() + SLICE;
  }

  /** Begins a phase. */
  begin(phase: CopyProgress['phase'], totals: { totalFiles?: number; totalBytes?: number }): void {
    this.#phase = phase;
    this.#totals = totals;
    this.#files = 0;
    this.#bytes = 0;
    this.#partly = 0;
    this.#tell();
  }

  /** Counts bytes of a file still in progress. */
  moved(bytes: number): void {
    this.#partly += bytes;
    this.#tellInTime();
  }

  /** Takes such bytes back: the file has failed, or is done and counts as a whole. */
  movedBack(bytes: number): void {
    this.#partly -= bytes;
  }

  /** Counts a finished file; `bytes` is its size. */
  done(bytes: number): void {
    this.#files += 1;
    this.#bytes += bytes;
    this.#tellInTime();
  }

  /** Ends a phase. Throws when the copy was aborted. */
  end(): void {
    this.#tell();
    this.throwIfStopped();
  }

  #tellInTime(): void {
    if (this.#onProgress !== undefined && monotonicTime() - this.#told >= PROGRESS_INTERVAL) {
      this.#tell();
    }
  }

  #tell(): void {
    if (this.#onProgress === undefined) return;
    this.#told = monotonicTime();
    this.#onProgress({
      phase: this.#phase,
      files: this.#files,
      bytes: this.#bytes + this.#partly,
      ...this.#totals,
    });
  }
}
