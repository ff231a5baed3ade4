/**
 * Bytes of pack files. A pack that fits the memory set aside for packs is kept there in windows, as
 * they are first touched; of larger ones only the last read is kept.
 */
import { readFullySync } from './durable.ts';

/** Bytes. Few, so that a handful of objects far apart does not read the whole pack. */
const WINDOW = 256 << 10;
/** One read of this size usually gets an entry's header and all of its data. */
const FIRST_READ = 16 << 10;

/** Bytes that all packs of a store together may keep in memory. */
export class WindowBudget {
  #left: number;

  constructor(bytes = 128 << 20) {
    this.#left = bytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

export class PackWindows {
  readonly #fd: number;
  readonly #size: number;
  readonly #budget: WindowBudget;
  /** Windows by number; undefined when the pack is too large to be kept. */
  #windows: (Buffer | undefined)[] | undefined;
  #last: Buffer = Buffer.alloc(0);
  #lastStart = 0;

  /** @param size of what may be read, in bytes */
  constructor(fd: number, size: number, budget: WindowBudget) {
    this.#fd = fd;
    this.#size = size;
    this.#budget = budget;
    if (budget.take(size)) this.#windows = [];
  }

  /** `length` bytes at `offset`, fewer at the end. Valid until the next call. */
  bytes(offset: number, length: number): Buffer {
    const wanted = Math.max(0, Math.min(length, this.#size - offset));
    if (this.#windows !== undefined) {
      const number = Math.floor(offset / WINDOW);
      const within = offset - number * WINDOW;
      if (within + wanted <= WINDOW) {
        return this.#window(this.#windows, number).subarray(within, within + wanted);
      }
    }
    return this.#direct(offset, wanted);
  }

  close(): void {
    if (this.#windows !== undefined) this.#budget.give(this.#size);
    this.#windows = undefined;
  }

  #window(windows: (Buffer | undefined)[], number: number): Buffer {
    const known = windows[number];
    if (known !== undefined) return known;
    const start = number * WINDOW;
    const window = this.#read(start, Math.min(WINDOW, this.#size - start));
    windows[number] = window;
    return window;
  }

  #direct(offset: number, wanted: number): Buffer {
    const within = offset - this.#lastStart;
    if (within >= 0 && within + wanted <= this.#last.length) {
      return this.#last.subarray(within, within + wanted);
    }
    this.#last = this.#read(offset, Math.min(Math.max(wanted, FIRST_READ), this.#size - offset));
    this.#lastStart = offset;
    return this.#last.subarray(0, wanted);
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    return bytes.subarray(0, readFullySync(this.#fd, bytes, length, offset));
  }
}
