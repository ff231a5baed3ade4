/**
 * An HTTP server that can be left alone with the world: limits on how long a client may take, and an
 * end that lets running requests finish. What it answers is the handler's business.
 */

import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { GitStoreError } from '../errors.ts';
import { reasonAndStep } from '../systemFaults.ts';
import { AllowedHosts, hostOf, isLoopback } from './hosts.ts';

export interface ListenOptions {
  /** Name or address to bind; default `127.0.0.1`. */
  readonly host?: string | undefined;
  /** Default 8000; 0: any free one. */
  readonly port?: number | undefined;
  /**
   * Names by which clients may call a server that listens on this machine only, besides addresses,
   * `localhost` and `host`: `data.example.org`, `.example.org` for all below it, `*` for any. Others
   * are refused (403), so that no web site can read the server through its visitors' browsers. A server
   * that others can reach too answers to every name.
   */
  readonly allowedHosts?: readonly string[] | undefined;
}

export interface RunningServer {
  readonly host: string;
  readonly port: number;
  /** Where it is reached, for example `http://127.0.0.1:8000`. */
  readonly url: string;
  /** Takes no more requests and resolves when those that run have been answered. */
  close(): Promise<void>;
  /** Breaks off whatever still runs. */
  abort(): void;
}

export const DEFAULT_HOST = '127.0.0.1';
export const DEFAULT_PORT = 8000;

/** Milliseconds that a client has to send the head of a request. */
const HEADERS_TIMEOUT = 20_000;
/** Milliseconds for the whole request: a body that is not read included. */
const REQUEST_TIMEOUT = 60_000;
/** Milliseconds that a connection stays open for the next request. */
const KEEP_ALIVE_TIMEOUT = 15_000;
/** Milliseconds without a byte moved in either direction. */
const IDLE_TIMEOUT = 120_000;
/** How often Node looks for clients that are too slow, in milliseconds. */
const CHECK_INTERVAL = 5_000;
const BACKLOG = 1_024;

/**
 * Starts to listen; resolves once connections are accepted.
 * @throws GitStoreError with the system's code (`EADDRINUSE`, `EACCES`, `ENOTFOUND`, …) when the
 *   address cannot be had
 */
export async function listen(
  handler: RequestListener,
  options: ListenOptions = {},
): Promise<RunningServer> {
  const { host = DEFAULT_HOST, port = DEFAULT_PORT, allowedHosts = [] } = options;
  // Each connection with the answer that was begun last on it: answers go out in order.
  const sockets = new Map<Socket, ServerResponse | undefined>();
  let closing = false;
  /** Undefined: every name is good. */
  let hosts: AllowedHosts | undefined;

  const handle = (request: IncomingMessage, response: ServerResponse): void => {
    sockets.set(request.socket, response);
    if (closing) closeAfter(request.socket, response);
    if (hosts?.has(request.headers.host) === false) refuseHost(request, response);
    else handler(request, response);
  };
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT,
      connectionsCheckingInterval: CHECK_INTERVAL,
    },
    handle,
  );
  server.timeout = IDLE_TIMEOUT;
  // A client that asks before it sends a body (`Expect`) gets the handler's answer at once.
  server.on('checkContinue', handle);
  server.on('connection', (socket) => {
    sockets.set(socket, undefined);
    socket.on('close', () => sockets.delete(socket));
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(listenError(error, host, port)));
    server.listen({ host, port, backlog: BACKLOG }, resolve);
  });
  server.removeAllListeners('error');
  // A connection that cannot be accepted (no file descriptors left) is no reason to end.
  server.on('error', () => {});

  const address = server.address() as AddressInfo;
  // No request is looked at before this turn of the event loop ends.
  if (isLoopback(address.address)) hosts = new AllowedHosts([host, ...allowedHosts]);
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    host,
    port: address.port,
    url: `http://${shownHost}:${address.port}`,
    close() {
      closing = true;
      return new Promise((resolve) => {
        server.close(() => resolve());
        for (const [socket, response] of sockets) closeAfter(socket, response);
      });
    },
    abort() {
      closing = true;
      server.close();
      for (const socket of sockets.keys()) socket.destroy();
    },
  };
}

function refuseHost({ headers }: IncomingMessage, response: ServerResponse): void {
  const name = hostOf(headers.host ?? '').replace(/[^\w.:-]/g, '?');
  const body = `This server does not answer to the name '${name}' (--allow-host ${name})\n`;
  response.writeHead(403, {
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'X-Content-Type-Options': 'nosniff',
    Connection: 'close',
  });
  response.end(body);
}

/** Ends a connection: now when nothing runs on it, else behind the answer. */
function closeAfter(socket: Socket, response: ServerResponse | undefined): void {
  if (response === undefined || response.closed) {
    socket.destroy();
    return;
  }
  if (!response.headersSent) response.shouldKeepAlive = false;
  response.on('close', () => socket.destroySoon());
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): GitStoreError {
  const reason =
    {
      EADDRINUSE: `port ${port} is in use; -p 0 takes a free one`,
      EACCES: `port ${port} needs more rights`,
      EADDRNOTAVAIL: 'the address is none of this machine',
      ENOTFOUND: 'there is no such host',
      EAI_AGAIN: 'its name cannot be looked up now',
    }[error.code ?? ''] ?? reasonAndStep(error);
  return new GitStoreError(`Cannot listen on ${host}:${port}: ${reason}`, error.code ?? 'ELISTEN', {
    cause: error,
  });
}
