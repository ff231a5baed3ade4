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
  #at = 0;
  #to = 0;

  /** @param size of what may be read, in bytes */
  constructor(fd: number, size: number, budget: WindowBudget) {
    this.#fd = fd;
    this.#size = size;
    this.#budget = budget;
    if (budget.take(size)) this.#windows = [];
  }

  /** `length` bytes at `offset`, fewer at the end. Valid until the next call. */
  bytes(offset: number, length: number): Buffer {
    return this.hold(offset, length).subarray(this.#at, this.#to);
  }

  /**
   * The same without making a buffer for them: they lie in what this returns, from `at` to `end`.
   * Valid until the next call.
   */
  hold(offset: number, length: number): Buffer {
    const wanted = Math.max(0, Math.min(length, this.#size - offset));
    const number = Math.floor(offset / WINDOW);
    const within = offset - number * WINDOW;
    if (this.#windows !== undefined && within + wanted <= WINDOW) {
      const window = this.#window(this.#windows, number);
      this.#at = within;
      this.#to = Math.min(window.length, within + wanted);
      return window;
    }
    this.#direct(offset, wanted);
    this.#at = offset - this.#lastStart;
    this.#to = Math.min(this.#last.length, this.#at + wanted);
    return this.#last;
  }

  /** Where in what `hold` gave back the bytes begin. */
  get at(): number {
    return this.#at;
  }

  /** Where they end. */
  get end(): number {
    return this.#to;
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

  /** Makes the last read one that holds the bytes. */
  #direct(offset: number, wanted: number): void {
    const within = offset - this.#lastStart;
    if (within >= 0 && within + wanted <= this.#last.length) return;
    this.#last = this.#read(offset, Math.min(Math.max(wanted, FIRST_READ), this.#size - offset));
    this.#lastStart = offset;
  }

  #read(offset: number, length: number): Buffer {
    const bytes = Buffer.allocUnsafeSlow(length);
    return bytes.subarray(0, readFullySync(this.#fd, bytes, length, offset));
  }
}
