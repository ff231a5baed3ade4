import { DeltaIndex, deltaRoom } from '../../src/git/packs/deltaEncoder.ts';

/**
 * The delta that turns `base` into `target`; undefined when it would be longer than `limit` bytes
 * (default: as long as the target).
 */
export function makeDelta(
  base: Uint8Array,
  target: Uint8Array,
  limit = target.length,
): Buffer | undefined {
  const index = new DeltaIndex();
  index.set(base);
  const into = Buffer.allocUnsafe(deltaRoom(limit));
  const length = index.encode(target, limit, into);
  return length === -1 ? undefined : into.subarray(0, length);
}
