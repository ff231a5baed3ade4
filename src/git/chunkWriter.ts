/** Builds files of chunks (gitformat-chunk(5)), with the checksum at their end. */
import { createHash } from 'node:crypto';
import { CHUNK_ROW_LENGTH } from './chunkFile.ts';
import { FANOUT_LENGTH, ID_LENGTH } from './idTable.ts';

/** @param header the bytes before the table of chunks, including the number of chunks */
export function joinChunks(
  header: Buffer,
  chunks: readonly (readonly [name: string, data: Buffer])[],
): Buffer {
  const table = Buffer.alloc((chunks.length + 1) * CHUNK_ROW_LENGTH);
  let at = header.length + table.length;
  for (const [i, [name, data]] of chunks.entries()) {
    table.write(name, i * CHUNK_ROW_LENGTH, 'latin1');
    table.writeBigUInt64BE(BigInt(at), i * CHUNK_ROW_LENGTH + 4);
    at += data.length;
  }
  table.writeBigUInt64BE(BigInt(at), chunks.length * CHUNK_ROW_LENGTH + 4);
  const body = Buffer.concat([header, table, ...chunks.map(([, data]) => data)], at);
  return Buffer.concat([body, createHash('sha1').update(body).digest()]);
}

/** @param ids in ascending order, 20 bytes each */
export function fanOutOf(ids: Buffer): Buffer {
  const fanOut = Buffer.alloc(FANOUT_LENGTH);
  const counts = new Uint32Array(256);
  for (let at = 0; at < ids.length; at += ID_LENGTH) counts[ids[at]!]!++;
  let total = 0;
  for (let byte = 0; byte < 256; byte++) {
    total += counts[byte]!;
    fanOut.writeUInt32BE(total, byte * 4);
  }
  return fanOut;
}
