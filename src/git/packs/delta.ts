/**
 * Deltas (gitformat-pack(5), "Deltified representation"): the sizes of *base* and *result*, then
 * instructions that copy a range of the base or insert bytes from the delta.
 */
import { CorruptObjectError } from '../../errors.ts';

/** Bytes that always hold both sizes of a delta. */
export const LONGEST_DELTA_SIZES = 20;

const COPY = 0x80;
/** The size that a copy of size 0 denotes. */
const DEFAULT_COPY_SIZE = 0x10000;
/** Below this many bytes a loop is quicker than a call of `copy`. */
const SMALL_COPY = 32;

/**
 * The sizes at the beginning of a delta, in bytes.
 * @param delta the delta, or its first 20 bytes
 * @throws CorruptObjectError when they are cut off or above 2^53 - 1
 */
export function deltaSizes(delta: Uint8Array): { baseSize: number; resultSize: number } {
  const base = readSize(delta, 0);
  return { baseSize: base.size, resultSize: readSize(delta, base.end).size };
}

/**
 * Makes the result of a delta from its base.
 * @param memory returns memory for the result; default: newly allocated
 * @throws CorruptObjectError when the sizes are wrong, a copy exceeds the base or the delta is truncated
 */
export function applyDelta(
  base: Uint8Array,
  delta: Uint8Array,
  memory: (size: number) => Buffer = Buffer.allocUnsafe,
): Buffer {
  const baseSize = readSize(delta, 0);
  const resultSize = readSize(delta, baseSize.end);
  if (baseSize.size !== base.length) throw corrupt('its base has another size');
  // Verify that the instructions produce that size before allocating it.
  if (sizeOfResult(delta, resultSize.end) !== resultSize.size) {
    throw corrupt('its result has another size');
  }
  const result = allocate(resultSize.size, memory);
  let filled = 0;
  let at = resultSize.end;
  while (at < delta.length) {
    const op = delta[at++]!;
    let from = base;
    let start = at;
    let size = op;
    if (op & COPY) {
      start = 0;
      size = 0;
      if (op & 0x01) start = delta[at++]!;
      if (op & 0x02) start |= delta[at++]! << 8;
      if (op & 0x04) start |= delta[at++]! << 16;
      // Multiply, because shifting the fourth byte would make the number negative.
      if (op & 0x08) start += delta[at++]! * 0x1000000;
      if (op & 0x10) size = delta[at++]!;
      if (op & 0x20) size |= delta[at++]! << 8;
      if (op & 0x40) size |= delta[at++]! << 16;
      if (size === 0) size = DEFAULT_COPY_SIZE;
      if (start + size > base.length) throw corrupt('it copies from outside of its base');
    } else {
      from = delta;
      at += op;
    }
    if (size < SMALL_COPY) {
      for (let i = 0; i < size; i++) result[filled + i] = from[start + i]!;
    } else {
      result.set(from.subarray(start, start + size), filled);
    }
    filled += size;
  }
  return result;
}

function allocate(size: number, memory: (size: number) => Buffer): Buffer {
  try {
    return memory(size);
  } catch {
    throw corrupt('its result fits into no memory');
  }
}

/** Number of bytes that the instructions from `start` on produce. Checks that they are complete. */
function sizeOfResult(delta: Uint8Array, start: number): number {
  let total = 0;
  let at = start;
  while (at < delta.length) {
    const op = delta[at++]!;
    if (op & COPY) {
      if (op & 0x01) at++;
      if (op & 0x02) at++;
      if (op & 0x04) at++;
      if (op & 0x08) at++;
      let size = 0;
      if (op & 0x10) size = delta[at++]!;
      if (op & 0x20) size |= delta[at++]! << 8;
      if (op & 0x40) size |= delta[at++]! << 16;
      total += size === 0 ? DEFAULT_COPY_SIZE : size;
    } else {
      if (op === 0) throw corrupt('it has an instruction that is not known');
      at += op;
      total += op;
    }
  }
  if (at > delta.length) throw corrupt('it is cut off');
  return total;
}

/** Reads a number of 7 bits per byte, lowest first. */
function readSize(delta: Uint8Array, start: number): { size: number; end: number } {
  let at = start;
  let size = 0;
  let unit = 1;
  for (;;) {
    const byte = delta[at++];
    if (byte === undefined) throw corrupt('it is cut off');
    size += (byte & 0x7f) * unit;
    unit *= 128;
    if (size > Number.MAX_SAFE_INTEGER || at - start > LONGEST_DELTA_SIZES / 2) {
      throw corrupt('a size is too large');
    }
    if (byte < 0x80) return { size, end: at };
  }
}

function corrupt(why: string): CorruptObjectError {
  return new CorruptObjectError(`A delta is corrupt: ${why}`);
}
