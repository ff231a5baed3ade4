/** Node's own Zstandard, which it has from 22.15 on. */
import type { Transform } from 'node:stream';
import * as zlib from 'node:zlib';

export const nodeZstd = zlib as {
  readonly createZstdCompress?: (options: { params: Record<number, number> }) => Transform;
  readonly createZstdDecompress?: () => Transform;
};
