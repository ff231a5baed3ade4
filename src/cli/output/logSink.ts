/** Buffers log lines and writes them in the background, so that a slow disk or terminal does not block. */

import { setTimeout as sleep } from 'node:timers/promises';
import { monotonicTime } from '../../clock.ts';
import { encodeText } from '../../git/pathBytes.ts';
import { write } from '../../storage/disk/fs.ts';

/** Characters that may wait to be written; more is dropped, and the log says so. */
const MOST_WAITING = 4 << 20;
/** How long to wait for a full pipe, in milliseconds. */
const RETRY_AFTER = 20;
/** How long the end may wait for the last lines, in milliseconds. */
const LONGEST_END = 1_000;

export class LogSink {
  readonly #fd: number;
  readonly #onError: (error: Error) => void;
  #waiting = '';
  #dropped = 0;
  #rest: Buffer | undefined;
  #scheduled = false;

  /** @param onError is told once that the log cannot be written */
  constructor(fd: number, onError: (error: Error) => void) {
    this.#fd = fd;
    this.#onError = onError;
  }

  add(line: string): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.#dropped++;
      return;
    }
    this.#waiting += `${line}\n`;
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#write());
  }

  /** Resolves when everything has been written, or after a second. */
  async end(): Promise<void> {
    const deadline = monotonicTime() + LONGEST_END;
    while (this.#scheduled && monotonicTime() < deadline) await sleep(1);
  }

  #take(): Buffer | undefined {
    if (this.#rest !== undefined) return this.#rest;
    if (this.#dropped > 0) this.#waiting += `(${this.#dropped} lines were dropped)\n`;
    this.#dropped = 0;
    if (this.#waiting === '') return undefined;
    const data = encodeText(this.#waiting);
    this.#waiting = '';
    return data;
  }

  #write(): void {
    const data = this.#take();
    if (data === undefined) {
      this.#scheduled = false;
      return;
    }
    write(this.#fd, data, 0, data.length, null, (error, written) => {
      this.#rest = undefined;
      if (!error) {
        if (written < data.length) this.#rest = data.subarray(written);
        this.#write();
      } else if (error.code === 'EAGAIN') {
        this.#rest = data;
        setTimeout(() => this.#write(), RETRY_AFTER).unref();
      } else {
        this.#scheduled = false;
        this.add = () => {};
        this.#onError(error);
      }
    });
  }
}
