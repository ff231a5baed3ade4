/**
 * One entry of a tree, followed through a delta to another tree without making that tree. Trees of
 * neighbouring commits differ in an entry or two, so the delta between them is a few bytes where the
 * trees are thousands.
 */
import type { PlacedEntry } from './tree.ts';

const COPY = 0x80;
const DEFAULT_COPY_SIZE = 0x10000;
const ID_LENGTH = 20;

/**
 * The entry in the result of a delta.
 * @param before the entry in the base; null: it has none of this name
 * @param needle `entryNeedle` of the name
 * @param delta in its first `length` bytes
 * @returns null when there is none; undefined when it cannot be told without making the tree
 */
export function followEntry(
  before: PlacedEntry | null,
  needle: Buffer,
  delta: Buffer,
  length: number,
): PlacedEntry | null | undefined {
  const start = skipSize(delta, skipSize(delta, 0));
  return before === null
    ? isStillAbsent(needle, delta, start, length)
      ? null
      : undefined
    : followPresent(before, delta, start, length);
}

/**
 * The entry is where its mode and name were copied to; its id is copied with them, or stands in the
 * delta.
 */
function followPresent(
  before: PlacedEntry,
  delta: Buffer,
  start: number,
  length: number,
): PlacedEntry | undefined {
  const idStart = before.start + before.headerLength;
  let filled = 0;
  let place = -1;
  let id: Buffer | undefined;
  let known = 0;
  const op = new Operation();
  for (let at = start; at < length; ) {
    at = op.read(delta, at);
    if (place < 0) {
      const covers = op.isCopy && op.start <= before.start && idStart <= op.start + op.size;
      if (covers) {
        place = filled + before.start - op.start;
        known = Math.min(ID_LENGTH, op.start + op.size - idStart);
        if (known === ID_LENGTH) return { ...before, start: place };
        id = Buffer.from(before.id, 'hex');
      }
    } else if (id !== undefined) {
      const taken = Math.min(ID_LENGTH - known, op.size);
      if (!op.isCopy) delta.copy(id, known, op.start, op.start + taken);
      // The base's own id, at the same place in it: those bytes are there already.
      else if (op.start !== idStart + known) return undefined;
      known += taken;
      if (known === ID_LENGTH) {
        return {
          mode: before.mode,
          headerLength: before.headerLength,
          start: place,
          id: id.toString('hex'),
        };
      }
    }
    filled += op.size;
  }
  return undefined;
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
