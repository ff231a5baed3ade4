/** Whether a pack in the bucket, and the index after it, are as they were written. */
import { createHash } from 'node:crypto';
import { CorruptObjectError } from '../../../errors.ts';
import { PackIndex } from '../../../git/packs/packIndex.ts';
import type { Engine } from '../engine/engine.ts';
import type { PackEntry } from '../head/headRecord.ts';

/** Bytes that are read at once. */
const STEP = 16 << 20;

/** Reads all of a pack. @returns what is wrong with it */
export async function packProblem(
  engine: Engine,
  { key, size, index, count }: Pick<PackEntry, 'key' | 'size' | 'index' | 'count'>,
  signal?: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<string | undefined> {
  const hash = createHash('sha1');
  const tail: Buffer[] = [];
  for (let start = 0; start < size + index; start += STEP) {
    const end = Math.min(start + STEP, size + index);
    const answer = await engine.get(key, { range: { start, end }, signal });
    if (answer.kind !== 'ok') return 'is missing';
    const body = Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.length);
    hash.update(body.subarray(0, Math.max(0, size - 20 - start)));
    // The checksum of the pack, and the index.
    if (end > size - 20) tail.push(body.subarray(Math.max(0, size - 20 - start)));
    onBytes?.(body.length);
  }
  const rest = Buffer.concat(tail);
  if (!hash.digest().equals(rest.subarray(0, 20))) return 'is damaged: its checksum does not fit';
  try {
    const parsed = PackIndex.parse(rest.subarray(20));
    parsed.verifyChecksum();
    if (parsed.count !== count || !parsed.packChecksum.equals(rest.subarray(0, 20))) {
      return 'has the index of another pack';
    }
  } catch (error) {
    if (!(error instanceof CorruptObjectError)) throw error;
    return 'has a damaged index';
  }
  return undefined;
}
