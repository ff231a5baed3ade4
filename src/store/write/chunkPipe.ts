/**
 * A pipe from a writer that pushes chunks to a reader that pulls them. It holds one chunk: `write`
 * waits until the reader has taken it.
 */
export class ChunkPipe implements AsyncIterable<Uint8Array> {
  #chunk: Uint8Array | undefined;
  #ended = false;
  #failure: { readonly error: unknown } | undefined;
  /** Wakes the side that waits for the other; at most one waits at a time. */
  #wake: (() => void) | undefined;

  /** Whether it accepts no more chunks: the writer has ended it, or the reader has left. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves when the reader has taken the chunk or has left. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#chunk = chunk;
    this.#signal();
    while (this.#chunk !== undefined && !this.#ended) await this.#other();
  }

  /** Ends the stream. */
  end(): void {
    this.#ended = true;
    this.#signal();
  }

  /** Fails the reader. */
  fail(error: unknown): void {
    this.#failure = { error };
    this.end();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (;;) {
        if (this.#failure !== undefined) throw this.#failure.error;
        const chunk = this.#chunk;
        if (chunk !== undefined) {
          this.#chunk = undefined;
          this.#signal();
          yield chunk;
        } else if (this.#ended) {
          return;
        } else {
          await this.#other();
        }
      }
    } finally {
      this.#chunk = undefined;
      this.end();
    }
  }

  #other(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
