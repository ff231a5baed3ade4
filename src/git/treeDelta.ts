/**
 * One entry of a tree, followed through a delta to another tree without making that tree. Trees of
 * neighbouring commits differ in an entry or two, so the delta between them is a few bytes where the
 * trees are thousands.
 */
import { entryNeedle, type PlacedEntry, placeTreeEntry } from './tree.ts';

const COPY = 0x80;
const DEFAULT_COPY_SIZE = 0x10000;
const ID_LENGTH = 20;

/** What stands in one tree under a name. It moves on from tree to tree. */
export class TrackedEntry {
  /** Without it the rest says nothing. */
  isThere = false;
  mode = 0;
  /** Where its mode begins in the tree. */
  start = 0;
  /** Bytes before its id. */
  headerLength = 0;
  readonly id = Buffer.alloc(ID_LENGTH);
  readonly #needle: Buffer;

  constructor(name: string) {
    this.#needle = entryNeedle(name);
  }

  /** Looks it up in a tree. @throws CorruptObjectError where the body is broken before the entry */
  find(body: Uint8Array): void {
    const found: PlacedEntry | undefined = placeTreeEntry(body, this.#needle);
    this.isThere = found !== undefined;
    if (found === undefined) return;
    this.mode = found.mode;
    this.start = found.start;
    this.headerLength = found.headerLength;
    this.id.write(found.id, 'hex');
  }

  /**
   * Goes on to the result of a delta, from its base.
   * @param delta in its first `length` bytes
   * @returns false when it cannot be told without making the tree: look it up there
   */
  follow(delta: Buffer, length: number): boolean {
    const start = skipSize(delta, skipSize(delta, 0));
    return this.isThere
      ? this.#staysThere(delta, start, length)
      : isStillAbsent(this.#needle, delta, start, length);
  }

  /**
   * The entry is where its mode and name were copied to; its id is copied with them, or stands in the
   * delta.
   */
  #staysThere(delta: Buffer, start: number, length: number): boolean {
    const entryAt = this.start;
    const idAt = entryAt + this.headerLength;
    const { id } = this;
    let filled = 0;
    let place = -1;
    let known = 0;
    const op = new Operation();
    for (let at = start; at < length; filled += op.size) {
      at = op.read(delta, at);
      const { start: from, size } = op;
      if (place < 0) {
        if (!op.isCopy || from > entryAt || idAt > from + size) continue;
        place = filled + entryAt - from;
        known = Math.min(ID_LENGTH, from + size - idAt);
      } else {
        const taken = Math.min(ID_LENGTH - known, size);
        if (op.isCopy) {
          // The base's own id, at the same place in it: those bytes are there already.
          if (from !== idAt + known) return false;
        } else {
          if (from + taken > length) return false;
          for (let i = 0; i < taken; i++) id[known + i] = delta[from + i]!;
        }
        known += taken;
      }
      if (known === ID_LENGTH) {
        this.start = place;
        return true;
      }
    }
    return false;
  }
}

/**
 * Whether the name cannot be in the result: no inserted bytes hold it or a part of it at their edges.
 * Two copies side by side might make it of pieces, so there it cannot be told.
 */
function isStillAbsent(needle: Buffer, delta: Buffer, start: number, length: number): boolean {
  let wasCopy = false;
  const op = new Operation();
  for (let at = start; at < length; ) {
    at = op.read(delta, at);
    if (op.isCopy) {
      if (wasCopy) return false;
    } else {
      const inserted = delta.subarray(op.start, op.start + op.size);
      if (inserted.length < needle.length) {
        // Short pieces may lie within the name.
        if (needle.includes(inserted)) return false;
      } else if (inserted.includes(needle)) return false;
      for (let part = 1; part < Math.min(needle.length, inserted.length + 1); part++) {
        const atEnd = inserted.subarray(inserted.length - part);
        if (atEnd.equals(needle.subarray(0, part))) return false;
        const atStart = inserted.subarray(0, part);
        if (atStart.equals(needle.subarray(needle.length - part))) return false;
      }
      // Inserts side by side are one.
      if (!wasCopy && op.start > start + 1) return false;
    }
    wasCopy = op.isCopy;
  }
  return true;
}

/** One instruction: bytes of the base from `start` on, or bytes of the delta. */
class Operation {
  isCopy = false;
  start = 0;
  size = 0;

  /** Reads the instruction at `at`; returns where the next one is. */
  read(delta: Buffer, at: number): number {
    const op = delta[at]!;
    let next = at + 1;
    this.isCopy = (op & COPY) !== 0;
    if (!this.isCopy) {
      this.start = next;
      this.size = op;
      return next + op;
    }
    let start = 0;
    let size = 0;
    if (op & 0x01) start = delta[next++]!;
    if (op & 0x02) start |= delta[next++]! << 8;
    if (op & 0x04) start |= delta[next++]! << 16;
    if (op & 0x08) start += delta[next++]! * 0x1000000;
    if (op & 0x10) size = delta[next++]!;
    if (op & 0x20) size |= delta[next++]! << 8;
    if (op & 0x40) size |= delta[next++]! << 16;
    this.start = start;
    this.size = size === 0 ? DEFAULT_COPY_SIZE : size;
    return next;
  }
}

function skipSize(delta: Buffer, start: number): number {
  let at = start;
  while (delta[at]! >= 0x80) at++;
  return at + 1;
}
