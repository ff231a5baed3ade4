/** Writes a file chunk by chunk. */
import { BatchClosedError, GitStoreError } from '../errors.ts';
import { INSPECT } from '../inspected.ts';
import type { FS } from './fs.ts';
import { ChunkPipe } from './write/chunkPipe.ts';

/** Consumes the chunks; resolves when the file is written, to a function that returns `fs`. */
export type WriterJob = (chunks: ChunkPipe) => Promise<() => FS>;

/**
 * A stream for the content of a file: text, stored as UTF-8, or bytes. `close()` commits the file, or
 * adds it to the writer's batch; `abort()` drops it. An error fails the current write or close.
 */
export class Writer extends WritableStream<string | Uint8Array> {
  readonly #path: string;
  #fs: (() => FS) | undefined;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(path: string, job: WriterJob) {
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
        // A pipe closes the stream without calling our methods.
        this.#closing ??= done.then(() => {});
        await push(text.rest());
        pipe.end();
        this.#fs = await done;
      },
      async abort(reason) {
        pipe.fail(reason ?? new GitStoreError('The writer was aborted', 'EABORTED'));
        await done.catch(() => {});
      },
    });
    this.#path = path;
  }

  /** Commits the file, or adds it to the batch. Does nothing when it is already closed. */
  override close(): Promise<void> {
    if (this.#closing === undefined && this.locked) return super.close();
    this.#closing ??= super.close();
    return this.#closing;
  }

  /** After `close()` a write throws `BatchClosedError`, and another close does nothing. */
  override getWriter(): WritableStreamDefaultWriter<string | Uint8Array> {
    const writer = super.getWriter();
    const write = writer.write.bind(writer);
    const close = writer.close.bind(writer);
    writer.write = async (chunk) => {
      if (this.#closing !== undefined) {
        throw new BatchClosedError(`The writer of ${this.#path} is closed`, { path: this.#path });
      }
      await write(chunk);
    };
    writer.close = () => {
      this.#closing ??= close();
      return this.#closing;
    };
    return writer;
  }

  override toString(): string {
    return `Writer(${this.#path}, ${this.#closing === undefined ? 'open' : 'closed'})`;
  }

  /** @internal */
  [INSPECT](): string {
    return this.toString();
  }

  /**
   * The snapshot that `close()` committed; for a writer of a batch, the one of the batch's commit.
   * @throws GitStoreError before that
   */
  get fs(): FS {
    if (this.#fs === undefined) throw new GitStoreError('The writer is not closed', 'EINVAL');
    return this.#fs();
  }
}

/** Encodes text chunks, even when a character is split between two of them. */
class TextChunks {
  /** The first half of a surrogate pair. */
  #half = '';

  /** Returns a copy of the bytes, so that the caller may reuse its buffer. */
  encode(chunk: string | Uint8Array): Uint8Array {
    if (typeof chunk === 'string') {
      const text = this.#half + chunk;
      const cut = /[\ud800-\udbff]$/.test(text) ? text.length - 1 : text.length;
      this.#half = text.slice(cut);
      return Buffer.from(text.slice(0, cut));
    }
    if (!(chunk instanceof Uint8Array))
      throw new GitStoreError('A chunk must be a string or bytes', 'EINVAL');
    return Buffer.concat([this.rest(), chunk]);
  }

  rest(): Uint8Array {
    const bytes = Buffer.from(this.#half);
    this.#half = '';
    return bytes;
  }
}
