/**
 * Reads packed objects, verified by the CRC-32 of their entry in the pack's index; deltas on a verified base.
 * That takes a fraction of the time of recomputing the id. The index must have been verified. Returns
 * undefined for objects that cannot be read this way; the general path reports the reason.
 */
import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import {
  LONGEST_ENTRY_HEADER,
  PackType,
  packObjectType,
  parsePackEntry,
  parsePackEntryHeader,
} from '../../../git/packs/pack.ts';
import { Semaphore } from '../../../semaphore.ts';
import { compressedBound, inflateFilling, isPlausibleSize } from '../../../zlib/inflate.ts';
import { inflateOnThread } from '../../../zlib/threadInflater.ts';
import type { BodyRoom, GitObject } from '../../storage.ts';
import type { PackWindows } from './packWindows.ts';

/** Bytes to process before letting the event loop run. */
const SLICE = 1 << 20;

/** Limits objects and bytes being read on threads, for all stores together. */
const underWay = new Semaphore(128, 32 << 20);

/** The object of at most `limit` bytes whose entry begins at `offset`. */
export function readProven(
  windows: PackWindows,
  offset: number,
  crc: number,
  limit: number,
  room: BodyRoom = ownRoom,
): GitObject | undefined {
  const available = windows.size - offset;
  const start = windows.hold(offset, LONGEST_ENTRY_HEADER);
  const { type: kind, size, length: head } = parsePackEntryHeader(start, windows.at);
  const type = packObjectType(kind);
  if (type === undefined || size > limit || !isPlausibleSize(size, available)) return undefined;
  const buffer = windows.hold(offset, head + compressedBound(size));
  const { at, end } = windows;
  const body = room(size);
  const consumed = inflateFilling(buffer, at + head, end, body);
  if (consumed === undefined) return undefined;
  if (crc32(buffer.subarray(at, at + head + consumed)) !== crc) return undefined;
  return { type, body, own: room === ownRoom };
}

/** Shared memory for deltas: each is applied before the next is read. */
let deltaRoom: Buffer | undefined;
const DELTA_ROOM = 64 << 10;

/**
 * The delta whose entry begins at `offset`, of at most 64 KiB. Valid until the next call.
 * @param hasBase whether the base at an offset is in memory; without it the delta is not inflated
 */
export function readProvenDelta(
  windows: PackWindows,
  offset: number,
  crc: number,
  hasBase: (baseOffset: number) => boolean,
): Buffer | undefined {
  const start = windows.hold(offset, LONGEST_ENTRY_HEADER);
  const { type, size, length: head, distance } = parsePackEntry(start, windows.at);
  if (type !== PackType.ofsDelta || size > DELTA_ROOM || !hasBase(offset - distance)) {
    return undefined;
  }
  deltaRoom ??= Buffer.allocUnsafeSlow(DELTA_ROOM);
  const delta = deltaRoom.subarray(0, size);
  const buffer = windows.hold(offset, head + compressedBound(size));
  const { at, end } = windows;
  const consumed = inflateFilling(buffer, at + head, end, delta);
  if (consumed === undefined) return undefined;
  return crc32(buffer.subarray(at, at + head + consumed)) === crc ? delta : undefined;
}

function ownRoom(size: number): Buffer {
  return Buffer.allocUnsafeSlow(size);
}

/** As `readProven`, inflated on another thread. Starts immediately when one is idle. */
export async function readProvenBeside(
  windows: PackWindows,
  offset: number,
  crc: number,
  limit: number,
): Promise<GitObject | undefined> {
  const available = windows.size - offset;
  const start = windows.hold(offset, LONGEST_ENTRY_HEADER);
  const { type: kind, size, length: head } = parsePackEntryHeader(start, windows.at);
  const type = packObjectType(kind);
  if (type === undefined || size > limit || !isPlausibleSize(size, available)) return undefined;
  const turn = underWay.enter(size);
  if (turn !== undefined) await turn;
  try {
    const bytes = windows.bytesToKeep(offset, head + compressedBound(size));
    const entry = bytes instanceof Promise ? await bytes : bytes;
    const inflated = await inflateOnThread(entry, head, entry.length, size);
    if (inflated === undefined) return undefined;
    const end = head + inflated.consumed;
    let sum = 0;
    for (let at = 0; at < end; at += SLICE) {
      if (at > 0) await setImmediate();
      sum = crc32(entry.subarray(at, Math.min(end, at + SLICE)), sum);
    }
    return sum === crc ? { type, body: inflated.bytes, own: true } : undefined;
  } finally {
    underWay.leave(size);
  }
}
