/**
 * Files of *chunks*, such as multi-pack-indexes and commit-graphs (gitformat-chunk(5)): a header, then a
 * table of the chunks' names and offsets with rows of 12 bytes, and one more row for the end.
 */

import { readUint64 } from '../bytes.ts';
import { CorruptObjectError } from '../errors.ts';

export const CHUNK_ROW_LENGTH = 12;

/** Offsets in the file. */
export interface Chunk {
  readonly start: number;
  readonly end: number;
}

/**
 * The chunks by name.
 * @param bytes the file, or its beginning with the whole table
 * @param tableAt offset of the table
 * @param bodyEnd upper bound for the end of the last chunk
 * @throws CorruptObjectError
 */
export function readChunkTable(
  bytes: Buffer,
  tableAt: number,
  count: number,
  bodyEnd: number,
): Map<string, Chunk> {
  const tableEnd = tableAt + (count + 1) * CHUNK_ROW_LENGTH;
  if (tableEnd > bodyEnd || tableEnd > bytes.length) throw new CorruptObjectError('it is cut off');
  const chunks = new Map<string, Chunk>();
  for (let i = 0; i < count; i++) {
    const row = tableAt + i * CHUNK_ROW_LENGTH;
    const start = readUint64(bytes, row + 4);
    // A chunk ends where the next begins; the last row of the table has no name.
    const end = readUint64(bytes, row + CHUNK_ROW_LENGTH + 4);
    if (start < tableEnd || end < start || end > bodyEnd) {
      throw new CorruptObjectError('its chunks are not in order');
    }
    chunks.set(bytes.toString('latin1', row, row + 4), { start, end });
  }
  return chunks;
}

/** @throws CorruptObjectError when the chunk is missing or shorter than `size` */
export function needChunk(chunks: ReadonlyMap<string, Chunk>, name: string, size: number): Chunk {
  const chunk = chunks.get(name);
  if (chunk === undefined || chunk.end - chunk.start < size) {
    throw new CorruptObjectError(`its part ${name} is missing or too short`);
  }
  return chunk;
}
