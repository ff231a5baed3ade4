/** One request and its answer: the ways to send one, whole or as a stream. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { PLAIN_TEXT } from './contentTypes.ts';

/** Header fields as Node takes them fastest: name, value, name, value. */
export type Fields = readonly string[];

/** A whole answer (200) as it goes out, to be given again. */
export interface ReadyAnswer {
  readonly fields: string[];
  readonly body: Uint8Array;
}

export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Fields that every answer has. */
  readonly #common: Fields;
  /** Bytes of the body handed to the client so far. */
  sent = 0;
  /** Set by a caller that may give the same answer again. */
  keep: ((answer: ReadyAnswer) => void) | undefined;

  constructor(request: IncomingMessage, response: ServerResponse, common: Fields) {
    this.request = request;
    this.response = response;
    this.#common = common;
  }

  get isHead(): boolean {
    return this.request.method === 'HEAD';
  }

  /** The client has gone, or was sent the end. */
  get isOver(): boolean {
    return this.response.destroyed || this.response.closed;
  }

  /** Sends an answer without a body. */
  empty(status: number, fields: Fields): void {
    const { response } = this;
    response.writeHead(status, [...fields, ...this.#common]);
    response.end();
  }

  /** Sends a body in memory. Answers HEAD with its length only. */
  whole(status: number, fields: Fields, body: Uint8Array): void {
    const all = [...fields, 'Content-Length', String(body.length), ...this.#common];
    if (this.isHead) {
      this.response.writeHead(status, all);
      this.response.end();
      return;
    }
    const answer = { fields: all, body };
    if (status === 200) this.keep?.(answer);
    this.ready(answer, status);
  }

  /** Sends an answer that is complete. */
  ready({ fields, body }: ReadyAnswer, status = 200): void {
    this.sent = body.length;
    this.response.writeHead(status, fields);
    this.response.end(body);
  }

  text(status: number, message: string, fields: Fields = []): void {
    this.whole(status, ['Content-Type', PLAIN_TEXT, ...fields], Buffer.from(`${message}\n`));
  }

  /**
   * Sends a body as fast as the client takes it. When the client leaves, the source is ended; when
   * the source fails, the connection is cut, so that the client knows that bytes are missing.
   * @param length in bytes; undefined: not known before
   */
  async stream(
    status: number,
    fields: Fields,
    length: number | undefined,
    open: () => Promise<AsyncIterable<Uint8Array>>,
  ): Promise<void> {
    const { response } = this;
    const size = length === undefined ? [] : ['Content-Length', String(length)];
    // What cannot be opened is still an error with a status of its own.
    const source = this.isHead ? undefined : (await open())[Symbol.asyncIterator]();
    const first = await source?.next();
    if (this.isOver) {
      await source?.return?.();
      return;
    }
    response.writeHead(status, [...fields, ...size, ...this.#common]);
    if (source === undefined || first === undefined) {
      response.end();
      return;
    }
    try {
      for (let next = first; !next.done; next = await source.next()) {
        if (this.isOver) break;
        this.sent += next.value.length;
        if (!response.write(next.value)) await drained(response);
        if (this.isOver) break;
      }
      if (!this.isOver) response.end();
    } catch (error) {
      response.destroy();
      throw error;
    } finally {
      await source.return?.();
    }
  }
}

/** Resolves when the client has taken what was written, or has gone. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.destroyed || response.closed) return resolve();
    const done = () => {
      response.off('drain', done);
      response.off('close', done);
      resolve();
    };
    response.on('drain', done);
    response.on('close', done);
  });
}
