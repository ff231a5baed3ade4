/** Standard input as a stream of bytes, read by its file descriptor. */

import { read } from '../../storage/disk/fs.ts';
import { streamError } from '../errors.ts';

export const STDIN = 0;
const CHUNK_SIZE = 256 * 1024;

/** Milliseconds to wait for input that another program has set to non-blocking. */
const RETRY_AFTER = 5;

/** What a user is told who types it. */
export function howToEnd(): string {
  const end = process.platform === 'win32' ? 'Ctrl-Z and Enter' : 'Ctrl-D';
  return `${end} on a line of its own stores it, Ctrl-C does not`;
}

/** Yields what arrives, as it arrives. */
export async function* readStdin(): AsyncGenerator<Buffer> {
  for (;;) {
    const chunk = await readChunk();
    if (chunk === undefined) await new Promise((resolve) => setTimeout(resolve, RETRY_AFTER));
    else if (chunk.length === 0) return;
    else yield chunk;
  }
}

/** Some bytes, none at the end, or undefined when there are none yet. */
function readChunk(): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(CHUNK_SIZE);
  return new Promise((resolve, reject) => {
    read(STDIN, buffer, 0, buffer.length, null, (error, length) => {
      if (!error) resolve(buffer.subarray(0, length));
      else if (error.code === 'EAGAIN') resolve(undefined);
      // Windows reports the end of a pipe as an error.
      else if (error.code === 'EOF') resolve(Buffer.alloc(0));
      else reject(streamError(error, 'standard input'));
    });
  });
}
