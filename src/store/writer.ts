/** Writing a file chunk by chunk. */
import { GitStoreError } from '../errors.ts';
import { ChunkPipe } from './chunkPipe.ts';
import type { FS } from './fs.ts';

/** Takes the chunks until they end; resolves when the file is written, to what `fs` gives then. */
export type WriterJob = (chunks: ChunkPipe) => Promise<() => FS>;

/**
 * A stream that a file's content is written to: text, stored as UTF-8, or bytes. `close()` commits
 * the file, or adds it to the batch that the writer belongs to; `abort()` leaves no trace. Errors
 * fail the write or the close that meets them.
 */
export class Writer extends WritableStream<string | Uint8Array> {
  #fs: (() => FS) | undefined;

  /** @internal */
  constructor(job: WriterJob) {
    const pipe = new ChunkPipe();
    const text = new TextChunks();
    const done = job(pipe);
    const push = async (bytes: Uint8Array): Promise<void> => {
      if (bytes.length > 0) await pipe.write(bytes);
      if (pipe.ended) await done;
    };
    super({
      start(controller) {
        done.catch((error) => controller.error(error)).finally(() => pipe.end());
      },
      write: (chunk) => push(text.encode(chunk)),
      close: async () => {
        await push(text.rest());
        pipe.end();
        this.#fs = await done;
      },
      async abort(reason) {
        pipe.fail(reason ?? new GitStoreError('The writer was aborted', 'EABORTED'));
        await done.catch(() => {});
      },
    });
  }

  /**
   * The snapshot that `close()` made; for a writer of a batch, the one that the batch's commit made.
   * @throws GitStoreError before that
   */
  get fs(): FS {
    if (this.#fs === undefined) throw new GitStoreError('The writer is not closed', 'EINVAL');
    return this.#fs();
  }
}

/** Encodes text chunks, also where a character is cut in two between them. */
class TextChunks {
  /** The first half of a surrogate pair. */
  #half = '';

  /** The bytes are a copy: the caller may use its own again. */
  encode(chunk: string | Uint8Array): Uint8Array {
    if (typeof chunk === 'string') {
      const text = this.#half + chunk;
      const cut = /[\ud800-\udbff]$/.test(text) ? text.length - 1 : text.length;
      this.#half = text.slice(cut);
      return Buffer.from(text.slice(0, cut));
    }
    if (!(chunk instanceof Uint8Array)) throw new TypeError('A chunk must be a string or bytes');
    return Buffer.concat([this.rest(), chunk]);
  }

  rest(): Uint8Array {
    const bytes = Buffer.from(this.#half);
    this.#half = '';
    return bytes;
  }
}
