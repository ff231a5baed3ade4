/** The plain connection of `git://` (gitprotocol-pack(5), "Git Transport"). */

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { RemoteError } from '../../errors.ts';
import { packet } from '../../git/wire/pktLine.ts';
import { connectionReason } from '../../systemFaults.ts';
import type { RemoteAddress } from '../remoteUrl.ts';
import type { Connection, Connector, Service } from './connection.ts';
import { DuplexConnection } from './duplex.ts';

/** The reason for closing an idle connection. */
export const NO_ANSWER = 'no answer for too long; try again';

/** Milliseconds without a byte from the other side after which it counts as dead. */
export const IDLE_TIMEOUT = 300_000;

export class TcpConnector implements Connector {
  readonly name: string;
  readonly #address: Extract<RemoteAddress, { kind: 'git' }>;
  readonly #signal: AbortSignal | undefined;

  constructor(
    address: Extract<RemoteAddress, { kind: 'git' }>,
    name: string,
    signal: AbortSignal | undefined,
  ) {
    this.#address = address;
    this.name = name;
    this.#signal = signal;
  }

  async connect(service: Service, version: 0 | 2): Promise<Connection> {
    this.#signal?.throwIfAborted();
    const { host, port, path } = this.#address;
    const socket = connect({ host, port });
    const stop = (): void => {
      socket.destroy(this.#signal?.reason as Error);
    };
    this.#signal?.addEventListener('abort', stop);
    socket.once('close', () => this.#signal?.removeEventListener('abort', stop));
    socket.setTimeout(IDLE_TIMEOUT, () => socket.destroy(new Error(NO_ANSWER)));
    try {
      await once(socket, 'connect');
    } catch (error) {
      throw this.#lost(error);
    }
    const extra = version === 2 ? '\0version=2\0' : '';
    socket.write(packet(`${service} ${path}\0host=${host}:${port}\0${extra}`));
    return new DuplexConnection(this.#read(socket), socket, async () => {
      socket.end();
      socket.destroySoon();
    });
  }

  async close(): Promise<void> {}

  async *#read(socket: Socket): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of socket) yield chunk as Buffer;
    } catch (error) {
      throw this.#lost(error);
    }
  }

  #lost(error: unknown): unknown {
    if (this.#signal?.aborted) return this.#signal.reason;
    return new RemoteError(`No connection to ${this.name}: ${connectionReason(error)}`, {
      cause: error,
    });
  }
}
