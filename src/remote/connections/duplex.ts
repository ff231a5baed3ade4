/** A stateful conversation over one stream in each direction, as with ssh. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { FLUSH_PACKET, PacketReader } from '../../git/wire/pktLine.ts';
import type { Connection, RequestBody } from './connection.ts';

export class DuplexConnection implements Connection {
  readonly greeting: PacketReader;
  readonly #output: Writable;
  readonly #end: () => Promise<void>;
  /** Whether the service waits for a request. A flush packet then tells it that none follows. */
  #idle = true;
  /** The error of producing a request. The service then hangs up, and this is the error to report. */
  #failed: { readonly error: unknown } | undefined;

  /** @param end closes both streams */
  constructor(input: AsyncIterable<Uint8Array>, output: Writable, end: () => Promise<void>) {
    this.greeting = new PacketReader(this.#read(input));
    this.#output = output;
    this.#end = end;
    // A service that hangs up sends a reason, or reading shows it: ignore errors of writing to it.
    output.on('error', () => {});
  }

  async send(body: RequestBody): Promise<PacketReader> {
    this.#idle = false;
    writeAll(this.#output, body()).catch((error: unknown) => {
      this.#failed = { error };
      this.#output.destroy();
    });
    return this.greeting;
  }

  async close(): Promise<void> {
    if (this.#idle && this.#output.writable) this.#output.write(FLUSH_PACKET);
    await this.greeting.close();
    await this.#end();
  }

  async *#read(input: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* input;
    } catch (error) {
      throw this.#failed?.error ?? error;
    }
    if (this.#failed !== undefined) throw this.#failed.error;
  }
}

/** Writes with backpressure. Ignores that the other side hung up. */
export async function writeAll(
  output: Writable,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    output.once('close', resolve);
    output.once('error', () => resolve());
  });
  for await (const chunk of body) {
    if (output.destroyed || !output.writable) return;
    if (output.write(chunk)) continue;
    const abort = new AbortController();
    const drained = once(output, 'drain', { signal: abort.signal }).catch(() => {});
    await Promise.race([drained, closed]);
    abort.abort();
  }
}
