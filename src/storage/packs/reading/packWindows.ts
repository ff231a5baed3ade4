/**
 * Bytes of pack files. A pack that fits into the memory budget for packs is cached there, block by block
 * as it is read. Of larger packs only the last read is cached.
 */
import { readFully, readFullySync } from '../../disk/durable.ts';
import type { Holes } from './holes.ts';

/** Bytes read at once. Few, so that a handful of objects far apart does not read the whole pack. */
const BLOCK = 64 << 10;
/** After this many reads `GROUP` adjacent blocks are read together. */
const FEW_READS = 160;
const GROUP = 4;
/** Bytes in one buffer. Few entries cross from one into the next. */
const SEGMENT = 4 << 20;
const BLOCKS = SEGMENT / BLOCK;
/** Longer reads do not block the event loop. */
const SYNC_READ = 2 << 20;
/** One read of this size usually covers an entry's header and data. */
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

interface Segment {
  /** The system allocates its pages only when a block is read. */
  readonly bytes: Buffer;
  /** One byte for each block: 1 once it is read. */
  readonly read: Uint8Array;
}

export class PackWindows {
  /** Size of the readable part, in bytes. */
  readonly size: number;
  readonly #fd: number;
  readonly #budget: WindowBudget;
  readonly #holes: Holes | undefined;
  /** Segments by number; undefined when the pack is too large to cache. */
  #segments: (Segment | undefined)[] | undefined;
  #reads = 0;
  #last: Buffer = Buffer.alloc(0);
  #lastStart = 0;
  #at = 0;
  #to = 0;

  constructor(fd: number, size: number, budget: WindowBudget, holes?: Holes) {
    this.#fd = fd;
    this.#holes = holes;
    this.size = size;
    this.#budget = budget;
    if (budget.take(size)) this.#segments = [];
  }

  /** `length` bytes at `offset`, fewer at the end. Valid until the next call. */
  bytes(offset: number, length: number): Buffer {
    return this.hold(offset, length).subarray(this.#at, this.#to);
  }

  /**
   * The same without allocating a buffer: the bytes are in the returned buffer, from `at` to `end`. Valid
   * until the next call.
   */
  hold(offset: number, length: number): Buffer {
    const wanted = this.#clip(offset, length);
    const number = Math.floor(offset / SEGMENT);
    const at = offset - number * SEGMENT;
    if (this.#segments !== undefined && wanted > 0 && at + wanted <= SEGMENT) {
      const segment = this.#segments[number] ?? this.#newSegment(this.#segments, number);
      const last = Math.floor((at + wanted - 1) / BLOCK);
      for (let block = Math.floor(at / BLOCK); block <= last; block++) {
        if (segment.read[block] === 0) this.#readBlock(segment, number, block);
      }
      this.#at = at;
      this.#to = at + wanted;
      return segment.bytes;
    }
    this.#direct(offset, wanted);
    this.#at = offset - this.#lastStart;
    this.#to = Math.min(this.#last.length, this.#at + wanted);
    return this.#last;
  }

  /** Start of the bytes in the buffer from `hold`. */
  get at(): number {
    return this.#at;
  }

  /** End of those bytes. */
  get end(): number {
    return this.#to;
  }

  /**
   * `length` bytes at `offset`, fewer at the end, that stay valid. Reads many missing bytes without
   * blocking the event loop; the file must stay open until then.
   */
  bytesToKeep(offset: number, length: number): Buffer | Promise<Buffer> {
    const wanted = this.#clip(offset, length);
    // Bytes read before are never overwritten.
    if (wanted <= SYNC_READ || this.#isRead(offset, wanted)) return this.bytes(offset, wanted);
    return this.#readAside(offset, wanted);
  }

  async #readAside(offset: number, length: number): Promise<Buffer> {
    await this.#holes?.fetch(offset, offset + length);
    const bytes = Buffer.allocUnsafeSlow(length);
    return bytes.subarray(0, await readFully(this.#fd, bytes, length, offset));
  }

  /** Whether all of these bytes are in one segment, and in memory. */
  #isRead(offset: number, length: number): boolean {
    const number = Math.floor(offset / SEGMENT);
    const first = Math.floor((offset - number * SEGMENT) / BLOCK);
    const last = Math.floor((offset + length - 1 - number * SEGMENT) / BLOCK);
    const read = this.#segments?.[number]?.read;
    return last < BLOCKS && read?.subarray(first, last + 1).includes(0) === false;
  }

  close(): void {
    if (this.#segments !== undefined) this.#budget.give(this.size);
    this.#segments = undefined;
  }

  #clip(offset: number, length: number): number {
    return Math.max(0, Math.min(length, this.size - offset));
  }

  #newSegment(segments: (Segment | undefined)[], number: number): Segment {
    const size = Math.min(SEGMENT, this.size - number * SEGMENT);
    const segment = { bytes: Buffer.allocUnsafeSlow(size), read: new Uint8Array(BLOCKS) };
    segments[number] = segment;
    return segment;
  }

  /** Reads a block, and missing adjacent blocks when that pays. */
  #readBlock({ bytes, read }: Segment, number: number, block: number): void {
    let [from, to] = [block, block + 1];
    if (this.#holes !== undefined) {
      const start = number * SEGMENT + block * BLOCK;
      this.#holes.need(start, Math.min(this.size, start + BLOCK));
    } else if (this.#reads++ >= FEW_READS) {
      while (from % GROUP > 0 && read[from - 1] === 0) from--;
      while (to % GROUP > 0 && read[to] === 0) to++;
    }
    const at = from * BLOCK;
    const part = bytes.subarray(at, to * BLOCK);
    const got = readFullySync(this.#fd, part, part.length, number * SEGMENT + at);
    // A truncated file must not leave old bytes here.
    part.fill(0, got);
    read.fill(1, from, to);
  }

  /** Reads the bytes into the buffer of the last read. */
  #direct(offset: number, wanted: number): void {
    const at = offset - this.#lastStart;
    if (at >= 0 && at + wanted <= this.#last.length) return;
    this.#holes?.need(offset, offset + wanted);
    const isWhole = this.#holes === undefined;
    const length = isWhole ? this.#clip(offset, Math.max(wanted, FIRST_READ)) : wanted;
    const bytes = Buffer.allocUnsafeSlow(length);
    this.#last = bytes.subarray(0, readFullySync(this.#fd, bytes, length, offset));
    this.#lastStart = offset;
  }
}
