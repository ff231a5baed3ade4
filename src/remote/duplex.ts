/** A conversation over one stream in each direction, as with ssh: the service remembers what was said. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { FLUSH_PACKET, PacketReader } from '../git/pktLine.ts';
import type { Connection, RequestBody } from './connection.ts';

export class DuplexConnection implements Connection {
  readonly greeting: PacketReader;
  readonly #output: Writable;
  readonly #end: () => Promise<void>;
  /** Whether the service waits for a request, and a flush packet tells it that there is none. */
  #idle = true;
  /** Why a request could not be made: the service hangs up then, and this is the reason to tell. */
  #failed: { readonly error: unknown } | undefined;

  /** @param end lets go of both streams */
  constructor(input: AsyncIterable<Uint8Array>, output: Writable, end: () => Promise<void>) {
    this.greeting = new PacketReader(this.#read(input));
    this.#output = output;
    this.#end = end;
    // A service that hangs up says why, or it shows in what is read: writing to it then is no news.
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

/** Writes as fast as the other side takes it. A side that hung up is no error here. */
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
